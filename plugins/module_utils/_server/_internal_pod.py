# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The internal backup server's pod: whether it serves, and why it does not."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._jobs import why_not_started
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT, POD
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline, wait_for
from ansible_collections.community.che.plugins.module_utils._server._internal_objects import POD_LABELS

SELECTOR = ",".join(f"{key}={value}" for key, value in POD_LABELS.items())


def is_ready(deployment: Object | None) -> bool:
    """Whether a Deployment runs as it was last wanted."""
    if deployment is None:
        return False
    status = deployment.get("status") or {}
    current = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 1)
    return bool(current and status.get("updatedReplicas") and status.get("availableReplicas"))


def await_ready(cluster: Cluster, name: str, namespace: str, seconds: float) -> None:
    """Wait until the server's pod is ready.

    Raises:
        WaitExpired: It is not in time; the error says why.
    """
    wait_for(
        lambda: is_ready(cluster.find(DEPLOYMENT, name, namespace)) or None,
        Deadline(seconds),
        "the internal backup server",
        on=DEPLOYMENT.named(name, namespace),
        next_step="Check that its image can be pulled (internal.image, internal.image_pull_secrets), that a volume can "
        "be had (internal.storage_class), and the namespace's quota and nodes. Then run the task again.",
        describe=lambda: _why_not(cluster, name, namespace),
    )


def _why_not(cluster: Cluster, name: str, namespace: str) -> str:
    pod = next(iter(cluster.list(POD, namespace, labels=SELECTOR)), None)
    if pod is not None:
        return why_not_started(cluster, pod, name, namespace)
    conditions = ((cluster.find(DEPLOYMENT, name, namespace) or {}).get("status") or {}).get("conditions") or []
    failed = [str(item.get("message", "")) for item in conditions if item.get("type") == "ReplicaFailure"]
    return failed[0][:600] if failed else "no pod was created"
