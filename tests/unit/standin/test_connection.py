# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which database the stand-in's Che goes to, read from a CheCluster."""

from __future__ import annotations

from typing import Any

import pytest
from che_standin import manifests
from standin_operator.connection import (
    CERTIFICATES,
    Connection,
    che_connection,
    identity_connection,
    jdbc_url,
    properties,
)
from standin_operator.generation import databases, external, identity_secret, release

V1 = {"externalDb": True, "chePostgresHostName": "db.example", "chePostgresPort": "6432", "chePostgresDb": "che_prod"}
V2 = {"externalDb": True, "postgresHostName": "db.example", "postgresPort": "6432", "postgresDb": "che_prod"}


def che_cluster(variant: str, database: dict[str, Any] | None = None, url: str = "") -> dict[str, Any]:
    cluster = manifests.saved(variant, "ns")[-1]
    spec = cluster["spec"]
    if variant.startswith("v1"):
        spec["database"] |= database or {}
        section = spec["server"]["customCheProperties"]
    else:
        spec["components"]["database"] |= database or {}
        section = spec["components"]["cheServer"]["extraProperties"]
    if url:
        section["CHE_JDBC_URL"] = url
    return dict(cluster)


@pytest.mark.parametrize("variant", manifests.VARIANTS)
def test_each_variant_is_told_from_its_shape(variant: str) -> None:
    assert release(manifests.saved(variant, "ns")[-1]) == variant.replace("v2-openvsx", "v2")


@pytest.mark.parametrize("variant", ["v1", "v1-keycloak", "v2-database"])
def test_the_own_server_is_the_default(variant: str) -> None:
    way = che_connection(che_cluster(variant))
    assert way == Connection("postgres", "5432", "dbche", "postgres-credentials")
    assert way.plain
    assert jdbc_url(che_cluster(variant)) == "jdbc:postgresql://postgres:5432/dbche"
    assert [wanted.claim for wanted in databases(che_cluster(variant))] == ["postgres-data"]


def test_an_empty_section_means_the_same() -> None:
    cluster = {"apiVersion": "org.eclipse.che/v2", "spec": {"components": {"database": {}}}}
    assert che_connection(cluster) == Connection("postgres", "5432", "dbche", "postgres-credentials")


@pytest.mark.parametrize(
    ("variant", "section", "secret"),
    [("v1", V1, "chePostgresSecret"), ("v2-database", V2, "credentialsSecretName")],
)
def test_an_external_database_is_taken_from_the_section(variant: str, section: dict[str, Any], secret: str) -> None:
    cluster = che_cluster(variant, {**section, secret: "mine"})
    assert che_connection(cluster) == Connection("db.example", "6432", "che_prod", "mine", external=True)
    assert jdbc_url(cluster) == "jdbc:postgresql://db.example:6432/che_prod"
    assert external(cluster)
    assert databases(cluster) == ()


@pytest.mark.parametrize("variant", ["v2", "v2-openvsx"])
def test_the_newest_che_has_no_database(variant: str) -> None:
    cluster = manifests.saved(variant, "ns")[-1]
    assert (che_connection(cluster), jdbc_url(cluster), external(cluster)) == (None, "", False)


def test_host_and_port_count_without_the_switch_too() -> None:
    cluster = che_cluster("v1", {**V1, "externalDb": False})
    way = che_connection(cluster)
    assert way is not None
    assert (way.host, way.external, way.plain) == ("db.example", False, False)
    assert [wanted.component for wanted in databases(cluster)] == ["postgres"]


@pytest.mark.parametrize(
    ("query", "tls"),
    [
        ("", {}),
        ("?sslmode=require", {"PGSSLMODE": "require"}),
        ("?sslmode=verify-full", {"PGSSLMODE": "verify-full"}),
        ("?ssl=true", {"PGSSLMODE": "verify-full"}),
        ("?ssl", {"PGSSLMODE": "verify-full"}),
        ("?ssl=false", {}),
        ("?ssl=true&sslmode=require", {"PGSSLMODE": "require"}),
        (
            "?ApplicationName=che&sslmode=verify-full&sslrootcert=/public-certs/a%20b.pem",
            {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/public-certs/a b.pem"},
        ),
        (
            "?sslmode=verify-full&sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory",
            {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": CERTIFICATES},
        ),
        (
            "?sslmode=require&sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory",
            {"PGSSLMODE": "verify-ca", "PGSSLROOTCERT": CERTIFICATES},
        ),
    ],
)
@pytest.mark.parametrize("variant", ["v1", "v2-database"])
def test_a_jdbc_url_of_ones_own_counts(variant: str, query: str, tls: dict[str, str]) -> None:
    cluster = che_cluster(variant, url=f"jdbc:postgresql://other.example:7000/che%2Fdb{query}")
    way = che_connection(cluster)
    assert way == Connection("other.example", "7000", "che/db", "postgres-credentials", tls=tls)
    assert not way.plain


def test_the_own_server_with_tls_is_no_plain_way() -> None:
    way = che_connection(che_cluster("v1", url="jdbc:postgresql://postgres:5432/dbche?sslmode=require"))
    assert way is not None
    assert not way.plain


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("jdbc:postgresql://a.example/che", "a.example", "5432"),
        ("jdbc:postgresql://[2001:db8::1]:6000/che", "2001:db8::1", "6000"),
        ("jdbc:postgresql://a.example:1,b.example,c.example:3/che?targetServerType=primary",
         "a.example,b.example,c.example", "1,5432,3"),
        ("postgresql://a.example/che", "postgresql://a.example/che", "5432"),
        ("jdbc:postgresql://a.example:port/che", "jdbc:postgresql://a.example:port/che", "5432"),
    ],
)  # fmt: skip
def test_addresses_of_a_jdbc_url(url: str, host: str, port: str) -> None:
    way = che_connection(che_cluster("v1", url=url))
    assert way is not None
    assert (way.host, way.port) == (host, port)


def test_what_an_administrator_puts_over_the_settings_is_read_from_either_generation() -> None:
    for variant in ("v1", "v2"):
        assert properties(manifests.saved(variant, "ns")[-1]) == {"CHE_LIMITS_USER_WORKSPACES_RUN_COUNT": "5"}
    assert properties({"apiVersion": "org.eclipse.che/v1", "spec": {"server": {"customCheProperties": None}}}) == {}


def test_the_identity_provider_goes_to_the_same_server_and_knows_no_jdbc_url() -> None:
    cluster = che_cluster("v1-keycloak", V1, url="jdbc:postgresql://other.example/che?sslmode=require")
    cluster["spec"]["auth"]["identityProviderPostgresSecret"] = "identity"
    assert identity_connection(cluster) == Connection(
        "db.example", "6432", "keycloak", "identity", "keycloak", external=True
    )


@pytest.mark.parametrize("variant", ["v1", "v2-database", "v2"])
def test_there_is_no_identity_provider_with_the_new_engine(variant: str) -> None:
    assert identity_connection(manifests.saved(variant, "ns")[-1]) is None


def test_another_identity_provider_needs_no_database() -> None:
    cluster = che_cluster("v1-keycloak")
    cluster["spec"]["auth"]["externalIdentityProvider"] = True
    assert (release(cluster), identity_secret(cluster)) == ("v1", "")
