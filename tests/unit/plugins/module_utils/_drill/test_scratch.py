# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of a saved object in a scratch namespace."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._drill._request import DrillRequest
from ansible_collections.community.che.plugins.module_utils._drill._scratch import Scratch
from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import object_digest

SCRATCH = Scratch.of_run("eclipse-che", "r1")
SAVED: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "oauth",
        "namespace": "eclipse-che",
        "labels": {
            "app.kubernetes.io/part-of": "che.eclipse.org",
            "controller.devfile.io/mount-to-devworkspace": "true",
        },
        "annotations": {"reflector.v1.k8s.emberstack.com/reflection-auto-enabled": "true"},
        "finalizers": ["example.org/hold"],
    },
    "type": "Opaque",
    "data": {"key": "dmFsdWU="},
}


def test_what_is_stored_has_nothing_that_a_controller_goes_by() -> None:
    stored = SCRATCH.bare(SAVED)

    assert stored["metadata"] == {"name": "oauth", "namespace": "eclipse-che-drill-r1", "labels": SCRATCH.labels}
    assert SCRATCH.labels == {
        "app.kubernetes.io/managed-by": "community.che",
        "app.kubernetes.io/part-of": "backup.che.eclipse.org",
        "community.che/drill": "r1",
        "community.che/drill-of": "eclipse-che",
    }
    assert (stored["data"], stored["type"]) == (SAVED["data"], "Opaque")


def test_what_is_validated_has_all_of_it() -> None:
    whole = SCRATCH.whole(SAVED)

    assert whole["metadata"] == {**SAVED["metadata"], "namespace": "eclipse-che-drill-r1"}


def test_read_back_it_has_the_digest_of_what_was_saved() -> None:
    live = {**SCRATCH.bare(SAVED), "metadata": {**SCRATCH.bare(SAVED)["metadata"], "uid": "u", "resourceVersion": "7"}}

    assert object_digest(SCRATCH.as_saved(live, SAVED)) == object_digest(SAVED)
    changed = {**live, "data": {"key": "b3RoZXI="}}
    assert object_digest(SCRATCH.as_saved(changed, SAVED)) != object_digest(SAVED)
    renamed = {**live, "metadata": {**live["metadata"], "name": "other"}}
    assert object_digest(SCRATCH.as_saved(renamed, SAVED)) != object_digest(SAVED)


def test_the_namespace_is_validated_under_its_new_name_without_what_openshift_gives() -> None:
    annotations = {"openshift.io/sa.scc.uid-range": "1000/10000", "team": "che"}
    saved = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "eclipse-che", "annotations": annotations}}

    assert SCRATCH.whole(saved)["metadata"] == {"name": "eclipse-che-drill-r1", "annotations": {"team": "che"}}
    assert SCRATCH.namespace_object()["metadata"] == {"name": "eclipse-che-drill-r1", "labels": SCRATCH.labels}


def test_its_name_is_short_enough_and_keeps_the_run_whole() -> None:
    long = Scratch.of_run("a" * 32 + "-" + "b" * 30, "r" * 30)

    assert len(long.namespace) <= 63
    assert long.namespace.endswith("-drill-" + "r" * 30)
    assert long.of == "a" * 32 + "-" + "b" * 30


def test_a_given_namespace_is_not_its_own() -> None:
    given = Scratch.of_run("eclipse-che", "r1", "drills")

    assert (given.namespace, given.own, SCRATCH.own) == ("drills", False, True)


def test_the_namespace_of_che_is_no_scratch_namespace() -> None:
    with pytest.raises(UsageError, match="The scratch namespace is that of Che"):
        DrillRequest.read({"scratch_namespace": "che", "namespace": "che"}, check_mode=False)
