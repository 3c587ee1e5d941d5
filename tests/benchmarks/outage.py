# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long Che is away at the cut-over, by the size of its database: it must not grow with it.

The floor of each row is the same of the smallest database, restored by turns in the same run. Pods that
end and start take from one to a few seconds, and are looked at now and then: so the median of several rounds counts,
not the luckiest one, and what is left of Che's own start is told apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._installation import collect
from ansible_collections.community.che.plugins.module_utils._database._staging import names_for
from ansible_collections.community.che.plugins.module_utils._database._swap import open_database, swap, swap_back
from ansible_collections.community.che.plugins.module_utils._kube._connect import connect_cluster
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from ansible_collections.community.che.plugins.module_utils._run._journal import CUT_OVER, OpenJournal
from ansible_collections.community.che.plugins.module_utils._run._record import moment_of
from integration.che_bed import BackupServer, Cluster, Home, installation, new_home

from benchmarks.jobs import server_of
from benchmarks.table import Row

ROUNDS = 7
SWAPS = 5
MOST = 1.5

OUTAGE = "outage of Che"
OWN_WORK = "outage before Che's own start"
CHE_START = "Che's own start"
SWAP = "the swap alone"
# What each may take longer than with the smallest database, in seconds; what is not named here is only shown. Pods that
# end or become ready are looked at ever more seldom, which alone makes steps of up to a second.
SLACK = {OUTAGE: 2.0, OWN_WORK: 1.0, SWAP: 0.1}

NOTE = f"""
Each size is restored {ROUNDS} times, by turns. The outage is from the moment that the database is closed until Che
is ready again. What is left of Che's own start once the restored database is open is only shown. Here that is next
to nothing: the stand-in's Che is ready as soon as its pod runs, and that comes up while the old one ends. A real Che
takes longer, by as long as it needs to start. Judged are the part before it, nearly all of which is the wait for the
old pods to end; the swap alone, which is put back and done again {SWAPS} times a round; and, with more slack, the
whole. Each may take {MOST} times what it takes with the smallest database, or so many
seconds more as stand there, whichever is longer. Work that grows with the database would add more than that: merely
counting 1 GB takes more than 3 s, see above, and loading it half a minute.
"""

CHANGE = "DELETE FROM public.legacy_preference;\n"


@dataclass
class Measured:
    """One installation, and what its restores have taken so far, in seconds.

    Args:
        home: The installation.
        megabytes: The size of its database.
        seconds: How long it took, of each restore, by what is measured.
    """

    home: Home
    megabytes: int
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def restore(self) -> None:
        """Restore, and before its commit put both databases back and forth."""
        self.home.sql(CHANGE)
        restored = self.home.run("cluster_restore", safety_backup=False, commit=False)
        cluster = connect_cluster({})
        # It is there until the commit.
        journal = OpenJournal.find(cluster, self.home.namespace)
        assert journal is not None
        for what, seconds in parts_of(restored, journal.content.closed_at).items():
            self._note(what, seconds)
        found = collect(cluster, self.home.namespace, None)
        (database,) = found.databases
        psql = PodPsql(cluster, server_of(found))
        names = names_for(database.name, restored["run_id"])
        for _number in range(SWAPS):
            swap_back(psql, names)
            self._note(SWAP, swap(psql, names).outage_seconds)
        open_database(psql, names.database)
        self.home.run("cluster_restore", safety_backup=False)

    def medians(self) -> dict[str, float]:
        """What counts, by what it is called in the table."""
        return {what: median(found) for what, found in self.seconds.items()}

    def _note(self, what: str, seconds: float) -> None:
        self.seconds.setdefault(what, []).append(seconds)


def parts_of(restored: dict[str, Any], closed_at: str) -> dict[str, float]:
    """What the outage of one restore was made of.

    The stage of the cut-over ends when the restored databases are open: from then on Che is only waited for.

    Args:
        restored: What the module has returned.
        closed_at: When the first database was closed, by its journal.
    """
    (stage,) = (stage for stage in restored["stages"] if stage["name"] == CUT_OVER)
    ended = moment_of(stage["started"]) + timedelta(seconds=stage["seconds"])
    own, whole = (ended - moment_of(closed_at)).total_seconds(), restored["outage_seconds"]
    assert closed_at and 0 < own <= whole, f"closed at {closed_at}, {own} s of {whole} s: {stage}"
    return {OUTAGE: whole, OWN_WORK: own, CHE_START: whole - own}


def measure(cluster: Cluster, server: BackupServer, namespace: str, sizes: Sequence[int]) -> list[Row]:
    """Restore one installation for each size, by turns."""
    all_sizes = [_prepared(cluster, server, namespace, megabytes) for megabytes in sizes]
    for number in range(ROUNDS):
        # None of them is always the one after the largest.
        for one in all_sizes if number % 2 else reversed(all_sizes):
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
            yield Row(row, seconds, floors[what], MOST if what in SLACK else None, slack=SLACK.get(what, 0.0))
