# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A migration from the first look to the commit, and what it does when something goes wrong on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._database._errors import ServerCrashed
from ansible_collections.community.che.plugins.module_utils._external_database._authority import NAME as CA
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    CONFIG_MAP,
    NAMESPACE,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._migration import _backups
from ansible_collections.community.che.plugins.module_utils._migration._way_back import NAME as WAY_BACK
from ansible_collections.community.che.plugins.module_utils._run._journal import Journal, OpenJournal
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import OpenMigration
from unit.che_objects import NAME
from unit.fake_api import FakeApi, Request
from unit.plugins.module_utils._migration.moving import (
    AGAIN,
    FIRST,
    OLD,
    OTHERS,
    Databases,
    holding,
    is_away,
    journal_of,
    move,
    phase_of,
    refused,
    spec_of,
    stage_names,
)

LOAD = "load, once of pgche"
COPIED = ["back up: copy", "look whether it is empty", LOAD, "close to pgche"]


def test_nothing_was_written_meanwhile(che: FakeApi, databases: Databases, looked: list[str]) -> None:
    result = move(che, commit=True)

    assert looked == ["away db-login in moved"]
    assert databases.done == [*COPIED, "put in place", "count", "look again", "commit"]
    assert stage_names(result) == ["plan", "check", "copy", "stage", "cut over", "switch", "verify", "commit"]
    assert (result["changed"], result["committed"], result["copied_again"]) == (True, True, False)
    assert (result["id"], result["migration"], result["resumed"]) == (FIRST, "r1", False)
    assert result["verified"] == {"databases": 1, "tables": 1, "rows": 3, "sequences": 1, "large_objects": 1}
    assert result["warnings"] == ["A word.", "dbche: It had a comment."]
    assert is_away(che)
    assert che.at(CONFIG_MAP, CA, "che") is not None
    assert (journal_of(che), che.at(SECRET, WAY_BACK, "che")) == (None, None)


def test_it_waits_with_the_commit(che: FakeApi, databases: Databases) -> None:
    result = move(che)

    assert (result["committed"], stage_names(result)[-1], phase_of(che)) == (False, "verify", "migrated")
    again = move(che, run_id="r2")
    assert (again["changed"], again["resumed"], again["migration"]) == (False, True, "r1")
    committed = move(che, run_id="r3", commit=True)
    assert (committed["changed"], committed["committed"], committed["id"]) == (True, True, FIRST)
    assert databases.done == [*COPIED, "put in place", "count", "look again", "commit"]


def test_what_was_written_meanwhile_comes_along(che: FakeApi, databases: Databases) -> None:
    def write(_request: Request) -> None:
        databases.mark, databases.figures = "m2", OTHERS

    # The first copy is made then, and its target is loaded.
    che.follow("put", OpenMigration.NAME, lambda request: write(request) if LOAD in databases.done else None)

    result = move(che, commit=True)

    twice = ["count", "back up: final", "clear", LOAD]
    assert databases.done == [*COPIED, *twice, "put in place", "count", "look again", "commit"]
    assert (result["copied_again"], result["id"]) == (True, AGAIN)
    assert any("written to while they were copied" in words for words in result["warnings"])


@pytest.mark.parametrize("mark", ["m2", ""])
def test_what_no_row_tells_of_comes_along_too(che: FakeApi, databases: Databases, mark: str) -> None:
    """An index, a view or a grant, say."""

    def add_an_index(_request: Request) -> None:
        databases.mark, databases.schema = mark, "s2"

    che.follow("put", OpenMigration.NAME, lambda request: add_an_index(request) if LOAD in databases.done else None)

    result = move(che, commit=True)

    assert databases.done == [
        *COPIED,
        "back up: final",
        "clear",
        LOAD,
        "put in place",
        "count",
        "look again",
        "commit",
    ]
    assert result["copied_again"] is True


