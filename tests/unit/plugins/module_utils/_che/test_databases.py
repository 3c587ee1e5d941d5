# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The databases of every generation of Che, found by what runs."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import (
    Database,
    external_database,
    find_databases,
)
from ansible_collections.community.che.plugins.module_utils._che._errors import CredentialsError

V1 = "org.eclipse.che/v1"
V2 = "org.eclipse.che/v2"


def che_cluster(api_version: str, version: str = "", **spec: Any) -> CheCluster:
    metadata = {"name": "eclipse-che", "namespace": "eclipse-che"}
    status = {"cheVersion": version}
    return CheCluster(
        {"apiVersion": api_version, "kind": "CheCluster", "metadata": metadata, "spec": spec, "status": status}
    )


def deployments(*names: str) -> list[dict[str, Any]]:
    return [{"kind": "Deployment", "metadata": {"name": name}} for name in ("che", "che-gateway", *names)]


def secret(name: str, **values: str) -> dict[str, Any]:
    data = {key.replace("_", "-"): base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"kind": "Secret", "metadata": {"name": name, "namespace": "eclipse-che"}, "data": data}


CHE_SECRET = secret("postgres-credentials", user="pgche", password="p1")
CHE = Database("che", "dbche", "postgres", "postgres", 5432, "postgres-credentials", "pgche", "p1")
OPENVSX_SECRET = secret("openvsx-credentials", database_name="openvsx", database_user="vsx", database_password="p3")
OPENVSX = Database(
    "openvsx", "openvsx", "openvsx-database", "openvsx-database", 5432, "openvsx-credentials", "vsx", "p3"
)


@pytest.mark.parametrize("api_version", [V1, V2])
def test_a_che_without_any_database(api_version: str) -> None:
    assert find_databases(che_cluster(api_version, "7.122.0"), deployments(), [CHE_SECRET, OPENVSX_SECRET]) == ()


@pytest.mark.parametrize("api_version", [V1, V2])
def test_a_che_with_its_own_database(api_version: str) -> None:
    assert find_databases(che_cluster(api_version), deployments("postgres"), [CHE_SECRET]) == (CHE,)


@pytest.mark.parametrize(
    ("api_version", "spec"),
    [
        (V1, {"database": {"chePostgresDb": "mine", "chePostgresSecret": "db-login"}}),
        (V2, {"components": {"database": {"postgresDb": "mine", "credentialsSecretName": "db-login"}}}),
    ],
)
def test_names_from_the_che_cluster(api_version: str, spec: dict[str, Any]) -> None:
    secrets = [CHE_SECRET, secret("db-login", user="me", password="p2")]
    (found,) = find_databases(che_cluster(api_version, **spec), deployments("postgres"), secrets)
    assert (found.name, found.secret, found.user, found.password) == ("mine", "db-login", "me", "p2")


def test_credentials_in_the_che_cluster_itself() -> None:
    cluster = che_cluster(V1, database={"chePostgresUser": "plain", "chePostgresPassword": "p4"})
    (found,) = find_databases(cluster, deployments("postgres"), [])
    assert (found.secret, found.user, found.password) == ("", "plain", "p4")


@pytest.mark.parametrize("half", [{"chePostgresUser": "plain"}, {"chePostgresPassword": "p4"}])
def test_half_of_the_credentials_is_none(half: dict[str, str]) -> None:
    assert find_databases(che_cluster(V1, database=half), deployments("postgres"), [CHE_SECRET]) == (CHE,)


def test_a_secret_wins_over_credentials_in_the_che_cluster() -> None:
    spec = {"chePostgresUser": "plain", "chePostgresPassword": "p4", "chePostgresSecret": "postgres-credentials"}
    assert find_databases(che_cluster(V1, database=spec), deployments("postgres"), [CHE_SECRET]) == (CHE,)


