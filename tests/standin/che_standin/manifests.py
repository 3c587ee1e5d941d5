# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in's own manifests, ready to be applied."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import yaml
from standin_operator.names import CHE_VERSIONS

Object = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
VARIANTS = ("v1", "v1-keycloak", "v2-database", "v2", "v2-openvsx")
OPERATOR_NAMESPACE = "che-operator"
SECRET_MARKER = "s3cr3t-standin"


def generation(variant: str) -> str:
    """The version of CheCluster that a variant is about."""
    return variant.partition("-")[0]


def release(variant: str, served: tuple[str, ...]) -> str:
    """Which Che the operator says that it is of, a key of CHE_VERSIONS.

    Args:
        variant: One of VARIANTS, the one that comes up.
        served: The versions of CheCluster that are served, the newest one last.
    """
    if generation(variant) != served[-1]:
        return served[-1]
    return variant if variant in CHE_VERSIONS else generation(variant)


def crds(served: tuple[str, ...]) -> list[Object]:
    """Every CRD, with CheCluster and the three backup kinds as a cluster that serves these versions has them.

    Args:
        served: ``v1``, ``v2`` or both; the last one is stored. The backup kinds went with v1.
    """
    objects = _load("crds/checluster.yaml") + _load("crds/devworkspaces.yaml")
    for version in objects[0]["spec"]["versions"]:
        version["served"] = version["name"] in served
        version["storage"] = version["name"] == served[-1]
    return objects + (_load("crds/backups.yaml") if "v1" in served else [])


def backup_crds() -> list[Object]:
    """The CRDs of the old operator's three backup kinds."""
    return _load("crds/backups.yaml")


def operator(version: str = "v1") -> list[Object]:
    """The stand-in operator, its code included.

    Args:
        version: Of which Che it says that it is, a key of CHE_VERSIONS.
    """
    sources = {path.name: path.read_text() for path in sorted((ROOT / "standin_operator").glob("*.py"))}
    code: Object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "che-operator-code", "namespace": OPERATOR_NAMESPACE},
        "data": sources,
    }
    objects = _load("operator.yaml")
    digest = hashlib.sha256("".join(sources.values()).encode()).hexdigest()[:16]
    for obj in objects:
        if obj["kind"] == "Deployment":
            obj["spec"]["template"]["metadata"]["annotations"] = {"code-digest": digest}
            container = obj["spec"]["template"]["spec"]["containers"][0]
            container["env"] = [*container.get("env", []), {"name": "CHE_VERSION", "value": CHE_VERSIONS[version]}]
    position = next(i for i, obj in enumerate(objects) if obj["kind"] == "Deployment")
    return [*objects[:position], code, *objects[position:]]


def namespace(name: str) -> Object:
    """The Che namespace with its labels and annotations."""
    return _load("installation/namespace.yaml", name)[0]


def saved(variant: str, name: str) -> list[Object]:
    """What a backup must save, the CheCluster last; without what is generated (see pki) or made by the operator."""
    return _load("installation/saved-common.yaml", name) + _load(f"installation/saved-{variant}.yaml", name)


def unrelated(name: str) -> list[Object]:
    """What stands in the Che namespace and is no part of Che."""
    return _load("installation/unrelated.yaml", name)


def extra(count: int, name: str) -> list[Object]:
    """Additional ConfigMaps and Secrets of about 1 KB that a backup must save; for measuring."""
    labels = {"app.kubernetes.io/part-of": "che.eclipse.org", "app.kubernetes.io/component": "standin-extra"}
    made: list[Object] = []
    for number in range(count):
        kind = ("ConfigMap", "Secret")[number % 2]
        filler = hashlib.shake_256(str(number).encode()).hexdigest(480)
        text = f"{SECRET_MARKER}-{filler}" if kind == "Secret" else filler
        obj = {"apiVersion": "v1", "kind": kind, "metadata": {"name": f"extra-{number:05}", "labels": dict(labels)}}
        made.append(_prepare({**obj, ("stringData" if kind == "Secret" else "data"): {"text": text}}, name))
    return made


def backup_server(name: str) -> list[Object]:
    """The backup server's namespace, claim, Service and Deployment, still without its arguments and its Secret."""
    return _load("backup-server.yaml", name)


def _load(file: str, name: str = "") -> list[Object]:
    text = (ROOT / "manifests" / file).read_text().replace("@NAMESPACE@", name)
    return [_prepare(obj, name) for obj in yaml.safe_load_all(text)]


def _prepare(obj: Object, name: str) -> Object:
    # stringData is written out as data: a server-side apply can't take back keys that came by stringData.
    for key, value in obj.pop("stringData", {}).items():
        obj.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()
    if name and obj["kind"] != "Namespace":
        obj["metadata"]["namespace"] = name
    return obj
