# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long Che is away at the cut-over, by the size of its database: it must not grow with it.

The floor of each row is the same of the smallest database, restored by turns in the same run. Che's own start takes
from one to a few seconds, and is looked at now and then: so the median of several rounds counts, not the luckiest one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from ansible_collections.community.che.plugins.module_utils._backup._installation import collect
from ansible_collections.community.che.plugins.module_utils._database._staging import names_for
from ansible_collections.community.che.plugins.module_utils._database._swap import open_database, swap, swap_back
from ansible_collections.community.che.plugins.module_utils._kube._connect import connect_cluster
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from integration.che_bed import BackupServer, Cluster, Home, installation, new_home

from benchmarks.table import Row

ROUNDS = 5
SWAPS = 5
MOST = 1.5

CHANGE = "DELETE FROM public.legacy_preference;\n"


@dataclass
class Measured:
    """One installation, and what its restores have taken so far, in seconds.

    Args:
        home: The installation.
        megabytes: The size of its database.
        outages: From the first closed database until Che was ready again, of each restore.
        swaps: How long each swap alone took, from the closed database on.
    """

    home: Home
    megabytes: int
    outages: list[float] = field(default_factory=list)
    swaps: list[float] = field(default_factory=list)

    def restore(self) -> None:
        """Restore, and before its commit put both databases back and forth."""
        self.home.sql(CHANGE)
        restored = self.home.run("cluster_restore", safety_backup=False, commit=False)
        self.outages.append(restored["outage_seconds"])
        cluster = connect_cluster({})
        found = collect(cluster, self.home.namespace, None)
        (database,) = found.databases
        psql = PodPsql(cluster, found.deployment(database.deployment))
        names = names_for(database.name, restored["run_id"])
        for _number in range(SWAPS):
            swap_back(psql, names)
            self.swaps.append(swap(psql, names).outage_seconds)
        open_database(psql, names.database)
        self.home.run("cluster_restore", safety_backup=False)

    def medians(self) -> dict[str, float]:
        """What counts, by what it is called in the table."""
        return {"outage of Che": median(self.outages), "the swap alone": median(self.swaps)}


def measure(cluster: Cluster, server: BackupServer, namespace: str, sizes: Sequence[int]) -> list[Row]:
    """Restore one installation for each size, by turns."""
    all_sizes = [_prepared(cluster, server, namespace, megabytes) for megabytes in sizes]
    for _round in range(ROUNDS):
        for one in all_sizes:
            one.restore()
    for one in all_sizes:
        installation.destroy_namespace(cluster, one.home.namespace)
    return list(_rows(all_sizes))


def _prepared(cluster: Cluster, server: BackupServer, namespace: str, megabytes: int) -> Measured:
    name = f"{namespace}-{megabytes}"
    home = new_home(cluster, name, "v1", server.repository(name), size_mb=megabytes)
    home.configure()
    home.run("cluster_backup")
    return Measured(home, megabytes)


def _rows(all_sizes: Sequence[Measured]) -> Iterator[Row]:
    smallest, *others = all_sizes
    floors = smallest.medians()
    for what, seconds in floors.items():
        yield Row(f"restore of {smallest.megabytes} MB: {what}", seconds)
    for one in others:
        for what, seconds in one.medians().items():
            row = f"restore of {one.megabytes} MB: {what}, against {smallest.megabytes} MB"
            yield Row(row, seconds, floors[what], MOST)
