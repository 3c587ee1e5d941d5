# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, labels and API paths that the operator writes, as Che's own operator writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]

GROUP = "org.eclipse.che"
PART_OF = "che.eclipse.org"
MANAGED_SELECTOR = "app.kubernetes.io/managed-by=che-operator"
SECRET_MARKER = "s3cr3t-standin"  # every secret value of the stand-in holds it, so that a leak is easy to find

POSTGRES_IMAGE = "quay.io/sclorg/postgresql-15-c9s:latest"
PAUSE_IMAGE = "registry.k8s.io/pause:3.10"
PYTHON_IMAGE = "docker.io/library/python:3.11-slim"

CHE_VERSIONS = {"v1-keycloak": "7.38.0", "v1": "7.42.0", "v2-database": "7.58.0", "v2": "7.122.0"}

_PLURALS: Mapping[str, tuple[str, str]] = {
    "ConfigMap": ("/api/v1", "configmaps"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "DevWorkspaceOperatorConfig": ("/apis/controller.devfile.io/v1alpha1", "devworkspaceoperatorconfigs"),
    "PersistentVolumeClaim": ("/api/v1", "persistentvolumeclaims"),
    "Secret": ("/api/v1", "secrets"),
    "Service": ("/api/v1", "services"),
}


def path(kind: str, namespace: str, name: str = "") -> str:
    """The URL path of a collection, or of one object in it."""
    root, plural = _PLURALS[kind]
    return f"{root}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


def labels(component: str) -> dict[str, str]:
    """The labels that the operator puts on everything it makes."""
    return {
        "app.kubernetes.io/name": "che",
        "app.kubernetes.io/instance": "che",
        "app.kubernetes.io/part-of": PART_OF,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/managed-by": "che-operator",
    }
