# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of Che still works with credentials that have changed since.

Che's operator gives a Secret's values to the containers as their environment, and starts nothing anew when they change
(``pkg/deploy/server/server_deployment.go`` of 7.42).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import SECRET
from ansible_collections.community.che.plugins.module_utils._kube._pods import pods_of
from ansible_collections.community.che.plugins.module_utils._restore._ready import users_in


def stale_roles(cluster: Cluster, namespace: str, secrets: Mapping[str, str]) -> list[str]:
    """The roles whose pods are older than the last change of their Secret.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        secrets: The Secrets by the roles that use them, ``che`` and ``keycloak``.
    """
    users = users_in(cluster, namespace, secrets)
    return [role for role, secret in secrets.items() if secret and _is_stale(cluster, namespace, users[role], secret)]


def _is_stale(cluster: Cluster, namespace: str, users: Sequence[Mapping[str, Any]], secret: str) -> bool:
    held = cluster.find(SECRET, secret, namespace)
    if held is None:
        return False
    changed = _last_change(held)
    pods = (pod for deployment in users for pod in pods_of(cluster, deployment))
    # Both are RFC 3339 in UTC and whole seconds, which sort as they are.
    return any(str(pod["metadata"].get("creationTimestamp", changed)) < changed for pod in pods)


def _last_change(obj: Object) -> str:
    times = (str(entry.get("time", "")) for entry in obj["metadata"].get("managedFields") or ())
    return max([str(obj["metadata"].get("creationTimestamp", "")), *times])