def test_counts_alone_do_not_copy_it_again(che: FakeApi, databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that gives no mark, as those before 15, is read from end to end instead."""
    databases.mark = ""
    result = move(che)
    assert databases.done == [*COPIED, "count", "put in place", "count", "look again"]
    assert result["copied_again"] is False


def test_somebody_who_does_not_go_by_it_is_found_in_the_end(che: FakeApi, databases: Databases) -> None:
    def write(_request: Request) -> None:
        databases.figures = OTHERS

    che.follow("patch", "/checlusters/", write)
    error = refused(che)
    assert "It is not what was copied any more" in error.what
    assert (error.stage, phase_of(che)) == ("verify", "verify")
    assert is_away(che)
    assert "state: aborted" in error.next_step


@pytest.mark.parametrize(
    ("fails", "stage", "put_back"),
    [
        ("back up: copy", "copy", ["take out, empty, unused"]),
        ("look whether it is empty", "stage", ["take out, empty, unused"]),
        (LOAD, "stage", ["take out, filled, unused"]),
        ("close to pgche", "cut over", ["reopen", "take out, filled, unused"]),
        ("put in place", "switch", ["reopen", "take out, filled, unused"]),
    ],
)
def test_until_che_uses_it_all_is_put_back(
    che: FakeApi, databases: Databases, fails: str, stage: str, put_back: list[str]
) -> None:
    before = spec_of(che)
    databases.fails = fails

    error = refused(che)

    assert (error.what, error.stage) == (f"It broke at {fails}", stage)
    assert error.next_step == "Mend it. Che uses the databases that it used before."
    assert databases.done[databases.done.index(fails) + 1 :] == put_back
    assert (spec_of(che), journal_of(che), che.at(SECRET, WAY_BACK, "che")) == (before, None, None)


@pytest.mark.parametrize(("fails", "stage"), [("count", "verify"), ("look again", "verify"), ("commit", "commit")])
def test_once_che_uses_it_nothing_is_put_back(che: FakeApi, databases: Databases, fails: str, stage: str) -> None:
    databases.fails = fails

    error = refused(che, commit=True)

    assert (error.stage, phase_of(che), is_away(che)) == (stage, stage, True)
    back = "" if stage == "commit" else ", or with state: aborted to go back"
    assert error.next_step == f"Mend it. Run the task again to go on from there{back}."
    assert not any(what.startswith(("reopen", "take out")) for what in databases.done)
    databases.fails = ""
    assert move(che, run_id="r2", commit=True)["committed"] is True


def test_no_other_run_brings_back_what_a_crash_has_taken(che: FakeApi, databases: Databases) -> None:
    databases.fails, databases.fails_by = "look again", ServerCrashed
    assert refused(che, commit=True).next_step == "Mend it."


def test_what_can_t_be_put_back_is_told_and_can_be_tried_again(che: FakeApi, databases: Databases) -> None:
    databases.fails = "put in place"

    def fail_again(_request: Request) -> None:
        if "put in place" in databases.done:
            databases.fails = "reopen"

    che.react("put", OpenMigration.NAME, fail_again)
    error = refused(che)
    assert "could not be put back: It broke at reopen (database dbche)" in error.next_step
    assert phase_of(che) == "abort"

    che.reactions.clear()
    databases.fails = ""
    assert move(che, run_id="r2", state="aborted")["aborted"] == "r1"
    assert journal_of(che) is None


def test_a_server_that_is_gone_for_good_keeps_no_abort_from_its_end(che: FakeApi, databases: Databases) -> None:
    """Che works where it was; restores and backups were refused for as long as the journal is there."""
    databases.fails = LOAD

    def lose(_request: Request) -> None:
        if LOAD in databases.done:
            databases.fails = "take out, filled, unused"

    che.follow("put", OpenMigration.NAME, lose)
    error = refused(che)
    assert "could not be put back: It broke at take out" in error.next_step
    assert phase_of(che) == "abort"

    result = move(che, run_id="r2", state="aborted")
    assert (result["aborted"], journal_of(che)) == ("r1", None)
    (told,) = result["warnings"]
    assert told.startswith("What was loaded into the database moved at db.example:6432 could not be taken out")


def test_a_switch_that_the_api_server_refuses_is_put_back(che: FakeApi, databases: Databases) -> None:
    """Nothing was written, so that Che's operator has nothing to take back."""
    che.fail("patch", "/checlusters/", 403, "it is not allowed", times=1)
    error = refused(che)
    assert (error.stage, journal_of(che), is_away(che)) == ("switch", None, False)
    assert databases.done[-2:] == ["reopen", "take out, filled, unused"]


def test_an_operator_that_does_not_run_has_nothing_to_take_back(che: FakeApi, databases: Databases) -> None:
    before = spec_of(che)
    che.followers.clear()
    error = refused(che)
    assert (error.stage, journal_of(che), spec_of(che)) == ("switch", None, before)
    assert "Che's operator to take the settings over" in error.what
    assert databases.done[-2:] == ["reopen", "take out, filled, unused"]


def test_a_che_that_does_not_start_there_comes_back(che: FakeApi, databases: Databases) -> None:
    def break_it(_request: Request) -> None:
        found = che.objects["/apis/org.eclipse.che/v1/namespaces/che/checlusters/eclipse-che"]
        found["status"]["cheClusterRunning"] = "Unavailable" if found["spec"]["database"]["externalDb"] else "Available"

    che.follow("patch", "/checlusters/", break_it)
    error = refused(che)
    assert (error.stage, journal_of(che), is_away(che)) == ("switch", None, False)
    assert databases.done[-2:] == ["reopen", "take out, filled, used"]
    assert "Che uses the databases that it used before" in error.next_step


def test_check_mode_changes_nothing(che: FakeApi, databases: Databases) -> None:
    result = move(che, check_mode=True)
    assert (result["changed"], result["migration"], che.written, databases.done) == (True, "", [], [])
    assert stage_names(result) == ["plan", "check"]
    assert result["diff"]["after"]["database"]["chePostgresDb"] == "moved"


def test_check_mode_tells_of_one_that_is_unfinished(che: FakeApi) -> None:
    move(che)
    written = len(che.written)
    result = move(che, check_mode=True, run_id="r2")
    assert "The migration r1 is unfinished, at: migrated" in result["warnings"][0]
    assert len(che.written) == written


@pytest.mark.parametrize("what", ["other options", "aborted", "lost"])
def test_check_mode_refuses_to_go_on_with_what_a_run_does_not_go_on_with(
    che: FakeApi, databases: Databases, what: str
) -> None:
    move(che)
    journal = OpenMigration.find(che.cluster, "che")
    assert journal is not None
    if what == "aborted":
        journal.note(phase="abort")
    if what == "lost":
        che.cluster.delete(CHE_CLUSTER_V1, NAME, "che")
    changes = {"database": "another"} if what == "other options" else {}
    foreseen, error = (refused(che, check_mode=check, run_id="r2", **changes) for check in (True, False))
    assert (foreseen.what, foreseen.on, foreseen.next_step) == (error.what, error.on, error.next_step)


def test_a_second_time_there_is_nothing_to_move(che: FakeApi, databases: Databases) -> None:
    move(che, commit=True)
    databases.done.clear()
    result = move(che, commit=True, run_id="r2")
    assert (result["changed"], result["migration"], result["committed"], databases.done) == (False, "", False, [])


@pytest.mark.parametrize("changes", [{"tls": "require"}, {"credentials_secret": "another"}])
def test_another_way_to_the_same_database_is_no_move(
    che: FakeApi, databases: Databases, changes: dict[str, str]
) -> None:
    """It holds what Che has there; external_database writes the rest."""
    move(che, commit=True)
    databases.done.clear()
    written = spec_of(che)
    result = move(che, run_id="r2", **changes)
    assert (result["changed"], result["migration"], result["diff"]["after"], databases.done) == (False, "", {}, [])
    assert spec_of(che) == written
    assert "one that is in use is not restored over" in refused(che, id="latest", run_id="r3", **changes).what


@pytest.mark.parametrize("changes", [{"database_host": "other.example"}, {"database_port": 5432}, {"database": "b"}])
def test_another_database_is_a_move(che: FakeApi, databases: Databases, changes: dict[str, Any]) -> None:
    move(che, commit=True)
    assert move(che, run_id="r2", check_mode=True, **changes)["changed"] is True


def test_beside_a_restore_that_has_not_ended_it_is_refused(che: FakeApi, databases: Databases) -> None:
    OpenJournal.begin(che.cluster, "che", Journal("r9", "b", "r", "p", "d", "{}", "cut over", "r9"))
    for number, state in enumerate(("migrated", "aborted")):
        error = refused(che, state=state, run_id=f"r{number}")
        assert (error.what, error.on) == ("A restore of this installation is unfinished", "restore r9, at: cut over")
    assert databases.done == []


def test_nothing_secret_is_told_or_kept_in_the_journal(che: FakeApi) -> None:
    spec_of(che)["database"].update(chePostgresUser="plain", chePostgresPassword="s3cret-plain")
    result = move(che)
    assert "s3cret" not in json.dumps(result)
    journals = [obj for path, obj in che.objects.items() if "/configmaps/" in path]
    assert "s3cret" not in json.dumps(journals)


def test_a_backup_is_loaded_where_the_present_one_is_left(che: FakeApi, databases: Databases) -> None:
    result = move(che, id="latest", commit=True)

    assert databases.done == [*COPIED, "put in place", "look again", "commit"]
    assert (result["id"], result["safety_backup_id"], result["verified"]) == (OLD, FIRST, {})
    assert stage_names(result)[2] == "safety backup"


@pytest.mark.parametrize(("named", "is_refused"), [("latest", True), (OLD[:8], False)])
def test_the_newest_backup_of_another_cluster_is_not_loaded_unasked(
    che: FakeApi, databases: Databases, monkeypatch: pytest.MonkeyPatch, named: str, is_refused: bool
) -> None:
    """Clusters that share a repository may call their namespaces the same."""
    che.add(NAMESPACE, "kube-system")
    elsewhere = holding(databases.part(), made_on="another cluster's")
    monkeypatch.setattr(_backups, "fetch", lambda *_arguments: elsewhere)
    if not is_refused:
        assert move(che, id=named)["id"] == OLD
        return
    error = refused(che, id=named)
    assert "was made on another cluster" in error.what
    assert OLD in error.next_step
    assert (journal_of(che), is_away(che)) == (None, False)
    assert not any(what.startswith(("back up", "load")) for what in databases.done)


def test_a_lost_database_is_left_and_told(che: FakeApi, databases: Databases) -> None:
    databases.fails = "close to pgche"
    result = move(che, id="latest", safety_backup=False, commit=True)
    assert (result["id"], result["safety_backup_id"], result["committed"]) == (OLD, "", True)
    assert any("that is left could not be closed" in words for words in result["warnings"])


def test_a_lost_database_stays_lost_on_the_way_back(che: FakeApi, databases: Databases) -> None:
    databases.fails = "close to pgche"
    move(che, id="latest", safety_backup=False)
    databases.fails = "reopen"
    result = move(che, run_id="r2", state="aborted")
    assert (result["aborted"], is_away(che), journal_of(che)) == ("r1", False, None)
    assert any("could not be opened for writing again" in words for words in result["warnings"])


def test_one_that_is_in_use_is_not_restored_over(che: FakeApi, databases: Databases) -> None:
    move(che, commit=True)
    error = refused(che, id="latest", run_id="r2")
    assert "one that is in use is not restored over" in error.what
