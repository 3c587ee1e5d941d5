# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An object without its cluster, and two objects compared."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._strip import normalise, strip

ADDED_BY_A_CLUSTER = {
    "uid": "0b1f",
    "generateName": "one-",
    "resourceVersion": "42",
    "generation": 3,
    "creationTimestamp": "2026-01-01T00:00:00Z",
    "deletionTimestamp": "2026-01-02T00:00:00Z",
    "deletionGracePeriodSeconds": 30,
    "managedFields": [{"manager": "kubectl"}],
    "selfLink": "/api/v1/x",
    "ownerReferences": [{"kind": "CheCluster", "uid": "1"}],
}


def config_map(**metadata: Any) -> dict[str, Any]:
    metadata = {"name": "one", "namespace": "eclipse-che", **metadata}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": "value"}}


@pytest.mark.parametrize("field", ADDED_BY_A_CLUSTER)
def test_what_a_cluster_adds_is_dropped(field: str) -> None:
    assert strip(config_map(**{field: ADDED_BY_A_CLUSTER[field]})) == config_map()


def test_what_a_user_wrote_is_kept() -> None:
    obj = config_map(labels={"a": "b"}, annotations={"c": "d"}, finalizers=["example.org/mine"])
    assert strip(obj) == obj


def test_the_object_itself_is_left_alone() -> None:
    obj = config_map(**ADDED_BY_A_CLUSTER, annotations={"pv.kubernetes.io/bind-completed": "yes"}, finalizers=["x"])
    before = copy.deepcopy(obj)
    strip(obj)
    normalise(obj)
    assert obj == before


@pytest.mark.parametrize(
    "finalizer",
    [
        "oauthclients.finalizers.che.eclipse.org",
        "consolelink.finalizers.che.eclipse.org",
        "container-build.finalizers.che.eclipse.org",
        "cheGateway.clusterpermissions.finalizers.che.eclipse.org",
        "dashboard.clusterpermissions.finalizers.che.eclipse.org",
        "kubernetesimagepullers.finalizers.che.eclipse.org",
        "cheWorkspaces.clusterpermissions.finalizers.che.eclipse.org",
        "namespaces-editor.permissions.finalizers.che.eclipse.org",
        "devWorkspace.permissions.finalizers.che.eclipse.org",
        "che.eclipse.org/container-run",
        "kubernetes.io/pvc-protection",
        "foregroundDeletion",
        "orphan",
    ],
)
def test_finalizers_that_others_set_again(finalizer: str) -> None:
    assert strip(config_map(finalizers=[finalizer])) == config_map()
    assert strip(config_map(finalizers=[finalizer, "mine"])) == config_map(finalizers=["mine"])


@pytest.mark.parametrize(
    "annotation",
    [
        "kubectl.kubernetes.io/last-applied-configuration",
        "pv.kubernetes.io/bind-completed",
        "pv.kubernetes.io/bound-by-controller",
        "volume.kubernetes.io/selected-node",
        "volume.kubernetes.io/storage-provisioner",
        "volume.beta.kubernetes.io/storage-provisioner",
    ],
)
def test_annotations_that_others_set_again(annotation: str) -> None:
    assert strip(config_map(annotations={annotation: "x"})) == config_map()


def test_status_goes() -> None:
    assert strip({**config_map(), "status": {"phase": "Active"}}) == config_map()


def test_a_claim_is_no_longer_bound() -> None:
    claim = {"kind": "PersistentVolumeClaim", "spec": {"volumeName": "pv-1", "storageClassName": "fast"}}
    assert strip(claim)["spec"] == {"storageClassName": "fast"}


def test_a_volume_name_elsewhere_is_somebody_s_own() -> None:
    assert strip({"kind": "CheCluster", "spec": {"volumeName": "x"}})["spec"] == {"volumeName": "x"}


def test_a_namespace_is_no_longer_held() -> None:
    assert strip({"kind": "Namespace", "spec": {"finalizers": ["kubernetes"]}})["spec"] == {}


@pytest.mark.parametrize("metadata", [None, {}, {"labels": None, "annotations": None, "finalizers": None}])
def test_metadata_may_be_empty(metadata: object) -> None:
    assert strip({"kind": "ConfigMap", "metadata": metadata})["metadata"] == {}


def test_objects_that_differ_by_what_is_empty_are_the_same() -> None:
    one = {"kind": "CheCluster", "metadata": {"name": "x"}, "spec": {"auth": {"gateway": {}}, "host": "", "n": None}}
    other = {"kind": "CheCluster", "metadata": {"name": "x", "labels": {}}, "spec": {"host": "", "list": []}}
    assert normalise(one) == normalise(other) == {"kind": "CheCluster", "metadata": {"name": "x"}, "spec": {"host": ""}}


@pytest.mark.parametrize("value", ["", 0, False, [None], [[]]])
def test_what_only_looks_empty_is_kept(value: object) -> None:
    assert normalise({"spec": {"field": value}})["spec"] == {"field": value}


def test_an_added_key_is_a_difference() -> None:
    changed = config_map()
    changed["data"]["added"] = "since"
    assert normalise(changed) != normalise(config_map())
