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
    """``v1`` as up to 7.42, ``v2`` since 7.50; a spec without any known section is what its apiVersion says."""
    sections = set(cluster.get("spec", {}))
    for version, known in _SECTIONS.items():
        if known & sections:
            return version
    return str(cluster["apiVersion"]).rpartition("/")[2]


def release(cluster: Object) -> str:
    """Which Che a CheCluster is of, a key of ``names.CHE_VERSIONS``.

    Until 7.42 an installation without the DevWorkspace engine had a Keycloak, unless told of another identity provider;
    from 7.50 to 7.61 v2 had a section for the database, which the real CRD fills with defaults.
    """
    spec = cluster.get("spec", {})
    if generation(cluster) == "v2":
        return "v2-database" if "database" in spec.get("components", {}) else "v2"
    old_engine = spec.get("devWorkspace", {}).get("enable") is False
    return "v1-keycloak" if old_engine and not spec.get("auth", {}).get("externalIdentityProvider") else "v1"


def database_section(cluster: Object) -> Object | None:
    """The section with the settings of Che's own database; None where this Che has no database of its own."""
    spec = cluster.get("spec", {})
    if generation(cluster) == "v1":
        return dict(spec.get("database", {}))
    return spec.get("components", {}).get("database")


def external(cluster: Object) -> bool:
    """Whether the database is somebody else's, so that the operator runs no server for it."""
    return bool((database_section(cluster) or {}).get("externalDb"))


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
    section = database_section(cluster)
    own = () if section is None or external(cluster) else (_che_database(section),)
    return own + _registry_database(cluster["spec"].get("components", {}).get("openVSXRegistry", {}))


def identity_secret(cluster: Object) -> str:
    """The Secret with the password of the identity provider's database; empty where there is no such database."""
    if release(cluster) != "v1-keycloak":
        return ""
    return str(cluster["spec"].get("auth", {}).get("identityProviderPostgresSecret") or "che-identity-postgres-secret")


def _registry_database(registry: Object) -> tuple[DatabaseWanted, ...]:
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


def _che_database(section: Object) -> DatabaseWanted:
    secret, name = database_secret(section), section.get("chePostgresDb") or section.get("postgresDb") or "dbche"
    return DatabaseWanted("postgres", "postgres-data", secret, "user", "password", name)


def database_secret(section: Object) -> str:
    """The Secret with the credentials of Che's own database, of the section of either generation."""
    return str(section.get("chePostgresSecret") or section.get("credentialsSecretName") or "postgres-credentials")


def unnamed_secrets(cluster: Object) -> dict[tuple[str, str], str]:
    """The credentials' Secrets that a v1 CheCluster does not name, by section and key: their default names.

    Che's operator takes such a CheCluster for a new one: it writes new passwords into these Secrets, also where they
    exist or the database is somebody else's, and then names them. Whoever gives user and password of the database in
    the spec itself, as old installations did, gets no Secret for it (``create.go``, later
    ``default_values_reconciler.go``, of che-operator up to 7.42).
    """
    if generation(cluster) == "v2":
        return {}
    database, auth = (cluster["spec"].get(section, {}) for section in ("database", "auth"))
    found = {}
    plain = database.get("chePostgresUser") and database.get("chePostgresPassword")
    if not database.get("chePostgresSecret") and not plain:
        found["database", "chePostgresSecret"] = database_secret(database)
    if identity_secret(cluster) and not auth.get("identityProviderPostgresSecret"):
        found["auth", "identityProviderPostgresSecret"] = identity_secret(cluster)
    return found


def unsaid_place(cluster: Object) -> dict[str, str]:
    """What a v1 CheCluster does not say of where its database is, as its operator fills it in; externalDb or not."""
    if generation(cluster) == "v2":
        return {}
    own = {"chePostgresHostName": "postgres", "chePostgresPort": "5432", "chePostgresDb": "dbche"}
    said = cluster["spec"].get("database", {})
    return {key: value for key, value in own.items() if not said.get(key)}


def made_up_host(cluster: Object) -> str:
    """The host of a v1 CheCluster that names none: of its namespace and its domain; empty without one, and in v2."""
    if generation(cluster) == "v2":
        return ""
    domain = cluster["spec"].get("k8s", {}).get("ingressDomain")
    return f"che-{cluster['metadata']['namespace']}.{domain}" if domain else ""


FINALIZERS = {
    "v1": (
        "cheGateway.clusterpermissions.finalizers.che.eclipse.org",
        "cheWorkspaces.clusterpermissions.finalizers.che.eclipse.org",
        "namespaces-editor.permissions.finalizers.che.eclipse.org",
        "devWorkspace.permissions.finalizers.che.eclipse.org",
    ),
    "v2": (
        "cheGateway.clusterpermissions.finalizers.che.eclipse.org",
        "dashboard.clusterpermissions.finalizers.che.eclipse.org",
    ),
}


def finalizers(cluster: Object) -> list[str]:
    """Finalizers that the real operator would put on this CheCluster outside OpenShift."""
    return list(FINALIZERS[generation(cluster)])


def is_an_operators_finalizer(name: str) -> bool:
    """Whether this operator puts it on CheClusters, or the one of another generation did before."""
    return any(name in names for names in FINALIZERS.values())
