# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database dumped and sent by our Job, against ``pg_dump | restic backup --stdin`` by hand in the same pod."""

from __future__ import annotations

from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._dump import endpoint_of
from ansible_collections.community.che.plugins.module_utils._backup._installation import Installation, collect
from ansible_collections.community.che.plugins.module_utils._database._dump import dump_job, parse_dump_log
from ansible_collections.community.che.plugins.module_utils._database._job import JobPlan
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._repository._access import Access

from benchmarks import jobs
from benchmarks.jobs import Measured
from benchmarks.table import Row

ROUNDS = 2

BY_HAND = rf"""
. "$CHE_MOUNT/common.sh"
copy_password_file
began=$(now)
pg_dump --no-password | "$CHE_RESTIC" backup --quiet --stdin --stdin-filename "$CHE_DUMP_PATH" || exit 1
{jobs.TELL}"""


def measure(cluster: Cluster, namespace: str, repository: dict[str, Any], megabytes: int) -> list[Row]:
    """Dump the installation's database by turns in both ways, each time into a repository of its own."""
    installation = collect(cluster, namespace, None)
    all_ours, all_by_hand = [], []
    for number in range(ROUNDS):
        all_by_hand.append(_by_hand(cluster, installation, jobs.new_access(repository, f"hand{number}"), number))
        all_ours.append(_ours(cluster, installation, jobs.new_access(repository, f"ours{number}"), number))
    ours, by_hand = (min(measured, key=lambda one: one.seconds["dump"]) for measured in (all_ours, all_by_hand))
    return _rows(ours, by_hand, megabytes)


def _rows(ours: Measured, by_hand: Measured, megabytes: int) -> list[Row]:
    what = f"database of {megabytes} MB"
    memory = f"{ours.memory:.0f}, by hand {by_hand.memory:.0f}"
    return [
        Row(f"{what}: dump and send", ours.seconds["dump"], by_hand.seconds["dump"], most=1.1, memory=memory),
        Row(f"{what}: counts and checksums", ours.seconds["figures"]),
        Row(f"{what}: read back from the server", ours.seconds["read_back"]),
    ]


def plan_of(cluster: Cluster, installation: Installation, access: Access, run: str) -> tuple[JobPlan, Deadline]:
    """The Job that dumps the installation's one database."""
    (database,) = installation.databases
    options, deadline = jobs.options_for(cluster, installation, run)
    endpoint = endpoint_of(database, installation.che_cluster.namespace)
    return dump_job(endpoint, access, ("benchmark",), "benchmark", options, database.role), deadline


def _ours(cluster: Cluster, installation: Installation, access: Access, number: int) -> Measured:
    plan, deadline = plan_of(cluster, installation, access, f"ours{number}")
    log = jobs.run(cluster, plan, deadline, "dump.sh")
    return Measured(dict(parse_dump_log(log).seconds), jobs.peak(log))


def _by_hand(cluster: Cluster, installation: Installation, access: Access, number: int) -> Measured:
    plan, deadline = plan_of(cluster, installation, access, f"hand{number}")
    log = jobs.run(cluster, plan, deadline, "dump.sh", by_hand=BY_HAND)
    return Measured({"dump": jobs.by_hand(log)}, jobs.peak(log))
