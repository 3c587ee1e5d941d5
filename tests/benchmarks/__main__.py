# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure everything, and write the page in the docs: ``python -m benchmarks``.

With ``--only`` one part is measured, and the page's other sections stay as they are. It fails when a floor is broken,
and says which.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._kube._connect import connect_cluster
from integration.che_bed import BackupServer, Cluster, Home, installation, manifests, new_home, server

from benchmarks import dump, load, moves, objects, outage, plans, writes
from benchmarks.table import Row, verdict, write_section

OUTAGES = (10, 100, 1000)
MOVES = (3, 30, 300)


@dataclass(frozen=True)
class Bench:
    """What is measured on, and how large it is.

    Args:
        cluster: The cluster.
        server: The backup server.
        namespace: What the names of all namespaces begin with.
        wanted: The command's options.
    """

    cluster: Cluster
    server: BackupServer
    namespace: str
    wanted: argparse.Namespace

    def database(self) -> list[Row]:
        """A dump and a load of one database."""
        megabytes = self.wanted.database_mb
        repository = self.server.repository("database")
        home = new_home(self.cluster, f"{self.namespace}-database", "v1", repository, size_mb=megabytes)
        cluster = connect_cluster({})
        rows = dump.measure(cluster, home.namespace, repository, megabytes)
        rows += load.measure(cluster, home.namespace, repository, megabytes)
        installation.destroy_namespace(self.cluster, home.namespace)
        return rows

    def objects(self) -> list[Row]:
        """Many objects saved, planned for and created."""
        count, namespace = self.wanted.objects, f"{self.namespace}-objects"
        home = new_home(self.cluster, namespace, "v1", self.server.repository("objects"))
        self.cluster.apply_all(manifests.extra(count, namespace))
        rows = objects.measure(namespace, count)
        rows += plans.measure(home, count)
        installation.destroy_namespace(self.cluster, namespace)
        return [*rows, *writes.measure(self.cluster, f"{self.namespace}-writes", count)]

    def stages(self) -> list[Row]:
        """What the collection itself takes for a small backup and a small restore, stage by stage."""
        home = new_home(self.cluster, f"{self.namespace}-stages", "v1", self.server.repository("small"))
        rows = _stages(home)
        installation.destroy_namespace(self.cluster, home.namespace)
        return rows

    def outages(self) -> list[Row]:
        """The cut-over of databases of several sizes."""
        return outage.measure(self.cluster, self.server, f"{self.namespace}-outage", OUTAGES)

    def moves(self) -> list[Row]:
        """Databases of several sizes that move to another server."""
        return moves.measure(self.cluster, self.server, f"{self.namespace}-move", MOVES)


# Each part of the run: its section of the page, what measures it, and what has to be known to read that.
PARTS: dict[str, tuple[str, Callable[[Bench], list[Row]], str]] = {
    "database": ("A database", Bench.database, ""),
    "objects": ("Many objects", Bench.objects, writes.NOTE),
    "outages": ("The cut-over", Bench.outages, outage.NOTE),
    "moves": ("The move to another server", Bench.moves, moves.NOTE),
    "stages": ("A small installation, stage by stage", Bench.stages, ""),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition(":")[0])
    parser.add_argument("--database-mb", type=int, default=500)
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--only", choices=PARTS, help="measure this part alone")
    parser.add_argument("--namespace", default="benchmarks", help="what the names of all namespaces begin with")
    wanted = parser.parse_args()
    cluster = Cluster()
    name = f"{wanted.namespace}-backup-server"
    bench = Bench(cluster, BackupServer.up(cluster, name), wanted.namespace, wanted)
    machine = f"{os.cpu_count()} cores, everything (cluster, database, backup server) on one machine"
    titles = [title for title, _measure, _note in PARTS.values()]
    rows: list[Row] = []
    for part in [wanted.only] if wanted.only else PARTS:
        title, measure, note = PARTS[part]
        measured = measure(bench)
        # As soon as it is measured: the next part may fail.
        write_section(title, titles, measured, machine, note)
        rows += measured
    server.down(cluster, name)
    sys.exit(verdict(rows) or 0)


def _stages(home: Home) -> list[Row]:
    home.configure()
    backup = home.run("cluster_backup")
    home.sql("UPDATE che.usr SET id = id;\nDELETE FROM public.legacy_preference;\n")
    restore = home.run("cluster_restore")
    rows = [Row(f"small backup: {stage['name']}", stage["seconds"]) for stage in backup["stages"]]
    rows.append(Row("small backup: all", backup["duration"]))
    rows += [Row(f"small restore: {stage['name']}", stage["seconds"]) for stage in restore["stages"]]
    rows.append(Row("small restore: all", restore["duration"]))
    rows.append(Row("small restore: outage of Che", restore["outage_seconds"]))
    return rows


if __name__ == "__main__":
    main()
