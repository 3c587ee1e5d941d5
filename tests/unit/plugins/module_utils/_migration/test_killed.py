# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Migrations that were interrupted: gone on with by the same task alone, or aborted, until the commit began."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.community.che.plugins.module_utils._database._job import job_name
from ansible_collections.community.che.plugins.module_utils._external_database._authority import NAME as CA
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    CONFIG_MAP,
    DEPLOYMENT,
    JOB,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._migration import _backups
from ansible_collections.community.che.plugins.module_utils._migration._request import copy_run_id
from ansible_collections.community.che.plugins.module_utils._migration._way_back import NAME as WAY_BACK
from ansible_collections.community.che.plugins.module_utils._run._journal import JournalTaken
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import OpenMigration
from unit.che_objects import NAME
from unit.fake_api import FakeApi, Request
from unit.fake_restic import FakeRestic, a_repository
from unit.plugins.module_utils._migration.moving import (
    OTHERS,
    Databases,
    asked,
    is_away,
    journal_of,
    move,
    phase_of,
    refused,
    spec_of,
)


def kill_in(che: FakeApi, phase: str) -> None:
    """Kill a migration as soon as a phase has begun."""

    def die(_request: Request) -> None:
        if phase_of(che) == phase:
            raise KeyboardInterrupt

    che.follow("put", OpenMigration.NAME, die)
    with pytest.raises(KeyboardInterrupt):
        move(che, commit=True)
    che.followers.pop()
    for path in [path for path in che.objects if "/leases/" in path]:
        del che.objects[path]


@pytest.mark.parametrize(
    "changes",
    [
        {"database": "another"},
        {"database_host": "db2.example"},
        {"credentials_secret": "other-login"},
        {"id": "latest"},
        {"tls": "require"},
        {"to": "embedded"},
    ],
    ids=str,
)
def test_other_options_are_refused(che: FakeApi, databases: Databases, changes: dict[str, str]) -> None:
    move(che)
    databases.done.clear()
    error = refused(che, run_id="r2", **changes)
    assert 'begun with other options: {"host": "db.example"' in error.what
    assert "state: aborted" in error.next_step
    assert (databases.done, phase_of(che)) == ([], "migrated")


