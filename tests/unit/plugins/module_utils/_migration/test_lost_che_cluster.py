# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CheCluster that is deleted in the middle of a migration: it can be ended, and nothing is emptied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._database._job import job_name
from ansible_collections.community.che.plugins.module_utils._database._staging import names_for
from ansible_collections.community.che.plugins.module_utils._external_database._authority import NAME as CA
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    CONFIG_MAP,
    DEPLOYMENT,
    JOB,
    LEASE,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._migration import _backups, _lost
from ansible_collections.community.che.plugins.module_utils._migration._places import JobPsql, Place
from ansible_collections.community.che.plugins.module_utils._migration._request import copy_run_id
from ansible_collections.community.che.plugins.module_utils._migration._way_back import NAME as WAY_BACK
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import OpenMigration
from unit.che_objects import NAME
from unit.fake_api import FakeApi, Request
from unit.plugins.module_utils._migration.moving import (
    COUNTED,
    Databases,
    add_keycloak,
    holding,
    journal_of,
    move,
    phase_of,
    refused,
)

PHASES = ("copy", "stage", "cut over", "switch", "verify", "migrated")


def kill_in(che: FakeApi, phase: str, **changes: Any) -> None:
    """Kill a migration as soon as a phase has begun."""

    def die(_request: Request) -> None:
        if phase_of(che) == phase:
            raise KeyboardInterrupt

    che.follow("put", OpenMigration.NAME, die)
    with pytest.raises(KeyboardInterrupt):
        move(che, **changes)
    che.followers.pop()
    che.objects.pop(LEASE.path("che", "che-restore"), None)


def lose(che: FakeApi, with_deployments: bool = False) -> None:
    """Delete the CheCluster, maybe with what belongs to it."""
    del che.objects[CHE_CLUSTER_V1.path("che", NAME)]
    for name in ("che", "keycloak", "postgres") if with_deployments else ():
        che.objects.pop(DEPLOYMENT.path("che", name), None)


def answer(_psql: JobPsql, script: str) -> str:
    return "13.4\n" if "server_version" in script else "t\n"


@pytest.mark.parametrize("phase", PHASES)
def test_it_is_ended_in_each_phase(che: FakeApi, databases: Databases, phase: str) -> None:
    kill_in(che, phase)
    closed = bool(journal_of(che) and journal_of(che).closed_at)  # type: ignore[union-attr]
    filled = journal_of(che).filled != "[]"  # type: ignore[union-attr]
    lose(che)

    result = move(che, run_id="r2", state="aborted")

    assert (result["aborted"], result["che_cluster_lost"], journal_of(che)) == ("r1", True, None)
    assert (che.at(SECRET, WAY_BACK, "che"), che.at(CONFIG_MAP, CA, "che")) == (None, None)
    assert databases.done[-1:] == ["reopen"] if closed else "reopen" not in databases.done
    assert not any(what.startswith(("take out", "clear")) for what in databases.done)
    assert "has no CheCluster any more" in result["warnings"][0]
    assert ["moved at db.example:6432 is left as it is" in words for words in result["warnings"][1:]] == [True] * filled


def test_one_that_was_not_begun_is_ended(che: FakeApi, databases: Databases) -> None:
    che.fail("post", "/secrets", 403, "no", times=1)
    refused(che)
    lose(che)
    result = move(che, run_id="r2", state="aborted")
    assert (result["aborted"], journal_of(che), databases.done) == ("r1", None, [])


def test_the_own_server_may_be_gone_with_it(che: FakeApi, databases: Databases) -> None:
    move(che)
    lose(che, with_deployments=True)
    databases.done.clear()

    result = move(che, run_id="r2", state="aborted")

    assert (result["aborted"], journal_of(che), databases.done) == ("r1", None, [])
    told = [words for words in result["warnings"] if "could not be opened for writing again" in words]
    assert told[0].startswith("The database dbche of the operator's own server, which Che used before")
    assert "There is no server of the operator's own" in told[0]


