# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task chooses of a backup."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._choice import (
    KINDS,
    Choice,
    missing_references,
)
from ansible_collections.community.che.plugins.module_utils._che._cluster import Reference
from ansible_collections.community.che.plugins.module_utils._che._waves import in_waves
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from hypothesis import given
from hypothesis import strategies as st


def thing(kind: str, name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "labels": labels}}


NAMESPACE = thing("Namespace", "che")
CLUSTER = {
    "apiVersion": "org.eclipse.che/v2",
    "kind": "CheCluster",
    "metadata": {"name": "che"},
    "spec": {
        "networking": {"tlsSecretName": "tls", "auth": {"oAuthSecret": "s3cr3t"}},
        "gitServices": {"github": [{"secretName": "github"}]},
        "devEnvironments": {"trustedCerts": {"gitTrustedCertsConfigMapName": "certs"}},
    },
}
TLS = thing("Secret", "tls", team="che")
GITHUB = thing("Secret", "github", team="git")
CERTS = thing("ConfigMap", "certs", team="che")
NAMESAKE = thing("ConfigMap", "tls")
OBJECTS = (NAMESPACE, CLUSTER, TLS, GITHUB, CERTS, NAMESAKE)


def chosen(**params: Any) -> list[str]:
    """Kind and name of what is chosen, without the namespace."""
    found = Choice.read(params).choose(OBJECTS)
    assert found.objects[:1] == (NAMESPACE,)
    return [f"{obj['kind']}/{obj['metadata']['name']}" for obj in found.objects[1:]]


EVERYTHING = ["CheCluster/che", "Secret/tls", "Secret/github", "ConfigMap/certs", "ConfigMap/tls"]


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({}, EVERYTHING),
        ({"parts": None, "kinds": [], "names": None, "label_selectors": []}, EVERYTHING),
        ({"parts": ["installation"]}, EVERYTHING),
        ({"kinds": ["Secret"]}, ["Secret/tls", "Secret/github"]),
        ({"kinds": ["Secret", "CheCluster"]}, ["CheCluster/che", "Secret/tls", "Secret/github"]),
        ({"names": ["tls"]}, ["Secret/tls", "ConfigMap/tls"]),
        ({"names": ["Secret/tls", "certs"]}, ["Secret/tls", "ConfigMap/certs"]),
        ({"names": ["tls"], "kinds": ["ConfigMap"]}, ["ConfigMap/tls"]),
        ({"label_selectors": ["team=che"]}, ["Secret/tls", "ConfigMap/certs"]),
        ({"label_selectors": ["team", "team!=che"]}, ["Secret/github"]),
        ({"label_selectors": ["!team"]}, ["CheCluster/che", "ConfigMap/tls"]),
        ({"label_selectors": ["team=che"], "kinds": ["Secret"]}, ["Secret/tls"]),
    ],
)
def test_what_is_chosen(params: dict[str, Any], wanted: list[str]) -> None:
    assert chosen(**params) == wanted


def test_what_is_left_out_is_told() -> None:
    found = Choice.read({"kinds": ["Secret"]}).choose(OBJECTS)
    assert found.left_out == (
        Reference("CheCluster", "che"),
        Reference("ConfigMap", "certs"),
        Reference("ConfigMap", "tls"),
    )


@pytest.mark.parametrize(
    ("params", "parts"),
    [
        ({}, {"installation", "database"}),
        ({"parts": ["database"]}, {"database"}),
        ({"parts": ["installation"]}, {"installation"}),
        ({"parts": ["installation", "database"]}, {"installation", "database"}),
        ({"names": ["tls"]}, {"installation"}),
        ({"label_selectors": ["team"]}, {"installation"}),
        ({"kinds": ["Secret"], "parts": ["installation", "database"]}, {"installation", "database"}),
    ],
)
def test_which_parts_are_restored(params: dict[str, Any], parts: set[str]) -> None:
    choice = Choice.read(params)
    assert {part for part in ("installation", "database") if choice.takes(part)} == parts


def test_without_the_installation_no_object_is_restored() -> None:
    found = Choice.read({"parts": ["database"]}).choose(OBJECTS)
    assert found.objects == ()
    assert len(found.left_out) == len(OBJECTS)


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"parts": ["databases"]}, "databases"),
        ({"kinds": ["secret"]}, "PersistentVolumeClaim"),
        ({"kinds": ["ClusterRole"]}, "ClusterRole"),
        ({"label_selectors": ["a=b=c"]}, "a=b=c"),
        ({"parts": ["database"], "names": ["tls"]}, "Add installation"),
    ],
)
def test_a_choice_that_can_not_be_meant(params: dict[str, Any], word: str) -> None:
    with pytest.raises(CheError) as caught:
        Choice.read(params)
    assert word in str(caught.value)
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"names": ["tls", "tsl"]}, "names, tsl"),
        ({"names": ["ConfigMap/github"]}, "ConfigMap/github"),
        ({"names": ["github"], "kinds": ["ConfigMap"]}, "together"),
        ({"label_selectors": ["team=ops"]}, "team=ops"),
        ({"kinds": ["PersistentVolumeClaim"]}, "PersistentVolumeClaim"),
    ],
)
def test_a_mistyped_choice_is_an_error_and_not_an_empty_restore(params: dict[str, Any], word: str) -> None:
    with pytest.raises(CheError) as caught:
        Choice.read(params).choose(OBJECTS)
    assert word in str(caught.value)


def test_what_matches_nothing_beside_what_does_is_a_warning() -> None:
    found = Choice.read({"kinds": ["Secret", "PersistentVolumeClaim"], "label_selectors": ["!odd"]}).choose(OBJECTS)
    assert found.unmatched == ("The backup has no PersistentVolumeClaim.",)
    empty = Choice.read({}).choose([])
    assert (empty.objects, empty.unmatched) == ((), ())


def test_what_a_chosen_cluster_needs() -> None:
    assert missing_references([CLUSTER], []) == (
        Reference("ConfigMap", "certs"),
        Reference("Secret", "github"),
        Reference("Secret", "tls"),
    )
    assert missing_references([CLUSTER, TLS, NAMESAKE], [Reference("Secret", "github")]) == (
        Reference("ConfigMap", "certs"),
    )
    assert missing_references([TLS, GITHUB], []) == ()
    # The OAuth secret may be the secret itself.
    assert "s3cr3t" not in repr(missing_references([CLUSTER], []))


def test_every_kind_that_is_restored_can_be_chosen() -> None:
    assert {obj["kind"] for obj in in_waves([thing(kind, "x") for kind in KINDS])} == set(KINDS)


NAMES = st.lists(st.sampled_from(["tls", "github", "certs", "Secret/tls", "ConfigMap/tls"]), unique=True)
SELECTORS = st.lists(st.sampled_from(["team", "!team", "team=che", "team notin (git)"]), unique=True)


@given(st.lists(st.sampled_from(KINDS), unique=True), NAMES, SELECTORS)
def test_each_further_word_chooses_less(kinds: list[str], names: list[str], selectors: list[str]) -> None:
    whole = Choice.read({"kinds": kinds, "names": names, "label_selectors": selectors})
    single = [Choice.read({"kinds": kinds}), Choice.read({"names": names}), Choice.read({"label_selectors": selectors})]
    for obj in OBJECTS:
        assert whole.matches(obj) is all(choice.matches(obj) for choice in single)
