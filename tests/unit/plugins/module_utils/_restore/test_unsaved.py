# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a database that was replaced holds what its safety backup does not; and that it is not lost then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup import _dump
from ansible_collections.community.che.plugins.module_utils._database._staging import Standing, names_for
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._restore import _phases, _unsaved
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from ansible_collections.community.che.plugins.module_utils._restore._unsaved import lost, written_since
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures
from unit.che_objects import FIGURES
from unit.fake_api import FakeApi
from unit.fake_restic import FakeRestic
from unit.plugins.module_utils._restore.restore_bed import REQUEST, Databases, change, data_of, killed

NAMES = names_for("openvsx", "r1")
(TABLE,) = FIGURES.tables
MORE = replace(FIGURES, tables=(replace(TABLE, rows=4),))
(SEQUENCE,) = FIGURES.sequences
FURTHER = replace(FIGURES, sequences=(replace(SEQUENCE, last_value=9),))


@dataclass
class Server:
    """The replaced database: its mark and what is counted in it, and whether it could be looked at."""

    mark: str = "m1"
    figures: DatabaseFigures | None = FIGURES
    replaced: bool = True
    is_open: bool = False

    def ask(self, _script: str) -> str:
        assert self.is_open
        if self.figures is None:
            raise CheError("The server of the database is gone")
        return ""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    there = Server()

    @contextmanager
    def look(_psql: Any, names: Any) -> Iterator[str]:
        there.is_open = True
        try:
            yield names.replaced
        finally:
            there.is_open = False

    def mark(_psql: Any, database: str) -> str:
        assert there.is_open and database == NAMES.replaced
        return there.mark

    monkeypatch.setattr(_unsaved, "standing", lambda _psql, _names: Standing(True, False, there.replaced, False))
    monkeypatch.setattr(_unsaved, "open_for_a_look", look)
    monkeypatch.setattr(_unsaved, "mark", mark)
    monkeypatch.setattr(_unsaved.JobLog, "read", lambda _text: None)
    monkeypatch.setattr(_unsaved, "read_figures", lambda *_args: there.figures)
    return there


def told(server: Server, before: str = "m1", saved: DatabaseFigures | None = FIGURES) -> str:
    database = SimpleNamespace(role="openvsx", name="openvsx", user="openvsx")
    staged: Any = SimpleNamespace(psql=server.ask, names=NAMES, database=database)
    words = written_since(staged, before, lambda _role: saved)
    assert not server.is_open
    return words


def test_a_mark_that_is_the_same_is_all_that_is_asked_for(server: Server) -> None:
    server.figures = None
    assert told(server) == ""


@pytest.mark.parametrize("before", ["m0", ""])
def test_another_mark_or_none_has_everything_counted(server: Server, before: str) -> None:
    """What was written before the safety backup, and counted only after it, is in there."""
    server.mark = "m1" if before else ""
    assert told(server, before) == ""
    server.figures = FURTHER
    assert told(server, before) == ""
    server.figures = MORE
    words = told(server, before)
    assert "public.extension had 3 rows and has 4" in words and NAMES.replaced in words


def test_what_cannot_be_found_out_is_not_taken_for_nothing(server: Server) -> None:
    assert "nothing of it was counted" in told(server, "m0", None)
    server.figures = None
    words = told(server, "m0")
    assert words.startswith("Whether the database openvsx was written to after its safety backup could not be found")
    assert "The server of the database is gone" in words and NAMES.replaced in words


def test_one_that_somebody_has_removed_holds_nothing(server: Server) -> None:
    server.replaced = False
    assert told(server, "m0") == ""


WORDS = "The database openvsx was written to."
TOLD = f"{WORDS} {_phases._TO_SAVE}"


def test_what_is_in_no_backup_is_kept_until_the_task_is_run_again(
    che: FakeApi, restic: FakeRestic, databases: Databases
) -> None:
    change(che)
    databases.differ, databases.unsaved_words = True, [WORDS]

    first = restore(che.cluster, REQUEST)

    assert (first["committed"], "commit" in databases.done) == (False, False)
    assert [WORDS in warning and "run the task again" in warning for warning in first["warnings"]] == [True]
    assert json.loads(data_of(che, "che-restore-journal")["unsaved"]) == [TOLD]
    waiting = restore(che.cluster, replace(REQUEST, run_id="r3", commit=False))
    assert (waiting["changed"], waiting["committed"], WORDS in waiting["warnings"][0]) == (False, False, True)
    second = restore(che.cluster, replace(REQUEST, run_id="r4"))
    assert (second["committed"], databases.done[-1], second["warnings"]) == (True, "commit", [])


@pytest.mark.parametrize(("writes", "phase"), [(7, "verify"), (8, "restored")])
def test_a_restore_that_is_killed_before_it_could_tell_keeps_it_too(
    che: FakeApi, restic: FakeRestic, databases: Databases, writes: int, phase: str
) -> None:
    change(che)
    databases.differ, databases.unsaved_words = True, [WORDS]
    killed(che, writes)
    journal = data_of(che, "che-restore-journal")
    assert (journal["phase"], json.loads(journal["unsaved"])) == (phase, [TOLD])

    result = restore(che.cluster, replace(REQUEST, run_id="r3"))

    assert (result["committed"], "commit" in databases.done) == (False, False)
    assert WORDS in result["warnings"][0]


def test_the_marks_are_taken_before_the_safety_backup(
    che: FakeApi, restic: FakeRestic, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(che)
    databases.differ = True

    run_job, seen = _dump.run_job, list[bool]()

    def dump(*args: Any) -> str:
        seen.append(databases.marked)
        return run_job(*args)

    monkeypatch.setattr(_dump, "run_job", dump)
    result = restore(che.cluster, REQUEST)

    assert (result["committed"], seen, databases.done) == (True, [True], ["stage", "cut over", "commit"])


def test_without_a_safety_backup_nothing_is_compared(che: FakeApi, restic: FakeRestic, databases: Databases) -> None:
    change(che)
    databases.differ, databases.unsaved_words = True, [WORDS]

    result = restore(che.cluster, replace(REQUEST, safety_backup=False))

    assert (result["committed"], result["warnings"], databases.marked) == (True, [], False)


def test_a_replaced_database_that_is_gone_is_told(server: Server) -> None:
    staged: Any = SimpleNamespace(psql=server.ask, names=NAMES, database=SimpleNamespace(name="openvsx"))
    assert lost(staged) == ""
    server.replaced = False
    assert "look at what openvsx holds" in lost(staged)


@pytest.mark.parametrize("written_to", [False, True])
def test_a_server_that_was_made_anew_before_the_commit_is_no_success_unseen(
    che: FakeApi, restic: FakeRestic, databases: Databases, written_to: bool
) -> None:
    """It has a database of the same name, and nothing of what was restored in it."""
    change(che)
    databases.differ = True
    databases.unsaved_words = ["It was written to."] if written_to else []
    restore(che.cluster, replace(REQUEST, commit=False))
    databases.lost_words = ["It is gone."]

    seen = restore(che.cluster, replace(REQUEST, run_id="r3"))
    assert (seen["committed"], "It is gone." in seen["warnings"]) == (False, True)

    assert restore(che.cluster, replace(REQUEST, run_id="r4"))["committed"] is True