@pytest.mark.parametrize("secret", ["", "db-login", "che-identity-postgres-secret"])
def test_each_database_is_opened_that_can_be_reached(
    che: FakeApi, databases: Databases, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    """Of those on a server of somebody else's, although no Deployment tells any more that there are two."""
    add_keycloak(che)
    monkeypatch.setattr(JobPsql, "__call__", answer)
    parts = (databases.part(), replace(databases.part(), database=replace(COUNTED, role="keycloak")))
    monkeypatch.setattr(_backups, "fetch", lambda *_arguments: holding(*parts))
    move(che, commit=True)
    opened: list[str] = []

    def reopen(place: Place) -> None:
        opened.append(place.on)

    move(che, run_id="r2", database_host="db2.example")
    monkeypatch.setattr(_lost, "reopen", reopen)
    lose(che, with_deployments=True)
    che.objects.pop(SECRET.path("che", secret), None)

    result = move(che, run_id="r3", state="aborted")

    both = {
        "db-login": "database moved at db.example:6432",
        "che-identity-postgres-secret": "database keycloak at db.example:6432",
    }
    assert opened == [on for name, on in both.items() if name != secret]
    told = [words for words in result["warnings"] if "could not be opened for writing again" in words]
    assert [both.get(secret, "-") in words for words in told] == [True] * bool(secret)
    assert journal_of(che) is None


def test_what_is_on_the_own_server_beside_the_database_is_named(
    che: FakeApi, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobPsql, "__call__", answer)
    move(che, commit=True)
    move(che, run_id="r2", to="embedded", database_host=None, database=None, credentials_secret=None)
    lose(che)
    result = move(che, run_id="r3", state="aborted")
    (told,) = [words for words in result["warnings"] if "is left as it is" in words]
    assert told.startswith("The database dbche of the operator's own server is left as it is")
    assert names_for("dbche", "r2").staged in told


def test_its_jobs_are_ended(che: FakeApi, databases: Databases) -> None:
    kill_in(che, "stage")
    copies = [job_name("dump", copy_run_id("r1", again), "dbche") for again in (False, True)]
    names = [*copies, job_name("load", "r1", "moved"), job_name("sql", "r1", "moved"), "other"]
    for name in names:
        che.add(JOB, name, "che")
    lose(che)
    move(che, run_id="r2", state="aborted")
    assert [name for name in names if che.at(JOB, name, "che")] == ["other"]


def test_a_commit_that_has_begun_is_ended_and_opens_nothing(che: FakeApi, databases: Databases) -> None:
    kill_in(che, "commit", commit=True)
    lose(che)
    move(che, run_id="r2", state="aborted")
    assert (journal_of(che), "reopen" in databases.done) == (None, False)


@pytest.mark.parametrize("phase", ["copy", "cut over", "migrated"])
def test_to_run_it_again_says_how_it_is_ended(che: FakeApi, databases: Databases, phase: str) -> None:
    kill_in(che, phase)
    lose(che)
    error = refused(che, run_id="r2")
    assert error.what == "Its CheCluster is gone"
    assert "state: aborted" in error.next_step
    assert phase_of(che) == phase


def test_one_that_comes_back_meanwhile_is_taken_to_have_used_the_target(
    che: FakeApi, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_in(che, "cut over")
    gone = che.objects[CHE_CLUSTER_V1.path("che", NAME)]
    lose(che)
    die: Callable[..., None] = lambda *_arguments: (_ for _ in ()).throw(KeyboardInterrupt)
    monkeypatch.setattr(_lost, "trust_as_before", die)
    with pytest.raises(KeyboardInterrupt):
        move(che, run_id="r2", state="aborted")
    che.objects.pop(LEASE.path("che", "che-restore"), None)
    che.objects[CHE_CLUSTER_V1.path("che", NAME)] = gone

    move(che, run_id="r3", state="aborted")

    assert (databases.done[-1], journal_of(che)) == ("take out, filled, used", None)


def test_another_name_is_not_taken_for_none(che: FakeApi, databases: Databases) -> None:
    move(che)
    error = refused(che, run_id="r2", state="aborted", che_cluster="another")
    assert error.what == "There is no CheCluster named another"
    assert phase_of(che) == "migrated"


def test_check_mode_changes_nothing(che: FakeApi, databases: Databases) -> None:
    move(che)
    lose(che)
    written = len(che.written)
    result = move(che, check_mode=True, run_id="r2", state="aborted")
    assert (result["changed"], result["che_cluster_lost"], len(che.written)) == (True, True, written)


def outgrow(che: FakeApi, version: str = "7.62.0") -> None:
    """Update Che to a version without a database, whose operator deletes its own server and that one's Secret."""
    found = che.at(CHE_CLUSTER_V1, NAME, "che")
    assert found is not None
    found["status"]["cheVersion"] = version
    for kind, name in ((DEPLOYMENT, "postgres"), (SECRET, "postgres-credentials")):
        che.objects.pop(kind.path("che", name), None)


@pytest.mark.parametrize(("reported", "said"), [("7.62.0", None), ("7.62.0", "7.61"), ("3.9.0", "7.62")])
def test_what_the_operator_reports_counts_before_what_a_task_says(
    che: FakeApi, databases: Databases, reported: str, said: str | None
) -> None:
    move(che)
    outgrow(che, reported)
    assert move(che, run_id="r2", state="aborted", che_version=said)["database_outgrown"] is True


@pytest.mark.parametrize("phase", ["stage", "migrated", "commit"])
def test_a_che_that_has_outgrown_its_database_ends_it_too(che: FakeApi, databases: Databases, phase: str) -> None:
    kill_in(che, phase, commit=phase == "commit")
    outgrow(che)
    che.objects.pop(LEASE.path("che", "che-restore"), None)
    databases.done.clear()

    error = refused(che, run_id="r2", commit=phase == "commit")
    assert error.what == "Che 7.62.0 has no database any more, so that there is nothing left to move"
    assert "state: aborted" in error.next_step
    result = move(che, run_id="r3", state="aborted")

    assert (result["aborted"], result["che_cluster_lost"], result["database_outgrown"]) == ("r1", False, True)
    assert (journal_of(che), che.at(SECRET, WAY_BACK, "che"), databases.done) == (None, None, [])
    assert result["warnings"][0] == "Che 7.62.0 has no database any more, so that Che was not brought back."
    assert not any(request.path.endswith(f"checlusters/{NAME}") for request in che.written[-3:])
