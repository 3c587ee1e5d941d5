# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose backup a task means that asks for the latest one."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._backup._installation import has_che_cluster
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import Whose


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
