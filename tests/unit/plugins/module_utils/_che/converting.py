# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An installation of v1, the Che that it comes to, and a shorthand for its conversion."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._convert import Converted, convert
from ansible_collections.community.che.plugins.module_utils._che._place import V1, V2, Place

SOURCE = Place("eclipse-che", "apps.old.example", "Kubernetes", V1, "7.42.0")
NOW = replace(SOURCE, api_version=V2, che_version="7.122.0")
WITH_DATABASE = replace(NOW, che_version="7.55.0")
DATABASE = {
    "chePostgresDb": "dbche",
    "chePostgresHostName": "postgres",
    "externalDb": False,
    "pvcClaimSize": "2Gi",
    "chePostgresUser": "pgche",
    "chePostgresPassword": "s3cr3t",
}


def cluster(spec: dict[str, Any], api_version: str = V1) -> dict[str, Any]:
    metadata = {"name": "eclipse-che", "namespace": "eclipse-che", "annotations": {"example.org/kept": "yes"}}
    return {"apiVersion": api_version, "kind": "CheCluster", "metadata": metadata, "spec": spec}


def thing(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "eclipse-che"}, **more}


def at(path: str, value: Any) -> dict[str, Any]:
    section, _dot, name = path.partition(".")
    return {section: {name: value}}


def converted(spec: dict[str, Any], target: Place = NOW, *others: dict[str, Any]) -> Converted:
    return convert([cluster(spec), *others], SOURCE, target)


def spec_after(result: Converted) -> dict[str, Any]:
    spec = result.objects[0]["spec"]
    assert isinstance(spec, dict)
    return spec
