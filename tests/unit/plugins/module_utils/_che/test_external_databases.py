# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases on a server that the operator does not run: where Che itself would look for them, and how."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._databases import (
    database_secret_of,
    find_databases,
    find_external_databases,
)
from ansible_collections.community.che.plugins.module_utils._che._errors import CredentialsError, UnusableServerError
from ansible_collections.community.che.plugins.module_utils._che._external import ExternalDatabase, leads_elsewhere
from ansible_collections.community.che.plugins.module_utils._che._jdbc import JdbcPlace, parse_jdbc_url
from unit.plugins.module_utils._che.test_databases import CHE_SECRET, V1, V2, che_cluster, deployments, secret

SERVER = {"externalDb": True, "chePostgresHostName": "db.example"}


@pytest.mark.parametrize(
    ("api_version", "spec"),
    [
        (V1, {"database": {**SERVER, "chePostgresPort": "6432", "chePostgresDb": "mine"}}),
        (
            V2,
            {
                "components": {
                    "database": {
                        "externalDb": True,
                        "postgresHostName": "db.example",
                        "postgresPort": "6432",
                        "postgresDb": "mine",
                    }
                }
            },
        ),
    ],
)
def test_both_generations_say_where_it_is(api_version: str, spec: dict[str, Any]) -> None:
    cluster = che_cluster(api_version, "7.58.0", **spec)
    (found,) = find_external_databases(cluster, deployments("postgres"), [CHE_SECRET])
    assert (found.role, found.name, found.host, found.port, found.tls) == ("che", "mine", "db.example", 6432, "")
    assert (found.user, found.password, found.deployment, found.is_external) == ("pgche", "p1", "", True)
    assert find_databases(cluster, deployments("postgres"), [CHE_SECRET]) == ()


def test_keycloak_s_database_is_on_the_same_server() -> None:
    cluster = che_cluster(V1, database=SERVER, auth={"identityProviderPostgresSecret": "kc"})
    secrets = [CHE_SECRET, secret("kc", password="k1")]
    che, keycloak = find_external_databases(cluster, deployments("keycloak"), secrets)
    assert (che.name, che.port) == ("dbche", 5432)
    assert (keycloak.name, keycloak.user, keycloak.password, keycloak.host) == (
        "keycloak",
        "keycloak",
        "k1",
        "db.example",
    )


@pytest.mark.parametrize("spec", [{}, {"database": {"externalDb": False, "chePostgresHostName": "db.example"}}])
def test_an_installation_with_its_own_server_has_none(spec: dict[str, Any]) -> None:
    assert find_external_databases(che_cluster(V1, **spec), deployments("postgres"), [CHE_SECRET]) == ()


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({}, "postgres-credentials"),
        ({"chePostgresSecret": "own"}, "own"),
        ({"chePostgresUser": "che"}, "postgres-credentials"),
        ({"chePostgresUser": "che", "chePostgresPassword": "p"}, ""),
    ],
)
def test_the_secret_is_told_that_the_operator_takes(spec: dict[str, Any], named: str) -> None:
    assert database_secret_of(che_cluster(V1, database=spec)) == named


@pytest.mark.parametrize(
    ("spec", "used"),
    [
        (SERVER, True),
        ({**SERVER, "chePostgresPort": "5432", "chePostgresDb": "dbche"}, True),
        ({**SERVER, "chePostgresPort": "6432"}, False),
        ({**SERVER, "chePostgresDb": "mine"}, False),
        ({**SERVER, "externalDb": False}, False),
        # It does not say where.
        ({"externalDb": True}, False),
    ],
)
def test_whether_a_database_is_the_one_that_che_uses(spec: dict[str, Any], used: bool) -> None:
    wanted = ExternalDatabase("db.example", 5432, "dbche", "login")
    assert leads_elsewhere(che_cluster(V1, database=spec), wanted) is not used


def test_a_che_without_a_database_ignores_what_is_said_of_one() -> None:
    spec = {"components": {"database": {"externalDb": True, "postgresHostName": "db.example"}}}
    assert find_external_databases(che_cluster(V2, "7.63.0", **spec), deployments(), []) == ()


def test_che_s_own_setting_wins() -> None:
    url = "jdbc:postgresql://[fd00::7]:6543/my%20che?sslmode=verify-full&sslfactory=x"
    cluster = che_cluster(V1, database=SERVER, server={"customCheProperties": {"CHE_JDBC_URL": url}})
    (found,) = find_external_databases(cluster, deployments(), [CHE_SECRET])
    assert (found.host, found.port, found.name, found.tls) == ("fd00::7", 6543, "my che", "verify-full")


@pytest.mark.parametrize("spec", [{"externalDb": True}, {**SERVER, "chePostgresPort": "five"}])
def test_a_checluster_that_does_not_say_where_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(UnusableServerError, match="and not where"):
        find_external_databases(che_cluster(V1, database=spec), deployments(), [CHE_SECRET])


def test_credentials_that_are_missing_are_named() -> None:
    with pytest.raises(CredentialsError, match="postgres-credentials"):
        find_external_databases(che_cluster(V1, database=SERVER), deployments(), [])


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("jdbc:postgresql://db/che", JdbcPlace("db", 5432, "che", "")),
        ("jdbc:postgresql://10.1.2.3:6432/che?", JdbcPlace("10.1.2.3", 6432, "che", "")),
        ("jdbc:postgresql://db/che?ssl=true", JdbcPlace("db", 5432, "che", "verify-full")),
        ("jdbc:postgresql://db/che?ssl", JdbcPlace("db", 5432, "che", "verify-full")),
        ("jdbc:postgresql://db/che?ssl=true&sslmode=require", JdbcPlace("db", 5432, "che", "require")),
        ("jdbc:postgresql://db/a%2Fb%3Fc", JdbcPlace("db", 5432, "a/b?c", "")),
    ],
)
def test_urls_that_che_takes(url: str, place: JdbcPlace) -> None:
    assert parse_jdbc_url(url, "here") == place


@pytest.mark.parametrize(
    "url",
    [
        *("", "che", "jdbc:postgresql:che", "jdbc:postgresql://db", "jdbc:postgresql://db/", "jdbc:mysql://db/che"),
        *("jdbc:postgresql://one,two/che?password=s3cret", "jdbc:postgresql://db:x/che"),
        "jdbc:postgresql://db/che?sslmode=maybe",
    ],
)
def test_urls_that_can_t_be_used_are_refused_without_being_shown(url: str) -> None:
    with pytest.raises(UnusableServerError) as caught:
        parse_jdbc_url(url, "CheCluster che/che")
    assert "CheCluster che/che" in str(caught.value)
    assert "s3cret" not in str(caught.value)
