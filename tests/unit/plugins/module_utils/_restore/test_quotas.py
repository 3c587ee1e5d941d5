# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore creates is added up by the names that quotas have for it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._kube._quantity import quantity_of
from ansible_collections.community.che.plugins.module_utils._restore._quotas import held_against, needed


def claim(storage: str, storage_class: str | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"resources": {"requests": {"storage": storage}}}
    return {"kind": "PersistentVolumeClaim", "spec": {**spec, "storageClassName": storage_class}}


def quota(hard: dict[str, str], used: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata = {"name": "small", "namespace": "che"}
    return {"metadata": metadata, "spec": spec, "status": {"hard": hard, "used": used or {}}}


def results(found: dict[str, Any], *created: dict[str, Any], job: bool = False) -> list[str]:
    return [check.result for check in held_against(found, needed(created, job))]


def test_objects_their_storage_and_a_job_are_added_up() -> None:
    created = [{"kind": "Secret"}, {"kind": "Secret"}, {"kind": "Namespace"}, claim("1Gi"), claim("10Gi", "fast")]
    assert {name: quantity_of(amount) for name, amount in needed(created, True).items()} == {
        "secrets": "3",
        "persistentvolumeclaims": "2",
        "requests.storage": "11Gi",
        "fast.storageclass.storage.k8s.io/requests.storage": "10Gi",
        "fast.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
        "jobs.batch": "1",
        "pods": "1",
        "requests.cpu": "100m",
        "requests.memory": "128Mi",
        "limits.memory": "2Gi",
    }
    assert needed([], False) == {}


@pytest.mark.parametrize(
    ("hard", "used", "expected"),
    [
        ({"requests.storage": "12Gi"}, {"requests.storage": "1Gi"}, []),
        ({"requests.storage": "12Gi"}, {"requests.storage": "1025Mi"}, ["blocked"]),
        ({"fast.storageclass.storage.k8s.io/requests.storage": "9Gi"}, {}, ["blocked"]),
        ({"slow.storageclass.storage.k8s.io/requests.storage": "0"}, {}, []),
        ({"limits.memory": "2Gi"}, {}, []),
        ({"limits.memory": "2Gi"}, {"limits.memory": "1"}, ["blocked"]),
        ({"cpu": "1"}, {"cpu": "900m"}, []),
        ({"cpu": "1"}, {"cpu": "901m"}, ["blocked"]),
        ({"count/jobs.batch": "0"}, {}, ["blocked"]),
    ],
)
def test_amounts_are_held_against_a_quota(hard: dict[str, str], used: dict[str, str], expected: list[str]) -> None:
    assert results(quota(hard, used), claim("1Gi"), claim("10Gi", "fast"), job=True) == expected


def test_what_lacks_is_told_in_the_quota_s_own_words() -> None:
    (found,) = held_against(quota({"memory": "1Gi"}, {"memory": "1000Mi"}), needed([], True))
    assert found.message == "It allows 1Gi memory; 1000Mi are taken and 128Mi more are needed"
    assert found.on == "ResourceQuota che/small"


def test_a_limit_that_a_job_does_not_set_is_warned_of() -> None:
    limited = quota({"limits.cpu": "10"})
    assert results(limited, job=True) == ["warned"]
    assert results(limited, {"kind": "Secret"}) == []


@pytest.mark.parametrize(
    ("spec", "counts"),
    [
        ({"scopes": ["NotTerminating"]}, True),
        ({"scopes": ["Terminating"]}, False),
        ({"scopes": ["BestEffort"]}, False),
        ({"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "Exists"}]}}, False),
    ],
)
def test_a_quota_of_other_pods_says_nothing(spec: dict[str, Any], counts: bool) -> None:
    assert results(quota({"pods": "0"}, {}, **spec), job=True) == (["blocked"] if counts else [])
