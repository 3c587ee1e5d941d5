# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask a server from inside the cluster what it is: the Job, and what its log says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._database._endpoint import Endpoint
from ansible_collections.community.che.plugins.module_utils._database._errors import ProbeFailed
from ansible_collections.community.che.plugins.module_utils._database._job import JobOptions, JobPlan, Work, plan_job
from ansible_collections.community.che.plugins.module_utils._database._log import JobLog, seconds, trusted
from ansible_collections.community.che.plugins.module_utils._database._probe_script import (
    PROBE_SH,
    PROBE_SQL,
    REACH_SH,
    ROUND_TRIPS,
    ROUND_TRIPS_SQL,
)
from ansible_collections.community.che.plugins.module_utils._database._shell import COMMON_SH


@dataclass(frozen=True)
class ServerFacts:
    """A server and one of its databases, as a role sees them from a pod.

    Args:
        version: As ``server_version_num``, for example 150014.
        tls: The protocol that the connection used, for example ``TLSv1.3``; empty without TLS.
        superuser: Whether the role is one.
        rds_superuser: Whether it is a member of ``rds_superuser``, the most that Amazon RDS gives.
        owner: Who owns the database.
        is_owner: Whether the role owns it, or is a member of the role that does.
        may_create: Whether it may make schemas.
        may_use_temporary: Whether it may make temporary tables.
        may_create_in_public: Whether it may make tables in the schema ``public``, and use what is in there. Who owns
            the database may still lack that: the schema may be another role's, as before PostgreSQL 15.
        read_only: Whether the server takes no writes: it is a standby, or was told so.
        encoding: Of the database.
        tables: How many it has.
        contents: How many tables, views, sequences, functions, types, schemas and large objects it holds; those of
            extensions do not count.
        bytes: Its size.
        free_connections: How many more the role may open, as the server, the database and the role allow.
        free_on_server: How many more the server has for ordinary roles, whatever this one's own limits.
        own_connections: How many the role has in this database already, beside the one that asks.
        connection_limit: The least limit that the database or the role has; -1 where there is none.
        connect_seconds: How long the first connection took.
        latency_seconds: How long one statement takes to and fro.
    """

    version: int
    tls: str
    superuser: bool
    rds_superuser: bool
    owner: str
    is_owner: bool
    may_create: bool
    may_use_temporary: bool
    may_create_in_public: bool
    read_only: bool
    encoding: str
    tables: int
    contents: int
    bytes: int
    free_connections: int
    free_on_server: int
    own_connections: int
    connection_limit: int
    connect_seconds: float
    latency_seconds: float


def probe_job(endpoint: Endpoint, options: JobOptions) -> JobPlan:
    """Plan the Job.

    Args:
        endpoint: The database, and the role that looks at it.
        options: See ``JobOptions``.

    Raises:
        DatabaseError: The password can't be written into a password file.
    """
    return plan_job(probe_work(), endpoint, None, options)


def reach_job(endpoint: Endpoint, options: JobOptions) -> JobPlan:
    """Plan a Job that only sees whether the server answers; neither the role nor the database need be there.

    Args:
        endpoint: The server, with an empty password.
        options: See ``JobOptions``.
    """
    return plan_job(Work("reach", {"common.sh": COMMON_SH, "reach.sh": REACH_SH}, {}), endpoint, None, options)


def probe_work() -> Work:
    """What the Job runs, without where it runs."""
    files = {
        "common.sh": COMMON_SH,
        "probe.sh": PROBE_SH,
        "probe.sql": PROBE_SQL,
        "round_trips.sql": ROUND_TRIPS_SQL,
    }
    return Work(kind="probe", files=files, environment={})


def require_reached(log: str) -> None:
    """Read the log of such a Job.

    Raises:
        ProbeFailed: The Job failed, or its log doesn't prove that it succeeded.
    """
    JobLog.read(log).result(ProbeFailed)


def parse_probe_log(log: str) -> ServerFacts:
    """Read the log of a probe's Job.

    Raises:
        ProbeFailed: The Job failed, or its log doesn't prove that it succeeded.
    """
    lines = JobLog.read(log)
    result = lines.result(ProbeFailed)
    with trusted(ProbeFailed):
        (found,) = lines.of("server")
        took = seconds(result)
        free, limit = _free_on_server(found), _connection_limit(found)
        return ServerFacts(
            version=int(found["version"]),
            tls=str(found["tls"]),
            superuser=found["superuser"] is True,
            rds_superuser=found["rdsSuperuser"] is True,
            owner=str(found["owner"]),
            is_owner=found["isOwner"] is True,
            may_create=found["mayCreate"] is True,
            may_use_temporary=found["mayUseTemporary"] is True,
            may_create_in_public=found["mayCreateInPublic"] is True,
            read_only=found["readOnly"] is True,
            encoding=str(found["encoding"]),
            tables=int(found["tables"]),
            contents=int(found["contents"]),
            bytes=int(found["bytes"]),
            # A limit of the database or the role counts as if it were unused.
            free_connections=free if limit < 0 else min(free, limit),
            free_on_server=free,
            own_connections=int(found["ownConnections"]),
            connection_limit=limit,
            connect_seconds=took["connect"],
            latency_seconds=max(took["round_trips"] - took["connect"], 0.0) / ROUND_TRIPS,
        )


def _free_on_server(found: Any) -> int:
    """What the server has left for ordinary roles."""
    reserved = 0 if found["superuser"] else int(found["reserved"])
    # The session that asks is among them, and goes.
    return max(0, int(found["most"]) - reserved - int(found["connections"]) + 1)


def _connection_limit(found: Any) -> int:
    limits = [limit for limit in (int(found["mostOfDatabase"]), int(found["mostOfRole"])) if limit >= 0]
    return min(limits, default=-1)
