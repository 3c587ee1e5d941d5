# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The repository that a run works with, opened and looked at before anything is done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._server._choose import choose_server
from ansible_collections.community.che.plugins.module_utils._server._connect import open_existing
from ansible_collections.community.che.plugins.module_utils._server._last_used import make_default
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions
from ansible_collections.community.che.plugins.module_utils._server._reach import from_here
from ansible_collections.community.che.plugins.module_utils._server._stored import raw_stored
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import Backup, catalogue

# What restic does from here is small: objects, manifests and lists. It would try a server that has died for 15 minutes.
_CALL_SECONDS = 300


@dataclass(frozen=True)
class Repository:
    """An open repository on a backup server.

    Args:
        access: What opens it from this process.
        restic: The restic of this process, at work on it.
        id: The repository's id.
        location: Where it is, without secrets.
        server_name: What its server is called in the cluster; empty when the task says all of it.
        chosen_because: Why that server.
        in_cluster: What opens it from Jobs, where that is something else.
        internal: Whether it is on the internal server, which is lost with its cluster.
        only_copy: Whether that is so, and no other server is configured.
        made_default: Whether this run made its server the one that later tasks use which name none.
    """

    access: Access
    restic: Restic
    id: str
    location: str
    server_name: str
    chosen_because: str
    in_cluster: Access | None = None
    internal: bool = False
    only_copy: bool = False
    made_default: bool = False

    @property
    def job_access(self) -> Access:
        """What opens it from a Job in the cluster."""
        return self.in_cluster or self.access

    def backups(self) -> list[Backup]:
        """All backups in it, newest first."""
        return catalogue(self.restic.snapshots())


def open_repository(
    cluster: Cluster, namespace: str, options: ServerOptions, restic_path: str, *, read_only: bool
) -> Repository:
    """Reach the backup server that a task means, and open its repository.

    Args:
        cluster: Where backup servers are stored.
        namespace: The namespace of Che.
        options: What the task says about the server.
        restic_path: The restic program.
        read_only: Leave no lock and no cache behind.

    Raises:
        CheError: The server can't be chosen, reached or opened.
    """
    chosen = choose_server(cluster, namespace, options)
    access, inside = chosen.access, chosen.internal_namespace
    if inside:
        access = from_here(cluster, access, inside, options.internal_connection)
    repository_id = open_existing(access, restic_path)
    restic = Restic(access, binary=restic_path, timeout=_CALL_SECONDS, read_only=read_only)
    return Repository(
        access=access,
        restic=restic,
        id=repository_id,
        # What Jobs call it: a forwarded port says nothing to anybody.
        location=adapter_for(chosen.access).location,
        server_name=chosen.name,
        chosen_because=chosen.reason,
        in_cluster=chosen.access,
        internal=bool(inside),
        only_copy=bool(inside) and len(raw_stored(cluster, namespace)) == 1,
    )


def remember_choice(cluster: Cluster, namespace: str, repository: Repository, check_mode: bool) -> Repository:
    """Have later tasks that name no server use this one; the repository, with whether that is news.

    In check mode nothing is written, and the news is what there would be.

    Raises:
        Forbidden: The credentials may not write the server's configuration.
    """
    moved = make_default(cluster, namespace, repository.server_name, repository.job_access.server, check_mode)
    return replace(repository, made_default=moved)


def told_server(repository: Repository) -> dict[str, Any]:
    """The backup server as a task returns it."""
    return {
        "name": repository.server_name,
        "repository": repository.location,
        "chosen_because": repository.chosen_because,
        "made_default": repository.made_default,
    }


def refuse_legacy_neighbours(repository: Repository, beside_legacy: bool) -> None:
    """The old operator restores "the last snapshot" by default, which after our backup would be one of ours.

    Raises:
        CheError: It holds such snapshots, and writing beside them was not asked for.
    """
    legacy = [backup for backup in repository.backups() if backup.state == "legacy"]
    if legacy and not beside_legacy:
        raise CheError(
            f"The repository holds {len(legacy)} snapshots of the old operator, whose restore takes the last one",
            repository.location,
            "Use another repository_path, or set beside_legacy: true and give the old operator explicit snapshot ids.",
        )
