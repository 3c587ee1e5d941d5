# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database dumped and sent by our Job, against ``pg_dump | restic backup --stdin`` by hand in the same pod."""

from __future__ import annotations

import json
import time
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


def measure(cluster: Cluster, namespace: str, repository: dict[str, Any], megabytes: int) -> list[Row]:
    """Dump the installation's database by turns in both ways, each time into a repository of its own."""
    installation = collect(cluster, namespace, None)
    ours, by_hand = [], []
    for number in range(ROUNDS):
        by_hand.append(_by_hand(cluster, installation, _access(repository, f"hand{number}"), number))
        ours.append(_ours(cluster, installation, _access(repository, f"ours{number}"), number))
    best = min(ours, key=lambda seconds: seconds["dump"])
    what = f"database of {megabytes} MB: dump and send"
    return [
        Row(what, best["dump"], min(by_hand), most=1.1),
        Row(f"database of {megabytes} MB: counts and checksums", best["figures"]),
        Row(f"database of {megabytes} MB: read back from the server", best["read_back"]),
    ]


def _access(repository: dict[str, Any], suffix: str) -> Access:
    access = Access(
        server=parse_repository_url(f"{repository['repository_url']}-{suffix}-{time.time_ns()}").server,
        password=repository["repository_password"],
        username=repository["server_username"],
        server_password=repository["server_password"],
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


def _ours(cluster: Cluster, installation: Installation, access: Access, number: int) -> dict[str, float]:
    plan, deadline = _plan(cluster, installation, access, f"ours{number}")
    return dict(parse_dump_log(run_job(cluster, plan.job, plan.secret, deadline)).seconds)


def _by_hand(cluster: Cluster, installation: Installation, access: Access, number: int) -> float:
    plan, deadline = _plan(cluster, installation, access, f"hand{number}")
    secret = {**plan.secret, "stringData": {**plan.secret["stringData"], "dump.sh": BY_HAND}}
    log = run_job(cluster, plan.job, secret, deadline)
    line = next(line for line in log.splitlines() if line.startswith('{"che_backup":"by hand"'))
    return float(json.loads(line)["centiseconds"]) / 100
