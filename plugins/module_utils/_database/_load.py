# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Load a dump from the repository into a new, empty database: the Job, and what its log says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ansible_collections.community.che.plugins.module_utils._database._endpoint import Endpoint
from ansible_collections.community.che.plugins.module_utils._database._errors import LoadFailed
from ansible_collections.community.che.plugins.module_utils._database._figures_sql import ALL_FIGURES_SQL
from ansible_collections.community.che.plugins.module_utils._database._harmless_awk import HARMLESS_AWK
from ansible_collections.community.che.plugins.module_utils._database._job import JobOptions, JobPlan, Work, plan_job
from ansible_collections.community.che.plugins.module_utils._database._load_script import LOAD_SH
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
class LoadResult:
    """What a load's Job did and measured.

    Args:
        figures: Counts and checksums of the new database. ``dump_sha256`` is empty: the load doesn't compute it.
        seconds: How long each step took: ``connect``, ``load``, ``analyze``, ``figures``.
        restricted: Whether this psql itself refused backslash commands of the dump (15.14 and later, and its
            contemporaries); for an older one the dump was read by a filter before.
    """

    figures: DatabaseFigures
    seconds: Mapping[str, float]
    restricted: bool


def load_job(
    endpoint: Endpoint,
    access: Access,
    snapshot_id: str,
    path: str,
    options: JobOptions,
    role: str,
    names_owners: bool = False,
) -> JobPlan:
    """Plan the Job that loads a dump.

    Args:
        endpoint: The new, empty database and the temporary role that owns it.
        access: The repository.
        snapshot_id: The snapshot that holds the dump.
        path: The dump's path in it, see ``dump_path``.
        options: See ``JobOptions``.
        role: What Che uses the database for, for the figures.
        names_owners: Whether the dump gives its objects owners, as those of the old operator do. They all become the
            temporary role's instead.
    """
    work = load_work(snapshot_id, path, role)
    if names_owners:
        work = replace(work, environment={**work.environment, "CHE_OWNERS": "drop"})
    return plan_job(work, endpoint, access, options)


def load_work(snapshot_id: str, path: str, role: str) -> Work:
    """What the load's Job runs, without where it runs."""
    return Work(
        kind="load",
        files={
            "common.sh": COMMON_SH,
            "load.sh": LOAD_SH,
            "harmless.awk": HARMLESS_AWK,
            "figures.sql": ALL_FIGURES_SQL,
        },
        environment={"CHE_ROLE": role, "CHE_SNAPSHOT": snapshot_id, "CHE_DUMP_PATH": path},
    )


def parse_load_log(log: str) -> LoadResult:
    """Read the log of a load's Job: the main container's, whole; of a Job that failed its end is enough.

    Raises:
        LoadFailed: The Job failed, or its log doesn't prove that it succeeded.
    """
    lines = JobLog.read(log)
    result = lines.result(LoadFailed)
    with trusted(LoadFailed):
        return LoadResult(
            figures=read_figures(lines, str(result["role"]), "", int(result["bytes"])),
            seconds=seconds(result),
            restricted=result["restricted"] is True,
        )
