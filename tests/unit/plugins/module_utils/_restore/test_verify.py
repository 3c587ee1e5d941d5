# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof after a restore: objects are held against the manifest, and those that differ are named."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V2,
    CLAIM,
    CONFIG_MAP,
    NAMESPACE,
)
from ansible_collections.community.che.plugins.module_utils._restore._plan import CREATE, KEEP, LEAVE, Step
from ansible_collections.community.che.plugins.module_utils._restore._verify import verify_objects
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


def verify(api: FakeApi) -> int:
    return verify_objects(api.cluster, "che", [Step(KEEP, saved, saved) for saved in SAVED])


def test_what_equals_the_manifest_is_counted(api: FakeApi) -> None:
    assert verify(api) == 2


def test_what_differs_or_is_missing_is_named(api: FakeApi) -> None:
    api.add(CONFIG_MAP, "config", "che", data={"a": "1", "added": "2"})
    api.cluster.delete(CHE_CLUSTER_V2, "eclipse-che", "che")

    with pytest.raises(CheError, match="CheCluster/eclipse-che, ConfigMap/config"):
        verify(api)


def test_many_differences_are_bounded(api: FakeApi) -> None:
    many = [obj(CONFIG_MAP, f"c{number:03}", data={}) for number in range(50)]
    with pytest.raises(CheError) as caught:
        verify_objects(api.cluster, "che", [Step(CREATE, saved, None) for saved in many])
    assert len(str(caught.value)) < 500


def test_what_was_left_as_it_is_need_not_equal_anything(api: FakeApi) -> None:
    other = obj(CONFIG_MAP, "config", data={"a": "2"})
    assert verify_objects(api.cluster, "che", [Step(LEAVE, other, SAVED[2])]) == 0


def test_verifying_writes_nothing(api: FakeApi) -> None:
    verify(api)
    assert api.written == []
