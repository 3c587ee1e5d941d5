# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose backup a task means that asks for the latest one."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._backup._installation import cluster_id, has_che_cluster
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import LATEST, Whose
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Installation


def whose_latest(cluster: Cluster, namespace: str, moved: bool = False) -> Whose:
    """Whose backup ``latest`` is for a task.

    Args:
        cluster: Where the task works.
        namespace: The namespace of Che that it is for.
        moved: Whether it says that what it restores may have had another namespace.
    """
    return Whose(namespace, moved, lambda: is_bare(cluster, namespace))


def is_bare(cluster: Cluster, namespace: str) -> bool:
    """Whether a namespace provably has no Che; where the credentials don't let one see that, it may have one."""
    try:
        return not has_che_cluster(cluster, namespace)
    except Forbidden:
        return False


def is_elsewhere(cluster: Cluster, saved: Installation) -> bool:
    """Whether a backup was provably made on another cluster."""
    here = cluster_id(cluster)
    return bool(here and saved.cluster_id and here != saved.cluster_id)


def require_named_elsewhere(cluster: Cluster, asked: str, saved: Installation, backup: str) -> None:
    """Refuse another cluster's backup to who asks for the latest one only, where a Che is that it would replace.

    Backups are told apart by the namespace, and clusters that share a repository may call theirs the same.

    Args:
        cluster: Where the task works.
        asked: What the task says as ``id``.
        saved: Where the backup was made, as its manifest says.
        backup: Its full id.

    Raises:
        CheError: It is another cluster's, and not named.
    """
    if asked == LATEST and is_elsewhere(cluster, saved):
        raise CheError(
            "The newest backup of this namespace was made on another cluster, and a Che is here",
            f"backup {backup[:8]}",
            f"Name it by its id, {backup}, if it is meant; or one of this cluster's.",
        )
