# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting until Che runs again, and making it start anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._installation import find_che_cluster
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._components import users_of
from ansible_collections.community.che.plugins.module_utils._che._objects import RawObject
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT
from ansible_collections.community.che.plugins.module_utils._kube._pods import await_end, end_pods, is_ready, pods_of
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline, wait_for

_ROLES = ("che", "keycloak", "openvsx")
_PART_OF = "app.kubernetes.io/part-of=che.eclipse.org"
# Che's operator hears of a change by its watch, and has begun by then with what it does about it, if that is anything.
_REACTION_SECONDS = 8.0
# It goes on to the next Deployment as soon as one is ready.
_CALM_SECONDS = 2.5

# What tells that the operator has done something: the CheCluster's status, and each Deployment with its generation.
Mark = tuple[Any, dict[str, tuple[str, int]]]


class Reaction:
    """What Che's operator does about a CheCluster that was written: until that begins all is as ready as it was before.

    To be made when the CheCluster is written. It is over once the operator has done something, or has had the time for
    that, and Che was ready for a while then, in which nothing more was done.

    Args:
        before: What ``mark`` said before it was written; None where nobody looked.
    """

    def __init__(self, before: Mark | None = None) -> None:
        self._seen = before
        self._has_begun = False
        self._patience = Deadline(_REACTION_SECONDS)
        self._calm: Deadline | None = None

    def is_over(self, now: Mark, ready: bool) -> bool:
        """Whether nothing more is to come.

        Args:
            now: What ``mark`` says now.
            ready: Whether Che is ready now.
        """
        has_moved = self._seen is not None and self._seen != now
        self._seen = now
        self._has_begun = self._has_begun or has_moved
        if self._calm is None or has_moved or not ready:
            self._calm = Deadline(_CALM_SECONDS)
        return ready and self._calm.expired and (self._has_begun or self._patience.expired)


def mark(cluster: Cluster, namespace: str, name: str) -> Mark:
    """What the operator of Che has done until now.

    Raises:
        CheError: There is no such CheCluster.
    """
    return _mark(CheCluster(find_che_cluster(cluster, namespace, name)), _deployments(cluster, namespace))


def _mark(che_cluster: CheCluster, deployments: Iterable[Object]) -> Mark:
    found = (item["metadata"] for item in deployments)
    generations = {held["name"]: (held["uid"], held.get("generation", 0)) for held in found}
    return che_cluster.raw.get("status"), generations


def _deployments(cluster: Cluster, namespace: str) -> list[Object]:
    return list(cluster.list(DEPLOYMENT, namespace, labels=_PART_OF))


def is_available(deployment: dict[str, Any]) -> bool:
    """Whether the Deployment's newest generation runs in full, and nothing of an older one counts for it."""
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    observed = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    updated = status.get("updatedReplicas", 0)
    return bool(
        observed
        and updated >= wanted
        and status.get("replicas", 0) <= updated
        and status.get("availableReplicas", 0) >= wanted
    )


def await_che(
    cluster: Cluster, namespace: str, name: str, deadline: Deadline, reaction: Reaction | None = None
) -> CheCluster:
    """The CheCluster as soon as its operator calls it ready and every Deployment of Che is available.

    What a Deployment says of itself may be older than the end of its pods. So those that use a database are looked at
    themselves: a pod that is on its way out does not count.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        name: The CheCluster's name.
        deadline: When to give up.
        reaction: What the operator does about it, where that has to be over too.

    Raises:
        WaitExpired: It is not ready in time.
    """
    seen: dict[str, str] = {"state": "it was not seen"}

    def ready() -> CheCluster | None:
        che_cluster = CheCluster(find_che_cluster(cluster, namespace, name))
        deployments = _deployments(cluster, namespace)
        users = {item["metadata"]["name"] for role in _ROLES for item in users_of(role, deployments)}
        lagging = [
            item["metadata"]["name"]
            for item in deployments
            if not is_available(item) or (item["metadata"]["name"] in users and not _runs(cluster, item))
        ]
        reasons = [che_cluster.not_ready_reason(), *(f"Deployment {item} is not available" for item in lagging)]
        seen["state"] = "; ".join(filter(None, reasons))
        if reaction and not reaction.is_over(_mark(che_cluster, deployments), ready=not seen["state"]):
            seen["state"] = seen["state"] or "its operator may not have done all about it yet"
        return None if seen["state"] else che_cluster

    return wait_for(
        ready,
        deadline,
        "Che to become ready",
        on=f"CheCluster {namespace}/{name}",
        next_step="Check the operator's log and the namespace's events. What was restored is in place.",
        describe=lambda: seen["state"],
    )


def _runs(cluster: Cluster, deployment: Object) -> bool:
    """Whether as many pods as are wanted are ready now, and stay."""
    wanted: int = deployment["spec"].get("replicas", 1)
    return sum(map(is_ready, pods_of(cluster, deployment))) >= wanted


def users_in(cluster: Cluster, namespace: str, roles: Iterable[str]) -> dict[str, list[RawObject]]:
    """The Deployments that use the databases of these roles, by role."""
    deployments = list(cluster.list(DEPLOYMENT, namespace))
    return {role: users_of(role, deployments) for role in roles}


def require_users(cluster: Cluster, namespace: str, roles: Sequence[str], deadline: Deadline) -> None:
    """See to it that what has to start anew with the databases of these roles is known.

    Raises:
        WaitExpired: There is no such Deployment.
    """
    missing: list[str] = []

    def known() -> bool | None:
        users = users_in(cluster, namespace, roles)
        missing[:] = [role for role in roles if not users[role]]
        return None if missing else True

    if not roles:
        return
    wait_for(
        known,
        deadline,
        "the Deployment that uses the database",
        on=f"namespace {namespace}",
        next_step="Check that the operator of Che runs, and its log: it makes that Deployment.",
        describe=lambda: f"there is none for {', '.join(missing)}",
    )


def end_users(
    cluster: Cluster,
    namespace: str,
    roles: Iterable[str],
    deadline: Deadline | None = None,
    grace_seconds: int | None = None,
    since: str = "",
) -> None:
    """Have what uses the databases of these roles start anew, by replacing its pods.

    Their operator would undo a change of their Deployment. The new ones come up while the old ones end.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        roles: The roles.
        deadline: Until when to wait for nothing to be left of before; None for not at all.
        grace_seconds: What time their processes have to end; None for what their pods say.
        since: Only those that have started at that time or later, see ``end_pods``; empty for all.

    Raises:
        WaitExpired: A pod does not end.
    """
    users = [deployment for found in users_in(cluster, namespace, roles).values() for deployment in found]
    ended = end_pods(cluster, users, grace_seconds, since)
    if deadline:
        await_end(cluster, users, ended, deadline)
