# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CheCluster that comes to use a database on another server: looked at first, written once, never behind its back."""

from __future__ import annotations

from typing import Any

import pytest
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
        seen.append(f"{asked.user or 'the role of'} {asked.database.secret} in {asked.database.name}")
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

    def roll(_request: Request) -> None:
        deployment = api.at(DEPLOYMENT, "che", "che")
        assert deployment is not None
        deployment["metadata"]["generation"] += 1
        deployment["status"]["observedGeneration"] += 1

    api.follow("patch", "/checlusters/", roll)
    return api


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
    assert result["diff"]["before"] == {"database": {"externalDb": False}, "server": {"customCheProperties": {}}}
    assert result["diff"]["after"]["database"]["chePostgresHostName"] == "db.example"
    assert result["warnings"] == ["A word."]


def test_a_second_time_nothing_is_changed(che: FakeApi) -> None:
    run(che)
    before = len(che.written)
    result = run(che, leave_data=False)
    assert (result["changed"], result["diff"]["after"], len(che.written)) == (False, {}, before)


def test_data_are_not_left_behind_unasked(che: FakeApi) -> None:
    with pytest.raises(CheError, match="what is in that one would stay there") as caught:
        run(che, leave_data=False)
    assert "leave_data" in caught.value.next_step
    assert che.written == []


def test_the_same_database_over_tls_leaves_nothing_behind(che: FakeApi) -> None:
    run(che, tls="prefer")
    assert run(che, leave_data=False)["changed"] is True


def test_check_mode_writes_nothing(che: FakeApi) -> None:
    result = run(che, check_mode=True)
    assert (result["changed"], che.written) == (True, [])
    assert result["patch"]["spec"]["database"]["externalDb"] is True


def test_a_database_that_will_not_do_leaves_all_as_it_was(che: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> dict[str, Any]:
        raise CheError("its encoding is LATIN1")

    monkeypatch.setattr(_configure, "check_database", refuse)
    with pytest.raises(CheError, match="LATIN1"):
        run(che)
    assert che.written == []


def test_the_identity_provider_s_database_is_looked_at_with_its_own_role(che: FakeApi, looked: list[str]) -> None:
    run(che, identity_secret="kc")
    assert looked == ["the role of db-login in dbche", "keycloak kc in keycloak"]
    assert spec_of(che)["auth"] == {"identityProviderPostgresSecret": "kc"}


@pytest.mark.parametrize("there", [True, False])
def test_whether_there_is_an_identity_provider_is_told(che: FakeApi, there: bool) -> None:
    if there:
        che.add(DEPLOYMENT, "keycloak", "che", spec={}, status=available())
    told = run(che, check_mode=True)["installation"]
    assert told == {
        "che_cluster": NAME,
        "credentials_secret": "postgres-credentials",
        "identity_secret": "che-identity-postgres-secret" if there else "",
        "identity_provider": there,
        "documented_superuser": True,
        "moves": True,
        "migration": "",
    }


def test_a_database_that_che_uses_already_is_no_move(che: FakeApi) -> None:
    assert run(che)["installation"]["moves"] is True
    assert run(che, tls="verify-full")["installation"]["moves"] is False
    assert run(che, check_mode=True, database="another")["installation"]["moves"] is True


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
    assert (found, result["changed"], api.written, looked) == ("db.example", False, [], [])
    assert result["installation"]["che_cluster"] == ""


def test_without_a_checluster_its_version_has_to_be_said(api: FakeApi) -> None:
    with pytest.raises(UsageError, match="differ from one API version") as caught:
        run(api)
    assert "api_version" in caught.value.next_step


def test_a_che_without_a_database_is_refused(api: FakeApi, clock: FakeClock, looked: list[str]) -> None:
    api.kinds = (CHE_CLUSTER_V2,)
    api.add(CHE_CLUSTER_V2, NAME, "che", spec={}, status={"chePhase": "Active", "cheVersion": "7.122.0"})
    with pytest.raises(NoDatabaseError, match=r"since 7\.62"):
        run(api)
    assert (api.written, looked) == ([], [])


def test_nothing_secret_is_shown(che: FakeApi) -> None:
    url = "jdbc:postgresql://old/che?user=che&password=s3cret-url"
    spec = {
        "database": {"chePostgresUser": "plain", "chePostgresPassword": "s3cret-plain"},
        "server": {"customCheProperties": {"CHE_JDBC_URL": url}},
    }
    found = che.at(CHE_CLUSTER_V1, NAME, "che")
    assert found is not None
    found["spec"] = spec
    assert "s3cret" not in str(run(che))
    assert "chePostgresPassword" not in spec_of(che)["database"]
