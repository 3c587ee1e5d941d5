# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the databases of a restore are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._databases import Database
from ansible_collections.community.che.plugins.module_utils._database._staging import StagedNames, names_for
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT
from ansible_collections.community.che.plugins.module_utils._kube._lease import LeaseLost
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline, wait_for
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import DatabasePlan
from ansible_collections.community.che.plugins.module_utils._restore._live_databases import live_databases
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from ansible_collections.community.che.plugins.module_utils._restore._ready import is_available


@dataclass
class Staged:
    """One database on its way back."""

    plan: DatabasePlan
    database: Database
    deployment: dict[str, Any] = field(repr=False)
    psql: PodPsql = field(repr=False)
    names: StagedNames


class Servers:
    """The servers of the databases.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        objects: The objects as they are to be.
        restore: The restore's name.
        any_closed: Tells whether a database may be closed by this restore.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        objects: Sequence[Object],
        restore: str,
        any_closed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._any_closed = any_closed
        self._cluster = cluster
        self._namespace = namespace
        self._objects = objects
        self._restore = restore
        self._alone_on: set[str] = set()

    def find(self, plan: DatabasePlan, deadline: Deadline) -> Staged:
        """One of them, as soon as its server runs.

        Raises:
            WaitExpired: It does not.
        """
        database, deployment = self._await_database(plan, deadline)
        psql = PodPsql(self._cluster, deployment, f"che-restore-{self._restore}")
        if deployment["metadata"]["uid"] not in self._alone_on:
            # A run that was killed may have left a script that is still at it, and would have the last word.
            psql.end_earlier()
            self._alone_on.add(deployment["metadata"]["uid"])
        return Staged(plan, database, deployment, psql, names_for(database.name, self._restore))

    def _await_database(self, plan: DatabasePlan, deadline: Deadline) -> tuple[Database, dict[str, Any]]:
        namespace, role = self._namespace, plan.part.role

        def running() -> tuple[Database, dict[str, Any]] | None:
            found = live_databases(self._cluster, namespace, self._objects)
            return next(((db, server) for db, server in found if db.role == role and self._serves(server)), None)

        return wait_for(
            running,
            deadline,
            f"the server of the database {plan.part.name}",
            on=DEPLOYMENT.named("postgres" if role != "openvsx" else "openvsx-database", namespace),
            next_step="Check that the operator of Che runs, its log, and the namespace's events.",
        )

    def _serves(self, deployment: dict[str, Any]) -> bool:
        """Whether it can be spoken to.

        The operator's probe opens the database itself: a pod that has started anew while that is closed is not ready
        before it is open, and only its server can open it.
        """
        if is_available(deployment) or not self._any_closed():
            return is_available(deployment)
        try:
            return PodPsql(self._cluster, deployment)("SELECT 1;\n").strip() == "1"
        except LeaseLost:
            raise
        except CheError:
            return False
