# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pods of a Deployment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT, POD
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline, wait_for


def pods_of(cluster: Cluster, deployment: Mapping[str, Any]) -> Iterator[Object]:
    """The pods that a Deployment's selector finds.

    Raises:
        CheError: It selects by no labels, so that its pods can't be told from others.
    """
    metadata = deployment["metadata"]
    labels = deployment["spec"]["selector"].get("matchLabels") or {}
    if not labels:
        on = DEPLOYMENT.named(metadata["name"], metadata["namespace"])
        raise CheError("Its pods can't be told by labels", on, "Give its selector matchLabels.")
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return cluster.list(POD, metadata["namespace"], labels=selector)


def is_ready(pod: Object) -> bool:
    """Whether a pod serves, and is not on its way out."""
    conditions = pod.get("status", {}).get("conditions") or []
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def is_running(pod: Object) -> bool:
    """Whether all containers of a pod have been started, and it is not on its way out."""
    states = [status["state"] for status in pod.get("status", {}).get("containerStatuses") or []]
    return bool(states) and all("running" in state for state in states) and "deletionTimestamp" not in pod["metadata"]


def address_past_service(cluster: Cluster, deployment: Mapping[str, Any]) -> str:
    """Where a pod of a Deployment answers to which no Service leads, as none is ready; empty where one does."""
    pods = list(pods_of(cluster, deployment))
    running = [] if any(map(is_ready, pods)) else [pod for pod in pods if is_running(pod)]
    return str(running[0]["status"].get("podIP") or "") if running else ""


def end_pods(
    cluster: Cluster, deployments: Sequence[Mapping[str, Any]], grace_seconds: int | None = None, since: str = ""
) -> frozenset[str]:
    """End all pods that Deployments have now; those that come for them are left alone.

    Args:
        cluster: Where.
        deployments: The Deployments.
        grace_seconds: What time the processes have to end; None for what the pods say.
        since: Only those that have started at that time or later, as Kubernetes writes it; empty for all.

    Returns:
        Their uids.
    """
    found = [pod for deployment in deployments for pod in pods_of(cluster, deployment)]
    ended = {pod["metadata"]["uid"]: pod for pod in found if _started(pod) >= since}
    for pod in ended.values():
        cluster.delete(POD, pod["metadata"]["name"], pod["metadata"]["namespace"], grace_seconds=grace_seconds)
    return frozenset(ended)


def _started(pod: Object) -> str:
    """When the newest of a pod's containers started: each reads its environment anew then, from Secrets too."""
    states = [status.get("state") or {} for status in pod.get("status", {}).get("containerStatuses") or []]
    running = [str((state.get("running") or {}).get("startedAt") or "") for state in states]
    return max([str(pod["metadata"].get("creationTimestamp") or ""), *running])


def await_end(
    cluster: Cluster, deployments: Sequence[Mapping[str, Any]], ended: frozenset[str], deadline: Deadline
) -> None:
    """Wait until pods that were ended are gone, which they are once their node has said that their processes are.

    Raises:
        WaitExpired: One does not end.
    """

    def left() -> list[str]:
        there = [pod for deployment in deployments for pod in pods_of(cluster, deployment)]
        return sorted(pod["metadata"]["name"] for pod in there if pod["metadata"]["uid"] in ended)

    places = [deployment["metadata"] for deployment in deployments]
    wait_for(
        lambda: None if left() else True,
        deadline,
        "pods to end",
        on=", ".join(DEPLOYMENT.named(item["name"], item["namespace"]) for item in places),
        next_step="Where a node is gone for good, kubectl delete pod --force removes its pods. Then run it again.",
        describe=lambda: f"{', '.join(left())} is still there",
    )
