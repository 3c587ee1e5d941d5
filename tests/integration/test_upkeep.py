# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Retention and verification against a real restic and a real rest-server; the cluster alone is one in memory."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible_collections.community.che.plugins.module_utils._backup import _back_up
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import LEASE
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._repository import _errors as errors
from ansible_collections.community.che.plugins.module_utils._repository import _restic_command
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._caretaker import Caretaker
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._keys import Keyring
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._server._configure import ServerRequest
from ansible_collections.community.che.plugins.module_utils._server._configure import apply as configure
from ansible_collections.community.che.plugins.module_utils._server._options import DEFAULT_NAME
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import Whose, catalogue, resolve
from ansible_collections.community.che.plugins.module_utils._upkeep import _retention
from ansible_collections.community.che.plugins.module_utils._upkeep._password import change_password
from ansible_collections.community.che.plugins.module_utils._upkeep._policy import COUNTS, SPANS
from ansible_collections.community.che.plugins.module_utils._upkeep._request import (
    PasswordRequest,
    RetentionRequest,
    VerifyRequest,
)
from ansible_collections.community.che.plugins.module_utils._upkeep._retention import retain
from ansible_collections.community.che.plugins.module_utils._upkeep._verification import VerificationFailed, verify
from integration.rest_server import SERVER_PASSWORD, USERNAME, Authority, RestServerProcess, make_authority, tool
from integration.upkeep_bed import NAMESPACE, PASSWORD, Shelf, at
from unit.che_objects import install

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RestServerProcess]:
    process = RestServerProcess(tmp_path_factory.mktemp("server"), authority)
    process.start()
    yield process
    process.stop()


@dataclass(frozen=True)
class Made:
    """A repository with four backups, and their ids."""

    shelf: Shelf
    morning: str
    evening: str
    second: str
    third: str

    @property
    def old(self) -> set[str]:
        """All but the newest."""
        return {self.morning, self.evening, self.second}


@pytest.fixture(scope="module")
def made(server: RestServerProcess, authority: Authority) -> Made:
    """Made once, as each backup takes restic a dozen calls; every test has a copy."""
    shelf = Shelf.new(server, authority, "made")
    moments = (at(1, 8), at(1, 20), at(2), at(3))
    return Made(shelf, *(shelf.back_up(f"r{number}", moment) for number, moment in enumerate(moments, 1)))


@pytest.fixture
def shelf(request: pytest.FixtureRequest, made: Made) -> Shelf:
    """The copy of a test."""
    return made.shelf.copied(re.sub(r"\W+", "-", request.node.name))


def asked(shelf: Shelf, check_mode: bool = False, **options: Any) -> RetentionRequest:
    nothing = dict.fromkeys((*COUNTS, *SPANS))
    defaults = {"incomplete_older_than": "24h", "prune": False}
    return RetentionRequest.read({**shelf.params, **nothing, **defaults, **options}, check_mode)


