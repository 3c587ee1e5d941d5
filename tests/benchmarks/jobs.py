# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our Jobs with other scripts in them: what both sides of a measurement share, so that only the script differs."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.community.che.plugins.module_utils._argspec import RESTIC_IMAGE
from ansible_collections.community.che.plugins.module_utils._backup._dump import job_options
from ansible_collections.community.che.plugins.module_utils._backup._installation import Installation
from ansible_collections.community.che.plugins.module_utils._backup._request import JobChoices
from ansible_collections.community.che.plugins.module_utils._database._job import JobOptions, JobPlan
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._jobs import run_job
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._repository._url import parse_repository_url

SECONDS = 1800
MIB = 1024 * 1024

# What the control group of the pod's container has used at most, in either generation of control groups.
_PEAK = r"""
for file in memory.peak memory/memory.max_usage_in_bytes; do
    [ ! -r "/sys/fs/cgroup/$file" ] || printf '{"che_backup":"peak","bytes":%s}\n' "$(cat "/sys/fs/cgroup/$file")"
done
"""


@dataclass(frozen=True)
class Measured:
    """One run of a Job: the seconds of its steps and the most memory that its container used, in MiB."""

    seconds: dict[str, float]
    memory: float


def new_access(repository: dict[str, Any], suffix: str) -> Access:
    """Access to a new repository on the same server."""
    access = Access(
        server=parse_repository_url(f"{repository['repository_url']}-{suffix}-{time.time_ns()}").server,
        password=repository["repository_password"],
        credentials=UserAndPassword(repository["server_username"], repository["server_password"]),
        ca_certificate=Path(repository["server_ca_path"]).read_text(encoding="ascii"),
    )
    Restic(access).init()
    return access


def server_of(installation: Installation) -> Object:
    """The Deployment of the server of the installation's one database.

    Raises:
        RuntimeError: It is gone.
    """
    (database,) = installation.databases
    found = installation.deployment(database.deployment)
    if found is None:
        raise RuntimeError(f"there is no Deployment {database.deployment}")
    return found


def options_for(cluster: Cluster, installation: Installation, run: str) -> tuple[JobOptions, Deadline]:
    """How a Job beside the installation's one database runs, and until when."""
    deadline = Deadline(SECONDS)
    choices = JobChoices(RESTIC_IMAGE, None, (), None)
    namespace = installation.che_cluster.namespace
    return job_options(cluster, namespace, server_of(installation), run, choices, deadline), deadline


def run(cluster: Cluster, plan: JobPlan, deadline: Deadline, script: str, by_hand: str = "") -> str:
    """Run a Job with its own script of that name, or with another one in its place; its log."""
    files = plan.secret["stringData"]
    secret = {**plan.secret, "stringData": {**files, script: (by_hand or files[script]) + _PEAK}}
    return run_job(cluster, plan.job, secret, deadline)


def by_hand(log: str) -> float:
    """The seconds that a script by hand tells, see ``TELL``."""
    return float(_said(log, "by hand")["centiseconds"]) / 100


# The last line of a script by hand that has noted when it began.
TELL = """printf '{"che_backup":"by hand","centiseconds":%s}\\n' $(($(now) - began))
"""


def peak(log: str) -> float:
    """The most memory that the Job's container used, in MiB."""
    return float(_said(log, "peak")["bytes"]) / MIB


def _said(log: str, kind: str) -> dict[str, Any]:
    (line,) = (line for line in log.splitlines() if line.startswith(f'{{"che_backup":"{kind}"'))
    found: dict[str, Any] = json.loads(line)
    return found
