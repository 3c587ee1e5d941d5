# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conversion, mappings and choice one after the other: on the stand-in's objects, and on objects that make no sense."""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.community.che.plugins.module_utils._che._adapt import Adapted, adapt
from ansible_collections.community.che.plugins.module_utils._che._choice import Choice, missing_references
from ansible_collections.community.che.plugins.module_utils._che._convert import Converted, convert
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from ansible_collections.community.che.plugins.module_utils._che._place import V1, V2, Place
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from hypothesis import given
from hypothesis import strategies as st
from unit.plugins.module_utils._che.v1_fields import FIELDS

MANIFESTS = Path(__file__).parents[4] / "standin" / "manifests" / "installation"
NAMESPACE = "eclipse-che"
OLD = Place(NAMESPACE, "apps.source.example", "Kubernetes", V1, "7.42.0", frozenset({"standard"}), "one")
NEW = Place("che-2", "apps.target.example", "Kubernetes", V2, "7.122.0", frozenset({"quick"}), "two")
MAPPINGS = Mappings.read(
    {
        "namespace": "che-2",
        "apps_domain": {"apps.source.example": "apps.target.example"},
        "storage_classes": {"standard": "quick"},
        "user_ids": {"u-1": "u-2"},
        "image_registries": {"quay.io": "registry.example/quay.io"},
    }
)


def standin(*files: str) -> list[dict[str, Any]]:
    """Objects of the stand-in, as a backup holds them."""
    found = []
    for file in files:
        text = (MANIFESTS / f"{file}.yaml").read_text(encoding="utf-8").replace("@NAMESPACE@", NAMESPACE)
        for obj in filter(None, yaml.safe_load_all(text)):
            texts = obj.pop("stringData", None)
            if texts:
                obj["data"] = {key: base64.b64encode(str(text).encode()).decode() for key, text in texts.items()}
            if obj["kind"] != "Namespace":
                obj["metadata"]["namespace"] = NAMESPACE
            found.append(obj)
    return found


def pipeline(objects: list[dict[str, Any]]) -> tuple[Converted, Adapted]:
    converted = convert(objects, OLD, NEW)
    return converted, adapt(converted.objects, replace(OLD, api_version=V2), NEW, MAPPINGS)


@pytest.mark.parametrize("generation", ["saved-v1", "saved-v2", "saved-v2-openvsx"])
def test_the_stand_in_stays_as_it_is_where_it_was(generation: str) -> None:
    objects = standin("namespace", "saved-common", generation)
    place = replace(OLD, api_version=V1 if generation == "saved-v1" else V2)
    converted = convert(objects, place, place)
    adapted = adapt(converted.objects, place, place, Mappings())
    assert json.dumps(adapted.objects) == json.dumps(objects)
    assert (converted.notes, adapted.changes, adapted.blockers, adapted.warnings) == ((), (), (), ())


def test_the_stand_in_moves_from_v1_to_v2_and_to_another_cluster() -> None:
    objects = standin("namespace", "saved-common", "saved-v1")
    converted, adapted = pipeline(objects)

    assert (converted.blockers, converted.decisions, adapted.blockers) == ((), (), ())
    (cluster,) = [obj for obj in adapted.objects if obj["kind"] == "CheCluster"]
    assert cluster["apiVersion"] == V2
    assert cluster["metadata"] == {
        "name": "eclipse-che",
        "namespace": "che-2",
        "annotations": {"example.org/change": "4711"},
    }
    assert cluster["spec"] == {
        "networking": {
            "domain": "apps.target.example",
            "tlsSecretName": "che-tls",
            "auth": {"identityProviderURL": "https://dex.example.org"},
        },
        "components": {
            "cheServer": {
                "extraProperties": {"CHE_LIMITS_USER_WORKSPACES_RUN_COUNT": "5"},
                "proxy": {
                    "url": "http://proxy.example.org",
                    "port": "3128",
                    "nonProxyHosts": ["localhost", "*.example.org"],
                    "credentialsSecretName": "proxy-credentials",
                },
            }
        },
        "devEnvironments": {
            "defaultNamespace": {"template": "<username>-che"},
            "storage": {"pvcStrategy": "common", "perUserStrategyPvcConfig": {"claimSize": "10Gi"}},
            "trustedCerts": {"gitTrustedCertsConfigMapName": "che-git-self-signed-cert"},
        },
    }
    assert [obj["metadata"]["name"] for obj in adapted.objects if "namespace" in obj["metadata"]] == [
        obj["metadata"]["name"] for obj in objects if "namespace" in obj["metadata"]
    ]
    # The operator makes it for the new host.
    assert [str(missing) for missing in missing_references(adapted.objects, ())] == [
        "Reference(kind='Secret', name='che-tls')"
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from([NAMESPACE, "u-1", "quay.io/a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
SECTIONS = sorted({step for path in FIELDS for step in path.split(".")})
FIELD_NAMES = st.sampled_from([*SECTIONS, "networking", "components", "containers", "image", "images", "storageClass"])
SPECS = st.dictionaries(FIELD_NAMES, JSON | st.dictionaries(FIELD_NAMES, JSON, max_size=4), max_size=5)


TEXTS = st.text(max_size=8) | st.sampled_from(["u-1", "eyJhdXRocyI6IHsicXVheS5pbyI6IDF9fQ==", f"//a.{NAMESPACE}.svc"])
KEYS = st.text(max_size=6) | st.sampled_from(["che.eclipse.org/che-userid", ".dockerconfigjson", "tls.crt"])
# Mostly what an object may hold, so that the rules get to see it.
MAPS = st.dictionaries(KEYS, TEXTS, max_size=3)
TYPES = st.sampled_from(["kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"]) | JSON


@st.composite
def senseless(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Objects of a forged backup: of kinds that are saved, and for the rest whatever JSON can say."""
    kinds = draw(st.lists(st.sampled_from(["Secret", "ConfigMap", "PersistentVolumeClaim", "Namespace"]), max_size=3))
    cluster: dict[str, Any] = {"apiVersion": draw(st.sampled_from([V1, V2])), "kind": "CheCluster"}
    objects = [cluster, *({"apiVersion": "v1", "kind": kind} for kind in kinds)]
    odd = draw(st.integers(0, 9)) == 0
    for number, obj in enumerate(objects):
        obj["metadata"] = {"name": f"n-{number}", "namespace": NAMESPACE}
        for key in draw(st.sets(st.sampled_from(["labels", "annotations"]))):
            obj["metadata"][key] = draw(JSON if odd else MAPS)
        obj["spec"] = draw(SPECS)
        obj["data"] = draw(JSON if odd else MAPS)
        obj["type"] = draw(TYPES)
    return objects


@given(senseless(), st.booleans())
def test_a_forged_backup_gets_a_result_or_an_error_of_ours(objects: list[dict[str, Any]], mapped: bool) -> None:
    before = copy.deepcopy(objects)
    mappings = MAPPINGS if mapped else Mappings(namespace="che-2")
    for target in (NEW, replace(NEW, che_version="7.55.0", infrastructure="OpenShift")):
        try:
            convert(objects, replace(OLD, api_version=V2), target)
            converted = convert(objects, OLD, target)
            adapt(converted.objects, OLD, target, replace(mappings, host="che.example.org"))
            Choice.read({"label_selectors": ["a=b", "!c"], "kinds": ["Secret"]}).choose(objects)
        except CheError:
            continue
    assert objects == before