def apply(shelf: Shelf, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    return retain(shelf.api.cluster, asked(shelf, check_mode, **options))


def ids(told: list[dict[str, Any]]) -> set[str]:
    return {each["id"] for each in told}


# Retention


def test_a_policy_is_restics_own_and_whole_backups_go(made: Made, shelf: Shelf) -> None:
    result = apply(shelf, keep_daily=2)

    assert result["changed"] is True
    assert ids(result["removed"]) == {made.morning, made.evening}
    assert {each["id"]: each["reasons"] for each in result["kept"]} == {
        made.third: ["daily snapshot", "the newest complete backup"],
        made.second: ["daily snapshot"],
    }
    left = shelf.snapshots()
    assert {tag for snapshot in left for tag in snapshot.tags if tag.startswith("run=")} == {"run=r3", "run=r4"}
    assert len(left) == 6
    shelf.restic.check()


def test_check_mode_says_the_same_and_a_second_run_changes_nothing(shelf: Shelf) -> None:
    leftover = shelf.begin("r0", at(1))
    times = {path: path.stat().st_mtime_ns for path in shelf.folder.rglob("*")}
    before = shelf.pack_bytes()

    planned = apply(shelf, check_mode=True, prune=True, keep_daily=2)

    assert {path: path.stat().st_mtime_ns for path in shelf.folder.rglob("*")} == times
    done = apply(shelf, prune=True, keep_daily=2)
    for same in ("changed", "kept", "removed", "incomplete_removed", "left_alone", "pruned", "freed_bytes", "diff"):
        assert planned[same] == done[same], same
    assert ids(done["incomplete_removed"]) == {leftover}
    assert done["freed_bytes"] == pytest.approx(before - shelf.pack_bytes(), rel=0.1)
    assert done["freed_bytes"] > 40_000
    shelf.restic.check()

    again = apply(shelf, prune=True, keep_daily=2)
    assert (again["changed"], again["removed"], again["pruned"], again["freed_bytes"]) == (False, [], False, 0)
    assert again["diff"]["before"] == again["diff"]["after"]


def test_without_pruning_the_server_holds_what_it_held_and_a_later_run_frees_it(made: Made, shelf: Shelf) -> None:
    before = shelf.pack_bytes()

    result = apply(shelf, keep_within="1h")

    assert ids(result["kept"]) == {made.third}
    assert (ids(result["removed"]), result["pruned"], shelf.pack_bytes()) == (made.old, False, before)
    later = apply(shelf, keep_last=1, prune=True)
    assert (later["removed"], later["pruned"], later["changed"]) == ([], True, True)
    assert shelf.pack_bytes() < before - 60_000


def test_nothing_that_is_not_this_installations_is_touched(made: Made, shelf: Shelf) -> None:
    foreign = {shelf.save([]), shelf.save(["community.che"])}
    elsewhere = {shelf.save(["community.che", "run=far", "part=installation"], host="other")}
    elsewhere.add(shelf.save(["community.che", "run=far", "seal", "parts=1"], host="other"))

    result = apply(shelf, keep_last=1, incomplete_older_than="0m")

    assert ids(result["removed"]) == made.old
    assert foreign | elsewhere <= set(shelf.restic.snapshot_ids())
    assert [each["reasons"] for each in result["left_alone"]] == [["of the namespace 'other'"]]


def test_only_leftovers_that_are_old_enough_go(shelf: Shelf) -> None:
    old = shelf.begin("old", at(1))
    young = shelf.save(["community.che", "run=young", "part=database", "name=openvsx"])

    result = apply(shelf, keep_last=-1)

    assert (result["removed"], ids(result["incomplete_removed"])) == ([], {old})
    assert ids(result["left_alone"]) == {young}
    assert young in shelf.restic.snapshot_ids()
    assert old not in shelf.restic.snapshot_ids()


def test_an_append_only_server_is_told_and_nothing_is_said_to_be_removed(
    tmp_path: Path, authority: Authority, made: Made
) -> None:
    server = RestServerProcess(tmp_path, authority, "--append-only")
    shutil.copytree(made.shelf.folder, server.data / "che")
    server.start()
    try:
        shelf = Shelf(server, replace(made.shelf.access, server=RestServer("localhost", "che", "https", server.port)))
        install(shelf.api)
        before = set(shelf.restic.snapshot_ids())
        with pytest.raises(errors.NotRemoved, match="append-only") as failure:
            apply(shelf, keep_last=1, prune=True)
        assert set(shelf.restic.snapshot_ids()) == before
    finally:
        server.stop()
    told = failure.value.facts
    assert (told["changed"], told["removed"], told["unsealed"], told["pruned"]) == (False, [], [], False)
    assert told["diff"]["before"] == told["diff"]["after"]


def test_an_interruption_leaves_no_backup_that_only_looks_complete(
    made: Made, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget = _retention._forget
    calls: list[Any] = []

    def interrupted(work: Any, these: Any) -> Any:
        calls.append(these)
        if len(calls) == 2:
            raise CheError("The task was stopped")
        return forget(work, these)

    monkeypatch.setattr(_retention, "_forget", interrupted)
    with pytest.raises(CheError) as failure:
        apply(shelf, keep_last=1)
    monkeypatch.undo()

    told = failure.value.facts
    assert (told["changed"], told["removed"], ids(told["unsealed"])) == (True, [], made.old)
    assert told["diff"]["after"].count("incomplete") == 3
    states = {backup.run: backup.state for backup in catalogue(shelf.snapshots())}
    assert states == {"r1": "incomplete", "r2": "incomplete", "r3": "incomplete", "r4": "complete"}
    again = apply(shelf, keep_last=1)
    assert len(again["incomplete_removed"]) == 3
    assert (ids(again["kept"]), len(shelf.snapshots())) == ({made.third}, 3)


def test_a_repository_with_an_unreadable_snapshot_loses_nothing(made: Made, shelf: Shelf) -> None:
    """restic leaves such a snapshot out of its list: without its seal, a backup would look like a leftover."""
    flip(shelf.folder / "snapshots" / made.morning)
    before = shelf.restic.snapshot_ids()

    with pytest.raises(CheError, match="can't be read"):
        apply(shelf, keep_last=1)

    assert shelf.restic.snapshot_ids() == before


def test_a_stale_lock_is_removed_and_told(made: Made, shelf: Shelf) -> None:
    leave_a_lock(shelf)

    result = apply(shelf, keep_last=1)

    assert result["stale_locks_removed"] == 1
    assert ids(result["removed"]) == made.old


# Verification


def verification(shelf: Shelf, **options: Any) -> dict[str, Any]:
    defaults = {"id": "latest", "read_data": "all", "lock": True}
    return verify(shelf.api.cluster, VerifyRequest.read({**shelf.params, **defaults, **options}, check_mode=False))


def damage(shelf: Shelf, **options: Any) -> VerificationFailed:
    """The error of a verification that finds damage."""
    with pytest.raises(VerificationFailed) as failure:
        verification(shelf, **options)
    assert failure.value.facts["changed"] is False
    return failure.value


def verdicts(told: dict[str, Any]) -> dict[str, str]:
    return {each["id"]: each["verdict"] for each in told["backups"]}


def ailing_parts(told: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (each["id"], part["kind"]) for each in told["backups"] for part in each["parts"] if part["verdict"] != "sound"
    ]


def test_sound_backups_are_found_sound_and_nothing_is_written(made: Made, shelf: Shelf) -> None:
    leftover = shelf.begin("r0", at(1))
    times = {path: path.stat().st_mtime_ns for path in shelf.folder.rglob("*")}

    result = verification(shelf, id="all", lock=False)

    assert {path: path.stat().st_mtime_ns for path in shelf.folder.rglob("*")} == times
    assert verdicts(result) == {**dict.fromkeys((*made.old, made.third), "sound"), leftover: "incomplete"}
    assert all(part["verdict"] == "sound" for each in result["backups"] for part in each["parts"])
    assert [part["kind"] for part in result["backups"][0]["parts"]] == ["installation", "database"]
    assert (result["changed"], result["repository"]["errors"]) == (False, [])
    assert verdicts(verification(shelf, id=made.second[:8], read_data="none")) == {made.second: "sound"}


def test_a_damaged_dump_is_named_and_the_other_backups_are_not(made: Made, shelf: Shelf) -> None:
    """The byte is one of the second backup's dump, and the newest one is what is asked for."""
    flip(shelf.folder / made.shelf.dump_packs[made.second])

    assert verdicts(verification(shelf, read_data="none")) == {made.third: "sound"}, (
        "structure is all that was asked for"
    )
    error = damage(shelf)

    assert made.second[:8] in error.what and "database openvsx" in error.what
    sound = dict.fromkeys((made.morning, made.evening, made.third), "sound")
    assert verdicts(error.facts) == {**sound, made.second: "damaged"}
    assert ailing_parts(error.facts) == [(made.second, "database")]
    assert error.facts["repository"]["broken_packs"]


def test_a_lost_file_is_found_without_reading_data_and_named(made: Made, shelf: Shelf) -> None:
    (shelf.folder / made.shelf.dump_packs[made.evening]).unlink()

    error = damage(shelf, read_data="none")

    assert ailing_parts(error.facts) == [(made.evening, "database")]
    assert error.facts["repository"]["errors"]


def test_a_lost_part_is_found(made: Made, shelf: Shelf) -> None:
    newest = resolve(catalogue(shelf.snapshots()), made.third, Whose(NAMESPACE))
    (objects,) = (part.snapshot for part in newest.parts if part.kind == "installation")
    shelf.restic.forget_ids([objects])

    error = damage(shelf, id="all", read_data="none")

    assert verdicts(error.facts)[made.third] == "damaged"
    assert "sealed with 2 parts and has 1" in str(error)


def test_an_unreadable_seal_is_found(made: Made, shelf: Shelf) -> None:
    flip(shelf.folder / "snapshots" / made.third)

    error = damage(shelf, read_data="none")

    assert error.facts["repository"]["unreadable_snapshots"] == [made.third]


def test_a_backup_that_is_not_what_its_manifest_says_is_found_in_a_sound_repository(shelf: Shelf) -> None:
    """restic can't know: the dump that was sent was cut off, and is stored as it was sent."""
    cut = shelf.back_up("cut", at(4), dump=b"CREATE TABLE x ();\n" * 100)

    error = damage(shelf)

    assert (verdicts(error.facts), ailing_parts(error.facts)) == ({cut: "damaged"}, [(cut, "database")])
    assert "does not end as pg_dump ends one" in str(error.facts["backups"])
    assert error.facts["repository"]["errors"] == []


def test_a_server_that_goes_away_is_no_damage(made: Made, tmp_path: Path, authority: Authority) -> None:
    """The requests that open the repository pass, and those of the check meet a server that is gone."""
    server = RestServerProcess(tmp_path, authority)
    shutil.copytree(made.shelf.folder, server.data / "che")
    server.start()
    shelf = Shelf(server, replace(made.shelf.access, server=RestServer("localhost", "che", "https", server.port)))
    restic = Caretaker(shelf.access, timeout=6, read_only=True)
    assert restic.inspect().errors == ()
    server.stop()

    for call in (restic.inspect, restic.check):
        with pytest.raises(errors.RepositoryError) as failure:
            call()
        assert not isinstance(failure.value, errors.RepositoryDamaged)


def test_a_stale_lock_does_not_keep_a_check_waiting(shelf: Shelf) -> None:
    leave_a_lock(shelf)

    assert verification(shelf, read_data="none")["stale_locks_removed"] == 1


# Locks


def back_up(shelf: Shelf) -> dict[str, Any]:
    shelf.back_up("locked")
    return {}


def change(shelf: Shelf) -> dict[str, Any]:
    options = replace(shelf.options, name=DEFAULT_NAME)
    configure(shelf.api.cluster, ServerRequest(NAMESPACE, options, "present", False, "restic", False))
    nothing = {"new_password": None, "change_named_secret": False, "remove_old_key": True, "remove_keys": []}
    params = {"namespace": NAMESPACE, "backup_server": None, "restic_path": "restic", **nothing}
    return change_password(shelf.api.cluster, PasswordRequest.read(params, check_mode=False))


@pytest.mark.parametrize("work", [back_up, lambda shelf: apply(shelf, keep_last=1), verification, change])
def test_a_live_lock_is_waited_for_then_named_and_never_removed(
    shelf: Shelf, work: Callable[[Shelf], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_restic_command, "_WAIT_FOR_LOCK", "1s")
    with holding_a_lock(shelf):
        before = sorted((shelf.folder / "locks").iterdir())
        with pytest.raises(errors.RepositoryLocked, match=r"locked by another restic.*PID \d+ on "):
            work(shelf)
        assert sorted((shelf.folder / "locks").iterdir()) == before
        assert len(Caretaker(shelf.access, timeout=60, read_only=True).snapshot_ids()) == 12


def test_a_backup_removes_a_stale_lock_and_says_so(shelf: Shelf) -> None:
    leave_a_lock(shelf)
    results: list[dict[str, Any]] = []
    real = _back_up.back_up

    with mock.patch.object(_back_up, "back_up", lambda *args: results.append(real(*args)) or results[-1]):
        shelf.back_up("after")

    assert results[0]["stale_locks_removed"] == 1
    shelf.restic.check()


def test_reading_waits_for_nobody(made: Made, shelf: Shelf) -> None:
    """A list, a plan and a verification that asks for it take no lock, and mind none."""
    with holding_a_lock(shelf):
        assert len(catalogue(Caretaker(shelf.access, timeout=60, read_only=True).snapshots())) == 4
        assert ids(apply(shelf, check_mode=True, keep_last=1)["removed"]) == made.old
        assert verdicts(verification(shelf, read_data="none", lock=False)) == {made.third: "sound"}


def test_of_tasks_that_make_one_repository_at_once_one_makes_it_and_all_can_open_it(
    server: RestServerProcess, authority: Authority
) -> None:
    """Without the Lease, two calls of restic's init at the same time can both end well and leave nothing that opens."""
    where = RestServer("localhost", "at-once", "https", server.port)
    access = Access(where, PASSWORD, UserAndPassword(USERNAME, SERVER_PASSWORD), authority.certificate)
    shelf = Shelf(server, access)
    install(shelf.api)

    def make(number: int) -> bool:
        options = replace(shelf.options, name=f"server-{number}")
        asked = ServerRequest(NAMESPACE, options, "present", True, "restic", False)
        return bool(configure(shelf.api.cluster, asked)["backup_server"]["initialized"])

    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(make, range(4)))

    assert sorted(made) == [False, False, False, True]
    assert len(Keyring(access, timeout=60).all_keys()) == 1
    assert shelf.api.names(LEASE, NAMESPACE) == []


def flip(file: Path) -> None:
    """Change one byte in the middle of a file."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.chmod(0o600)
    file.write_bytes(content)


def leave_a_lock(shelf: Shelf) -> None:
    """Leave the lock of a restic of this machine that was killed."""
    with holding_a_lock(shelf):
        pass
    assert has_lock(shelf)


def has_lock(shelf: Shelf) -> bool:
    """Whether a lock is there in whole: the server writes it under another name first."""
    return any(len(file.name) == 64 for file in (shelf.folder / "locks").iterdir())


@contextmanager
def holding_a_lock(shelf: Shelf) -> Iterator[None]:
    """Have another restic hold the repository for itself; killed in the end, it leaves its lock."""
    environment = {**os.environ, **adapter_for(shelf.access).environment(), "RESTIC_PASSWORD": PASSWORD}
    # At 1 KiB/s it holds its lock for as long as it takes to be seen.
    slow = [tool("restic"), "-r", adapter_for(shelf.access).location, "check", "--read-data", "--limit-download", "1"]
    slow += ["--cacert", str(write_authority(shelf))]
    with subprocess.Popen(slow, env=environment, stdout=subprocess.DEVNULL) as holder:
        deadline = Deadline(30)
        while not has_lock(shelf):
            assert holder.poll() is None and not deadline.expired
            deadline.pause(0.02)
        try:
            yield
        finally:
            holder.kill()


def write_authority(shelf: Shelf) -> Path:
    file = shelf.folder.parent.parent / "ca.crt"
    file.write_text(shelf.access.ca_certificate or "", encoding="ascii")
    return file
