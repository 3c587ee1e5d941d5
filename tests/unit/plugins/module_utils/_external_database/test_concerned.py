# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Deployments have to be waited for: one too many is waited for in vain, one too few is taken for done."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._external_database._concerned import concerned

SPEC = {
    "database": {"externalDb": True, "chePostgresHostName": "db.example", "chePostgresSecret": "login"},
    "auth": {"identityProviderPostgresSecret": "kc"},
}


@pytest.mark.parametrize(
    ("patch", "roles"),
    [
        ({}, []),
        ({"database": {"chePostgresHostName": "other"}}, ["che", "keycloak"]),
        ({"database": {"chePostgresPort": "6432"}}, ["che", "keycloak"]),
        ({"database": {"chePostgresPort": "5432", "chePostgresDb": "dbche"}}, []),
        ({"database": {"chePostgresDb": "other"}}, ["che"]),
        ({"database": {"chePostgresSecret": "other"}}, ["che"]),
        ({"database": {"externalDb": False, "chePostgresHostName": None}}, ["che", "keycloak"]),
        ({"server": {"customCheProperties": {"CHE_JDBC_URL": "jdbc:postgresql://db.example/dbche"}}}, ["che"]),
        ({"server": {"customCheProperties": {"CHE_JDBC_URL": "jdbc:postgresql://db.example:5432/dbche"}}}, []),
        ({"auth": {"identityProviderPostgresSecret": "other"}}, ["keycloak"]),
        ({"auth": {"identityProviderPostgresPassword": None}}, []),
        ({"database": {"chePostgresUser": None, "chePostgresPassword": None}}, []),
    ],
)
def test_of_v1(patch: dict[str, Any], roles: list[str]) -> None:
    assert concerned(che("v1", SPEC), patch) == roles


def test_v2_knows_no_identity_provider() -> None:
    patch = {"components": {"database": {"postgresHostName": "other"}}}
    assert concerned(che("v2", {"components": {"database": {"externalDb": True}}}), patch) == ["che"]


def che(version: str, spec: dict[str, Any]) -> CheCluster:
    metadata = {"name": "eclipse-che", "namespace": "che"}
    return CheCluster(
        {"apiVersion": f"org.eclipse.che/{version}", "kind": "CheCluster", "metadata": metadata, "spec": spec}
    )