@pytest.mark.parametrize(
    ("spec", "secrets", "password"),
    [
        ({}, [secret("che-identity-postgres-secret", password="k1")], "k1"),
        ({"identityProviderPostgresSecret": "kc"}, [secret("kc", password="k2")], "k2"),
        ({"identityProviderPostgresPassword": "k3"}, [], "k3"),
    ],
)
def test_keycloak_s_database_on_the_same_server(
    spec: dict[str, Any], secrets: list[dict[str, Any]], password: str
) -> None:
    cluster = che_cluster(V1, auth=spec)
    che, keycloak = find_databases(cluster, deployments("postgres", "keycloak"), [CHE_SECRET, *secrets])
    assert che == CHE
    assert (keycloak.role, keycloak.name, keycloak.deployment, keycloak.user) == (
        "keycloak",
        "keycloak",
        "postgres",
        "keycloak",
    )
    assert keycloak.password == password


def test_keycloak_s_secret_alone_is_no_database() -> None:
    secrets = [CHE_SECRET, secret("che-identity-postgres-secret", password="k1")]
    assert find_databases(che_cluster(V1), deployments("postgres"), secrets) == (CHE,)


def test_a_keycloak_without_its_secret_is_not_left_out_silently() -> None:
    with pytest.raises(CredentialsError, match="che-identity-postgres-secret"):
        find_databases(che_cluster(V1), deployments("postgres", "keycloak"), [CHE_SECRET])


def test_openvsx() -> None:
    found = find_databases(che_cluster(V2, "7.122.0"), deployments("openvsx-database"), [OPENVSX_SECRET])
    assert found == (OPENVSX,)


def test_openvsx_with_a_secret_of_the_user() -> None:
    cluster = che_cluster(V2, components={"openVSXRegistry": {"credentialsSecretName": "vsx"}})
    own = secret("vsx", database_name="other", database_user="u", database_password="p")
    (found,) = find_databases(cluster, deployments("openvsx-database"), [OPENVSX_SECRET, own])
    assert (found.name, found.secret) == ("other", "vsx")


@pytest.mark.parametrize(
    ("api_version", "version", "external"),
    [
        (V1, "7.42.0", True),
        (V1, "2.15.2", True),
        (V2, "7.50.0", True),
        (V2, "7.61.1", True),
        (V2, "", True),
        (V2, "3.4.0", True),
        (V2, "7.62.0", False),
        (V2, "7.67.0", False),
        (V1, "7.122.0", False),
        (V2, "8.0", False),
    ],
)
def test_an_external_database(api_version: str, version: str, external: bool) -> None:
    database = {"externalDb": True}
    spec = {"database": database} if api_version == V1 else {"components": {"database": database}}
    cluster = che_cluster(api_version, version, **spec)
    assert external_database(cluster) == external
    assert find_databases(cluster, deployments("postgres"), [CHE_SECRET]) == (() if external else (CHE,))


def test_a_switch_that_is_off() -> None:
    assert not external_database(che_cluster(V1, "7.42.0", database={"externalDb": False}))


@pytest.mark.parametrize(
    ("secrets", "what"),
    [
        ([], "missing"),
        ([secret("postgres-credentials", user="pgche")], "password is missing or empty"),
        ([secret("postgres-credentials", user="", password="p")], "user is missing or empty"),
        ([{**CHE_SECRET, "data": {"user": "%%%", "password": "cDE="}}], "user is not text"),
        ([{**CHE_SECRET, "data": {"user": "/w==", "password": "cDE="}}], "user is not text"),
        ([{**CHE_SECRET, "data": None}], "user is missing or empty"),
    ],
)
def test_credentials_that_cannot_be_read(secrets: list[dict[str, Any]], what: str) -> None:
    with pytest.raises(CredentialsError, match=what) as caught:
        find_databases(che_cluster(V1), deployments("postgres"), secrets)
    assert caught.value.on == "Secret eclipse-che/postgres-credentials"
    assert caught.value.next_step


def test_a_password_is_not_shown() -> None:
    assert "p1" not in repr(CHE)
