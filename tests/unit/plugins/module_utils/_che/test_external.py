# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a CheCluster of each generation is told of a database on another server, and which ones can't be told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._databases import find_external_databases
from ansible_collections.community.che.plugins.module_utils._che._errors import NoDatabaseError, UnusableServerError
from ansible_collections.community.che.plugins.module_utils._che._external import (
    ExternalDatabase,
    changes_to,
    external_settings,
    leads_elsewhere,
    require_section,
)
from hypothesis import given
from hypothesis import strategies as st
from unit.plugins.module_utils._che.test_databases import V1, V2, che_cluster, secret

PLAIN = ExternalDatabase("db.example", 6432, "dbche", "db-login", identity_secret="kc")


def test_v1_is_told_as_the_documents_have_it_with_one_spec() -> None:
    assert external_settings(V1, PLAIN) == {
        "database": {
            "externalDb": True,
            "chePostgresHostName": "db.example",
            "chePostgresPort": "6432",
            "chePostgresDb": "dbche",
            "chePostgresSecret": "db-login",
        },
        "auth": {"identityProviderPostgresSecret": "kc"},
    }


@pytest.mark.parametrize(
    ("database", "url", "elsewhere"),
    [
        ({}, "", False),
        ({"chePostgresPort": "5432"}, "", True),
        ({"chePostgresHostName": "other"}, "", True),
        ({"chePostgresDb": "other"}, "", True),
        ({"chePostgresSecret": "other"}, "", False),
        ({"externalDb": False}, "", True),
        ({}, "jdbc:postgresql://db.example:6432/dbche?sslmode=require", False),
        # It wins over the fields, and so over what they say of the same database.
        ({}, "jdbc:postgresql://other:6432/dbche", True),
        ({}, "jdbc:postgresql://one,two/dbche", True),
        # The identity provider goes by the fields.
        ({"chePostgresHostName": "other"}, "jdbc:postgresql://db.example:6432/dbche", True),
        ({"chePostgresHostName": ""}, "jdbc:postgresql://db.example:6432/dbche", False),
    ],
)
def test_what_is_another_database_than_now(database: dict[str, Any], url: str, elsewhere: bool) -> None:
    spec = external_settings(V1, PLAIN)
    spec["database"].update(database)
    spec["server"] = {"customCheProperties": {"CHE_JDBC_URL": url}}
    assert leads_elsewhere(che_cluster(V1, "7.42.0", **spec), PLAIN) is elsewhere


def test_v2_has_no_identity_provider() -> None:
    assert external_settings(V2, PLAIN) == {
        "components": {
            "database": {
                "externalDb": True,
                "postgresHostName": "db.example",
                "postgresPort": "6432",
                "postgresDb": "dbche",
                "credentialsSecretName": "db-login",
            }
        }
    }


@pytest.mark.parametrize(
    ("api_version", "path"),
    [(V1, ("server", "customCheProperties")), (V2, ("components", "cheServer", "extraProperties"))],
)
def test_tls_that_verifies_takes_a_url_of_che_s_own(api_version: str, path: tuple[str, ...]) -> None:
    wanted = ExternalDatabase("db.example", 5432, "dbche", "db-login", tls="verify-full")
    found: Any = external_settings(api_version, wanted)
    for step in path:
        found = found[step]
    assert found == {
        "CHE_JDBC_URL": "jdbc:postgresql://db.example:5432/dbche?sslmode=verify-full"
        "&sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory"
    }


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=15)


@given(
    st.sampled_from(["db", "10.0.0.7", "fd00::7", "a.b-c.example"]),
    st.integers(1, 65535),
    names,
    st.sampled_from(["disable", "prefer", "require", "verify-ca", "verify-full"]),
    st.sampled_from([V1, V2]),
)
def test_whatever_it_is_told_it_is_found_again(host: str, port: int, name: str, tls: str, api_version: str) -> None:
    wanted = ExternalDatabase(host, port, name, "db-login", tls=tls)
    che = che_cluster(api_version, "7.58.0", **external_settings(api_version, wanted))
    (found,) = find_external_databases(che, [], [secret("db-login", user="me", password="p")])
    assert (found.host, found.port, found.name) == (host, port, name)
    assert found.tls in (tls, "") and (found.tls or tls == "prefer")
    assert changes_to(che, wanted, external_settings(api_version, wanted)) == {}


def test_only_what_differs_is_changed_and_what_would_win_goes() -> None:
    spec = {
        "database": {
            "externalDb": False,
            "chePostgresUser": "plain",
            "chePostgresPassword": "p",
            "pvcClaimSize": "1Gi",
        },
        "auth": {"identityProviderPostgresPassword": "k", "oAuthSecret": "o"},
        "server": {"customCheProperties": {"CHE_JDBC_URL": "jdbc:postgresql://old/che", "OTHER": "stays"}},
    }
    patch = changes_to(che_cluster(V1, **spec), PLAIN, external_settings(V1, PLAIN))
    assert patch["database"] == {
        "externalDb": True,
        "chePostgresHostName": "db.example",
        "chePostgresPort": "6432",
        "chePostgresDb": "dbche",
        "chePostgresSecret": "db-login",
        "chePostgresUser": None,
        "chePostgresPassword": None,
    }
    assert patch["auth"] == {"identityProviderPostgresSecret": "kc", "identityProviderPostgresPassword": None}
    assert patch["server"] == {"customCheProperties": {"CHE_JDBC_URL": None}}


@pytest.mark.parametrize(
    ("host", "port", "name"),
    [
        *((host, 5432, "dbche") for host in ("", "a b", "-a", "a_b-", "a/b", "a,b", "x" * 64, "a." * 130)),
        *(("db", port, "dbche") for port in (0, -1, 65536)),
        *(("db", 5432, name) for name in ("", "x" * 64, "ü" * 32, "a\0b")),
    ],
)
def test_what_can_t_be_one_is_refused(host: str, port: int, name: str) -> None:
    with pytest.raises(UnusableServerError) as caught:
        ExternalDatabase(host, port, name, "db-login")
    assert caught.value.next_step


@pytest.mark.parametrize("version", ["7.34.0", "7.42.0", "7.50.0", "7.61.0", "2.15.0", "3.2.1"])
def test_versions_that_have_a_database(version: str) -> None:
    require_section(V1, version)


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("7.62.0", "ignores what its CheCluster says"),
        ("7.67.1", "ignores what its CheCluster says"),
        ("7.68.0", "has no such section"),
        ("next", "has no such section"),
        ("3.9.0", "can't be told"),
        ("", "can't be told"),
    ],
)
def test_versions_that_have_none_are_refused_with_the_reason(version: str, why: str) -> None:
    with pytest.raises(NoDatabaseError, match=why):
        require_section(V2, version)
