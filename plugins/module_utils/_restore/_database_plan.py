# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which databases differ from the backup, found out by counting them where they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._installation import find_che_cluster
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import Database, find_databases
from ansible_collections.community.che.plugins.module_utils._database._compare import compare, compare_properties
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError
from ansible_collections.community.che.plugins.module_utils._database._figures_sql import ALL_FIGURES_SQL
from ansible_collections.community.che.plugins.module_utils._database._log import JobLog, read_figures, trusted
from ansible_collections.community.che.plugins.module_utils._database._sql import connect
from ansible_collections.community.che.plugins.module_utils._database._staging import leftovers
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
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
    """What happens to one saved database.

    Args:
        part: The backup's part.
        saved: What was counted at the backup.
        live: What is counted now; None where nothing could be counted.
        leftovers: Databases and roles on its server that an earlier restore left.
    """

    part: Part
    saved: DatabaseFigures
    live: DatabaseFigures | None
    leftovers: tuple[str, ...] = ()

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


def plan_databases(
    cluster: Cluster, manifest: Manifest, objects: Sequence[Object], installation_exists: bool
) -> list[DatabasePlan]:
    """Compare each saved database with the live one of its role.

    Args:
        cluster: Where.
        manifest: The backup's.
        objects: The backup's objects.
        installation_exists: False when there is no CheCluster, and so no database either.

    Raises:
        Forbidden: The credentials lack the permission to execute in pods.
    """
    parts = [(part, part.database) for part in manifest.parts if part.database is not None]
    if not installation_exists:
        return [DatabasePlan(part, saved, None) for part, saved in parts]
    live = {database.role: (database, server) for database, server in live_databases(cluster, manifest, objects)}
    return [_planned(cluster, part, saved, *live.get(saved.role, (None, {}))) for part, saved in parts]


def _planned(
    cluster: Cluster, part: Part, saved: DatabaseFigures, database: Database | None, server: Object
) -> DatabasePlan:
    if database is None:
        return DatabasePlan(part, saved, None)
    psql = PodPsql(cluster, server)
    try:
        log = JobLog.read(psql(connect(database.name) + ALL_FIGURES_SQL))
        with trusted(DatabaseError):
            figures = read_figures(log, database.role, "", 0)
        return DatabasePlan(part, saved, figures, tuple(leftovers(psql)))
    except Forbidden:
        raise
    except CheError:
        # A database that can't be asked is no reason not to restore it.
        return DatabasePlan(part, saved, None)


def live_databases(
    cluster: Cluster, manifest: Manifest, objects: Sequence[Object]
) -> Iterator[tuple[Database, Object]]:
    """The databases that an installation runs now, each with the Deployment of its server.

    Where the Secret with a database's credentials is lost, the saved one tells them.
    """
    namespace = manifest.installation.namespace
    deployments = {item["metadata"]["name"]: item for item in cluster.list(DEPLOYMENT, namespace)}
    che_cluster = CheCluster(find_che_cluster(cluster, namespace, manifest.installation.che_cluster))
    live = list(cluster.list(SECRET, namespace))
    present = {secret["metadata"]["name"] for secret in live}
    lost = [obj for obj in objects if obj["kind"] == SECRET.kind and obj["metadata"]["name"] not in present]
    for database in find_databases(che_cluster, deployments.values(), [*live, *lost]):
        yield database, deployments[database.deployment]
