# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""psql as the server's own superuser, inside the database's pod: for statements and counts, never for data."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._database._sql import MAINTENANCE_DATABASE
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._exec import exec_script
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT
from ansible_collections.community.che.plugins.module_utils._kube._pods import is_ready, is_running, pods_of

_SECONDS = 300.0
# The images of the Software Collections know the superuser as postgres; Docker's name it in POSTGRES_USER. Old ones put
# psql on PATH in a file that only bash reads, unasked.
_PSQL = (
    'command -v psql >/dev/null 2>&1 || { [ ! -r "${BASH_ENV:-}" ] || . "$BASH_ENV"; }; '
    # What somebody has put into a schema of his own must not be taken for what is meant.
    "export PGOPTIONS='-c search_path=pg_catalog' PGAPPNAME=@NAME@; "
    f'exec psql -X -w -A -t -q -v ON_ERROR_STOP=1 -U "${{POSTGRES_USER:-postgres}}" -d {MAINTENANCE_DATABASE}'
)


class PodPsql:
    """psql in the pod of one database server.

    Args:
        cluster: Where.
        deployment: The database server's Deployment.
        name: What its sessions are called, ``[a-z0-9-]``.
        seconds: The limit of one script.
    """

    def __init__(
        self, cluster: Cluster, deployment: Object, name: str = "che-restore", seconds: float = _SECONDS
    ) -> None:
        self._cluster = cluster
        self._deployment = deployment
        self._name = name
        self._seconds = seconds

    def end_earlier(self) -> None:
        """End the sessions of the same name that are left: psql goes on with its script when its client is gone.

        PostgreSQL tells nobody when a session has ended, so that it is asked again and again.
        """
        self(
            f"""DO $che$
BEGIN
    FOR attempt IN 1..1500 LOOP
        PERFORM pg_stat_clear_snapshot();
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = '{self._name}' AND pid <> pg_backend_pid();
        EXIT WHEN NOT FOUND;
        PERFORM pg_sleep(0.02);
    END LOOP;
END
$che$;
"""
        )

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
        pod = server_pod(self._cluster, self._deployment)
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


def server_pod(cluster: Cluster, deployment: Object) -> Object:
    """The pod of a database server that is ready, or else one that runs: a closed database keeps it from being ready.

    Raises:
        CheError: There is none.
    """
    metadata = deployment["metadata"]
    pods = list(pods_of(cluster, deployment))
    for fits in (is_ready, is_running):
        for pod in filter(fits, pods):
            return pod
    raise CheError(
        "The database server has no pod that is ready",
        DEPLOYMENT.named(metadata["name"], metadata["namespace"]),
        "Start it, then run the task again.",
    )
