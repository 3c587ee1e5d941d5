# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database loaded by our Job, against ``restic dump | psql`` by hand in the same pod, as the same temporary role.

By hand nothing is proved: not that the dump is whole, nor that psql has taken all of it, nor what the dump may do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._dump import endpoint_of
from ansible_collections.community.che.plugins.module_utils._backup._installation import Installation, collect
from ansible_collections.community.che.plugins.module_utils._database._dump import DumpResult, dump_path, parse_dump_log
from ansible_collections.community.che.plugins.module_utils._database._endpoint import Endpoint
from ansible_collections.community.che.plugins.module_utils._database._facts import DatabaseFacts, read_facts
from ansible_collections.community.che.plugins.module_utils._database._load import load_job, parse_load_log
from ansible_collections.community.che.plugins.module_utils._database._staging import clean_up, names_for, prepare
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql

from benchmarks import dump, jobs
from benchmarks.jobs import Measured
from benchmarks.table import Row

ROUNDS = 3

# Without ON_ERROR_STOP: the dump gives default privileges of its owner, which this role may not.
BY_HAND = rf"""
. "$CHE_MOUNT/common.sh"
copy_password_file
began=$(now)
"$CHE_RESTIC" dump "$CHE_SNAPSHOT" "$CHE_DUMP_PATH" | psql --no-password --no-psqlrc --quiet >/dev/null 2>&1 || exit 1
{jobs.TELL}"""
# Rows of the table that grows with the wanted size, so that a load by hand which loads nothing does not count.
COUNT = "SELECT count(*) FROM che.bulk;\n"


@dataclass(frozen=True)
class Loads:
    """One dump in a repository, loaded again and again beside the database that it was made of."""

    cluster: Cluster
    installation: Installation
    access: Access
    dumped: DumpResult
    psql: PodPsql
    facts: DatabaseFacts

    def once(self, by_hand: str = "") -> Measured:
        """Load into a new, empty database, and remove that."""
        (database,) = self.installation.databases
        names = names_for(database.name, "benchmark")
        role = prepare(self.psql, names, self.facts, jobs.SECONDS)
        # What the last round has left to write to the disk is not to be written in this one.
        self.psql("CHECKPOINT;\n")
        live = endpoint_of(database, self.installation.che_cluster.namespace)
        options, deadline = jobs.options_for(self.cluster, self.installation, "benchmark-load")
        plan = load_job(
            Endpoint(live.host, live.port, names.staged, role.name, role.password),
            self.access,
            self.dumped.snapshot_id,
            dump_path(database.name),
            options,
            database.role,
        )
        try:
            log = jobs.run(self.cluster, plan, deadline, "load.sh", by_hand)
            seconds = {"load": jobs.by_hand(log)} if by_hand else dict(parse_load_log(log).seconds)
            self._require_rows(names.staged)
            return Measured(seconds, jobs.peak(log))
        finally:
            clean_up(self.psql, names)

    def _require_rows(self, staged: str) -> None:
        (database,) = self.installation.databases
        counts = [self.psql(f'\\connect "{name}"\n{COUNT}') for name in (database.name, staged)]
        if counts[0] != counts[1]:
            raise RuntimeError(f"rows in the database and loaded: {counts}")


def measure(cluster: Cluster, namespace: str, repository: dict[str, Any], megabytes: int) -> list[Row]:
    """Dump the installation's database once, and load it by turns in both ways."""
    installation = collect(cluster, namespace, None)
    (database,) = installation.databases
    access = jobs.new_access(repository, "load")
    plan, deadline = dump.plan_of(cluster, installation, access, "benchmark-load")
    dumped = parse_dump_log(jobs.run(cluster, plan, deadline, "dump.sh"))
    psql = PodPsql(cluster, jobs.server_of(installation))
    facts = read_facts(psql, database.name, database.user)
    if facts is None:
        raise RuntimeError("the installation's database is gone")
    loads = Loads(cluster, installation, access, dumped, psql, facts)
    all_ours, all_by_hand = [], []
    for _round in range(ROUNDS):
        all_by_hand.append(loads.once(BY_HAND))
        all_ours.append(loads.once())
    ours, by_hand = (min(measured, key=lambda one: one.seconds["load"]) for measured in (all_ours, all_by_hand))
    return _rows(ours, by_hand, megabytes)


def _rows(ours: Measured, by_hand: Measured, megabytes: int) -> list[Row]:
    what = f"database of {megabytes} MB"
    memory = f"{ours.memory:.0f}, by hand {by_hand.memory:.0f}"
    return [
        Row(f"{what}: fetch and load", ours.seconds["load"], by_hand.seconds["load"], most=1.1, memory=memory),
        Row(f"{what}: statistics after the load", ours.seconds["analyze"]),
        Row(f"{what}: counts and checksums of what was loaded", ours.seconds["figures"]),
    ]
