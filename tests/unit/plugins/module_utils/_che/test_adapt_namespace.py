# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An installation in another namespace: it has to be meant, and addresses in the old one follow."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from unit.plugins.module_utils._che.adapting import OLD, adapted, cluster, spec_after, thing


@pytest.mark.parametrize(
    ("mapped", "target", "blocked"),
    [("", "che-2", True), ("che-2", "che-2", False), ("che-2", "eclipse-che", True), ("", "eclipse-che", False)],
)
def test_another_namespace_has_to_be_meant(mapped: str, target: str, blocked: bool) -> None:
    result = adapted(cluster({}), replace(OLD, namespace=target), namespace=mapped)
    assert bool(result.blockers) is blocked


def test_what_is_shown_of_a_namespace_that_is_not_mapped_is_of_the_namespace_that_is_restored_into() -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "eclipse-che"}}
    result = adapted(namespace, replace(OLD, namespace="che-2"))
    assert result.blockers
    assert result.objects[0]["metadata"]["name"] == "che-2"


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("postgres.eclipse-che.svc", "postgres.che-2.svc"),
        ("http://a.b.eclipse-che.svc.cluster.local:80/x", "http://a.b.che-2.svc.cluster.local:80/x"),
        ("a.eclipse-che.svc,b.eclipse-che.svc", "a.che-2.svc,b.che-2.svc"),
        ("a.my-eclipse-che.svc", None),
        ("a.eclipse-che.svc2", None),
        ("eclipse-che.svc", None),
        ("https://github.com/eclipse-che/che", None),
    ],
)
def test_addresses_in_the_old_namespace(text: str, changed: str | None) -> None:
    target = replace(OLD, namespace="che-2")
    for obj in (thing("ConfigMap", "c", data={"k": text}), cluster({"components": {"k": text}})):
        result = adapted(obj, target, namespace="che-2")
        after = json.dumps(result.objects)
        assert (json.dumps(changed or text)[1:-1] in after) and (not changed or text not in after)


def test_an_address_is_told_once_for_each_text() -> None:
    target = replace(OLD, namespace="che-2")
    result = adapted(thing("ConfigMap", "c", data={"k": "a.eclipse-che.svc " * 9}), target, namespace="che-2")
    assert result.objects[0]["data"] == {"k": "a.che-2.svc " * 9}
    assert [change.path for change in result.changes] == ["metadata.namespace", "data.k"]


@pytest.mark.parametrize("text", ["eclipse-che", "eclipse-che/editor", "http://postgres.eclipse-che:80"])
def test_what_may_mean_the_old_namespace_is_reported(text: str) -> None:
    target = replace(OLD, namespace="che-2")
    result = adapted(cluster({"components": {"k": [text]}}), target, namespace="che-2")
    assert result.warnings[0].path == "spec.components.k[0]"
    field = adapted(cluster({"a": {"namespace": "eclipse-che"}}), target, namespace="che-2")
    assert spec_after(field) == {"a": {"namespace": "che-2"}}
