# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""psql as the server's own superuser, inside the database's pod: for statements and counts, never for data."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.community.che.plugins.module_utils._database._sessions import NOT_ENDED, end_sessions_where
from ansible_collections.community.che.plugins.module_utils._database._sql import MAINTENANCE_DATABASE
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._exec import ExecFailed, exec_script
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT
from ansible_collections.community.che.plugins.module_utils._kube._lease import LeaseLost
from ansible_collections.community.che.plugins.module_utils._kube._pods import (
    address_past_service,
    is_ready,
    is_running,
    pods_of,
)
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline

_SECONDS = 300.0
# How long the pod of a server that has just started takes to be ready, at most.
_READY_SECONDS = 10.0
_LOOK_SECONDS = 1.0
# The images of the Software Collections know the superuser as postgres; Docker's name it in POSTGRES_USER. Old ones put
# psql on PATH in a file that only bash reads, unasked.
_PSQL = (
    'command -v psql >/dev/null 2>&1 || { [ ! -r "${BASH_ENV:-}" ] || . "$BASH_ENV"; }; '
    # What somebody has put into a schema of his own must not be taken for what is meant.
    "export PGOPTIONS='-c search_path=pg_catalog' PGAPPNAME=@NAME@; "
    f'exec psql -X -w -A -t -q -v ON_ERROR_STOP=1 -U "${{POSTGRES_USER:-postgres}}" -d {MAINTENANCE_DATABASE}'
)


class NoServerPod(CheError):
    """No pod of a database server is ready."""


class PodPsql:
    """psql in the pod of one database server.

    Args:
        cluster: Where.
        deployment: The database server's Deployment.
        name: What its sessions are called, ``[a-z0-9-]``.
        seconds: The limit of one script.
        any_closed: Whether a database of this server may be closed. Then a pod that runs will do: one that has started
            anew since is not ready, as the operator's probe opens the database itself.
        patience: For how many seconds a server that is not ready is waited for; its pod may just be replaced.
    """

    def __init__(
        self,
        cluster: Cluster,
        deployment: Object,
        name: str = "che-restore",
        seconds: float = _SECONDS,
        any_closed: bool = False,
        patience: float = 0.0,
    ) -> None:
        self._cluster = cluster
        self._deployment = deployment
        self._name = name
        self._seconds = seconds
        self._any_closed = any_closed
        self._patience = patience

    def end_earlier(self) -> None:
        """End the sessions of the same name that are left: psql goes on with its script when its client is gone.

        Raises:
            CheError: One of them does not end, so that nothing may be done beside it; or the server can't be asked.
        """
        try:
            self(end_sessions_where(f"application_name = '{self._name}'"))
        except ExecFailed as failure:
            if NOT_ENDED not in failure.what:
                raise
            metadata = self._deployment["metadata"]
            raise CheError(
                "What an earlier run has left at work in the database server was told to end, and did not end within "
                "30 s",
                DEPLOYMENT.named(metadata["name"], metadata["namespace"]),
                f"Look at its sessions in pg_stat_activity, by application_name {self._name}. When they have ended, or "
                "the server's pod has been deleted and its next one is ready, run the task again.",
            ) from None

    def __call__(self, script: str) -> str:
        """Run a script in the maintenance database.

        Args:
            script: SQL and psql's own commands.

        Returns:
            Its output: rows unaligned, without headers.

        Raises:
            ExecFailed: A statement failed.
            Forbidden: The credentials lack the permission to execute in pods.
        """
        pod = self._pod()
        return exec_script(
            self._cluster,
            pod["metadata"]["name"],
            pod["metadata"]["namespace"],
            container=pod["spec"]["containers"][0]["name"],
            command=["/bin/sh", "-c", _PSQL.replace("@NAME@", self._name)],
            # Exec can't close standard input: psql must be told to go.
            script=f"{script}\n\\q\n",
            seconds=self._seconds,
        )

    def pod_address(self) -> str:
        """Where the server answers though no Service leads to it, as its pod is not ready; empty where one does."""
        return address_past_service(self._cluster, self._deployment) if self._any_closed else ""

    def _pod(self) -> Object:
        deadline = Deadline(self._patience)
        # Whether one that runs will yet be ready is not known at once.
        undecided = Deadline(min(self._patience, _READY_SECONDS))
        while True:
            try:
                return server_pod(self._cluster, self._deployment, self._any_closed and undecided.expired)
            except NoServerPod:
                if deadline.expired:
                    raise
                deadline.pause(_LOOK_SECONDS)


def answers(psql: Callable[[str], str]) -> bool:
    """Whether a server can be spoken to, whatever its Deployment says of it.

    Raises:
        LeaseLost: Another process is at it.
    """
    try:
        return psql("SELECT 1;\n").strip() == "1"
    except LeaseLost:
        raise
    except CheError:
        return False


def server_pod(cluster: Cluster, deployment: Object, any_closed: bool = False) -> Object:
    """The pod of a database server that is ready; where a database may be closed, else one that runs.

    Raises:
        NoServerPod: There is none.
    """
    metadata = deployment["metadata"]
    pods = list(pods_of(cluster, deployment))
    # A server that is only just being made runs too, and would answer before it is what it is to be.
    for fits in (is_ready, is_running) if any_closed else (is_ready,):
        for pod in filter(fits, pods):
            return pod
    raise NoServerPod(
        "The database server has no pod that is ready",
        DEPLOYMENT.named(metadata["name"], metadata["namespace"]),
        "Start it, then run the task again.",
    )
