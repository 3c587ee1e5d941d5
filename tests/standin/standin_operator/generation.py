# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a CheCluster asks for, read from the shape of its spec.

The version that serves it does not tell: without conversion both versions show the same object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]

_SECTIONS = {
    "v2": {"components", "networking", "devEnvironments", "gitServices", "containerRegistry"},
    "v1": {"auth", "dashboard", "database", "devWorkspace", "k8s", "metrics", "server", "storage"},
}


def generation(cluster: Object) -> str:
    """``v1`` as up to 7.42, ``v2`` as today; a spec without any known section is what its apiVersion says."""
    sections = set(cluster.get("spec", {}))
    for version, known in _SECTIONS.items():
        if known & sections:
            return version
    return str(cluster["apiVersion"]).rpartition("/")[2]


@dataclass(frozen=True)
class DatabaseWanted:
    """A PostgreSQL server that the operator runs for Che.

    Attributes:
        component: Name of its Deployment, Service and component label.
        claim: Name of its PVC.
        secret: Secret with its credentials.
        user_key: Key of the user's name in that Secret.
        password_key: Key of the password.
        database: Name of the database, or empty where the Secret holds it.
        database_key: Key of the database's name in that Secret, or empty.
    """

    component: str
    claim: str
    secret: str
    user_key: str
    password_key: str
    database: str = ""
    database_key: str = ""


def databases(cluster: Object) -> tuple[DatabaseWanted, ...]:
    """The PostgreSQL servers that this CheCluster wants inside its namespace."""
    if generation(cluster) == "v1":
        return _che_database(cluster["spec"].get("database", {}))
    registry = cluster["spec"].get("components", {}).get("openVSXRegistry", {})
    # The switch was called both names upstream.
    if not (registry.get("enable") or registry.get("enabled")):
        return ()
    secret = registry.get("credentialsSecretName") or "openvsx-credentials"
    return (
        DatabaseWanted(
            "openvsx-database",
            "openvsx-database",
            secret,
            "database-user",
            "database-password",
            database_key="database-name",
        ),
    )


def _che_database(section: Object) -> tuple[DatabaseWanted, ...]:
    if section.get("externalDb"):
        return ()
    secret = section.get("chePostgresSecret") or "postgres-credentials"
    name = section.get("chePostgresDb") or "dbche"
    return (DatabaseWanted("postgres", "postgres-data", secret, "user", "password", name),)


def finalizers(cluster: Object) -> list[str]:
    """Finalizers that the real operator would put on this CheCluster outside OpenShift."""
    stems = {
        "v1": (
            "cheGateway.clusterpermissions",
            "cheWorkspaces.clusterpermissions",
            "namespaces-editor.permissions",
            "devWorkspace.permissions",
        ),
        "v2": ("cheGateway.clusterpermissions", "dashboard.clusterpermissions"),
    }
    return [f"{stem}.finalizers.che.eclipse.org" for stem in stems[generation(cluster)]]
