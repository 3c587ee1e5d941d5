# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where databases are and where they go, each with the way to speak to its server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.community.che.plugins.module_utils._backup._dump import endpoint_of, job_options, own_words
from ansible_collections.community.che.plugins.module_utils._backup._request import JobChoices
from ansible_collections.community.che.plugins.module_utils._che._authorities import trusted_authorities
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import (
    Database,
    database_of_role,
    find_databases,
    find_external_databases,
)
from ansible_collections.community.che.plugins.module_utils._database._endpoint import Endpoint
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError
from ansible_collections.community.che.plugins.module_utils._database._job import job_name
from ansible_collections.community.che.plugins.module_utils._database._sql_job import parse_sql_log, sql_job
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import JobFailed
from ansible_collections.community.che.plugins.module_utils._kube._jobs import remove_job, run_job
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, DEPLOYMENT, SECRET
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql

# The operator's own extension registry stays on its own server wherever Che's databases are.
MOVED = ("che", "keycloak")
# The pod of the operator's own server may have to start anew, somewhere else and with an image that is not there yet.
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Settings:
    """What all scripts of one migration have in common.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        migration: The migration's name.
        jobs: What the Jobs are to be.
        deadline: When the run gives up.
        authorities: The certificates (PEM) to trust besides those that Che trusts.
    """

    cluster: Cluster
    namespace: str
    migration: str
    jobs: JobChoices
    deadline: Deadline
    authorities: str = ""


@dataclass(frozen=True)
class Place:
    """One database.

    Args:
        database: The database.
        endpoint: How a Job opens it.
        psql: Runs scripts: as the server's superuser where the operator runs the server, else as the database's owner.
        deployment: The Deployment of its server; None where somebody else runs it.
    """

    database: Database
    endpoint: Endpoint = field(repr=False)
    psql: PodPsql | JobPsql = field(repr=False)
    deployment: Object | None = field(repr=False)

    @property
    def on(self) -> str:
        """For messages."""
        where = f" at {self.endpoint.host}:{self.endpoint.port}" if self.deployment is None else ""
        return f"database {self.database.name}{where}"


class JobPsql:
    """psql in a Job, one for each script: for a server that only pods reach.

    Args:
        settings: See ``Settings``.
        endpoint: Where scripts begin, and as whom.
    """

    def __init__(self, settings: Settings, endpoint: Endpoint) -> None:
        self._settings = settings
        self._endpoint = endpoint

    def end_earlier(self) -> None:
        """Remove the Job that a run has left which was killed: it may still be at work."""
        held = self._settings
        name = job_name("sql", held.migration, self._endpoint.database)
        remove_job(held.cluster, name, held.namespace, held.deadline)

    def __call__(self, script: str) -> str:
        """Run a script.

        Args:
            script: SQL and psql's own commands.

        Returns:
            Its output: rows unaligned, without headers.

        Raises:
            JobFailed: A statement failed, or the server can't be reached.
        """
        held = self._settings
        self.end_earlier()
        options = job_options(held.cluster, held.namespace, None, held.migration, held.jobs, held.deadline)
        plan = sql_job(self._endpoint, script, options)
        on = f"database {self._endpoint.database} at {self._endpoint.host}:{self._endpoint.port}"
        try:
            return parse_sql_log(run_job(held.cluster, plan.job, plan.secret, held.deadline))
        except JobFailed as failure:
            raise own_words(failure, on) from None
        except DatabaseError as failure:
            failure.on = failure.on or on
            raise


def find_places(settings: Settings, che: CheCluster) -> dict[str, Place]:
    """The databases of an installation by their roles, as a CheCluster names them.

    Args:
        settings: See ``Settings``.
        che: The CheCluster, as it is or as it is to be.

    Raises:
        CheError: Credentials are missing, or the operator's own server is not there.
    """
    cluster, namespace = settings.cluster, settings.namespace
    deployments = {item["metadata"]["name"]: item for item in cluster.list(DEPLOYMENT, namespace)}
    secrets = list(cluster.list(SECRET, namespace))
    trusted = trusted_authorities(che, cluster.list(CONFIG_MAP, namespace)) + settings.authorities
    external = find_external_databases(che, deployments.values(), secrets)
    found = external or find_databases(che, deployments.values(), secrets)
    places = [_place(settings, item, trusted, deployments) for item in found if item.role in MOVED]
    if not places:
        raise _no_own_server(namespace)
    return {place.database.role: place for place in places}


def find_place(settings: Settings, che: CheCluster, role: str) -> Place:
    """One database that a CheCluster names, also where that is gone, and the Deployments with it that would tell.

    Args:
        settings: See ``Settings``.
        che: The CheCluster.
        role: ``che`` or ``keycloak``.

    Raises:
        CheError: Credentials are missing, or the operator's own server is not there.
    """
    cluster, namespace = settings.cluster, settings.namespace
    database = database_of_role(che, role, cluster.list(SECRET, namespace))
    deployments = {item["metadata"]["name"]: item for item in cluster.list(DEPLOYMENT, namespace)}
    if not database.is_external and database.deployment not in deployments:
        raise _no_own_server(namespace)
    trusted = trusted_authorities(che, cluster.list(CONFIG_MAP, namespace)) + settings.authorities
    return _place(settings, database, trusted, deployments)


def _no_own_server(namespace: str) -> CheError:
    return CheError(
        "There is no server of the operator's own that databases could be on",
        f"namespace {namespace}",
        "Let the operator make one: a restore of a backup that was made before the move does.",
    )


def _place(settings: Settings, database: Database, trusted: str, deployments: Mapping[str, Object]) -> Place:
    endpoint = endpoint_of(database, settings.namespace, trusted)
    if database.is_external:
        return Place(database, endpoint, JobPsql(settings, endpoint), None)
    deployment = deployments[database.deployment]
    # All of a database may be counted by one script; a run that was killed between swap and opening has left it closed.
    psql = PodPsql(
        settings.cluster,
        deployment,
        f"che-migration-{settings.migration}",
        max(300.0, settings.deadline.left),
        any_closed=True,
        patience=_PATIENCE_SECONDS,
    )
    return Place(database, endpoint, psql, deployment)