def test_another_repository_is_refused(che: FakeApi, databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_in(che, "stage")
    repository = replace(a_repository(FakeRestic()), id="e" * 64)
    monkeypatch.setattr(_backups, "open_repository", lambda *_arguments, **_options: repository)
    error = refused(che, run_id="r2")
    assert "uses another repository" in error.what


def test_once_an_abort_has_begun_it_must_end(che: FakeApi, databases: Databases) -> None:
    move(che)
    databases.fails = "reopen"
    refused(che, run_id="r2", state="aborted")
    error = refused(che, run_id="r3")
    assert (error.what, phase_of(che)) == ("It is being aborted", "abort")
    databases.fails = ""
    assert move(che, run_id="r4", state="aborted")["changed"] is True
    assert (journal_of(che), is_away(che)) == (None, False)


def test_without_one_there_is_nothing_to_abort(che: FakeApi, databases: Databases) -> None:
    result = move(che, state="aborted", database_host=None, credentials_secret=None)
    assert (result["changed"], result["aborted"], databases.done) == (False, "", [])


def test_check_mode_of_an_abort_changes_nothing(che: FakeApi, databases: Databases) -> None:
    move(che)
    written = len(che.written)
    result = move(che, check_mode=True, run_id="r2", state="aborted")
    assert (result["changed"], result["aborted"], len(che.written)) == (True, "r1", written)
    assert result["diff"]["after"]["database"] == {"externalDb": False}


def test_one_that_was_interrupted_before_it_had_a_way_back_is_just_ended(che: FakeApi, databases: Databases) -> None:
    che.fail("post", "/secrets", 403, "no", times=1)
    refused(che)
    assert phase_of(che) == "copy"
    result = move(che, run_id="r2", state="aborted")
    assert (result["aborted"], journal_of(che), databases.done) == ("r1", None, [])


def test_a_commit_that_has_begun_is_not_aborted(che: FakeApi, databases: Databases) -> None:
    kill_in(che, "commit")
    error = refused(che, run_id="r2", state="aborted")
    assert (error.what, is_away(che), phase_of(che)) == ("It is committed", True, "commit")
    assert move(che, run_id="r3", commit=True)["committed"] is True


@pytest.mark.parametrize("state", ["migrated", "aborted"])
@pytest.mark.parametrize(
    "name",
    [
        job_name("dump", copy_run_id("r1", again=False), "dbche"),
        job_name("dump", copy_run_id("r1", again=True), "dbche"),
        job_name("sql", "r1", "moved"),
    ],
)
def test_the_job_of_a_run_that_was_killed_is_ended(che: FakeApi, state: str, name: str) -> None:
    """One that lost its process before it had its Secret waits for that, for as long as a migration may take."""
    kill_in(che, "stage")
    che.add(JOB, name, "che")
    move(che, run_id="r2", state=state)
    assert che.at(JOB, name, "che") is None


def test_what_was_loaded_is_not_loaded_again(che: FakeApi, databases: Databases) -> None:
    kill_in(che, "cut over")
    databases.done.clear()
    move(che, run_id="r2")
    assert databases.done == ["close to pgche", "put in place", "count", "look again"]


def test_what_was_written_while_it_lay_there_is_copied_again(che: FakeApi, databases: Databases) -> None:
    kill_in(che, "cut over")
    databases.mark, databases.figures = "m2", OTHERS
    databases.done.clear()
    assert move(che, run_id="r2")["copied_again"] is True
    assert databases.done[:4] == ["close to pgche", "count", "back up: final", "clear"]


def test_a_process_whose_migration_was_taken_over_undoes_nothing(che: FakeApi, databases: Databases) -> None:
    def take_over(request: Request) -> None:
        if databases.done[-1:] == ["put in place"]:
            che.objects.pop(request.path, None)

    che.react("put", OpenMigration.NAME, take_over)
    with pytest.raises(JournalTaken, match="taken this migration over"):
        move(che)
    assert databases.done[-1] == "put in place"


def test_the_way_back_is_that_from_before_whatever_was_changed_since(che: FakeApi) -> None:
    before = spec_of(che)
    move(che)
    spec_of(che)["database"]["pvcClaimSize"] = "2Gi"
    move(che, run_id="r2", state="aborted")
    assert spec_of(che) == {**before, "database": {**before["database"], "pvcClaimSize": "2Gi"}}


def test_the_journal_holds_the_secret_that_goes_with_it(che: FakeApi) -> None:
    move(che)
    journal, way = che.at(CONFIG_MAP, OpenMigration.NAME, "che"), che.at(SECRET, WAY_BACK, "che")
    assert journal is not None and way is not None
    assert way["metadata"]["ownerReferences"][0]["uid"] == journal["metadata"]["uid"]
    assert asked().options == journal["data"]["options"]


@pytest.mark.parametrize("state", ["migrated", "aborted"])
def test_a_deployment_that_others_have_changed_meanwhile_does_not_hide_what_is_left_to_do(
    che: FakeApi, databases: Databases, state: str
) -> None:
    """Killed right before the CheCluster is written."""
    before = spec_of(che)

    def die(_request: Request) -> None:
        held = journal_of(che)
        if held and held.generations:
            raise KeyboardInterrupt

    che.follow("put", OpenMigration.NAME, die)
    with pytest.raises(KeyboardInterrupt):
        move(che)
    che.followers.pop()
    for path in [path for path in che.objects if "/leases/" in path]:
        del che.objects[path]
    assert (phase_of(che), is_away(che)) == ("switch", False)
    deployment = che.at(DEPLOYMENT, "che", "che")
    assert deployment is not None
    deployment["metadata"]["generation"] += 1
    deployment["status"]["observedGeneration"] = deployment["metadata"]["generation"]

    move(che, run_id="last", state=state)

    assert is_away(che) == (state == "migrated")
    assert state == "migrated" or spec_of(che) == before


@pytest.mark.parametrize("state", ["migrated", "aborted"])
def test_a_way_back_that_somebody_removed_is_not_taken_for_a_beginning(
    che: FakeApi, databases: Databases, state: str
) -> None:
    move(che)
    del che.objects[SECRET.path("che", WAY_BACK)]
    error = refused(che, run_id="r2", state=state)
    assert "The Secret with the way back is gone" in error.what
    assert (phase_of(che), is_away(che)) == ("migrated", True)


@pytest.mark.parametrize(
    ("phase", "told"),
    [
        ("copy", []),
        ("switch", ["What was loaded into the database moved at db.example:6432 could not be taken out"]),
        ("migrated", ["The database moved at db.example:6432 keeps what Che wrote to it."]),
    ],
)
def test_the_credentials_of_a_target_may_be_gone_when_it_is_aborted(
    che: FakeApi, databases: Databases, phase: str, told: list[str]
) -> None:
    """It is only to be emptied, and not even that where Che has used it."""
    before = spec_of(che)
    kill_in(che, phase)
    name = job_name("load", "r1", "moved")
    che.add(JOB, name, "che")
    databases.done.clear()
    che.cluster.delete(SECRET, "db-login", "che")

    result = move(che, run_id="r2", state="aborted")

    assert (result["aborted"], journal_of(che), spec_of(che)) == ("r1", None, before)
    assert databases.done == (["reopen"] if phase != "copy" else [])
    assert [words.startswith(start) for words, start in zip(result["warnings"], told)] == [True] * len(told)
    assert (len(result["warnings"]), che.at(JOB, name, "che")) == (len(told), None)


def test_to_go_on_the_credentials_of_the_target_are_needed(che: FakeApi, databases: Databases) -> None:
    kill_in(che, "stage")
    che.cluster.delete(SECRET, "db-login", "che")
    error = refused(che, run_id="r2")
    assert "The Secret with a database's credentials is missing" in error.what
    assert phase_of(che) == "stage"


def test_a_server_that_was_left_may_be_gone_when_it_is_committed(che: FakeApi, databases: Databases) -> None:
    move(che)
    che.cluster.delete(DEPLOYMENT, "postgres", "che")
    che.cluster.delete(SECRET, "postgres-credentials", "che")
    assert move(che, run_id="r2", commit=True)["committed"] is True
    assert (databases.done[-1], journal_of(che)) == ("commit", None)


@pytest.mark.parametrize(
    ("written", "left"), [("", "first\n"), ("first\nand another\n", "first\nand another\n")], ids=["ours", "others"]
)
def test_an_abort_trusts_whom_che_trusted_before(che: FakeApi, written: str, left: str) -> None:
    key = f"{CA}.crt"
    che.add(CONFIG_MAP, CA, "che", data={key: "first\n"})
    move(che)
    trusted = che.at(CONFIG_MAP, CA, "che")
    assert trusted is not None
    assert trusted["data"][key].startswith("first\n-----BEGIN")
    trusted["data"][key] = written or trusted["data"][key]
    move(che, run_id="r2", state="aborted")
    found = che.at(CONFIG_MAP, CA, "che")
    assert found is not None
    assert found["data"][key] == left


def test_check_mode_tells_that_a_commit_is_left(che: FakeApi, databases: Databases) -> None:
    move(che)
    assert move(che, check_mode=True)["changed"] is False
    assert move(che, check_mode=True, commit=True)["changed"] is True
    assert phase_of(che) == "migrated"


def test_an_abort_shows_no_password(che: FakeApi, databases: Databases) -> None:
    found = che.at(CHE_CLUSTER_V1, NAME, "che")
    assert found is not None
    found["spec"] = {
        "database": {"chePostgresUser": "own", "chePostgresPassword": "s3cret-plain"},
        "server": {"customCheProperties": {"CHE_JDBC_URL": "jdbc:postgresql://h/d?password=s3cret-url"}},
    }
    move(che)
    told = str(move(che, run_id="r2", state="aborted"))
    assert "chePostgresPassword" in told
    assert "s3cret" not in told


def test_who_writes_other_databases_into_the_checluster_is_told(che: FakeApi, databases: Databases) -> None:
    move(che)
    found = che.at(CHE_CLUSTER_V1, NAME, "che")
    assert found is not None
    journal = OpenMigration.find(che.cluster, "che")
    assert journal is not None
    journal.note(phase="verify")
    found["spec"]["database"]["externalDb"] = False
    error = refused(che, run_id="r2", commit=True)
    assert "Somebody has changed meanwhile" in error.what
    assert phase_of(che) == "verify"
