# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A namespace that a restore has made, which is marked so until that is committed, and goes with its abort."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.community.che.plugins.module_utils._backup._installation import served_che_cluster_kind
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CLAIM,
    DEPLOYMENT,
    NAMESPACE,
    POD,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._restore._objects import write
from ansible_collections.community.che.plugins.module_utils._restore._plan import CREATED_BY, Step
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan

# The Secrets that a cluster makes for service accounts.
_GIVEN = ("kubernetes.io/service-account-token", "kubernetes.io/dockercfg")


def make_namespace(cluster: Cluster, restore: str, plan: Plan) -> None:
    """Create the namespace, marked as made by this restore until that is committed."""
    write(cluster, [_marked(step, restore) for step in plan.steps if step.kind == "Namespace"])


def _marked(step: Step, restore: str) -> Step:
    metadata = step.saved["metadata"]
    annotations = {**(metadata.get("annotations") or {}), CREATED_BY: restore}
    return replace(step, saved={**step.saved, "metadata": {**metadata, "annotations": annotations}})


def take_namespace_over(cluster: Cluster, namespace: str, restore: str) -> None:
    """Where a restore has made it and was killed right after: make it this one's, or nobody's once it is in use.

    An abort of this one removes it then, or leaves it.
    """
    if maker_of(cluster, namespace):
        owner = None if made_since(cluster, namespace) else restore
        cluster.merge(NAMESPACE, namespace, "", {"metadata": {"annotations": {CREATED_BY: owner}}})


def maker_of(cluster: Cluster, namespace: str) -> str:
    """The name of the restore that has made a namespace and is not committed; empty where none has."""
    found = cluster.find(NAMESPACE, namespace)
    return str(((found or {}).get("metadata", {}).get("annotations") or {}).get(CREATED_BY, ""))


def made_since(cluster: Cluster, namespace: str) -> str:
    """What is in a namespace that neither the cluster nor a restore without a journal puts there; empty for nothing."""
    che_cluster = served_che_cluster_kind(cluster)
    for kind in (*([che_cluster] if che_cluster else []), DEPLOYMENT, POD, CLAIM, SECRET):
        for obj in cluster.list(kind, namespace):
            if not str(obj.get("type", "")).startswith(_GIVEN):
                return f"the {kind.kind} {obj['metadata']['name']}"
    return ""
