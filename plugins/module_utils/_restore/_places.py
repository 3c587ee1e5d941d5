# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a backup comes from and where it is restored, as far as an installation depends on that."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.community.che.plugins.module_utils._backup._installation import (
    cluster_id,
    infrastructure,
    served_che_cluster_kind,
)
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import SERVERS, external_database
from ansible_collections.community.che.plugins.module_utils._che._place import Place
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CLAIM,
    CLUSTER_INGRESS,
    DEPLOYMENT,
    STORAGE_CLASS,
)
from ansible_collections.community.che.plugins.module_utils._restore._operator import Operator, version_of
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Installation


def source_of(saved: Installation) -> Place:
    """Where a backup was made."""
    return Place(
        namespace=saved.namespace,
        apps_domain=saved.apps_domain,
        infrastructure=saved.infrastructure,
        api_version=saved.api_version,
        che_version=saved.che_version,
        cluster_id=saved.cluster_id,
    )


def target_of(
    cluster: Cluster,
    namespace: str,
    live: Mapping[tuple[str, str], Object],
    che_cluster: str,
    operator: Operator,
    saved: Installation,
) -> Place:
    """Where a backup is to be restored.

    Args:
        cluster: The cluster.
        namespace: The namespace of Che there.
        live: What is there, by kind and name.
        che_cluster: The name of the CheCluster.
        operator: The operator of Che there.
        saved: Where the backup comes from: what it says of the CheCluster's version holds as long as none is served.
    """
    found = live.get(("CheCluster", che_cluster))
    running = CheCluster(found) if found else None
    kind = served_che_cluster_kind(cluster)
    return Place(
        namespace=namespace,
        apps_domain=_apps_domain(cluster, running),
        infrastructure=infrastructure(cluster),
        api_version=kind.api_version if kind else saved.api_version,
        che_version=(running.version if running else "") or version_of(operator),
        storage_classes=_storage_classes(cluster, live),
        cluster_id=cluster_id(cluster),
        runs_database=_runs_database(cluster, live, running),
    )


def _apps_domain(cluster: Cluster, live: CheCluster | None) -> str:
    """The domain of the cluster's routes; on Kubernetes only an installation tells."""
    try:
        ingress = cluster.find(CLUSTER_INGRESS, "cluster")
    except Forbidden:
        ingress = None
    domain = str((ingress or {}).get("spec", {}).get("domain", ""))
    return domain or (live.apps_domain() if live else "")


def _storage_classes(cluster: Cluster, live: Mapping[tuple[str, str], Object]) -> frozenset[str] | None:
    """Those that are there, and those of claims that are: a claim that stays needs its class no more."""
    try:
        served = {obj["metadata"]["name"] for obj in cluster.list(STORAGE_CLASS)}
    except Forbidden:
        return None
    claims = [obj for (kind, _name), obj in live.items() if kind == CLAIM.kind]
    return frozenset({*served, *(obj["spec"].get("storageClassName", "") for obj in claims)} - {""})


def _runs_database(
    cluster: Cluster, live: Mapping[tuple[str, str], Object], che_cluster: CheCluster | None
) -> bool | None:
    """Whether Che has a database here, also where its server is missing at the moment: its claim is there then."""
    if che_cluster is None:
        return None
    if external_database(che_cluster):
        return True
    deployment, claim = SERVERS["che"]
    return (CLAIM.kind, claim) in live or cluster.find(DEPLOYMENT, deployment, che_cluster.namespace) is not None
