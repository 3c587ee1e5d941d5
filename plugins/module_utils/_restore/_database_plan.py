# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which databases differ from the backup, found out by counting them where they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._installation import find_che_cluster
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import Database, find_databases
from ansible_collections.community.che.plugins.module_utils._database._compare import compare, compare_properties
from ansible_collections.community.che.plugins.module_utils._database._figures_sql import ALL_FIGURES_SQL
from ansible_collections.community.che.plugins.module_utils._database._log import JobLog, read_figures
from ansible_collections.community.che.plugins.module_utils._database._sql import connect
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT, SECRET
from ansible_collections.community.che.plugins.module_utils._restore._plan import KEEP
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Manifest, Part

RESTORE = "restore"
_SHOWN_DIFFERENCES = 10
_UNKNOWN_ROWS = -1


@dataclass(frozen=True)
class DatabasePlan:
    """What happens to one saved database; ``live`` is None where nothing could be counted."""

    part: Part
    saved: DatabaseFigures
    live: DatabaseFigures | None

    @property
    def differences(self) -> list[str]:
        return [*compare(self.saved, self.live), *compare_properties(self.saved, self.live)] if self.live else []

    @property
    def action(self) -> str:
        return KEEP if self.live and not self.differences else RESTORE

    def shown(self) -> dict[str, Any]:
        """As the plan returns it."""
        return {
            "action": self.action,
            "name": self.part.name,
            "rows": _rows(self.saved),
            "live_rows": _rows(self.live) if self.live else _UNKNOWN_ROWS,
            "bytes": self.part.bytes,
            "saved_version": self.saved.server_version,
            "live_version": self.live.server_version if self.live else "",
            "differences": self.differences[:_SHOWN_DIFFERENCES],
        }

    def diff(self) -> dict[str, Any]:
        """As ``--diff`` prints it: rows and checksum by table."""
        title = f"Database/{self.part.name}"
        return {
            "before_header": title,
            "after_header": title,
            "before": _tables(self.live) if self.live else {},
            "after": _tables(self.saved),
        }


def _rows(figures: DatabaseFigures) -> int:
    return sum(table.rows for table in figures.tables)


def _tables(figures: DatabaseFigures) -> dict[str, str]:
    return {f"{table.schema}.{table.name}": f"{table.rows} rows, {table.checksum}" for table in figures.tables}


def plan_databases(cluster: Cluster, manifest: Manifest, installation_exists: bool) -> list[DatabasePlan]:
    """Compare each saved database with the live one of its role.

    Args:
        cluster: Where.
        manifest: The backup's.
        installation_exists: False when there is no CheCluster, and so no database either.

    Raises:
        Forbidden: The credentials lack the permission to execute in pods.
    """
    return [
        DatabasePlan(part, part.database, _live(cluster, manifest, part.database) if installation_exists else None)
        for part in manifest.parts
        if part.database is not None
    ]


def _live(cluster: Cluster, manifest: Manifest, saved: DatabaseFigures) -> DatabaseFigures | None:
    installation = manifest.installation
    for database, deployment in live_databases(cluster, installation.namespace, installation.che_cluster):
        if database.role == saved.role:
            return _counted(PodPsql(cluster, deployment), database)
    return None


def _counted(psql: PodPsql, database: Database) -> DatabaseFigures | None:
    """The figures of a live database; None when it can't be asked, which is no reason not to restore it."""
    try:
        log = JobLog.read(psql(connect(database.name) + ALL_FIGURES_SQL))
        return read_figures(log, database.role, "", 0)
    except Forbidden:
        raise
    except CheError:
        return None


def live_databases(cluster: Cluster, namespace: str, che_cluster: str) -> Iterator[tuple[Database, dict[str, Any]]]:
    """The databases that an installation runs now, each with the Deployment of its server."""
    deployments = {item["metadata"]["name"]: item for item in cluster.list(DEPLOYMENT, namespace)}
    found = CheCluster(find_che_cluster(cluster, namespace, che_cluster))
    for database in find_databases(found, deployments.values(), cluster.list(SECRET, namespace)):
        yield database, deployments[database.deployment]
