# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore that fails: everything is put back, and what there is to go back to is told."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup import _dump
from ansible_collections.community.che.plugins.module_utils._database._errors import ServerCrashed
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Halt, Interrupted
from ansible_collections.community.che.plugins.module_utils._kube._errors import Unreachable
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CHE_CLUSTER_V2, CONFIG_MAP, JOB, SECRET
from ansible_collections.community.che.plugins.module_utils._restore import _phases, _restore
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import catalogue
from unit.che_objects import add_operator
from unit.fake_api import FakeApi, Request
from unit.fake_restic import FakeRestic
from unit.plugins.module_utils._restore.restore_bed import (
    REQUEST,
    Databases,
    become_ready,
    change,
    data_of,
    is_record,
    resource_versions,
)


def test_a_safety_backup_that_fails_stops_the_restore(
    che: FakeApi, restic: FakeRestic, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(che)

    def run_job(*_args: Any) -> str:
        raise CheError("The database is down")

    monkeypatch.setattr(_dump, "run_job", run_job)

    with pytest.raises(CheError, match="The database is down") as caught:
        restore(che.cluster, REQUEST)

    assert caught.value.next_step.count("To restore without it, set safety_backup to false") == 1
    assert caught.value.next_step.endswith("Everything is as it was before the restore.")
    assert data_of(che, "custom") == {"key": "value", "added": "x"}
    assert caught.value.facts["run_id"] == "r2"
    assert caught.value.facts["stages"][-1]["name"] == "safety backup"


def test_the_job_of_a_safety_backup_that_could_not_be_removed_goes_with_all_else(
    che: FakeApi, restic: FakeRestic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows its name once there is no journal."""
    change(che)

    def run_job(_cluster: Any, job: Any, secret: Any, _deadline: Any) -> str:
        che.add(JOB, job["metadata"]["name"], "che")
        che.add(SECRET, secret["metadata"]["name"], "che")
        raise Unreachable("The Kubernetes API server did not answer")

    monkeypatch.setattr(_dump, "run_job", run_job)
    with pytest.raises(Unreachable, match="Everything is as it was before the restore"):
        restore(che.cluster, REQUEST)

    assert che.names(JOB, "che") == []
    assert [name for name in che.names(SECRET, "che") if name.startswith("che-dump-")] == []


@pytest.mark.parametrize("by", [CheError, Interrupted])
@pytest.mark.parametrize(
    ("fails", "done"),
    [
        ("stage", ["stage", "swap back", "own secrets", "clean up"]),
        ("cut over", ["stage", "cut over", "swap back", "own secrets", "clean up"]),
    ],
)
def test_a_failure_before_the_verification_puts_everything_back(
    che: FakeApi, restic: FakeRestic, databases: Databases, fails: str, done: list[str], by: type[Halt]
) -> None:
    change(che)
    databases.differ, databases.fails, databases.fails_by = True, fails, by
    databases.closed_at = "2026-03-01T00:00:00Z"

    with pytest.raises(by, match=f"It broke at {fails}") as caught:
        restore(che.cluster, REQUEST)

    assert databases.done == done
    assert caught.value.stage == fails
    assert "Everything is as it was before the restore." in caught.value.next_step
    assert (caught.value.facts["outage_seconds"] > 0) is (fails == "cut over")
    assert data_of(che, "custom") == {"key": "value", "added": "x"}
    assert che.at(SECRET, "oauth", "che") is None
    assert data_of(che, "che-restore-journal") is None


def test_a_way_back_that_is_told_to_stop_too_says_so_with_the_first_reason(
    che: FakeApi, restic: FakeRestic, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(che)
    databases.differ, databases.fails = True, "cut over"

    def told_to_stop() -> list[str]:
        raise Interrupted("The task was stopped by signal 15")

    monkeypatch.setattr(databases, "swap_back", told_to_stop)

    with pytest.raises(CheError, match=r"It broke at cut over\..*could not be put back: The task was stopped.*aborted"):
        restore(che.cluster, REQUEST)

    assert data_of(che, "che-restore-journal") is not None


@pytest.mark.parametrize(
    ("by", "told"),
    [(CheError, "Run the task again to go on from there"), (ServerCrashed, "This one has to be ended first: run the")],
)
def test_without_anything_to_put_back_it_is_gone_on_with_unless_that_does_not_help(
    api: FakeApi, restic: FakeRestic, databases: Databases, by: type[CheError], told: str
) -> None:
    api.kinds = (CHE_CLUSTER_V2,)
    add_operator(api)
    api.follow("post", "checlusters", lambda request: None if request.dry else become_ready(api))
    databases.fails, databases.fails_by = "cut over", by

    with pytest.raises(CheError, match="It broke at cut over") as caught:
        restore(api.cluster, REQUEST)

    assert caught.value.next_step.startswith(told)
    assert data_of(api, "che-restore-journal") is not None


def test_a_failed_restore_names_its_safety_backup(che: FakeApi, restic: FakeRestic, databases: Databases) -> None:
    change(che)
    databases.differ, databases.fails = True, "cut over"

    with pytest.raises(CheError) as caught:
        restore(che.cluster, REQUEST)

    safety = catalogue(restic.taken)[0]
    assert caught.value.facts["safety_backup_id"] == safety.id
    assert safety.id[:8] in str(caught.value)


def test_a_failure_after_the_safety_backup_is_not_lifted_by_leaving_that_out(
    che: FakeApi, restic: FakeRestic, databases: Databases
) -> None:
    change(che)
    databases.differ, databases.fails = True, "stage"

    with pytest.raises(CheError) as caught:
        restore(che.cluster, REQUEST)

    assert "safety_backup to false" not in caught.value.next_step


def test_a_restore_that_fails_before_it_changed_anything_names_no_safety_backup(
    che: FakeApi, restic: FakeRestic
) -> None:
    versions = resource_versions(che)
    with pytest.raises(CheError) as caught:
        restore(che.cluster, replace(REQUEST, id="00000000"))

    assert caught.value.stage == "plan"
    assert "safety" not in str(caught.value)
    assert resource_versions(che) == versions
    assert [path for path in (request.path for request in che.written) if not is_record(path)] == []


def test_an_object_that_something_changes_back_fails_the_verification(che: FakeApi, restic: FakeRestic) -> None:
    change(che)

    def meddle(request: Request) -> None:
        if not request.dry:
            che.add(CONFIG_MAP, "custom", "che", data={"key": "meddled"})

    che.follow("put", "custom$", meddle)

    with pytest.raises(CheError, match="ConfigMap/custom") as caught:
        restore(che.cluster, REQUEST)
    assert caught.value.stage == "verify"


def test_a_way_back_that_fails_says_how_to_go_on_with_it(
    che: FakeApi, restic: FakeRestic, databases: Databases
) -> None:
    change(che)
    databases.differ, databases.fails = True, "cut over"

    def gone() -> list[str]:
        raise CheError("The server of the database is gone")

    databases.swap_back = gone  # type: ignore[method-assign]
    with pytest.raises(CheError, match="could not be put back") as caught:
        restore(che.cluster, REQUEST)

    assert "Run the task with state: aborted" in caught.value.next_step
    assert "Run the task again" not in caught.value.next_step


def test_the_role_lets_a_restore_that_fails_at_the_last_moment_put_everything_back() -> None:
    """Ansible kills a task that runs in the background, at whatever it is, when its time is up."""
    tasks = Path(_phases.__file__).parents[3] / "roles" / "restore" / "tasks"
    text = "".join((tasks / name).read_text(encoding="utf-8") for name in ("main.yml", "await.yml"))
    beyond = [int(seconds) for seconds in re.findall(r"restore_timeout \| int \+ (\d+)", text)]
    assert len(beyond) == 2
    assert min(beyond) > _phases._BACK_OUT_SECONDS + _restore._PATIENCE_SECONDS
