# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judge: what an installation holds, in figures that can be compared before and after.

It shares no code with the collection that it judges.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from standin_operator.generation import databases, external, identity_secret, release

from . import database, expectations, manifests, served
from .cluster import Cluster, Object
from .errors import StandinError

# Classes of objects.
SAVED = "saved"
DERIVED = "derived"
OTHER = "other"

_KEPT_METADATA = ("name", "labels", "annotations")
_VOLATILE_ANNOTATIONS = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
)
_TOKEN = "kubernetes.io/service-account-token"


def take(cluster: Cluster, namespace: str) -> Object:
    """Everything that counts in one installation, as JSON.

    Returns:
        ``objects``: kind, name, class and digest of each; ``databases``: per server its database's properties,
        schema, tables, sequences, large objects, and whether the Secret's password opens it.
    """
    che = [c for c in served.installations(cluster) if c["metadata"]["namespace"] == namespace]
    if len(che) != 1:
        raise StandinError(f"expected one CheCluster in namespace {namespace}, found {len(che)}")
    found = {server.deployment: server for server in database.find(cluster, namespace)}
    # By what the figures are filed under, the Deployment that the judge needs.
    needed = {wanted.component: wanted.component for wanted in databases(che[0])}
    needed |= {"postgres": "che"} if external(che[0]) else {}
    needed |= {"keycloak": "keycloak"} if identity_secret(che[0]) else {}
    missing = [deployment for name, deployment in needed.items() if name not in found]
    if missing:
        raise StandinError(f"no Deployment {missing[0]} in namespace {namespace}")
    return {
        "namespace": namespace,
        "variant": variant_of(che[0]),
        "taken": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "objects": _objects(cluster, namespace, che[0]),
        "databases": [figures(cluster, server) for server in found.values()],
    }


def variant_of(che: Object) -> str:
    """Which of the stand-in's variants a CheCluster is."""
    found = release(che)
    return "v2-openvsx" if found == "v2" and databases(che) else found


def normalise(obj: Mapping[str, Any]) -> Object:
    """An object as its author wrote it: without what the cluster adds, and without empty maps."""
    metadata = {key: obj["metadata"][key] for key in _KEPT_METADATA if obj["metadata"].get(key)}
    if "annotations" in metadata:
        kept = {k: v for k, v in metadata["annotations"].items() if not k.startswith(_VOLATILE_ANNOTATIONS)}
        metadata["annotations"] = kept
    body = {key: value for key, value in obj.items() if key not in ("metadata", "status") and value not in ({}, None)}
    if obj["kind"] == "PersistentVolumeClaim":
        body["spec"] = {key: value for key, value in obj["spec"].items() if key != "volumeName"}
    return {**body, "metadata": {key: value for key, value in metadata.items() if value}}


def digest(obj: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of the normalised object."""
    canonical = json.dumps(normalise(obj), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def classify(obj: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """How a backup should treat an object; empty for what tools leave behind, which is nobody's.

    Args:
        obj: A ConfigMap, Secret or PersistentVolumeClaim.
        expected: See expectations.expectations.
    """
    key = f"{obj['kind']}/{obj['metadata']['name']}"
    labels = obj["metadata"].get("labels") or {}
    if labels.get("app.kubernetes.io/managed-by") == "community.che" or obj.get("type") == _TOKEN:
        return ""
    if key in expected["saved"]:
        return SAVED
    if key in expected["not_saved"]:
        return DERIVED if expected["not_saved"][key].startswith("derived") else OTHER
    if labels.get("app.kubernetes.io/managed-by") == "che-operator":
        return DERIVED
    return SAVED if labels.get("app.kubernetes.io/part-of") == "che.eclipse.org" else OTHER


def _objects(cluster: Cluster, namespace: str, che: Object) -> list[Object]:
    home = cluster.find("v1", "Namespace", namespace) or {}
    labels = {k: v for k, v in home["metadata"]["labels"].items() if k != "kubernetes.io/metadata.name"}
    bare = {**home, "metadata": {**home["metadata"], "labels": labels}, "spec": None}
    rows = [_row(bare, SAVED), _row(che, SAVED)]
    expected = expectations.expectations(variant_of(che))
    for kind in expectations.KINDS:
        for obj in cluster.list_all("v1", kind, namespace):
            treatment = classify(obj, expected)
            if treatment:
                rows.append(_row(obj, treatment))
    return rows


def _row(obj: Object, treatment: str) -> Object:
    return {"kind": obj["kind"], "name": obj["metadata"]["name"], "class": treatment, "digest": digest(obj)}


def figures(cluster: Cluster, server: database.Server) -> Object:
    """Everything that counts in one database, see ``take``."""
    script = manifests.ROOT / "sql" / "proof.sql"
    lines = [json.loads(line) for line in database.psql(cluster, server, script.read_text()).splitlines() if line]
    of = {
        what: [{k: v for k, v in line.items() if k != "what"} for line in lines if line["what"] == what]
        for what in _WHATS
    }
    return {
        "deployment": server.deployment,
        "external": server.external,
        "properties": of["database"][0],
        "other_databases": of["other_databases"][0]["names"] or [],
        "roles": of["roles"][0]["names"],
        "tables": of["table"],
        "sequences": of["sequence"],
        "large_objects": of["large_objects"][0],
        "login_works": database.login_works(cluster, server),
        "schema": database.schema(cluster, server),
    }


_WHATS = ("database", "other_databases", "roles", "table", "sequence", "large_objects")
