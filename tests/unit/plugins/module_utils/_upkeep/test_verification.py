# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What counts as a success; what restic finds is in the integration tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._repository._check import CheckReport
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import part_tags
from ansible_collections.community.che.plugins.module_utils._upkeep import _verification
from ansible_collections.community.che.plugins.module_utils._upkeep._request import VerifyRequest
from ansible_collections.community.che.plugins.module_utils._upkeep._verification import VerificationFailed, verify
from unit.che_objects import install
from unit.fake_api import FakeApi
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic, a_repository

REQUEST = VerifyRequest(
    namespace="che",
    server=ServerOptions(name="main"),
    id="all",
    read_data="none",
    lock=False,
    timeout=600,
    restic_path="restic",
)


class Shelf(FakeRestic):
    """A repository in which restic finds nothing wrong."""

    def inspect(self, _data: str | None) -> CheckReport:
        return CheckReport()

    def snapshot_ids(self) -> list[str]:
        return [snapshot.id for snapshot in self.taken]


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    there = Shelf()
    monkeypatch.setattr(_verification, "open_repository", lambda *_args, **_options: a_repository(there))
    monkeypatch.setattr(_verification, "caretaker", lambda *_args, **_options: there)
    return there


def test_a_repository_with_a_sound_backup_passes(api: FakeApi, shelf: Shelf) -> None:
    make_backup(shelf)

    assert [each["verdict"] for each in verify(api.cluster, REQUEST)["backups"]] == ["sound"]


@pytest.mark.parametrize("leftovers", [False, True])
def test_a_repository_without_a_backup_does_not(api: FakeApi, shelf: Shelf, leftovers: bool) -> None:
    if leftovers:
        shelf.save({"objects": b"x"}, part_tags("failed", "installation"))

    with pytest.raises(VerificationFailed, match="has no backup") as failed:
        verify(api.cluster, REQUEST)

    told: Any = failed.value.facts
    assert [each["verdict"] for each in told["backups"]] == (["incomplete"] if leftovers else [])


def test_latest_does_not_pass_over_a_newer_backup_that_has_lost_a_part(api: FakeApi, shelf: Shelf) -> None:
    sound = make_backup(shelf)
    broken = make_backup(shelf, run="r2")
    shelf.taken = [each for each in shelf.taken if "run=r2" not in each.tags or "part=database" not in each.tags]

    with pytest.raises(VerificationFailed, match=f"1 of 2 .*{broken[:8]}") as failed:
        verify(api.cluster, replace(REQUEST, id="latest"))

    told: Any = failed.value.facts
    assert {each["id"]: each["verdict"] for each in told["backups"]} == {sound: "sound", broken: "damaged"}


def test_latest_passes_over_what_a_failed_run_has_left(api: FakeApi, shelf: Shelf) -> None:
    sound = make_backup(shelf)
    shelf.save({"objects": b"x"}, part_tags("failed", "installation"))

    assert [each["id"] for each in verify(api.cluster, replace(REQUEST, id="latest"))["backups"]] == [sound]


def test_latest_is_not_what_another_installation_has_made(api: FakeApi, shelf: Shelf) -> None:
    own = make_backup(shelf)
    make_backup(shelf, run="r2")
    shelf.taken = [replace(each, hostname="che-b") if "run=r2" in each.tags else each for each in shelf.taken]

    (verdict,) = verify(api.cluster, replace(REQUEST, id="latest"))["backups"]

    assert (verdict["id"], verdict["namespace"]) == (own, "che")
    shelf.taken = [each for each in shelf.taken if each.hostname != "che"]
    install(api)
    with pytest.raises(CheError, match="no complete backup of the namespace 'che', only of 'che-b'"):
        verify(api.cluster, replace(REQUEST, id="latest"))
