# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the databases of a restore are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._databases import Database
from ansible_collections.community.che.plugins.module_utils._database._staging import StagedNames, names_for
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._exec import ExecFailed
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline, wait_for
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import DatabasePlan
from ansible_collections.community.che.plugins.module_utils._restore._live_databases import live_databases
from ansible_collections.community.che.plugins.module_utils._restore._psql import NoServerPod, PodPsql, answers
from ansible_collections.community.che.plugins.module_utils._restore._ready import is_available

# How long a server that has crashed takes to answer again, at most.
_RECOVERY_SECONDS = 60.0
_LOOK_SECONDS = 1.0


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
        che_cluster: The CheCluster's name.
        restore: The restore's name.
        any_closed: Tells whether a database may be closed by this restore, or is missing, so that its server need not
            become available: its probe may open that database.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        objects: Sequence[Object],
        che_cluster: str,
        restore: str,
        any_closed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._any_closed = any_closed
        self._cluster = cluster
        self._namespace = namespace
        self._objects = objects
        self._che_cluster = che_cluster
        self._restore = restore
        self._alone_on: set[str] = set()
        self._takes_any = False

    def turn_back(self) -> None:
        """After a failure: a script of this run too may be at it still, where its connection alone has broken.

        From here on any server will do that runs: somebody may have dropped the database that its probe opens.
        """
        self._alone_on.clear()
        self._takes_any = True

    def find(self, plan: DatabasePlan, deadline: Deadline) -> Staged:
        """One of them, as soon as its server runs.

        Raises:
            WaitExpired: It does not.
        """
        database, deployment = self._await_database(plan, deadline)
        psql = self._psql(deployment)
        if deployment["metadata"]["uid"] not in self._alone_on:
            # A run that was killed may have left a script that is still at it, and would have the last word.
            _end_earlier(psql, deadline)
            self._alone_on.add(deployment["metadata"]["uid"])
        return Staged(plan, database, deployment, psql, names_for(database.name, self._restore))

    def _await_database(self, plan: DatabasePlan, deadline: Deadline) -> tuple[Database, dict[str, Any]]:
        namespace, role = self._namespace, plan.part.role

        def running() -> tuple[Database, dict[str, Any]] | None:
            found = live_databases(self._cluster, namespace, self._objects, self._che_cluster)
            return next(((db, server) for db, server in found if db.role == role and self._serves(server)), None)

        return wait_for(
            running,
            deadline,
            f"the server of the database {plan.part.name}",
            on=DEPLOYMENT.named("postgres" if role != "openvsx" else "openvsx-database", namespace),
            next_step="Check that the operator of Che runs, its log, and the namespace's events.",
        )

    def _serves(self, deployment: dict[str, Any]) -> bool:
        """Whether it can be spoken to; one whose database is closed does not become available before that is opened."""
        return is_available(deployment) or (self._will_do() and answers(self._psql(deployment)))

    def _psql(self, deployment: dict[str, Any]) -> PodPsql:
        name = f"che-restore-{self._restore}"
        return PodPsql(self._cluster, deployment, name, any_closed=self._will_do())

    def _will_do(self) -> bool:
        """Whether a server will do that runs, and is not ready."""
        return self._takes_any or self._any_closed()


def _end_earlier(psql: PodPsql, deadline: Deadline) -> None:
    """End what is left of an earlier run, once the server answers: one that has only just crashed counts as available.

    Raises:
        CheError: It does not answer, or what is left does not end.
    """
    patience = Deadline(min(deadline.left, _RECOVERY_SECONDS))
    while True:
        try:
            return psql.end_earlier()
        except (ExecFailed, NoServerPod):
            if patience.expired:
                raise
        patience.pause(_LOOK_SECONDS)
