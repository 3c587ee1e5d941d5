# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is looked at before a migration begins."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CHE_CLUSTER_V1, DEPLOYMENT, SECRET
from ansible_collections.community.che.plugins.module_utils._migration import _backups, _migrate, _plan
from ansible_collections.community.che.plugins.module_utils._migration._places import JobPsql
from ansible_collections.community.che.plugins.module_utils._migration._way_back import NAME as WAY_BACK
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from unit.che_objects import NAME, encoded
from unit.fake_api import FakeApi
from unit.fake_restic import FakeRestic, a_repository
from unit.plugins.module_utils._migration.moving import (
    Databases,
    add_keycloak,
    holding,
    journal_of,
    killed,
    move,
    phase_of,
    refused,
    spec_of,
    stage_names,
)


def test_a_server_that_will_not_do_leaves_all_as_it_was(
    che: FakeApi, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any) -> dict[str, Any]:
        raise CheError("its encoding is LATIN1")

    monkeypatch.setattr(_plan, "check_database", refuse)
    assert refused(che).stage == "check"
    assert (journal_of(che), che.at(SECRET, WAY_BACK, "che"), databases.done) == (None, None, [])


def test_both_databases_have_to_find_their_connections_on_one_server(
    che: FakeApi, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside: list[int] = []

    def note(_cluster: Any, request: Any) -> dict[str, Any]:
        beside.append(request.needs.connections_beside)
        return {"checks": [], "warnings": [], "server": {"version": "15.14"}}

    monkeypatch.setattr(_plan, "check_database", note)
    move(che)
    add_keycloak(che)
    move(che, run_id="r2", state="aborted")
    # The fake backup holds Che's own database alone.
    refused(che, run_id="r3")
    assert beside == [0, 20, 20]


@pytest.mark.parametrize("changes", [{}, {"check_mode": True}, {"id": "latest"}])
def test_an_identity_provider_s_database_has_no_other_place_on_its_server(
    che: FakeApi, databases: Databases, looked: list[str], monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    """It is not empty, of course: nobody must be told to drop what is in it."""
    add_keycloak(che)
    spec = spec_of(che)
    spec["database"] |= {"externalDb": True, "chePostgresHostName": "DB.example", "chePostgresPort": "6432"}
    spec["database"] |= {"chePostgresDb": "now", "chePostgresSecret": "db-login"}
    che.cluster.merge(CHE_CLUSTER_V1, NAME, "che", {"spec": spec})
    error = refused(che, **changes)
    assert (error.stage, "always called keycloak" in error.what) == ("plan", True)
    assert "database_host" in error.next_step
    assert (journal_of(che), databases.done, looked) == (None, [], [])

    che.cluster.delete(DEPLOYMENT, "keycloak", "che")
    assert move(che, check_mode=True)["changed"] is True


def test_what_a_task_says_makes_no_database_of_none(che: FakeApi, databases: Databases) -> None:
    found = che.at(CHE_CLUSTER_V1, NAME, "che")
    assert found is not None
    found["status"]["cheVersion"] = "7.62.0"
    assert "It has no database" in refused(che, che_version="7.61.0").what


def test_no_database_is_left_behind_for_a_provider_that_is_away_at_the_moment(
    che: FakeApi, databases: Databases
) -> None:
    add_keycloak(che)
    che.cluster.delete(DEPLOYMENT, "keycloak", "che")
    failure = refused(che)
    assert (failure.stage, failure.on) == ("check", "Deployment che/keycloak")
    assert (journal_of(che), databases.done) == (None, [])


def test_an_older_server_is_refused_before_anything_is_made(
    che: FakeApi, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"checks": [], "warnings": [], "server": {"version": "10.1"}}
    monkeypatch.setattr(_plan, "check_database", lambda *_arguments: found)
    assert "older PostgreSQL 10" in str(refused(che))
    assert (journal_of(che), databases.done) == (None, [])


def says_its_version(monkeypatch: pytest.MonkeyPatch, server: type, version: str) -> None:
    """Have all servers that are asked so be of a version, and each database its role's."""
    answers = {"server_version": f"{version}\n", "pg_has_role": "t\n"}
    monkeypatch.setattr(
        server, "__call__", lambda _self, script: "".join(words for asked, words in answers.items() if asked in script)
    )


def ways_back(result: dict[str, Any]) -> list[str]:
    return [check["result"] for check in result["checks"] if check["name"] == "way back"]


def test_a_server_whose_dumps_the_one_that_is_left_takes_is_no_matter(che: FakeApi, databases: Databases) -> None:
    result = move(che)
    assert ways_back(result) == ["passed"]
    assert not any("no migration leads back" in words for words in result["warnings"])


@pytest.mark.parametrize(("left", "new"), [("9.6.24", "15.14"), ("13.4", "16.1"), ("11.22", "12.1")])
def test_a_way_that_can_t_be_gone_back_once_it_is_committed_is_told_before(
    che: FakeApi, databases: Databases, monkeypatch: pytest.MonkeyPatch, left: str, new: str
) -> None:
    says_its_version(monkeypatch, PodPsql, left)
    found = {"checks": [], "warnings": [], "server": {"version": new}}
    monkeypatch.setattr(_plan, "check_database", lambda *_arguments: found)
    result = move(che)
    assert ways_back(result) == ["warned"]
    (told,) = (words for words in result["warnings"] if "no migration leads back" in words)
    assert f"a dump of PostgreSQL {new} does not load into the older PostgreSQL" in told
    assert told.endswith("Until the commit state: aborted goes back.")


def test_nor_can_the_way_home_always(che: FakeApi, databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    move(che, commit=True)
    says_its_version(monkeypatch, JobPsql, "10.1")
    result = move(che, run_id="r2", to="embedded")
    assert ways_back(result) == ["warned"]


def test_a_restore_asks_nothing_of_what_may_be_lost(che: FakeApi, databases: Databases) -> None:
    assert ways_back(move(che, id="latest")) == []


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> None:
    """The repository holds a snapshot of the old operator."""
    restic = FakeRestic()
    restic.save({"che-cr.yaml": b""}, (), path="/tmp/che-backup-data")
    for module in (_migrate, _backups):
        monkeypatch.setattr(module, "open_repository", lambda *_arguments, **_options: a_repository(restic))


@pytest.mark.parametrize("backup", [None, "latest"])
def test_beside_the_old_operator_s_snapshots_nothing_is_written_unasked(
    che: FakeApi, databases: Databases, old: None, backup: str | None
) -> None:
    error = refused(che, id=backup)
    assert (error.stage, "snapshots of the old operator" in error.what) == ("check", True)
    assert "beside_legacy: true" in error.next_step
    assert (journal_of(che), che.at(SECRET, WAY_BACK, "che"), databases.done) == (None, None, [])
    assert move(che, run_id="r2", id=backup, beside_legacy=True)["changed"] is True


def test_a_backup_that_holds_no_database_is_found_out_before_another_one_is_made(
    che: FakeApi, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that was made with database: skip, which running the task again changes nothing about."""
    monkeypatch.setattr(_backups, "fetch", lambda *_arguments: holding())
    error = refused(che, id="latest")
    assert "lacks the databases of che" in error.what
    assert ("Choose another backup with id" in error.next_step, "again" in error.next_step) == (True, False)
    assert (journal_of(che), [what for what in databases.done if what.startswith("back up")]) == (None, [])


def test_without_a_backup_nothing_is_written_beside_them(che: FakeApi, databases: Databases, old: None) -> None:
    assert move(che, id="latest", safety_backup=False)["changed"] is True


# Before and after its way back was kept.
@pytest.mark.parametrize("write", [5, 8])
@pytest.mark.parametrize("state", ["migrated", "aborted"])
def test_what_was_begun_beside_them_comes_to_its_end(
    che: FakeApi, databases: Databases, old: None, state: str, write: int
) -> None:
    """Killed before the backup was made, which is still to be written then."""
    assert killed(che, write, beside_legacy=True)
    assert (phase_of(che), databases.done) == ("copy", [])
    result = move(che, run_id="r2", state=state)
    assert result["changed"] is True
    assert any(what.startswith("back up") for what in databases.done) is (state == "migrated")


def test_check_mode_of_the_way_home_makes_no_job(che: FakeApi, databases: Databases) -> None:
    move(che, commit=True)
    written = len(che.written)
    result = move(che, check_mode=True, run_id="r2", to="embedded")
    assert (result["changed"], stage_names(result)) == (True, ["plan", "check"])
    assert result["diff"]["after"]["database"] == {"externalDb": False}
    assert [request.path for request in che.written[written:]] == []

    che.cluster.delete(DEPLOYMENT, "postgres", "che")
    assert "no server of the operator's own" in refused(che, check_mode=True, run_id="r3", to="embedded").what


def test_the_way_home_names_the_secrets_that_open_the_operator_s_own_server(che: FakeApi, databases: Databases) -> None:
    """An operator of v1 that finds none named writes new passwords into them, which that server does not know."""
    add_keycloak(che)
    che.add(SECRET, "identity-login", "che", data=encoded(password="s3cret-away"))
    spec = spec_of(che)
    spec["database"] |= {"externalDb": True, "chePostgresHostName": "db.example", "chePostgresSecret": "db-login"}
    spec["auth"] = {"identityProviderPostgresSecret": "identity-login"}
    che.cluster.merge(CHE_CLUSTER_V1, NAME, "che", {"spec": spec})

    home = {"to": "embedded", "database_host": None, "database": None, "credentials_secret": None}
    after = move(che, check_mode=True, **home)["diff"]["after"]
    assert after["database"]["chePostgresSecret"] == "postgres-credentials"
    assert after["auth"] == {"identityProviderPostgresSecret": "che-identity-postgres-secret"}

    # None is named that is not there: of a provider that its operator does not run.
    for kind, name in ((DEPLOYMENT, "keycloak"), (SECRET, "che-identity-postgres-secret")):
        che.cluster.delete(kind, name, "che")
    assert move(che, check_mode=True, **home)["diff"]["after"]["auth"] == {}
