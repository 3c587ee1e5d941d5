# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The installation as it stands in the cluster: what the rules of ``_che`` make of what is there."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import (
    Database,
    external_database,
    find_databases,
)
from ansible_collections.community.che.plugins.module_utils._che._selection import Skipped, select
from ansible_collections.community.che.plugins.module_utils._che._strip import strip
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    CHE_CLUSTER_V2,
    CLAIM,
    CONFIG_MAP,
    DEPLOYMENT,
    NAMESPACE,
    SECRET,
    Kind,
)

# Without an id of their own, restricted pods need one; this is what distroless images call "nonroot".
_NONROOT = 65532


@dataclass(frozen=True)
class Installation:
    """One Che on one cluster, as far as this backup saves it."""

    che_cluster: CheCluster
    infrastructure: str
    objects: tuple[Object, ...] = field(repr=False)
    skipped: tuple[Skipped, ...]
    databases: tuple[Database, ...]
    deployments: tuple[Object, ...] = field(repr=False)
    missing_references: tuple[str, ...]

    def deployment(self, name: str) -> Object:
        """One Deployment of the namespace."""
        return next(item for item in self.deployments if item["metadata"]["name"] == name)


def collect(cluster: Cluster, namespace: str, name: str | None) -> Installation:
    """Read an installation.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        name: The CheCluster's name; None when it is the only one.

    Raises:
        CheError: There is no CheCluster, or several; its database is external; credentials are missing.
        Forbidden: The credentials lack a permission.
    """
    che_cluster = CheCluster(find_che_cluster(cluster, namespace, name))
    if external_database(che_cluster):
        raise CheError(
            "Its database is external, and this version does not back up external databases",
            f"CheCluster {namespace}/{che_cluster.name}",
            "Back that database up with its server's own tools.",
        )
    secrets = list(cluster.list(SECRET, namespace))
    candidates = [*secrets, *cluster.list(CONFIG_MAP, namespace), *cluster.list(CLAIM, namespace)]
    deployments = tuple(cluster.list(DEPLOYMENT, namespace))
    selection = select(candidates, che_cluster)
    return Installation(
        che_cluster=che_cluster,
        infrastructure=infrastructure(cluster),
        objects=(strip(cluster.get(NAMESPACE, namespace)), strip(che_cluster.raw), *map(strip, selection.saved)),
        skipped=selection.skipped,
        databases=find_databases(che_cluster, deployments, secrets),
        deployments=deployments,
        missing_references=_missing_references(che_cluster, candidates),
    )


def find_che_cluster(cluster: Cluster, namespace: str, name: str | None) -> Object:
    """The CheCluster of a namespace, in the newest version that is served.

    Raises:
        CheError: The kind is not served, there is none, or several without a choice.
    """
    found = list(cluster.list(che_cluster_kind(cluster), namespace))
    if name:
        found = [item for item in found if item["metadata"]["name"] == name]
    if len(found) == 1:
        return found[0]
    if not found:
        raise CheError(
            f"There is no CheCluster{f' named {name}' if name else ''}",
            f"namespace {namespace}",
            "Check namespace and che_cluster; to bring a lost one back, restore a backup.",
        )
    names = ", ".join(item["metadata"]["name"] for item in found)
    raise CheError(f"There are several CheClusters: {names}", f"namespace {namespace}", "Name one with che_cluster.")


def che_cluster_kind(cluster: Cluster) -> Kind:
    """CheCluster in the version to use: a round trip through v1 loses what only v2 can say.

    Raises:
        CheError: No version of it is served.
    """
    for kind in (CHE_CLUSTER_V2, CHE_CLUSTER_V1):
        if cluster.serves(kind):
            return kind
    raise CheError(
        "The cluster does not serve the kind CheCluster",
        "CustomResourceDefinition checlusters.org.eclipse.che",
        "Install the operator of Che first.",
    )


def infrastructure(cluster: Cluster) -> str:
    """What runs the cluster, in the old operator's words."""
    if cluster.serves_group("config.openshift.io"):
        return "Openshift 4"
    return "Openshift 3" if cluster.serves_group("route.openshift.io") else "Kubernetes"


def pod_user(cluster: Cluster, deployment: Object, wanted: int | None) -> int | None:
    """The user id for a Job beside a Deployment; None where the cluster must choose it, as OpenShift does."""
    if wanted is not None or cluster.serves_group("security.openshift.io"):
        return wanted
    spec = deployment["spec"]["template"]["spec"]
    contexts = [container.get("securityContext") or {} for container in spec["containers"]]
    users = [context.get("runAsUser") for context in (*contexts, spec.get("securityContext") or {})]
    return next((int(user) for user in users if user), _NONROOT)


def _missing_references(che_cluster: CheCluster, candidates: list[Object]) -> tuple[str, ...]:
    present = {(item["kind"], item["metadata"]["name"]) for item in candidates}
    return tuple(f"{ref.kind} {ref.name}" for ref in che_cluster.references() if (ref.kind, ref.name) not in present)
