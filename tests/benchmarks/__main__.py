# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure everything, and write the page in the docs: ``python -m benchmarks [--database-mb N] [--objects N]``."""

from __future__ import annotations

import argparse
import os

from ansible_collections.community.che.plugins.module_utils._kube._connect import connect_cluster
from integration.che_bed import BackupServer, Cluster, Home, installation, new_home, server

from benchmarks import dump, objects
from benchmarks.table import Row, write_page

SERVER = "benchmarks-backup-server"
NAMESPACE = "benchmarks"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database-mb", type=int, default=500)
    parser.add_argument("--objects", type=int, default=1000)
    wanted = parser.parse_args()
    cluster = Cluster()
    backup_server = BackupServer.up(cluster, SERVER)
    rows = [
        *_database(cluster, backup_server, wanted.database_mb),
        *_objects(cluster, backup_server, wanted.objects),
    ]
    server.down(cluster, SERVER)
    write_page(rows, f"{os.cpu_count()} cores, everything (cluster, database, backup server) on one machine")


def _database(cluster: Cluster, backup_server: BackupServer, megabytes: int) -> list[Row]:
    repository = backup_server.repository("database")
    home = new_home(cluster, f"{NAMESPACE}-database", "v1", repository, size_mb=megabytes)
    rows = dump.measure(connect_cluster({}), home.namespace, repository, megabytes)
    installation.destroy_namespace(cluster, home.namespace)
    return rows


def _objects(cluster: Cluster, backup_server: BackupServer, extra: int) -> list[Row]:
    namespace = f"{NAMESPACE}-objects"
    installation.destroy_namespace(cluster, namespace)
    wanted = installation.Wanted(variant="v1", namespace=namespace, extra_objects=extra)
    installation.up(cluster, wanted)
    rows = objects.measure(namespace, extra)
    installation.destroy_namespace(cluster, namespace)
    home = new_home(cluster, namespace, "v1", backup_server.repository("small"))
    rows += _stages(home)
    installation.destroy_namespace(cluster, namespace)
    return rows


def _stages(home: Home) -> list[Row]:
    """What the collection itself takes for a small backup and a small restore, stage by stage."""
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
