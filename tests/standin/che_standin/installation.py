# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings a stand-in installation up, and down again."""

from __future__ import annotations

from dataclasses import dataclass

from standin_operator.status import is_available

from . import database, manifests, namespaces, pki, pods, served
from .cluster import Cluster, Object, wait_until
from .progress import step

READY_SECONDS = 300
GONE_SECONDS = 180


@dataclass(frozen=True)
class Wanted:
    """An installation to bring up.

    Attributes:
        variant: One of manifests.VARIANTS.
        namespace: The Che namespace.
        serve: Versions of CheCluster to serve; empty to let served.choose decide.
        database_size_mb: Megabytes of rows that don't compress well, on top of the small tables.
        extra_objects: Number of additional objects that a backup must save.
    """

    variant: str = "v1"
    namespace: str = "eclipse-che"
    serve: tuple[str, ...] = ()
    database_size_mb: int = 0
    extra_objects: int = 0


def up(cluster: Cluster, wanted: Wanted) -> None:
    """Applies everything and waits until CheCluster is ready and its databases are filled."""
    namespaces.await_end(cluster, wanted.namespace)
    versions = wanted.serve or served.choose(cluster, wanted.variant, wanted.namespace)
    with step(f"CRDs, CheCluster served as {'+'.join(versions)}"):
        served.serve(cluster, versions)
    operator_up(cluster, versions, wanted.variant)
    with step(f"objects of namespace {wanted.namespace}"):
        _apply_objects(cluster, wanted, versions)
    with step("CheCluster ready"):
        wait_ready(cluster, wanted.namespace)
    for server in database.find(cluster, wanted.namespace):
        with step(f"database {server.deployment}"):
            database.fill(cluster, server, wanted.database_size_mb)


def operator_up(cluster: Cluster, versions: tuple[str, ...], variant: str = "") -> None:
    """Applies the operator of these versions of CheCluster, and of a variant's version of Che."""
    with step("operator"):
        for obj in manifests.operator(manifests.release(variant or versions[-1], versions)):
            cluster.apply(obj)


def await_operator(cluster: Cluster, timeout: float = READY_SECONDS) -> None:
    """Waits until the operator runs."""

    def runs() -> bool:
        found = cluster.find("apps/v1", "Deployment", "che-operator", manifests.OPERATOR_NAMESPACE)
        return found is not None and is_available(found)

    wait_until(runs, timeout, lambda: f"operator: {pods.describe(cluster, manifests.OPERATOR_NAMESPACE)}")


def operator_down(cluster: Cluster) -> None:
    """Takes the operator and the CRDs away, and with these every installation's CheCluster."""
    _remove_operator(cluster)


def wait_ready(cluster: Cluster, namespace: str, timeout: float = READY_SECONDS) -> Object:
    """Waits until the namespace's CheCluster says that it is ready."""
    found: list[Object] = []

    def ready() -> bool:
        found[:] = [c for c in served.installations(cluster) if c["metadata"]["namespace"] == namespace]
        return len(found) == 1 and is_ready(found[0])

    def describe() -> str:
        status = found[0].get("status", {}).get("message", "no status yet") if found else "no CheCluster"
        waiting = [pods.describe(cluster, where) for where in (namespace, manifests.OPERATOR_NAMESPACE)]
        return f"CheCluster in {namespace} is not ready: {status}; {waiting[0]}; operator: {waiting[1]}"

    wait_until(ready, timeout, describe)
    return found[0]


def is_ready(che: Object) -> bool:
    """Ready as each generation says it."""
    status = che.get("status", {})
    return bool(status.get("cheClusterRunning") == "Available" or status.get("chePhase") == "Active")


def destroy_namespace(cluster: Cluster, namespace: str, wait: bool = True) -> None:
    """Deletes the Che namespace with everything in it. The operator stays."""
    namespaces.delete(cluster, namespace, wait)


def down(cluster: Cluster, namespace: str, keep_operator: bool = False) -> None:
    """Takes one installation away, and with the last one the operator and the CRDs, unless they are to be kept."""
    destroy_namespace(cluster, namespace)
    remaining = sorted(c["metadata"]["namespace"] for c in served.installations(cluster))
    if remaining:
        print(f"The operator and the CRDs stay for: {', '.join(remaining)}")
    elif not keep_operator:
        _remove_operator(cluster)


def _remove_operator(cluster: Cluster) -> None:
    """Deletes the CRDs, then the operator: nobody else releases the finalizers of the CheClusters that are left."""
    kinds = ("Namespace", "ClusterRole", "ClusterRoleBinding")
    operator = [obj for obj in manifests.operator() if obj["kind"] in kinds]
    for what, doomed in (("CRDs", manifests.crds(("v1", "v2"))), ("operator", operator)):
        with step(f"delete {what}"):
            for obj in doomed:
                cluster.delete(obj)
            for obj in doomed:
                cluster.wait_gone(obj, GONE_SECONDS)


def _apply_objects(cluster: Cluster, wanted: Wanted, versions: tuple[str, ...]) -> None:
    name = wanted.namespace
    cluster.apply(manifests.namespace(name))
    for obj in pki.generated_objects(wanted.variant, name):
        cluster.create_if_missing(obj)
    *objects, che = manifests.saved(wanted.variant, name)
    cluster.apply_all([*objects, *manifests.unrelated(name), *manifests.extra(wanted.extra_objects, name)])
    if manifests.generation(wanted.variant) not in versions:
        che["apiVersion"] = f"org.eclipse.che/{versions[-1]}"
    cluster.apply(che)
