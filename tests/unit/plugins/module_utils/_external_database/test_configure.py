# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CheCluster that comes to use a database on another server: looked at first, written once, never behind its back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._argspec_databases import external_database_spec
from ansible_collections.community.che.plugins.module_utils._che._errors import NoDatabaseError
from ansible_collections.community.che.plugins.module_utils._errors import CheError, UsageError
from ansible_collections.community.che.plugins.module_utils._external_database import _configure
from ansible_collections.community.che.plugins.module_utils._external_database._authority import NAME as CA
from ansible_collections.community.che.plugins.module_utils._external_database._configure import configure
from ansible_collections.community.che.plugins.module_utils._external_database._request import ConfigureRequest
from ansible_collections.community.che.plugins.module_utils._kube._errors import WaitExpired
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    CHE_CLUSTER_V2,
    CONFIG_MAP,
    DEPLOYMENT,
    POD,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import (
    MIGRATED,
    Migration,
    OpenMigration,
)
from unit.che_objects import NAME, available, encoded
from unit.fake_api import FakeApi, FakeClock, Request
from unit.plugins.module_utils._external_database.external_bed import PARAMS

OLD, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
SPEC = {"database": {"externalDb": False, "pvcClaimSize": "1Gi"}}
READY = {"cheClusterRunning": "Available", "cheVersion": "7.42.0"}


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The databases that were looked at; all of them will do."""
    seen: list[str] = []

    def check(_cluster: Any, asked: Any) -> dict[str, Any]:
        more = f", {asked.needs.connections_beside} more" if asked.needs.connections_beside else ""
        in_use = ", in use" if asked.needs.in_use else ""
        seen.append(f"{asked.user or 'the role of'} {asked.database.secret} in {asked.database.name}{more}{in_use}")
        return {"changed": False, "checks": [{"name": "tls"}], "server": {}, "warnings": ["A word."]}

    monkeypatch.setattr(_configure, "check_database", check)
    return seen


@pytest.fixture
def che(api: FakeApi, clock: FakeClock, looked: list[str]) -> FakeApi:
    """A ready Che 7.42 on its own database, whose operator takes every change over."""
    api.kinds = (CHE_CLUSTER_V1,)
    api.add(CHE_CLUSTER_V1, NAME, "che", spec=SPEC, status=READY)
    labels = {"component": "che"}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"spec": {}}}
    api.add(DEPLOYMENT, "che", "che", metadata={"generation": 1}, spec=spec, status=available())
    api.add(POD, "che-1", "che", metadata={"labels": labels, "creationTimestamp": OLD})
    secret = {"creationTimestamp": OLD, "managedFields": [{"time": OLD}]}
    api.add(SECRET, "db-login", "che", metadata=secret, data=encoded(user="che", password="s3cret-db"))
    api.follow("patch", "/checlusters/", lambda _request: roll(api, "che"))
    return api


def roll(api: FakeApi, name: str) -> None:
    """Do as the operator does with a Deployment that is to be another one."""
    deployment = api.at(DEPLOYMENT, name, "che")
    assert deployment is not None
    deployment["metadata"]["generation"] += 1
    deployment["status"]["observedGeneration"] += 1


def add_keycloak(api: FakeApi, **auth: str) -> None:
    """Have the operator run an identity provider."""
    labels = {"component": "keycloak"}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}}
    api.add(DEPLOYMENT, "keycloak", "che", metadata={"generation": 1}, spec=spec, status=available())
    if auth:
        found = api.at(CHE_CLUSTER_V1, NAME, "che")
        assert found is not None
        found["spec"] = {**found["spec"], "auth": auth}


def break_away(api: FakeApi) -> None:
    """Have Che not work with any database but its own."""

    def judge(_request: Request) -> None:
        found = api.at(CHE_CLUSTER_V1, NAME, "che")
        assert found is not None
        away = found["spec"]["database"]["externalDb"]
        found["status"] = {**READY, "cheClusterRunning": "Unavailable" if away else "Available"}

    api.follow("patch", "/checlusters/", judge)


def run(api: FakeApi, check_mode: bool = False, **changes: Any) -> dict[str, Any]:
    params = {**PARAMS, "leave_data": True, **changes}
    return configure(api.cluster, ConfigureRequest.read(params, check_mode))


def spec_of(api: FakeApi) -> dict[str, Any]:
    found = api.at(CHE_CLUSTER_V1, NAME, "che")
    assert found is not None
    return dict(found["spec"])


def test_it_is_looked_at_and_written_and_the_rest_stays(che: FakeApi, looked: list[str]) -> None:
    result = run(che)

    assert looked == ["the role of db-login in dbche"]
    assert result["changed"] is True
    assert spec_of(che)["database"] == {
        "externalDb": True,
        "chePostgresHostName": "db.example",
        "chePostgresPort": "6432",
        "chePostgresDb": "dbche",
        "chePostgresSecret": "db-login",
        "pvcClaimSize": "1Gi",
    }
    assert "sslmode=verify-full" in spec_of(che)["server"]["customCheProperties"]["CHE_JDBC_URL"]
    authority = che.at(CONFIG_MAP, CA, "che")
    assert authority is not None and "MIIB" in next(iter(authority["data"].values()))
    settings, trust = result["diff"]
    assert settings["before"] == {"database": {"externalDb": False}, "server": {"customCheProperties": {}}}
    assert settings["after"]["database"]["chePostgresHostName"] == "db.example"
    assert (trust["after_header"], trust["before"]) == (f"ConfigMap/{CA}", {})
    assert "MIIB" in trust["after"]["data"]["external-postgres-ca.crt"]
    assert result["warnings"] == ["A word."]


def test_a_second_time_nothing_is_changed(che: FakeApi) -> None:
    run(che)
    before = len(che.written)
    result = run(che, leave_data=False)
    assert (result["changed"], [diff["after"] for diff in result["diff"]], len(che.written)) == (False, [{}], before)


def test_a_database_that_is_in_use_is_looked_at_as_such(che: FakeApi, looked: list[str]) -> None:
    """Che's own connections are among those that are open; a change of TLS alone is no move either."""
    run(che)
    run(che, tls="require")
    assert looked == ["the role of db-login in dbche", "the role of db-login in dbche, in use"]


