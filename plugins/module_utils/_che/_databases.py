# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which databases an installation has: found by what runs, not assumed from a version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._errors import CredentialsError, UnusableServerError
from ansible_collections.community.che.plugins.module_utils._che._held import Secrets
from ansible_collections.community.che.plugins.module_utils._che._jdbc import JdbcPlace, parse_jdbc_url
from ansible_collections.community.che.plugins.module_utils._che._objects import (
    RawObject,
    flag_at,
    name_of,
    values_at,
)
from ansible_collections.community.che.plugins.module_utils._che._versions import (
    WITH_OPENVSX_DATABASE,
    WITHOUT_IDENTITY_PROVIDER,
    needs_no_database,
    upstream_version,
)

_CHE_DEPLOYMENT = "postgres"
_KEYCLOAK_DEPLOYMENT = "keycloak"
_OPENVSX_DEPLOYMENT = "openvsx-database"
#: The Deployment of the server, and the claim that it keeps its databases on, by a database's role.
SERVERS = {
    "che": (_CHE_DEPLOYMENT, "postgres-data"),
    "keycloak": (_CHE_DEPLOYMENT, "postgres-data"),
    "openvsx": (_OPENVSX_DEPLOYMENT, "openvsx-database"),
}
_PORT = 5432
_NAME = "dbche"
_KEYCLOAK = "keycloak"
#: The setting of Che's server that says where its database is, and how it is spoken to.
JDBC_URL = "CHE_JDBC_URL"


@dataclass(frozen=True)
class Database:
    """A database of Che's.

    Args:
        role: What Che uses it for: ``che``, ``keycloak`` or ``openvsx``.
        name: The database's name on its server.
        deployment: The Deployment of its server; two databases may share one. Empty where the operator runs none.
        service: The Service in front of it; empty where the operator runs none.
        port: The server's port.
        secret: The Secret with its credentials; empty when they stand in the CheCluster itself.
        user: The role that owns it.
        password: That role's password.
        host: Where the server is, when somebody else runs it.
        tls: How that one is spoken to, in libpq's words; empty where the CheCluster does not say.
    """

    role: str
    name: str
    deployment: str
    service: str
    port: int
    secret: str
    user: str
    password: str = field(repr=False)
    host: str = ""
    tls: str = ""

    @property
    def is_external(self) -> bool:
        """Whether somebody else runs its server."""
        return bool(self.host)


def external_database(cluster: CheCluster) -> bool:
    """Tell whether Che's own data lie in a database that its operator doesn't run."""
    return flag_at(cluster.raw, f"spec.{cluster.generation.external_database}") and not _ignores_database(cluster)


def _ignores_database(cluster: CheCluster) -> bool:
    # Where the version does not tell, as with those of Dev Spaces, the switch is taken at its word.
    return needs_no_database(cluster.version) is True


def find_databases(
    cluster: CheCluster, deployments: Iterable[RawObject], secrets: Iterable[RawObject]
) -> tuple[Database, ...]:
    """Find the databases that the operator runs, and the credentials that Che itself uses for them.

    Args:
        cluster: The CheCluster.
        deployments: The Deployments of its namespace.
        secrets: The Secrets of its namespace.

    Raises:
        CredentialsError: A database runs, but its Secret or a key in it is missing or unreadable.
    """
    return tuple(find() for find in _finders(cluster, deployments, secrets))


def known_databases(
    cluster: CheCluster, deployments: Iterable[RawObject], secrets: Iterable[RawObject]
) -> dict[str, Database]:
    """Those of the databases that the operator runs whose credentials are there, by their roles."""
    found = {}
    for find in _finders(cluster, deployments, secrets):
        with suppress(CredentialsError):
            database = find()
            found[database.role] = database
    return found


def wants_database(cluster: CheCluster, role: str, che_version: str) -> bool:
    """Whether the operator runs a database of this role for a CheCluster; where that does not tell, it is taken to.

    Args:
        cluster: The CheCluster.
        role: What the database is used for.
        che_version: The version of the operator; empty where it isn't known.
    """
    generation, version = cluster.generation, upstream_version(che_version)
    if role == "openvsx":
        is_older = version is not None and version < WITH_OPENVSX_DATABASE
        said = [value for switch in generation.openvsx_switches for value in values_at(cluster.raw, f"spec.{switch}")]
        return bool(generation.openvsx_secret) and not is_older and (True in said or False not in said)
    if needs_no_database(che_version) or external_database(cluster):
        return False
    return role != "keycloak" or wants_identity_provider(cluster, che_version)


def wants_identity_provider(cluster: CheCluster, che_version: str) -> bool:
    """Whether the operator runs an identity provider for a CheCluster; where that does not tell, it is taken to.

    Args:
        cluster: The CheCluster.
        che_version: The version of the operator; empty where it isn't known.
    """
    generation, version = cluster.generation, upstream_version(che_version)
    is_newer = version is not None and version >= WITHOUT_IDENTITY_PROVIDER
    off = any(flag_at(cluster.raw, f"spec.{switch}") for switch in generation.no_identity_provider)
    return bool(generation.identity_database_secret) and not (is_newer or off)


def find_external_databases(
    cluster: CheCluster, deployments: Iterable[RawObject], secrets: Iterable[RawObject]
) -> tuple[Database, ...]:
    """Find the databases of an installation on a server that its operator does not run; none where it runs its own.

    Args:
        cluster: The CheCluster.
        deployments: The Deployments of its namespace.
        secrets: The Secrets of its namespace.

    Raises:
        CredentialsError: A Secret or a key in it is missing or unreadable.
        UnusableServerError: The CheCluster does not say where the server is, or can't be understood.
    """
    if not external_database(cluster):
        return ()
    secrets, roles = list(secrets), ["che"]
    if _KEYCLOAK_DEPLOYMENT in {name_of(deployment) for deployment in deployments}:
        roles.append("keycloak")
    return tuple(database_of_role(cluster, role, secrets) for role in roles)


