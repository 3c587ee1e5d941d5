# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database dumped and sent by our Job, against ``pg_dump | restic backup --stdin`` by hand in the same pod."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.community.che.plugins.module_utils._argspec import RESTIC_IMAGE
from ansible_collections.community.che.plugins.module_utils._backup._dump import endpoint_of, job_options
from ansible_collections.community.che.plugins.module_utils._backup._installation import Installation, collect
from ansible_collections.community.che.plugins.module_utils._backup._request import JobChoices
from ansible_collections.community.che.plugins.module_utils._database._dump import dump_job, parse_dump_log
from ansible_collections.community.che.plugins.module_utils._database._job import JobPlan
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._jobs import run_job
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._repository._url import parse_repository_url

from benchmarks.table import Row

SECONDS = 1800
ROUNDS = 2

BY_HAND = r"""
. "$CHE_MOUNT/common.sh"
copy_password_file
began=$(now)
pg_dump --no-password | "$CHE_RESTIC" backup --quiet --stdin --stdin-filename "$CHE_DUMP_PATH" || exit 1
printf '{"che_backup":"by hand","centiseconds":%s}\n' $(($(now) - began))
"""

# What the control group of the pod's container has used at most, in either generation of control groups.
PEAK = r"""
for file in memory.peak memory/memory.max_usage_in_bytes; do
    [ ! -r "/sys/fs/cgroup/$file" ] || printf '{"che_backup":"peak","bytes":%s}\n' "$(cat "/sys/fs/cgroup/$file")"
done
"""
MIB = 1024 * 1024


@dataclass(frozen=True)
class Measured:
    """One dump: the seconds of its steps and the most memory that its container used, in MiB."""

    seconds: dict[str, float]
    memory: float


def measure(cluster: Cluster, namespace: str, repository: dict[str, Any], megabytes: int) -> list[Row]:
    """Dump the installation's database by turns in both ways, each time into a repository of its own."""
    installation = collect(cluster, namespace, None)
    all_ours, all_by_hand = [], []
    for number in range(ROUNDS):
        all_by_hand.append(_by_hand(cluster, installation, _access(repository, f"hand{number}"), number))
        all_ours.append(_ours(cluster, installation, _access(repository, f"ours{number}"), number))
    ours, by_hand = (min(measured, key=lambda one: one.seconds["dump"]) for measured in (all_ours, all_by_hand))
    what = f"database of {megabytes} MB"
    memory = f"{ours.memory:.0f}, by hand {by_hand.memory:.0f}"
    return [
        Row(f"{what}: dump and send", ours.seconds["dump"], by_hand.seconds["dump"], most=1.1, memory=memory),
        Row(f"{what}: counts and checksums", ours.seconds["figures"]),
        Row(f"{what}: read back from the server", ours.seconds["read_back"]),
    ]


def _access(repository: dict[str, Any], suffix: str) -> Access:
    access = Access(
        server=parse_repository_url(f"{repository['repository_url']}-{suffix}-{time.time_ns()}").server,
        password=repository["repository_password"],
        credentials=UserAndPassword(repository["server_username"], repository["server_password"]),
        ca_certificate=Path(repository["server_ca_path"]).read_text(encoding="ascii"),
    )
    Restic(access).init()
    return access


def _plan(cluster: Cluster, installation: Installation, access: Access, run: str) -> tuple[JobPlan, Deadline]:
    (database,) = installation.databases
    deadline = Deadline(SECONDS)
    choices = JobChoices(RESTIC_IMAGE, None, (), None)
    options = job_options(cluster, installation.deployment(database.deployment), run, choices, deadline)
    endpoint = endpoint_of(database, installation.che_cluster.namespace)
    return dump_job(endpoint, access, ("benchmark",), "benchmark", options, database.role), deadline


def _ours(cluster: Cluster, installation: Installation, access: Access, number: int) -> Measured:
    plan, deadline = _plan(cluster, installation, access, f"ours{number}")
    log = _run(cluster, plan, plan.secret["stringData"]["dump.sh"], deadline)
    return Measured(dict(parse_dump_log(log).seconds), _peak(log))


def _by_hand(cluster: Cluster, installation: Installation, access: Access, number: int) -> Measured:
    plan, deadline = _plan(cluster, installation, access, f"hand{number}")
    log = _run(cluster, plan, BY_HAND, deadline)
    return Measured({"dump": _said(log, "by hand")["centiseconds"] / 100}, _peak(log))


def _run(cluster: Cluster, plan: JobPlan, script: str, deadline: Deadline) -> str:
    secret = {**plan.secret, "stringData": {**plan.secret["stringData"], "dump.sh": script + PEAK}}
    return run_job(cluster, plan.job, secret, deadline)


def _peak(log: str) -> float:
    return float(_said(log, "peak")["bytes"]) / MIB


def _said(log: str, kind: str) -> dict[str, Any]:
    (line,) = (line for line in log.splitlines() if line.startswith(f'{{"che_backup":"{kind}"'))
    found: dict[str, Any] = json.loads(line)
    return found