def test_a_second_time_it_is_still_seen_whether_che_works_there(che: FakeApi) -> None:
    """A run that was killed as soon as the CheCluster was written has not seen it."""
    run(che)
    found = che.at(CHE_CLUSTER_V1, NAME, "che")
    assert found is not None
    found["status"] = {"cheClusterRunning": "Unavailable", "cheVersion": "7.42.0"}
    with pytest.raises(WaitExpired, match="Che to become ready"):
        run(che)
    assert run(che, check_mode=True)["changed"] is False


def test_data_are_not_left_behind_unasked(che: FakeApi) -> None:
    with pytest.raises(CheError, match="what is in that one would stay there") as caught:
        run(che, leave_data=False)
    assert "leave_data" in caught.value.next_step
    assert che.written == []


def test_the_same_database_over_tls_leaves_nothing_behind(che: FakeApi) -> None:
    run(che, tls="prefer")
    assert run(che, leave_data=False)["changed"] is True


def test_tls_that_is_verified_stays_so_for_who_does_not_speak_of_it(che: FakeApi) -> None:
    run(che)
    unsaid = external_database_spec().options["tls"]["default"]
    result = run(che, tls=unsaid, leave_data=False)
    assert "sslmode=verify-full" in spec_of(che)["server"]["customCheProperties"]["CHE_JDBC_URL"]
    assert result["changed"] is False


def test_who_wants_less_asks_for_it_by_name(che: FakeApi) -> None:
    run(che)
    assert run(che, tls="prefer", leave_data=False)["changed"] is True
    assert "CHE_JDBC_URL" not in spec_of(che)["server"]["customCheProperties"]


def test_check_mode_writes_nothing(che: FakeApi) -> None:
    result = run(che, check_mode=True)
    assert (result["changed"], che.written) == (True, [])
    assert result["patch"]["spec"]["database"]["externalDb"] is True


def test_beside_a_migration_that_has_not_ended_nothing_is_changed(che: FakeApi) -> None:
    """Who asks what would change may be about to go on with it, as the role is."""
    OpenMigration.begin(che.cluster, "che", Migration("m1", "repository", "{}", "copy", "m1"))
    written = len(che.written)
    with pytest.raises(CheError, match="A migration of this installation is unfinished"):
        run(che)
    assert "migration m1, at: copy" in run(che, check_mode=True)["warnings"][0]
    assert len(che.written) == written


