# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dump a database into the repository: the Job, and what its log says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from ansible_collections.community.che.plugins.module_utils._database._dump_script import (
    DUMP_SH,
    GRANTS_SQL,
    SEND_SH,
    SESSION_SQL_SCRIPT,
)
from ansible_collections.community.che.plugins.module_utils._database._endpoint import Endpoint
from ansible_collections.community.che.plugins.module_utils._database._errors import DumpFailed
from ansible_collections.community.che.plugins.module_utils._database._job import JobOptions, JobPlan, Work, plan_job
from ansible_collections.community.che.plugins.module_utils._database._log import (
    JobLog,
    read_figures,
    seconds,
    trusted,
)
from ansible_collections.community.che.plugins.module_utils._database._shell import COMMON_SH
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures


@dataclass(frozen=True)
class DumpResult:
    """What a dump's Job made and measured.

    Args:
        snapshot_id: restic's full id of the snapshot, 64 hexadecimal digits.
        bytes: Length of the dump, as read back from the repository.
        sha256: Of the dump, as read back.
        data_added_packed: How many bytes the repository grew by.
        figures: Counts and checksums, taken under the dump's own snapshot.
        seconds: How long each step took: ``connect``, ``dump`` (dump and send), ``figures``, ``read_back``.
        warnings: What the dump leaves out.
    """

    snapshot_id: str
    bytes: int
    sha256: str
    data_added_packed: int
    figures: DatabaseFigures
    seconds: Mapping[str, float]
    warnings: tuple[str, ...] = ()


def dump_path(database: str) -> str:
    """Where a database's dump stands in its snapshot: ``/db/<name>.sql``, as the old operator laid it out."""
    return f"/db/{quote(database, safe='')}.sql"


def dump_job(
    endpoint: Endpoint, access: Access, tags: Sequence[str], host: str, options: JobOptions, role: str
) -> JobPlan:
    """Plan the Job that dumps a database.

    Args:
        endpoint: The database and a role that can read all of it.
        access: The repository.
        tags: The snapshot's tags; none holds a comma.
        host: The snapshot's host name.
        options: See ``JobOptions``.
        role: What Che uses the database for, for the figures.

    Raises:
        DatabaseError: The password can't be written into a password file.
    """
    return plan_job(dump_work(endpoint.database, tags, host, role), endpoint, access, options)


def dump_work(database: str, tags: Sequence[str], host: str, role: str) -> Work:
    """What the dump's Job runs, without where it runs."""
    return Work(
        kind="dump",
        files={
            "common.sh": COMMON_SH,
            "dump.sh": DUMP_SH,
            "send.sh": SEND_SH,
            "session.sql": SESSION_SQL_SCRIPT,
            "grants.sql": GRANTS_SQL,
        },
        environment={
            "CHE_ROLE": role,
            "CHE_TAGS": ",".join(tags),
            "CHE_HOST": host,
            "CHE_DUMP_PATH": dump_path(database),
        },
    )


def parse_dump_log(log: str) -> DumpResult:
    """Read the log of a dump's Job: the main container's, whole; of a Job that failed its end is enough.

    Raises:
        DumpFailed: The Job failed, or its log doesn't prove that it succeeded.
    """
    lines = JobLog.read(log)
    result = lines.result(DumpFailed)
    with trusted(DumpFailed):
        summary = result["summary"]
        size, sha256 = int(result["bytes"]), str(result["sha256"])
        if int(summary["total_bytes_processed"]) != size:
            raise ValueError(f"{summary['total_bytes_processed']} bytes were sent and {size} came back")
        return DumpResult(
            snapshot_id=str(summary["snapshot_id"]),
            bytes=size,
            sha256=sha256,
            data_added_packed=int(summary["data_added_packed"]),
            figures=read_figures(lines, str(result["role"]), sha256, size),
            seconds=seconds(result),
            warnings=tuple(str(line["message"]) for line in lines.of("warning")),
        )
