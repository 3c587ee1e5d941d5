# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two clusters, and objects that go from the one to the other."""

from __future__ import annotations

import base64
import copy
from dataclasses import replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._adapt import Adapted, adapt
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from ansible_collections.community.che.plugins.module_utils._che._place import V2, Place

OLD = Place("eclipse-che", "apps.old.example", "Openshift 4", V2, "7.122.0", frozenset({"fast", "slow"}), "one")
NEW = replace(OLD, apps_domain="apps.new.example", storage_classes=frozenset({"quick"}), cluster_id="two")
# Another cluster with the same domain and classes.
TWIN = replace(OLD, cluster_id="two")
DOMAIN = {"apps.old.example": "apps.new.example"}
GENERATED = "che-eclipse-che.apps.old.example"


def cluster(spec: dict[str, Any], api_version: str = V2) -> dict[str, Any]:
    metadata = {"name": "eclipse-che", "namespace": "eclipse-che"}
    return {"apiVersion": api_version, "kind": "CheCluster", "metadata": metadata, "spec": spec}


def thing(kind: str, name: str, **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "eclipse-che", **more.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}


def secret(name: str, **texts: str) -> dict[str, Any]:
    data = {key.replace("__", "."): base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    return thing("Secret", name, type="Opaque", data=data)


def networking(**fields: Any) -> dict[str, Any]:
    return {"networking": fields}


def adapted(obj: dict[str, Any], target: Place = NEW, source: Place = OLD, **mappings: Any) -> Adapted:
    before = copy.deepcopy(obj)
    result = adapt([obj], source, target, Mappings.read(mappings))
    assert obj == before
    return result


def spec_after(result: Adapted) -> Any:
    return result.objects[0]["spec"]


def told(findings: Any) -> str:
    return "\n".join(map(str, findings))