def test_a_database_that_will_not_do_leaves_all_as_it_was(che: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> dict[str, Any]:
        raise CheError("its encoding is LATIN1")

    monkeypatch.setattr(_configure, "check_database", refuse)
    with pytest.raises(CheError, match="LATIN1"):
        run(che)
    assert che.written == []


def test_the_identity_provider_s_database_is_looked_at_with_its_own_role(che: FakeApi, looked: list[str]) -> None:
    add_keycloak(che)
    che.follow("patch", "/checlusters/", lambda _request: roll(che, "keycloak"))
    run(che, identity_secret="kc")
    # Both come out of what one server has.
    assert looked == ["the role of db-login in dbche, 20 more", "keycloak kc in keycloak, 20 more"]
    assert spec_of(che)["auth"] == {"identityProviderPostgresSecret": "kc"}


@pytest.mark.parametrize(("tls", "is_told"), [("verify-full", True), ("require", True), ("prefer", False)])
def test_an_identity_provider_that_does_not_go_by_the_tls_that_is_asked_for_is_told_of(
    che: FakeApi, looked: list[str], tls: str, is_told: bool
) -> None:
    """The look at its database does, so that it would pass for verified."""
    add_keycloak(che)
    warnings = run(che, check_mode=True, identity_secret="kc", tls=tls)["warnings"]
    assert [words for words in warnings if "can't be told to do otherwise" in words] == warnings[2:]
    assert (len(warnings) > 2) is is_told


@pytest.mark.parametrize("auth", [{}, {"identityProviderPostgresPassword": "s3cret-plain"}])
def test_an_identity_provider_is_not_left_without_its_database(
    che: FakeApi, looked: list[str], auth: dict[str, str]
) -> None:
    add_keycloak(che, **auth)
    for check_mode in (True, False):
        with pytest.raises(CheError, match="runs an identity provider") as caught:
            run(che, check_mode=check_mode)
        assert "identity_secret" in caught.value.next_step
    assert (che.written, looked) == ([], [])


def test_the_identity_secret_that_the_checluster_names_is_tried_there(
    che: FakeApi, looked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_keycloak(che, identityProviderPostgresSecret="theirs")
    check = _configure.check_database

    def refuse(cluster: Any, asked: Any) -> dict[str, Any]:
        if asked.database.name == "keycloak":
            raise CheError("password authentication failed", "database keycloak", "Check the password.")
        return check(cluster, asked)

    monkeypatch.setattr(_configure, "check_database", refuse)
    with pytest.raises(CheError, match="password authentication failed") as caught:
        run(che)
    assert "identity_secret" in caught.value.next_step
    assert che.written == []
    monkeypatch.setattr(_configure, "check_database", check)
    che.follow("patch", "/checlusters/", lambda _request: roll(che, "keycloak"))
    run(che)
    assert looked[-1] == "keycloak theirs in keycloak, 20 more"
    assert spec_of(che)["auth"] == {"identityProviderPostgresSecret": "theirs"}


@pytest.mark.parametrize(("things", "is_refused"), [({"contents": 0}, True), ({"contents": 9}, False), ({}, False)])
def test_an_identity_provider_that_was_set_up_is_not_left_with_an_empty_database(
    che: FakeApi, looked: list[str], monkeypatch: pytest.MonkeyPatch, things: dict[str, int], is_refused: bool
) -> None:
    """Its operator sets it up once only, as the status notes, and without its realm Che's server does not start."""
    add_keycloak(che)
    che.follow("patch", "/checlusters/", lambda _request: roll(che, "keycloak"))
    found = che.at(CHE_CLUSTER_V1, NAME, "che")
    assert found is not None
    found["status"] = {**READY, "keycloakProvisioned": True}
    check = _configure.check_database
    # Che's own is empty in any case.
    monkeypatch.setattr(
        _configure,
        "check_database",
        lambda cluster, asked: {
            **check(cluster, asked),
            "server": things if asked.database.name == "keycloak" else {"contents": 0},
        },
    )
    if not is_refused:
        assert run(che, identity_secret="kc")["changed"] is True
        # Once it works there, nothing is asked any more.
        monkeypatch.setattr(_configure, "check_database", check)
        assert run(che, identity_secret="kc")["changed"] is False
        return
    with pytest.raises(CheError, match="would begin in an empty database") as caught:
        run(che, identity_secret="kc")
    assert "database_migration" in caught.value.next_step
    assert che.written == []


def test_an_operator_that_runs_no_identity_provider_ignores_its_secret(che: FakeApi, looked: list[str]) -> None:
    run(che, identity_secret="kc")
    assert looked == ["the role of db-login in dbche"]
    assert "auth" not in spec_of(che)


def test_an_operator_that_is_not_done_yet_may_come_to_run_one(che: FakeApi, looked: list[str]) -> None:
    found = che.at(CHE_CLUSTER_V1, NAME, "che")
    assert found is not None
    found["status"] = {"cheClusterRunning": "Unavailable", "cheVersion": "7.42.0"}
    run(che, identity_secret="kc", check_mode=True)
    assert looked[-1] == "keycloak kc in keycloak, 20 more"


def test_another_secret_of_the_identity_provider_changes_nothing_but_that(che: FakeApi) -> None:
    add_keycloak(che)
    che.follow("patch", "/checlusters/", lambda _request: roll(che, "keycloak"))
    run(che, identity_secret="kc")
    # From here on the operator writes the identity provider's Deployment alone.
    che.followers.clear()
    che.follow("patch", "/checlusters/", lambda _request: roll(che, "keycloak"))
    assert run(che, identity_secret="another")["changed"] is True


def test_the_identity_provider_is_waited_for_as_well(che: FakeApi) -> None:
    add_keycloak(che)
    with pytest.raises(WaitExpired, match="operator to take the settings over"):
        run(che, identity_secret="kc")


def test_credentials_in_plain_text_that_nobody_reads_go_without_a_wait(che: FakeApi) -> None:
    run(che)
    spec_of(che)["database"].update(chePostgresUser="plain", chePostgresPassword="s3cret-plain")
    # The Secret that is named wins over them, so that the operator has nothing to do.
    che.followers.clear()
    assert run(che)["changed"] is True
    assert "chePostgresPassword" not in spec_of(che)["database"]


def test_a_che_that_does_not_work_there_goes_back(che: FakeApi) -> None:
    che.add(CONFIG_MAP, CA, "che", metadata={"labels": {}}, data={"external-postgres-ca.crt": "OLD"})
    break_away(che)
    with pytest.raises(WaitExpired, match="Che to become ready") as caught:
        run(che)
    assert "The CheCluster is as it was before" in caught.value.next_step
    assert "restored" not in str(caught.value)
    assert spec_of(che) == SPEC
    authority = che.at(CONFIG_MAP, CA, "che")
    assert authority is not None and authority["data"] == {"external-postgres-ca.crt": "OLD"}


def test_an_operator_that_does_nothing_finds_what_was_there_before(che: FakeApi) -> None:
    che.followers.clear()
    with pytest.raises(WaitExpired, match="operator to take the settings over") as caught:
        run(che)
    assert "The CheCluster is as it was before" in caught.value.next_step
    assert spec_of(che)["database"] == SPEC["database"]


def test_a_che_that_did_not_work_before_is_not_put_back(che: FakeApi) -> None:
    """Where to it was broken, nobody wants to go back; what was there is told, without passwords."""
    found = che.at(CHE_CLUSTER_V1, NAME, "che")
    assert found is not None
    found["status"] = {"cheClusterRunning": "Unavailable", "cheVersion": "7.42.0"}
    found["spec"]["database"] = {**SPEC["database"], "chePostgresPassword": "s3cret-plain"}
    with pytest.raises(WaitExpired) as caught:
        run(che)
    assert '"externalDb": false' in caught.value.next_step
    assert "s3cret" not in str(caught.value)
    assert spec_of(che)["database"]["externalDb"] is True


def test_what_somebody_else_has_written_meanwhile_is_not_overwritten(che: FakeApi) -> None:
    def write(_request: Request) -> None:
        spec_of(che)["database"]["chePostgresHostName"] = "theirs.example"

    che.follow("patch", "/checlusters/", write)
    break_away(che)
    with pytest.raises(WaitExpired) as caught:
        run(che)
    assert "Somebody else has changed the CheCluster" in caught.value.next_step
    assert spec_of(che)["database"]["chePostgresHostName"] == "theirs.example"


def test_a_way_back_that_fails_is_told(che: FakeApi) -> None:
    break_away(che)
    che.follow("patch", "/checlusters/", lambda _request: che.fail("patch", "/checlusters/", 403, "not allowed"))
    with pytest.raises(WaitExpired) as caught:
        run(che)
    assert "could not be put back" in caught.value.next_step
    assert '"externalDb": false' in caught.value.next_step


@pytest.mark.parametrize("there", [True, False])
def test_whether_there_is_an_identity_provider_is_told(che: FakeApi, there: bool) -> None:
    if there:
        add_keycloak(che)
        found = che.at(CHE_CLUSTER_V1, NAME, "che")
        assert found is not None
        found["status"] = {**READY, "keycloakProvisioned": True}
    told = run(che, check_mode=True, identity_secret="kc")["installation"]
    assert told == {
        "che_cluster": NAME,
        "credentials_secret": "postgres-credentials",
        "identity_secret": "che-identity-postgres-secret" if there else "",
        "identity_provider": there,
        "identity_is_set_up": there,
        "documented_superuser": True,
        "moves": True,
        "identity_moves": there,
        "migration": "",
    }


def test_a_database_that_che_uses_already_is_no_move(che: FakeApi) -> None:
    assert run(che)["installation"]["moves"] is True
    assert run(che, tls="verify-full")["installation"]["moves"] is False
    assert run(che, check_mode=True, database="another")["installation"]["moves"] is True


def test_another_database_of_the_same_server_moves_no_identity_provider(che: FakeApi) -> None:
    run(che)
    add_keycloak(che)
    for place, moves in (({"database": "another"}, False), ({"database_host": "another"}, True)):
        told = run(che, check_mode=True, identity_secret="kc", **place)["installation"]
        assert (told["moves"], told["identity_moves"]) == (True, moves)


def test_a_migration_that_waits_is_told(che: FakeApi) -> None:
    run(che)
    OpenMigration.begin(che.cluster, "che", Migration("m1", repository="", options="", phase=MIGRATED, run="m1"))
    assert run(che)["installation"]["migration"] == "m1"


def test_a_generation_without_an_identity_provider_ignores_its_secret(
    api: FakeApi, clock: FakeClock, looked: list[str]
) -> None:
    api.kinds = (CHE_CLUSTER_V2,)
    status = {"chePhase": "Active", "cheVersion": "7.58.0"}
    api.add(CHE_CLUSTER_V2, NAME, "che", spec={"components": {"database": {}}}, status=status)
    # Somebody's own, which the operator of that generation knows nothing of.
    api.add(DEPLOYMENT, "keycloak", "che", spec={}, status=available())
    result = run(api, check_mode=True, identity_secret="kc")
    assert looked == ["the role of db-login in dbche"]
    assert result["installation"]["identity_provider"] is False
    assert result["installation"]["documented_superuser"] is False
    assert "kc" not in str(result["patch"])


def test_credentials_that_have_changed_since_start_che_anew(che: FakeApi) -> None:
    run(che)
    secret = che.at(SECRET, "db-login", "che")
    assert secret is not None
    secret["metadata"]["managedFields"] = [{"time": OLD}, {"time": NEW}]

    result = run(che)

    assert (result["changed"], che.at(POD, "che-1", "che")) == (True, None)
    che.add(POD, "che-2", "che", metadata={"labels": {"component": "che"}, "creationTimestamp": NEW})
    assert run(che)["changed"] is False


@pytest.mark.parametrize(("changes", "che_is_left"), [({"database": "another"}, True), ({}, False)], ids=str)
def test_credentials_that_have_changed_along_with_the_checluster_start_only_what_it_does_not(
    che: FakeApi, changes: dict[str, str], che_is_left: bool
) -> None:
    add_keycloak(che, identityProviderPostgresSecret="kc")
    labels = {"component": "keycloak"}
    che.add(POD, "keycloak-1", "che", metadata={"labels": labels, "creationTimestamp": OLD})
    changed = {"creationTimestamp": OLD, "managedFields": [{"time": NEW}]}
    che.add(SECRET, "kc", "che", metadata=changed, data=encoded(password="s3cret-kc"))
    che.follow("patch", "/checlusters/", lambda _request: roll(che, "keycloak"))
    run(che, identity_secret="kc")
    che.add(POD, "keycloak-2", "che", metadata={"labels": labels, "creationTimestamp": OLD})
    login = che.at(SECRET, "db-login", "che")
    assert login is not None
    login["metadata"]["managedFields"] = [{"time": NEW}]

    assert run(che, identity_secret="kc", **changes)["changed"] is True

    # That which its operator starts anew is its operator's.
    assert (che.at(POD, "che-1", "che") is not None) is che_is_left
    assert che.at(POD, "keycloak-2", "che") is None


def test_an_operator_that_does_nothing_is_told(che: FakeApi) -> None:
    che.followers.clear()
    with pytest.raises(WaitExpired, match="operator to take the settings over"):
        run(che)


@pytest.mark.parametrize(
    ("version", "spec"),
    [("v1", ("database", "chePostgresHostName")), ("v2", ("components", "database", "postgresHostName"))],
)
def test_without_a_checluster_the_settings_are_made_for_one(
    api: FakeApi, clock: FakeClock, looked: list[str], version: str, spec: tuple[str, ...]
) -> None:
    result = run(api, api_version=version, che_version="7.58.0")
    found: Any = result["patch"]["spec"]
    for step in spec:
        found = found[step]
    assert (found, looked, result["installation"]["che_cluster"]) == ("db.example", [], "")
    # Its driver looks for the authority as soon as it starts.
    assert result["changed"] is True
    authority = api.at(CONFIG_MAP, CA, "che")
    assert authority is not None and "MIIB" in next(iter(authority["data"].values()))
    written = len(api.written)
    again = run(api, api_version=version, che_version="7.58.0")
    assert (again["changed"], again["diff"], len(api.written)) == (False, [], written)


@pytest.mark.parametrize(
    ("api_version", "che_version", "has_one"),
    [("v1", "7.38.0", True), ("v1", "2.15.0", True), ("v1", "7.43.0", False), ("v2", "7.42.0", False)],
)
def test_a_che_that_is_not_there_yet_will_have_an_identity_provider_as_its_version_has(
    api: FakeApi, looked: list[str], api_version: str, che_version: str, has_one: bool
) -> None:
    """Without a database of its own nobody could log in to the Che that is made with the patch."""
    result = run(api, check_mode=True, api_version=api_version, che_version=che_version, identity_secret="kc")
    assert result["installation"]["identity_provider"] is has_one
    # Who names a Secret for it knows what the new CheCluster will say.
    named = {"auth": {"identityProviderPostgresSecret": "kc"}} if api_version == "v1" else {}
    assert result["patch"]["spec"].get("auth", {}) == named.get("auth", {})


def test_without_a_checluster_and_an_authority_nothing_is_done(api: FakeApi, looked: list[str]) -> None:
    for changes in ({"check_mode": True}, {"ca_certificate": None}):
        result = run(api, api_version="v1", che_version="7.42.0", **changes)
        assert (result["changed"], api.written) == ("check_mode" in changes, [])


def test_without_a_checluster_its_version_has_to_be_said(api: FakeApi) -> None:
    with pytest.raises(UsageError, match="differ from one API version") as caught:
        run(api)
    assert "api_version" in caught.value.next_step


@pytest.mark.parametrize("said", [None, "7.42.0"])
def test_a_che_without_a_database_is_refused(
    api: FakeApi, clock: FakeClock, looked: list[str], said: str | None
) -> None:
    """Also where the version for which the patch was made once is still among the variables."""
    api.kinds = (CHE_CLUSTER_V2,)
    api.add(CHE_CLUSTER_V2, NAME, "che", spec={}, status={"chePhase": "Active", "cheVersion": "7.122.0"})
    with pytest.raises(NoDatabaseError, match=r"since 7\.62"):
        run(api, che_version=said)
    assert (api.written, looked) == ([], [])


@pytest.mark.parametrize(
    "url",
    [
        "jdbc:postgresql://old/che?user=che&password=s3cret-url",
        "jdbc:postgresql://old/che?user=che&sslmode=require&trustStorePwd=s3cret-url",
    ],
)
def test_nothing_secret_is_shown(che: FakeApi, url: str) -> None:
    spec = {
        "database": {"chePostgresUser": "plain", "chePostgresPassword": "s3cret-plain"},
        "server": {"customCheProperties": {"CHE_JDBC_URL": url}},
    }
    found = che.at(CHE_CLUSTER_V1, NAME, "che")
    assert found is not None
    found["spec"] = spec
    told = str(run(che))
    assert "s3cret" not in told
    assert "jdbc:postgresql://old/che?user=che&" in told
    assert "chePostgresPassword" not in spec_of(che)["database"]
