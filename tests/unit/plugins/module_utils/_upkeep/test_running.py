# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What counts as running: a record that is renewed, or a Job that has not ended."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, JOB, NAMESPACE
from ansible_collections.community.che.plugins.module_utils._run._journal import Journal, OpenJournal
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import Migration, OpenMigration
from ansible_collections.community.che.plugins.module_utils._run._record import (
    FAILED,
    IN_PROGRESS,
    SUCCEEDED,
    Record,
    to_config_map,
)
from ansible_collections.community.che.plugins.module_utils._upkeep._running import RestoreBegins, look_at_runs
from unit.fake_api import FakeApi, FakeClock

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


def test_a_drill_keeps_its_backup_and_no_other(api: FakeApi) -> None:
    put(api, "now", "drill", IN_PROGRESS, snapshot="a" * 64)
    put(api, "beginning", "drill", IN_PROGRESS)
    put(api, "over", "drill", SUCCEEDED, snapshot="b" * 64)

    running = look_at_runs(api.cluster, "che", NOW)

    assert (running.restored, running.since) == ({"a" * 64: "now"}, None)


def test_a_restore_that_has_not_chosen_yet_is_in_the_way(api: FakeApi) -> None:
    put(api, "now", "restore", IN_PROGRESS)

    with pytest.raises(RestoreBegins, match="not yet said"):
        look_at_runs(api.cluster, "che", NOW)


def test_jobs_of_others_do_not_count(api: FakeApi) -> None:
    api.add(JOB, "theirs", "che", metadata={"labels": {"app": "x"}}, status={})

    assert look_at_runs(api.cluster, "che", NOW).runs == frozenset()


def test_an_unfinished_restore_holds_its_backups_though_nobody_works_on_it(api: FakeApi, clock: FakeClock) -> None:
    api.add(NAMESPACE, "che")
    held = Journal("r1", "b" * 64, "f" * 64, "p" * 64, "sha256:0", "{}", "verify", "r1", safety_backup="5" * 64)
    OpenJournal.begin(api.cluster, "che", held)

    running = look_at_runs(api.cluster, "che", NOW)

    assert running.restored == {"b" * 64: "r1", "5" * 64: "r1"}
    assert "r1" in running.runs


def test_an_unfinished_migration_holds_its_backups_beside_those_of_a_restore(api: FakeApi, clock: FakeClock) -> None:
    api.add(NAMESPACE, "che")
    held = Migration("m1", "f" * 64, "{}", "migrated", "m2", backup="b" * 64, safety_backup="5" * 64)
    OpenMigration.begin(api.cluster, "che", held)
    OpenJournal.begin(api.cluster, "che", Journal("r1", "c" * 64, "f" * 64, "p", "d", "{}", "restored", "r1"))

    running = look_at_runs(api.cluster, "che", NOW)

    assert running.restored == {"b" * 64: "m1", "5" * 64: "m1", "c" * 64: "r1"}
    assert {"m1", "r1"} <= running.runs


def test_one_that_has_no_backup_yet_holds_none(api: FakeApi, clock: FakeClock) -> None:
    api.add(NAMESPACE, "che")
    OpenMigration.begin(api.cluster, "che", Migration("m1", "f" * 64, "{}", "copy", "m1"))
    assert look_at_runs(api.cluster, "che", NOW).restored == {}
