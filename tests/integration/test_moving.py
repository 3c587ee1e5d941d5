# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An installation that moves: to another namespace, another domain and another storage class, the old one gone.

The two installations share one test cluster and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from integration.che_bed import BackupServer, Cluster, Home, installation, new_home, proof

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("moving")]

OLD = "it-moving-old"
NEW = "it-moving-new"
SERVER_NAMESPACE = "it-moving-server"
MAPPINGS = {
    "namespace": NEW,
    "apps_domain": {"apps.source.example": "apps.target.example"},
    "storage_classes": {"it-moving-old": "it-moving-new"},
}


@dataclass(frozen=True)
class Move:
    """What moves, and what it was before."""

    home: Home
    before: dict[str, Any]

    def restore(self, **options: Any) -> dict[str, Any]:
        return self.home.run("cluster_restore", **self.home.repository, **options)


def storage_class(name: str) -> dict[str, Any]:
    """One that provisions nothing: the claim that names it stays unbound."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def claim(name: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/part-of": "che.eclipse.org", "app.kubernetes.io/component": "workspaces-config"}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": OLD, "labels": labels},
        "spec": {
            "storageClassName": "it-moving-old",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }


@pytest.fixture(scope="module")
def move(che_test_cluster: Cluster) -> Iterator[Move]:
    cluster = che_test_cluster
    installation.destroy_namespace(cluster, NEW)
    cluster.delete(storage_class("it-moving-new"))
    cluster.apply(storage_class("it-moving-old"))
    server = BackupServer.up(cluster, SERVER_NAMESPACE)
    home = new_home(cluster, OLD, "v1", server.repository("moving"), size_mb=2)
    cluster.apply(claim("on-old-storage"))
    home.configure()
    home.run("cluster_backup")
    before = home.proof()
    installation.destroy_namespace(cluster, OLD)
    cluster.delete(storage_class("it-moving-old"))
    yield Move(replace(home, namespace=NEW), before)
    for namespace in (NEW, SERVER_NAMESPACE):
        installation.destroy_namespace(cluster, namespace, wait=False)
    cluster.delete(storage_class("it-moving-new"))


def blockers(plan: dict[str, Any]) -> list[str]:
    return [f"{blocker['object']}: {blocker['message']}. {blocker['lift']}" for blocker in plan["blockers"]]


def test_what_is_bound_to_the_old_place_blocks_and_says_which_mapping_lifts_it(move: Move) -> None:
    plan = move.restore(check=True)["plan"]
    told = "\n".join(blockers(plan))
    assert "mappings.namespace" in told
    assert "mappings.storage_classes" in told

    outcome = move.home.fail("cluster_restore", **move.home.repository)
    assert outcome.result["stage"] == "check"
    assert "mappings.namespace" in outcome.message
    assert move.home.cluster.find("v1", "Namespace", NEW) is None


def test_a_storage_class_that_the_cluster_lacks_blocks_when_it_is_mapped_to_too(move: Move) -> None:
    plan = move.restore(check=True, mappings=MAPPINGS)["plan"]
    assert "it-moving-new" in "\n".join(blockers(plan))
    move.home.cluster.apply(storage_class("it-moving-new"))
    assert move.restore(check=True, mappings=MAPPINGS)["plan"]["blockers"] == []


def test_every_value_that_changes_is_in_the_plan(move: Move) -> None:
    plan = move.restore(check=True, mappings=MAPPINGS)["plan"]
    changes = {(change["path"], change["after"]) for change in plan["adaptations"]}
    assert ("spec.k8s.ingressDomain", "apps.target.example") in changes
    assert ("spec.storageClassName", "it-moving-new") in changes
    assert all(change["why"] for change in plan["adaptations"])


def test_it_comes_back_whole_in_the_other_place(move: Move) -> None:
    result = move.restore(mappings=MAPPINGS)

    assert result["changed"] is True
    assert result["verified"]["tables"] > 10
    cluster = move.home.cluster
    (che,) = cluster.list_all("org.eclipse.che/v1", "CheCluster", NEW)
    assert che["spec"]["k8s"]["ingressDomain"] == "apps.target.example"
    # The operator had made it up from the old namespace and the old domain, and has made it up anew.
    assert che["spec"]["server"]["cheHost"] == f"che-{NEW}.apps.target.example"
    moved = cluster.find("v1", "PersistentVolumeClaim", "on-old-storage", NEW)
    assert moved is not None
    assert moved["spec"]["storageClassName"] == "it-moving-new"
    after = proof.take(cluster, NEW)
    assert contents(after) == contents(move.before)


def contents(taken: dict[str, Any]) -> list[Any]:
    """What is in the databases."""
    kept = ("tables", "sequences", "large_objects", "login_works", "schema", "roles")
    return [{key: held[key] for key in kept} for held in taken["databases"]]


def test_a_second_time_nothing_is_changed(move: Move) -> None:
    versions = move.home.versions()
    result = move.restore(mappings=MAPPINGS)
    assert (result["changed"], result["outage_seconds"], result["safety_backup_id"]) == (False, 0.0, "")
    unchanged = {name: version for name, version in move.home.versions().items() if "/che-run-" not in name}
    assert unchanged == {name: version for name, version in versions.items() if "/che-run-" not in name}
