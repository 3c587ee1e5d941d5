# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The installation as it stands in the cluster: what the rules of ``_che`` make of what is there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from ansible_collections.community.che.plugins.module_utils._che._authorities import trusted_authorities
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import (
    Database,
    external_database,
    find_databases,
    find_external_databases,
)
from ansible_collections.community.che.plugins.module_utils._che._lost_servers import require_servers
from ansible_collections.community.che.plugins.module_utils._che._selection import Skipped, select
from ansible_collections.community.che.plugins.module_utils._che._strip import strip
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
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

# Which databases a backup dumps; the first three are what a task may say.
EMBEDDED, EXTERNAL, SKIP, ONLY_EMBEDDED = "embedded", "external", "skip", "only embedded"

_WITHOUT = "Or set database to skip, to have the objects alone."


@dataclass(frozen=True)
class Installation:
    """One Che on one cluster, as far as this backup saves it.

    Args:
        databases: Those that are dumped.
        left_databases: Those that are not, as was asked for, or as their servers do not have them.
        authorities: The certificates (PEM) of the authorities that Che trusts.
    """

    che_cluster: CheCluster
    infrastructure: str
    cluster_id: str
    objects: tuple[Object, ...] = field(repr=False)
    skipped: tuple[Skipped, ...]
    databases: tuple[Database, ...]
    deployments: tuple[Object, ...] = field(repr=False)
    missing_references: tuple[str, ...]
    left_databases: tuple[Database, ...] = ()
    authorities: str = ""

    def deployment(self, name: str) -> Object | None:
        """One Deployment of the namespace."""
        return next((item for item in self.deployments if item["metadata"]["name"] == name), None)


def collect(
    cluster: Cluster, namespace: str, name: str | None, database: str = EMBEDDED, *, missing: Collection[str] = ()
) -> Installation:
    """Read an installation.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        name: The CheCluster's name; None when it is the only one.
        database: Which databases are to be dumped: ``EMBEDDED`` for those that the operator runs, when these are all;
            ``EXTERNAL`` for those of others too; ``ONLY_EMBEDDED`` for those that the operator runs, whatever others
            there are; ``SKIP`` for none.
        missing: The databases, by role, that their servers do not have.

    Raises:
        CheError: There is no CheCluster, or several; credentials or servers are missing; ``EMBEDDED`` leaves a database
            out.
        Forbidden: The credentials lack a permission.
    """
    che_cluster = CheCluster(find_che_cluster(cluster, namespace, name))
    if database == EMBEDDED and external_database(che_cluster):
        raise CheError(
            "Its database is external, and whether that is to be dumped was not said",
            f"CheCluster {namespace}/{che_cluster.name}",
            "Set database to external, to have it in the backup, or to skip, if its server's own backups are enough.",
        )
    secrets = list(cluster.list(SECRET, namespace))
    config_maps = list(cluster.list(CONFIG_MAP, namespace))
    candidates = [*secrets, *config_maps, *cluster.list(CLAIM, namespace)]
    deployments = tuple(cluster.list(DEPLOYMENT, namespace))
    selection = select(candidates, che_cluster)
    embedded = find_databases(che_cluster, deployments, secrets)
    external = find_external_databases(che_cluster, deployments, secrets)
    if database in (EMBEDDED, EXTERNAL):
        names = {secret["metadata"]["name"] for secret in secrets}
        require_servers(che_cluster, (*external, *embedded), names, _WITHOUT)
    chosen = {EMBEDDED: embedded, ONLY_EMBEDDED: embedded, EXTERNAL: (*external, *embedded), SKIP: ()}[database]
    dumped = tuple(item for item in chosen if item.role not in missing)
    return Installation(
        che_cluster=che_cluster,
        infrastructure=infrastructure(cluster),
        cluster_id=cluster_id(cluster),
        objects=(strip(cluster.get(NAMESPACE, namespace)), strip(che_cluster.raw), *map(strip, selection.saved)),
        skipped=selection.skipped,
        databases=dumped,
        left_databases=tuple(item for item in (*external, *embedded) if item not in dumped),
        authorities=trusted_authorities(che_cluster, config_maps),
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


def has_che_cluster(cluster: Cluster, namespace: str) -> bool:
    """Whether a namespace has any CheCluster; where the kind is not served any more, none is left."""
    kind = served_che_cluster_kind(cluster)
    return kind is not None and any(True for _found in cluster.list(kind, namespace))


def served_che_cluster_kind(cluster: Cluster) -> Kind | None:
    """CheCluster in the version to use, or None where none is served: a round trip through v1 loses what v2 says."""
    return next((kind for kind in (CHE_CLUSTER_V2, CHE_CLUSTER_V1) if cluster.serves(kind)), None)


def che_cluster_kind(cluster: Cluster) -> Kind:
    """CheCluster in the version to use.

    Raises:
        CheError: No version of it is served.
    """
    kind = served_che_cluster_kind(cluster)
    if kind is not None:
        return kind
    raise CheError(
        "The cluster does not serve the kind CheCluster",
        "CustomResourceDefinition checlusters.org.eclipse.che",
        "Install the operator of Che first.",
    )


def cluster_id(cluster: Cluster) -> str:
    """What tells a cluster from all others, as long as it lives; empty where the credentials do not let one see it."""
    try:
        system = cluster.find(NAMESPACE, "kube-system")
    except Forbidden:
        return ""
    return str((system or {}).get("metadata", {}).get("uid", ""))


def infrastructure(cluster: Cluster) -> str:
    """What runs the cluster, in the old operator's words."""
    if cluster.serves_group("config.openshift.io"):
        return "Openshift 4"
    return "Openshift 3" if cluster.serves_group("route.openshift.io") else "Kubernetes"


def pod_user(cluster: Cluster, deployment: Object | None, wanted: int | None) -> int | None:
    """The user id for a Job beside a Deployment, or alone; None where the cluster must choose, as OpenShift does."""
    if wanted is not None or cluster.serves_group("security.openshift.io"):
        return wanted
    if deployment is None:
        return _NONROOT
    spec = deployment["spec"]["template"]["spec"]
    contexts = [container.get("securityContext") or {} for container in spec["containers"]]
    users = [context.get("runAsUser") for context in (*contexts, spec.get("securityContext") or {})]
    return next((int(user) for user in users if user), _NONROOT)


def _missing_references(che_cluster: CheCluster, candidates: list[Object]) -> tuple[str, ...]:
    present = {(item["kind"], item["metadata"]["name"]) for item in candidates}
    return tuple(f"{ref.kind} {ref.name}" for ref in che_cluster.references() if (ref.kind, ref.name) not in present)
