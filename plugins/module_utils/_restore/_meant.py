# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which CheCluster a restore is about: that of the backup, or the one that is there and is left as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._backup._installation import served_che_cluster_kind
from ansible_collections.community.che.plugins.module_utils._che._objects import RawObject
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CHE_CLUSTER_V2, NAMESPACE
from ansible_collections.community.che.plugins.module_utils._restore._checks import BLOCKED, WARNED, Check
from ansible_collections.community.che.plugins.module_utils._restore._fetched import Fetched
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest

_OF_ANOTHER_NAME = (
    "A CheCluster is not restored into one of another name. Leave it out, with parts, kinds or names; or remove the "
    "one that is there; or restore into a namespace without one, where the operator takes several in a cluster."
)
_ONE_ONLY = "Operators that serve v2 take only one in a cluster, and refuse the restored one then: remove that first."


@dataclass(frozen=True)
class Meant:
    """The CheCluster that a restore is about.

    Args:
        name: Its name.
        checks: What keeps the backup's own from being restored, and what may.
    """

    name: str
    checks: tuple[Check, ...] = ()


def meant(cluster: Cluster, request: RestoreRequest, fetched: Fetched) -> Meant:
    """Say which CheCluster a restore is about.

    That of the backup, where it is restored or is there. Where it is left out, the one that is there: its pods use what
    is restored, and it is what a safety backup is made of.

    Args:
        cluster: Where.
        request: What the task asks for.
        fetched: The backup.

    Raises:
        CheError: It is not the one that the task names; or the task names none, and there are several.
        UsageError: What was chosen is not in the backup.
    """
    there = _names(cluster, request.namespace)
    saved = _saved(fetched.objects)
    if _saved(request.choice.choose(fetched.objects).objects):
        return _restored(cluster, request, fetched, saved, there)
    candidates = there or [saved]
    asked = request.che_cluster
    if asked and asked not in candidates:
        raise CheError(
            f"There is no CheCluster named {asked}",
            f"namespace {request.namespace}",
            "Check namespace and che_cluster.",
        )
    if not asked and saved not in candidates and len(candidates) > 1:
        what = f"There are several CheClusters: {', '.join(candidates)}"
        raise CheError(what, f"namespace {request.namespace}", "Name one with che_cluster.")
    return Meant(asked or (saved if saved in candidates else candidates[0]))


def require_meant(request: RestoreRequest, che_cluster: str) -> None:
    """Refuse to go on with a restore, or to abort one, that is about another CheCluster than the task names.

    Raises:
        CheError: It is.
    """
    if request.che_cluster and request.che_cluster != che_cluster:
        raise CheError(
            f"The unfinished restore is about the CheCluster {che_cluster}",
            f"namespace {request.namespace}, che_cluster {request.che_cluster}",
            "Name that one with che_cluster, or leave che_cluster out.",
        )


def _restored(cluster: Cluster, request: RestoreRequest, fetched: Fetched, saved: str, there: Sequence[str]) -> Meant:
    if request.che_cluster and request.che_cluster != saved:
        raise CheError(
            f"The backup is of the CheCluster {saved}",
            f"backup {fetched.backup.id[:8]}, che_cluster {request.che_cluster}",
            "Choose another backup with id, or leave che_cluster out.",
        )
    if not there:
        return Meant(saved, tuple(_elsewhere(cluster, request.namespace)))
    if saved in there:
        return Meant(saved)
    what = f"The backup is of the CheCluster {saved}, and the one that is there is {', '.join(there)}"
    # What else is looked at is that of the one that is there.
    return Meant(there[0], (Check("CheCluster", BLOCKED, what, f"namespace {request.namespace}", _OF_ANOTHER_NAME),))


def _elsewhere(cluster: Cluster, namespace: str) -> Iterator[Check]:
    """What an operator's webhook may say of the restored one, while no dry run can ask it for want of the namespace."""
    if served_che_cluster_kind(cluster) != CHE_CLUSTER_V2 or cluster.find(NAMESPACE, namespace) is not None:
        return
    try:
        others = sorted(
            f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in cluster.list(CHE_CLUSTER_V2)
        )
    except Forbidden:
        return
    if others:
        yield Check("CheCluster", WARNED, "there is one in another namespace", f"CheCluster {others[0]}", _ONE_ONLY)


def _names(cluster: Cluster, namespace: str) -> list[str]:
    kind = served_che_cluster_kind(cluster)
    return sorted(str(item["metadata"]["name"]) for item in cluster.list(kind, namespace)) if kind else []


def _saved(objects: Iterable[RawObject]) -> str:
    """The name of the CheCluster among objects; empty where there is none."""
    return next((str(obj["metadata"]["name"]) for obj in objects if obj["kind"] == "CheCluster"), "")
