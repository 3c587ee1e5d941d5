# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which versions of CheCluster the cluster serves.

They are a property of the whole cluster, not of one installation, so two generations side by side need a decision.
"""

from __future__ import annotations

from standin_operator.generation import generation

from . import manifests
from .cluster import Cluster, Object, wait_until
from .errors import StandinError

CRD_API = "apiextensions.k8s.io/v1"
CHECLUSTER_CRD = "checlusters.org.eclipse.che"


def now(cluster: Cluster) -> tuple[str, ...]:
    """The versions served now, oldest first; empty without the CRD."""
    crd = cluster.find(CRD_API, "CustomResourceDefinition", CHECLUSTER_CRD)
    if crd is None:
        return ()
    return tuple(sorted(version["name"] for version in crd["spec"]["versions"] if version["served"]))


def installations(cluster: Cluster) -> list[Object]:
    """Every CheCluster, read in the newest version that is served."""
    versions = now(cluster)
    return cluster.list_all(f"org.eclipse.che/{versions[-1]}", "CheCluster") if versions else []


def choose(cluster: Cluster, variant: str, namespace: str) -> tuple[str, ...]:
    """The versions to serve for one more installation.

    Raises:
        StandinError: Another installation needs a version that would no longer be served.
    """
    wanted = manifests.generation(variant)
    present = now(cluster)
    if wanted in present:
        return present
    others = [c for c in installations(cluster) if c["metadata"]["namespace"] != namespace and generation(c) != wanted]
    if others:
        names = ", ".join(sorted(c["metadata"]["namespace"] for c in others))
        raise StandinError(
            f"variant {variant} needs CheCluster {wanted}, but this cluster serves {'+'.join(present)} for: {names}. "
            f'Say what to serve from now on, for all of them: "--serve {wanted}" (those then show up as {wanted} too) '
            f'or "--serve v1,v2"; or take the others down first.'
        )
    return (wanted,)


def serve(cluster: Cluster, versions: tuple[str, ...]) -> None:
    """Applies all CRDs so that these versions are served, and waits until they are.

    The backup kinds belong to v1: where it is not served they are deleted, with every object of theirs.
    """
    crds = manifests.crds(versions)
    cluster.apply_all(crds)
    if "v1" not in versions:
        for crd in manifests.backup_crds():
            cluster.delete(crd)
    wait_until(lambda: all(_answers(cluster, version) for version in versions), 60, lambda: "CheCluster is not served")
    wait_until(lambda: all(_established(cluster, crd) for crd in crds), 60, lambda: "the CRDs are not established")


def parse(text: str) -> tuple[str, ...]:
    """``v1``, ``v2`` or ``v1,v2``, from the command line."""
    versions = tuple(sorted(set(text.split(","))))
    if not versions or not set(versions) <= {"v1", "v2"}:
        raise StandinError(f'can\'t serve "{text}": say v1, v2 or v1,v2')
    return versions


def _answers(cluster: Cluster, version: str) -> bool:
    return "checlusters" in cluster.find_resources(f"/apis/org.eclipse.che/{version}")


def _established(cluster: Cluster, crd: Object) -> bool:
    found = cluster.find(CRD_API, "CustomResourceDefinition", crd["metadata"]["name"])
    # The API server sends null until the first of them is there.
    conditions = (found or {}).get("status", {}).get("conditions") or []
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)
