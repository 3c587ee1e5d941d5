# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Digests of objects: equal for the same object, different for another."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import object_digest, object_digests

SECRET: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "x", "namespace": "eclipse-che"},
    "data": {"a": "MQ==", "b": "Mg=="},
}


def test_what_a_cluster_adds_does_not_count() -> None:
    metadata = {"namespace": "eclipse-che", "uid": "1", "resourceVersion": "5", "labels": {}, "name": "x"}
    live = {"data": {"b": "Mg==", "a": "MQ=="}, "metadata": metadata, "kind": "Secret", "apiVersion": "v1"}
    assert object_digest(live) == object_digest(SECRET)


@pytest.mark.parametrize(
    "change",
    [
        {"data": {"a": "MQ==", "b": "Mg==", "c": "Mw=="}},
        {"data": {"a": "MQ=="}},
        {"data": {"a": "Mg==", "b": "MQ=="}},
        {"type": "Opaque"},
        {"kind": "ConfigMap"},
        {"metadata": {**SECRET["metadata"], "labels": {"a": "b"}}},
    ],
)
def test_what_a_user_changes_counts(change: dict[str, Any]) -> None:
    assert object_digest({**SECRET, **change}) != object_digest(SECRET)


def test_the_form_is_fixed() -> None:
    # A manifest of today must be comparable with the collection of tomorrow.
    assert object_digest({"kind": "ConfigMap", "data": {"ключ": "é"}, "metadata": {"name": "x"}}) == (
        "sha256:592547f48d52954c66a81964128371444938a30ba42c799d911a32e2f3c9fc09"
    )


def test_digests_by_kind_and_name() -> None:
    assert object_digests([SECRET]) == {"Secret/x": object_digest(SECRET)}
