# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases whose servers are not there at the moment, and would be left out without a word."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import Database
from ansible_collections.community.che.plugins.module_utils._che._errors import LostServerError
from ansible_collections.community.che.plugins.module_utils._che._lost_servers import require_servers
from ansible_collections.community.che.plugins.module_utils._che._place import V1, V2

CHE = Database("che", "dbche", "postgres", "postgres", 5432, "postgres-credentials", "pgche", "s3cret")
EXTERNAL = {"database": {"externalDb": True, "chePostgresHostName": "db.example.com"}}
IDENTITY = "che-identity-postgres-secret"


def che_cluster(version: str = "7.40.0", spec: dict[str, Any] | None = None, api_version: str = V1) -> CheCluster:
    metadata = {"name": "eclipse-che", "namespace": "che"}
    status = {"cheVersion": version}
    return CheCluster(
        {"apiVersion": api_version, "kind": "CheCluster", "metadata": metadata, "spec": spec or {}, "status": status}
    )


@pytest.mark.parametrize(("version", "api_version"), [("7.40.0", V1), ("7.55.0", V2)])
def test_a_server_that_is_gone_is_missed(version: str, api_version: str) -> None:
    with pytest.raises(LostServerError) as caught:
        require_servers(che_cluster(version, api_version=api_version), [], (), "Or else.")
    assert caught.value.on == "Deployment che/postgres"
    assert caught.value.next_step.endswith("run the task again. Or else.")


@pytest.mark.parametrize(
    "cluster",
    [
        che_cluster("7.62.0", api_version=V2),
        che_cluster("", api_version=V2),
        che_cluster("3.10.0", api_version=V2),
        che_cluster(spec=EXTERNAL),
        che_cluster(spec={"server": {"customCheProperties": {"CHE_MULTIUSER": "false"}}}),
    ],
    ids=["needs none", "not reported yet", "of Dev Spaces", "external", "of one user"],
)
def test_one_that_nobody_needs_is_not(cluster: CheCluster) -> None:
    require_servers(cluster, [], {IDENTITY} if cluster.version != "7.40.0" else ())


@pytest.mark.parametrize("spec", [{}, EXTERNAL], ids=["own", "external"])
def test_an_identity_provider_that_is_gone_is_missed(spec: dict[str, Any]) -> None:
    require_servers(che_cluster(spec=spec), [CHE], ())
    with pytest.raises(LostServerError, match="The identity provider is not there") as caught:
        require_servers(che_cluster(spec=spec), [CHE], {IDENTITY})
    assert caught.value.on == "Deployment che/keycloak"


@pytest.mark.parametrize(
    "cluster",
    [che_cluster("7.43.0"), che_cluster(spec={"auth": {"nativeUserMode": True}}), che_cluster("7.55.0", None, V2)],
    ids=["newer", "native", "v2"],
)
def test_a_secret_that_is_left_of_one_is_none(cluster: CheCluster) -> None:
    require_servers(cluster, [CHE], {IDENTITY})
