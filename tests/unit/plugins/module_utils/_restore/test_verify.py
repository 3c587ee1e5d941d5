# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof after a restore: objects are held against the manifest, and those that differ are named."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V2,
    CLAIM,
    CONFIG_MAP,
    NAMESPACE,
)
from ansible_collections.community.che.plugins.module_utils._restore._plan import CHANGE, CREATE, KEEP, LEAVE, Step
from ansible_collections.community.che.plugins.module_utils._restore._verify import Proof, verify_objects
from unit.fake_api import FakeApi

Object = dict[str, Any]


def obj(kind: Any, name: str, **content: Any) -> Object:
    metadata = {"name": name, **({"namespace": "che"} if kind.namespaced else {})}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **content}


SAVED = [
    obj(NAMESPACE, "che"),
    obj(CLAIM, "claim", spec={"storage": 1}),
    obj(CONFIG_MAP, "config", data={"a": "1"}),
    obj(CHE_CLUSTER_V2, "eclipse-che", spec={"a": 1}),
]


@pytest.fixture(autouse=True)
def restored(api: FakeApi) -> None:
    api.add(NAMESPACE, "che", metadata={"labels": {"kubernetes.io/metadata.name": "che"}})
    api.add(CLAIM, "claim", "che", spec={"storage": 1, "volumeName": "pv"})
    api.add(CONFIG_MAP, "config", "che", data={"a": "1"})
    api.add(CHE_CLUSTER_V2, "eclipse-che", "che", spec={"a": 1}, status={"x": "y"})


def verify(api: FakeApi, action: str = CHANGE) -> Proof:
    return verify_objects(api.cluster, "che", [Step(action, saved, saved) for saved in SAVED])


def test_what_equals_the_manifest_is_counted(api: FakeApi) -> None:
    assert verify(api) == Proof(2, ())


@pytest.mark.parametrize("action", [CREATE, CHANGE])
def test_what_was_written_and_differs_or_is_missing_is_named(api: FakeApi, action: str) -> None:
    api.add(CONFIG_MAP, "config", "che", data={"a": "1", "added": "2"})
    api.cluster.delete(CHE_CLUSTER_V2, "eclipse-che", "che")

    with pytest.raises(CheError, match="CheCluster/eclipse-che, ConfigMap/config"):
        verify(api, action)


@pytest.mark.parametrize("action", [CHANGE, KEEP])
def test_what_is_being_deleted_is_an_error_however_equal(api: FakeApi, action: str) -> None:
    going = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["che.eclipse.org/container-run"]}
    api.add(CHE_CLUSTER_V2, "eclipse-che", "che", metadata=going, spec={"a": 1})

    with pytest.raises(CheError, match="being deleted: CheCluster/eclipse-che"):
        verify(api, action)


def test_what_was_kept_and_is_changed_by_somebody_else_is_a_warning(api: FakeApi) -> None:
    """Nothing would write it when the restore is run again: it would never end."""
    api.add(CONFIG_MAP, "config", "che", data={"a": "rotated"})
    api.add(CHE_CLUSTER_V2, "eclipse-che", "che", spec={"a": 1, "b": 2})

    proof = verify(api, KEEP)

    assert proof.objects == 0
    assert [warning.partition(" was ")[0] for warning in proof.warnings] == [
        "CheCluster eclipse-che",
        "ConfigMap config",
    ]
    assert all("changed by somebody else" in warning and "rotated" not in warning for warning in proof.warnings)


def test_what_was_kept_and_is_gone_is_an_error(api: FakeApi) -> None:
    api.cluster.delete(CONFIG_MAP, "config", "che")

    with pytest.raises(CheError, match="ConfigMap/config"):
        verify(api, KEEP)


WITH_DEFAULT = {"a": 1, "devEnvironments": {"maxNumberOfWorkspacesPerUser": -1}}


def a_default(che_cluster: Object) -> None:
    che_cluster["spec"].setdefault("devEnvironments", {}).setdefault("maxNumberOfWorkspacesPerUser", -1)


@pytest.mark.parametrize("action", [CREATE, CHANGE])
def test_a_default_of_the_schema_is_no_difference(api: FakeApi, action: str) -> None:
    api.complete(CHE_CLUSTER_V2, a_default)
    api.add(
        CHE_CLUSTER_V2, "eclipse-che", "che", spec={"a": 1, "devEnvironments": {"maxNumberOfWorkspacesPerUser": -1}}
    )

    assert verify(api, action) == Proof(2, ())
    assert api.written == []


@pytest.mark.parametrize(
    "spec",
    [
        {"a": 1, "devEnvironments": {"maxNumberOfWorkspacesPerUser": 5}},
        {"a": 1, "devEnvironments": {"maxNumberOfWorkspacesPerUser": -1, "defaultEditor": "mine"}},
        {"a": 2, "devEnvironments": {"maxNumberOfWorkspacesPerUser": -1}},
        {"devEnvironments": {"maxNumberOfWorkspacesPerUser": -1}},
    ],
)
def test_anything_else_is_one_beside_a_default_too(api: FakeApi, spec: Object) -> None:
    api.complete(CHE_CLUSTER_V2, a_default)
    api.add(CHE_CLUSTER_V2, "eclipse-che", "che", spec=spec)

    with pytest.raises(CheError, match="differ from the backup: CheCluster/eclipse-che"):
        verify(api)


def test_why_the_server_does_not_tell_its_defaults_is_told(api: FakeApi) -> None:
    api.add(
        CHE_CLUSTER_V2, "eclipse-che", "che", spec={"a": 1, "devEnvironments": {"maxNumberOfWorkspacesPerUser": -1}}
    )
    api.fail("put", "checlusters", 403, "no permission to update")

    with pytest.raises(Forbidden, match="no permission to update"):
        verify(api)


def test_many_differences_are_bounded(api: FakeApi) -> None:
    many = [obj(CONFIG_MAP, f"c{number:03}", data={}) for number in range(50)]
    with pytest.raises(CheError) as caught:
        verify_objects(api.cluster, "che", [Step(CREATE, saved, None) for saved in many])
    assert len(str(caught.value)) < 500


def test_what_was_left_as_it_is_need_not_equal_anything(api: FakeApi) -> None:
    other = obj(CONFIG_MAP, "config", data={"a": "2"})
    assert verify_objects(api.cluster, "che", [Step(LEAVE, other, SAVED[2])]) == Proof(0, ())


def test_verifying_writes_nothing(api: FakeApi) -> None:
    verify(api)
    assert api.written == []
