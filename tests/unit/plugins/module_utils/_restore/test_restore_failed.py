# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore that fails: everything is put back, and what there is to go back to is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup import _dump
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, SECRET
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import catalogue
from unit.fake_api import FakeApi, Request
from unit.fake_restic import FakeRestic
from unit.plugins.module_utils._restore.restore_bed import (
    REQUEST,
    Databases,
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

    assert data_of(che, "custom") == {"key": "value", "added": "x"}
    assert caught.value.facts["run_id"] == "r2"
    assert caught.value.facts["stages"][-1]["name"] == "safety backup"


@pytest.mark.parametrize(
    ("fails", "done"),
    [
        ("stage", ["marks", "stage", "swap back", "own secrets", "clean up"]),
        ("cut over", ["marks", "stage", "cut over", "swap back", "own secrets", "clean up"]),
    ],
)
def test_a_failure_before_the_verification_puts_everything_back(
    che: FakeApi, restic: FakeRestic, databases: Databases, fails: str, done: list[str]
) -> None:
    change(che)
    databases.differ, databases.fails = True, fails

    with pytest.raises(CheError, match=f"It broke at {fails}") as caught:
        restore(che.cluster, REQUEST)

    assert databases.done == done
    assert caught.value.stage == fails
    assert "Everything is as it was before the restore." in caught.value.next_step
    assert data_of(che, "custom") == {"key": "value", "added": "x"}
    assert che.at(SECRET, "oauth", "che") is None
    assert data_of(che, "che-restore-journal") is None


def test_a_failed_restore_names_its_safety_backup(che: FakeApi, restic: FakeRestic, databases: Databases) -> None:
    change(che)
    databases.differ, databases.fails = True, "cut over"

    with pytest.raises(CheError) as caught:
        restore(che.cluster, REQUEST)

    safety = catalogue(restic.taken)[0]
    assert caught.value.facts["safety_backup_id"] == safety.id
    assert safety.id[:8] in str(caught.value)


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
