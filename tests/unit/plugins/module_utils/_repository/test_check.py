# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ends of ``restic check``, as recorded from restic 0.19.1: damage is damage, and a network is a network."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._repository import _errors as errors
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._caretaker import Caretaker
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._process import Finished
from ansible_collections.community.che.plugins.module_utils._repository._restic_command import ResticCommand
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer

ACCESS = Access(RestServer("backup.example.org", "che", port=8000), "sesame", UserAndPassword("che", "s3cret"))
PACK = "60d3479aa1d6f7537c9e8fcbffab0bf031a4c6487905cff1502f2ce4893d7aa9"
OTHER_PACK = "b1c62660099294741a7d852fb6015d6d9267b705583ef1d12712d5c8e7cb0e57"
FOUND = {"message_type": "exit_error", "code": 1, "message": "Fatal: repository contains errors"}
ADVICE = "\nThe repository is damaged and must be repaired. Please follow the troubleshooting guide.\n\n"
REFUSED = 'error: Get "https://backup.example.org:8000/che/index/?s3cret": dial tcp 10.0.0.1:8000: connection refused'


def error(message: str) -> dict[str, Any]:
    return {"message_type": "error", "message": message}


def lines(*messages: dict[str, Any]) -> str:
    return "".join(json.dumps(message) + "\n" for message in messages)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have restic end as told."""

    def end(code: int, stderr: str, stdout: str = "") -> Caretaker:
        monkeypatch.setattr(ResticCommand, "_run", lambda *_args, **_options: Finished(code, stdout.encode(), stderr))
        return Caretaker(ACCESS)

    return end


def test_a_sound_repository(ends: Any) -> None:
    restic = ends(0, "")
    restic.check()
    assert restic.inspect("10%").errors == ()


def test_damage_is_told_without_restics_advice(ends: Any) -> None:
    summary = {"message_type": "summary", "num_errors": 1, "broken_packs": [PACK]}
    restic = ends(1, lines(error(f"pack {PACK}: does not exist\n"), error(ADVICE), FOUND), lines(summary))

    report = restic.inspect()

    assert (report.errors, report.packs) == ((f"pack {PACK}: does not exist",), (PACK,))
    with pytest.raises(errors.RepositoryDamaged, match="does not exist"):
        restic.check()


def test_damage_that_restic_has_no_words_for_is_damage(ends: Any) -> None:
    assert ends(1, lines(FOUND)).inspect().errors == ("repository contains errors",)


def test_an_older_restic_writes_text(ends: Any) -> None:
    """As recorded from restic 0.17.3."""
    damage = f"pack {PACK} contains 1 errors: [unexpected pack id 2f11898f7c5e40ff]"
    advice = (
        "The repository contains damaged pack files. These damaged files must be removed to repair the repository.\n\n"
        f"restic repair packs {PACK} {OTHER_PACK}\nrestic repair snapshots --forget\n\n"
        "Damaged pack files can be caused by backend problems, hardware problems or bugs in restic.\n"
    )
    report = ends(1, f"{damage}\n\n{advice}Fatal: repository contains errors\n", "no JSON\n").inspect()
    assert (report.errors, report.packs) == ((damage,), (PACK, OTHER_PACK))


def test_a_server_that_went_away_is_no_damage(ends: Any) -> None:
    restic = ends(1, lines(error(REFUSED), error(ADVICE), FOUND))
    for call in (restic.check, restic.inspect):
        with pytest.raises(errors.ServerUnreachable, match="connection refused") as failure:
            call()
        assert "s3cret" not in str(failure.value)


def test_damage_beside_a_server_that_went_away_is_damage(ends: Any) -> None:
    restic = ends(1, lines(error(REFUSED), error(f"pack {PACK}: does not exist\n"), FOUND))
    assert restic.inspect().errors == (f"pack {PACK}: does not exist",)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (
            11,
            "unable to create lock in backend: repository is already locked by PID 806 on vm",
            errors.RepositoryLocked,
        ),
        (12, "Fatal: wrong password or no key found", errors.WrongPassword),
        (1, "Fatal: unexpected HTTP response (401): 401 Unauthorized", errors.AccessDenied),
        (1, "Fatal: LoadRaw(<key/775600639c>): invalid data returned", errors.RepositoryDamaged),
        (1, "Fatal: something new", errors.ResticFailed),
        (130, "", errors.ResticFailed),
    ],
)
def test_a_check_that_did_not_come_about_is_what_restic_says(
    ends: Any, code: int, message: str, kind: type[Exception]
) -> None:
    restic = ends(code, lines({"message_type": "exit_error", "code": code, "message": message}))
    for call in (restic.check, restic.inspect):
        with pytest.raises(errors.RepositoryError) as failure:
            call()
        assert type(failure.value) is kind


def test_a_lock_names_its_holder(ends: Any) -> None:
    words = {"message_type": "exit_error", "code": 11, "message": "repository is already locked by PID 806 on vm"}
    with pytest.raises(errors.RepositoryLocked, match="PID 806 on vm"):
        ends(11, lines(words)).inspect()


@pytest.mark.parametrize(
    "message",
    [
        "Fatal: cannot dump file: decrypting blob <data/36c86130> from pack 60d failed: ciphertext verification failed",
        "Fatal: cannot dump file: ReadFull(<data/60d3479aa1>): <data/60d3479aa1> does not exist",
        "Fatal: cannot dump file: ReadFull(<data/60d3>): unexpected HTTP response (416): partial out of bounds read",
        'Fatal: loading tree for snapshot "04f56c62" failed: id a12cf8d49f not found in repository',
        "failed to load snapshot 04f56c62: LoadRaw(<snapshot/04f56c62d6>): invalid data returned",
    ],
)
def test_data_that_is_gone_or_changed_is_damage(ends: Any, message: str) -> None:
    restic = ends(1, lines({"message_type": "exit_error", "code": 1, "message": message}))
    with pytest.raises(errors.RepositoryDamaged):
        restic.stream("deadbeef", "/file", bytes)


PRUNED = """
to repack:            24 blobs / 14.311 MiB
this removes:          3 blobs / 1.500 KiB
to delete:            12 blobs / 8.585 MiB
total prune:          12 blobs / 8.585 MiB
remaining:            12 blobs / 5.724 MiB
"""


def test_what_pruning_frees(ends: Any) -> None:
    pruned = ends(0, "", PRUNED).prune()
    assert (pruned.freed_bytes, pruned.changes) == (round(8.585 * 1024 * 1024), True)


def test_pruning_that_finds_nothing_changes_nothing(ends: Any) -> None:
    nothing = "".join(f"{what}:  0 blobs / 0 B\n" for what in ("to repack", "to delete", "total prune"))
    assert ends(0, "", nothing).plan_prune(["deadbeef"]).changes is False


def test_pruning_that_can_not_be_understood_is_an_error(ends: Any) -> None:
    with pytest.raises(errors.ResticFailed, match="understood"):
        ends(0, "", "all well").prune()


def test_how_many_stale_locks_there_were(ends: Any) -> None:
    assert ends(0, "", "").release_stale_locks() == 0
    assert ends(0, "", "successfully removed 2 locks\n").release_stale_locks() == 2


def test_reading_only_never_writes() -> None:
    reader = Caretaker(ACCESS, read_only=True)
    for call in (reader.prune, reader.release_stale_locks):
        with pytest.raises(ValueError, match="reading only"):
            call()


@pytest.mark.parametrize("words", ["ssh command exited: exit status 255", "connection lost"])
def test_an_sftp_server_that_went_away_is_no_damage(ends: Any, words: str) -> None:
    restic = ends(1, lines(error(f"error: Load(<index/0123456789>): {words}"), FOUND))
    with pytest.raises(errors.ServerUnreachable):
        restic.check()
