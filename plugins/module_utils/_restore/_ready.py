# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting until Che runs again, and making it start anew."""

from __future__ import annotations

from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._installation import find_che_cluster
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT, POD
from ansible_collections.community.che.plugins.module_utils._kube._pods import pods_of
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline, wait_for

# What holds connections to a database of a role, and must start anew when that database was swapped.
_SERVED_BY = {"che": ("che",), "keycloak": ("keycloak",), "openvsx": ("openvsx-server",)}


def is_available(deployment: dict[str, Any]) -> bool:
    """Whether the Deployment's newest generation runs in full."""
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    observed = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    return bool(
        observed and status.get("updatedReplicas", 0) >= wanted and status.get("availableReplicas", 0) >= wanted
    )


def await_che(cluster: Cluster, namespace: str, name: str, deadline: Deadline) -> CheCluster:
    """The CheCluster as soon as its operator calls it ready and every Deployment of Che is available.

    Raises:
        WaitExpired: It is not ready in time.
    """
    seen: dict[str, str] = {"state": "it was not seen"}

    def ready() -> CheCluster | None:
        che_cluster = CheCluster(find_che_cluster(cluster, namespace, name))
        lagging = [
            item["metadata"]["name"]
            for item in cluster.list(DEPLOYMENT, namespace, labels="app.kubernetes.io/part-of=che.eclipse.org")
            if not is_available(item)
        ]
        reasons = [che_cluster.not_ready_reason(), *(f"Deployment {item} is not available" for item in lagging)]
        seen["state"] = "; ".join(filter(None, reasons))
        return None if seen["state"] else che_cluster

    return wait_for(
        ready,
        deadline,
        "Che to become ready",
        on=f"CheCluster {namespace}/{name}",
        next_step="Check the operator's log and the namespace's events. What was restored is in place.",
        describe=lambda: seen["state"],
    )


def restart(cluster: Cluster, namespace: str, role: str) -> None:
    """Replace the pods that used a database which was swapped; its operator would undo a change of the Deployment."""
    for name in _SERVED_BY.get(role, ()):
        deployment = cluster.find(DEPLOYMENT, name, namespace)
        if deployment is None:
            continue
        for pod in pods_of(cluster, deployment):
            cluster.delete(POD, pod["metadata"]["name"], namespace)