def database_of_role(cluster: CheCluster, role: str, secrets: Iterable[RawObject]) -> Database:
    """The database that a CheCluster names for a role, whatever runs.

    Args:
        cluster: The CheCluster.
        role: ``che`` or ``keycloak``.
        secrets: The Secrets of its namespace.

    Raises:
        CredentialsError: Its Secret or a key in it is missing or unreadable.
        UnusableServerError: The CheCluster does not say where the server is, or can't be understood.
    """
    held = Secrets(cluster.namespace, {name_of(secret): secret for secret in secrets})
    find = {"che": _che_database, "keycloak": _keycloak_database}[role]
    if not external_database(cluster):
        return find(cluster, held)
    place = external_place(cluster)
    found = replace(find(cluster, held), name=database_name(cluster, role))
    return replace(found, deployment="", service="", host=place.host, port=place.port, tls=place.tls)


def named_place(cluster: CheCluster, role: str) -> str:
    """Where a CheCluster has the database of a role, ``che`` or ``keycloak``, for messages: what no Secret has to say.

    Raises:
        UnusableServerError: The CheCluster does not say where the server is, or can't be understood.
    """
    name = database_name(cluster, role)
    if not external_database(cluster):
        return f"database {name} of the operator's own server"
    place = external_place(cluster)
    return f"database {name} at {place.host}:{place.port}"


def database_name(cluster: CheCluster, role: str) -> str:
    """How the database of a role, ``che`` or ``keycloak``, is called on its server.

    Raises:
        UnusableServerError: The CheCluster does not say where the server is, or can't be understood.
    """
    if role != "che":
        return _KEYCLOAK
    if external_database(cluster):
        return external_place(cluster).name
    return cluster.setting(cluster.generation.database_name) or _NAME


def external_place(cluster: CheCluster) -> JdbcPlace:
    """Where Che's own database is, when it is external.

    Raises:
        UnusableServerError: The CheCluster does not say where, or can't be understood.
    """
    generation, on = cluster.generation, f"CheCluster {cluster.namespace}/{cluster.name}"
    url = cluster.setting(f"{generation.properties}.{JDBC_URL}")
    if url:
        # It wins over all that the other fields say.
        return parse_jdbc_url(url, f"{on}, {generation.properties}.{JDBC_URL}")
    host, port = cluster.setting(generation.database_host), cluster.setting(generation.database_port) or str(_PORT)
    if not host or not port.isdecimal():
        raise UnusableServerError(
            "It says that its database is external, and not where", on, f"Set spec.{generation.database_host}."
        )
    return JdbcPlace(host, int(port), cluster.setting(generation.database_name) or _NAME, "")


def _finders(
    cluster: CheCluster, deployments: Iterable[RawObject], secrets: Iterable[RawObject]
) -> Iterator[Callable[[], Database]]:
    """One for each database that the operator runs; it raises where the credentials are missing."""
    running = {name_of(deployment) for deployment in deployments}
    held = Secrets(cluster.namespace, {name_of(secret): secret for secret in secrets})
    if _CHE_DEPLOYMENT in running and not external_database(cluster):
        yield partial(_che_database, cluster, held)
        if _KEYCLOAK_DEPLOYMENT in running:
            yield partial(_keycloak_database, cluster, held)
    if _OPENVSX_DEPLOYMENT in running:
        yield partial(_openvsx_database, cluster, held)


def _che_database(cluster: CheCluster, secrets: Secrets) -> Database:
    generation = cluster.generation
    name = cluster.setting(generation.database_name) or _NAME
    secret = database_secret_of(cluster)
    user, password = cluster.setting(generation.database_user), cluster.setting(generation.database_password)
    if secret:
        user, password = secrets.value(secret, "user"), secrets.value(secret, "password")
    return Database("che", name, _CHE_DEPLOYMENT, _CHE_DEPLOYMENT, _PORT, secret, user, password)


def database_secret_of(cluster: CheCluster) -> str:
    """The Secret that opens Che's own database; empty where the CheCluster holds the credentials itself."""
    generation = cluster.generation
    secret = cluster.setting(generation.database_secret)
    if secret or (cluster.setting(generation.database_user) and cluster.setting(generation.database_password)):
        return secret
    return "postgres-credentials"


def identity_secret_of(cluster: CheCluster) -> str:
    """The Secret that opens the identity provider's database; empty where the CheCluster holds the password itself."""
    generation = cluster.generation
    secret = cluster.setting(generation.identity_database_secret)
    if secret or cluster.setting(generation.identity_database_password):
        return secret
    return "che-identity-postgres-secret"


def _keycloak_database(cluster: CheCluster, secrets: Secrets) -> Database:
    secret = identity_secret_of(cluster)
    stored = cluster.setting(cluster.generation.identity_database_password)
    password = secrets.value(secret, "password") if secret else stored
    return Database("keycloak", _KEYCLOAK, _CHE_DEPLOYMENT, _CHE_DEPLOYMENT, _PORT, secret, "keycloak", password)


def _openvsx_database(cluster: CheCluster, secrets: Secrets) -> Database:
    secret = cluster.setting(cluster.generation.openvsx_secret) or "openvsx-credentials"
    name, user, password = (secrets.value(secret, f"database-{key}") for key in ("name", "user", "password"))
    return Database("openvsx", name, _OPENVSX_DEPLOYMENT, _OPENVSX_DEPLOYMENT, _PORT, secret, user, password)
