# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What counts as running: a record that is renewed, or a Job that has not ended."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, JOB
from ansible_collections.community.che.plugins.module_utils._run._record import (
    FAILED,
    IN_PROGRESS,
    SUCCEEDED,
    Record,
    to_config_map,
)
from ansible_collections.community.che.plugins.module_utils._upkeep._running import RestoreBegins, look_at_runs
from unit.fake_api import FakeApi

NOW = datetime.now(timezone.utc)
OURS = {"app.kubernetes.io/managed-by": "community.che"}


def put(api: FakeApi, run: str, kind: str, state: str, silent: float = 0, snapshot: str = "") -> None:
    moment = (NOW - timedelta(seconds=silent)).isoformat()
    made = to_config_map(Record(run, kind, state, moment, moment, snapshot_id=snapshot), "che")
    api.add(CONFIG_MAP, f"che-run-{run}", "che", metadata={"labels": made["metadata"]["labels"]}, data=made["data"])


def put_job(api: FakeApi, name: str, run: str, *conditions: str, **labels: str) -> None:
    held: list[dict[str, Any]] = [{"type": condition, "status": "True"} for condition in conditions]
    metadata = {"labels": {**OURS, "community.che/run": run, **labels}}
    api.add(JOB, name, "che", metadata=metadata, status={"conditions": held})


def test_runs_with_a_live_record_or_a_live_job(api: FakeApi) -> None:
    put(api, "live", "backup", IN_PROGRESS)
    put(api, "killed", "backup", IN_PROGRESS, silent=1000)
    put(api, "done", "backup", SUCCEEDED)
    put_job(api, "a", "orphan")
    put_job(api, "b", "ended", "Complete")
    put_job(api, "c", "failed", "Failed")
    put_job(api, "d", "going", "Suspended")

    running = look_at_runs(api.cluster, "che", NOW)

    assert running.runs == {"live", "orphan", "going"}
    assert (running.restored, running.since) == ({}, None)


def test_restores_name_their_backup(api: FakeApi) -> None:
    put(api, "now", "restore", IN_PROGRESS, silent=30, snapshot="a" * 64)
    put(api, "killed", "restore", IN_PROGRESS, silent=1000, snapshot="b" * 64)
    put(api, "over", "restore", FAILED, snapshot="c" * 64)
    put_job(api, "load", "killed")

    running = look_at_runs(api.cluster, "che", NOW)

    assert running.restored == {"a" * 64: "now", "b" * 64: "killed"}
    assert running.since == NOW - timedelta(seconds=1000)


def test_a_restore_that_has_not_chosen_yet_is_in_the_way(api: FakeApi) -> None:
    put(api, "now", "restore", IN_PROGRESS)

    with pytest.raises(RestoreBegins, match="not yet said"):
        look_at_runs(api.cluster, "che", NOW)


def test_jobs_of_others_do_not_count(api: FakeApi) -> None:
    api.add(JOB, "theirs", "che", metadata={"labels": {"app": "x"}}, status={})

    assert look_at_runs(api.cluster, "che", NOW).runs == frozenset()
