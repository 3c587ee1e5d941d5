# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much room a database server's volume has left."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._exec import exec_script
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT
from ansible_collections.community.che.plugins.module_utils._restore._psql import server_pod

_SECONDS = 30.0
# What a dump grows by when its indexes are built; it was seen to be less than twice.
_GROWTH = 2
_MIB = 2**20
# Where the images keep their data: those of the Software Collections, and Docker's.
_SCRIPT = """for place in "${PGDATA:-}" /var/lib/pgsql/data /var/lib/postgresql/data; do
    [ -n "$place" ] && [ -d "$place" ] && { df -P -k "$place"; exit; }
done
"""


@dataclass(frozen=True)
class Room:
    """The bytes that are free on a volume, and those that may be needed."""

    free: int
    needed: int

    @property
    def suffices(self) -> bool:
        """Whether what is loaded fits."""
        return self.free >= self.needed

    @property
    def told(self) -> str:
        """Both, as a sentence without its full stop."""
        return (
            f"{self.free // _MIB} MiB are free on its volume, "
            f"and what is loaded beside may take {self.needed // _MIB} MiB"
        )


def room_beside(cluster: Cluster, deployment: Object, dumped: int) -> Room:
    """The room that a database server has for dumps that are loaded beside its databases.

    Args:
        cluster: Where.
        deployment: The server's Deployment.
        dumped: The size of the dumps, in bytes.

    Raises:
        CheError: What is free can't be found out.
    """
    return Room(free_bytes(cluster, deployment), _GROWTH * dumped)


def free_bytes(cluster: Cluster, deployment: Object) -> int:
    """The bytes that are free where a database server keeps its data.

    Args:
        cluster: Where.
        deployment: The server's Deployment.

    Raises:
        CheError: It can't be found out.
    """
    pod = server_pod(cluster, deployment)
    metadata = pod["metadata"]
    answer = exec_script(
        cluster,
        metadata["name"],
        metadata["namespace"],
        container=pod["spec"]["containers"][0]["name"],
        command=["/bin/sh"],
        script=f"{_SCRIPT}exit\n",
        seconds=_SECONDS,
    )
    # POSIX: the file system, its size, what is used and what is free in units of 1024 bytes, its use, where it is.
    fields = (answer.strip().splitlines() or [""])[-1].split()
    if len(fields) < 6 or not fields[3].isdigit():
        on = DEPLOYMENT.named(deployment["metadata"]["name"], deployment["metadata"]["namespace"])
        raise CheError("df does not tell", on)
    return int(fields[3]) * 1024
