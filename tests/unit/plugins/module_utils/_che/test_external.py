# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a CheCluster of each generation is told of a database on another server, and which ones can't be told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.community.che.plugins.module_utils._che._databases import find_external_databases
from ansible_collections.community.che.plugins.module_utils._che._errors import NoDatabaseError, UnusableServerError
from ansible_collections.community.che.plugins.module_utils._che._external import (
    ExternalDatabase,
    changes_to,
    external_settings,
    identity_leads_elsewhere,
    leads_elsewhere,
    require_section,
)
from hypothesis import given
from hypothesis import strategies as st
from unit.plugins.module_utils._che.test_databases import V1, V2, che_cluster, secret

PAGE = Path(__file__).parents[5] / "docs" / "external_database.md"
PLAIN = ExternalDatabase("db.example", 6432, "dbche", "db-login", "prefer", "kc")


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


def test_the_page_shows_such_a_patch() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## An installation that does not exist yet\n")[2]
    shown = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])
    wanted = ExternalDatabase(
        "postgres.example.com", 5432, "che", "che-database", tls="prefer", identity_secret="che-identity-database"
    )
    assert shown == {"spec": external_settings(V1, wanted)}


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


def test_of_v2_a_url_alone_says_where_it_is() -> None:
    """The schema's defaults say ``postgres`` beside it, and there is no identity provider that would go by them."""
    there = replace(PLAIN, tls="verify-full")
    spec = external_settings(V2, there)
    spec["components"]["database"] = {"externalDb": True, "postgresHostName": "postgres", "postgresPort": "5432"}
    che = che_cluster(V2, "7.55.0", **spec)
    assert leads_elsewhere(che, there) is False
    assert leads_elsewhere(che, replace(there, name="other")) is True


@pytest.mark.parametrize(
    ("database", "elsewhere"),
    [
        ({}, False),
        ({"chePostgresDb": "other"}, False),
        ({"chePostgresHostName": "other"}, True),
        ({"chePostgresHostName": ""}, True),
        ({"chePostgresPort": ""}, True),
        ({"externalDb": False}, True),
    ],
)
def test_an_identity_provider_goes_by_the_server_alone(database: dict[str, Any], elsewhere: bool) -> None:
    spec = external_settings(V1, PLAIN)
    spec["database"].update(database)
    assert identity_leads_elsewhere(che_cluster(V1, "7.42.0", **spec), PLAIN) is elsewhere


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ("db.example", "DB.Example"),
        ("db.example", "db.example."),
        ("2001:db8::1", "2001:DB8:0:0::1"),
        ("10.0.0.1", "10.0.0.1"),
    ],
)
@pytest.mark.parametrize("tls", ["prefer", "verify-full"])
def test_one_host_can_be_written_in_more_than_one_way(there: str, asked: str, tls: str) -> None:
    """What Che uses already is not moved onto itself, nor taken for another installation's."""
    now, wanted = (replace(PLAIN, host=host, tls=tls) for host in (there, asked))
    che = che_cluster(V1, "7.42.0", **external_settings(V1, now))
    assert (leads_elsewhere(che, wanted), identity_leads_elsewhere(che, wanted)) == (False, False)
    assert bool(changes_to(che, wanted, external_settings(V1, wanted))) is (there != asked)


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
