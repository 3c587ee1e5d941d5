# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where each kind that the stand-in and the tests touch lives in the Kubernetes API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PLURALS: Mapping[str, str] = {
    "CheBackupServerConfiguration": "chebackupserverconfigurations",
    "CheCluster": "checlusters",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "ConfigMap": "configmaps",
    "CustomResourceDefinition": "customresourcedefinitions",
    "Deployment": "deployments",
    "Event": "events",
    "Job": "jobs",
    "Lease": "leases",
    "Namespace": "namespaces",
    "Node": "nodes",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Pod": "pods",
    "ResourceQuota": "resourcequotas",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Secret": "secrets",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "StorageClass": "storageclasses",
}
CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Namespace", "Node", "StorageClass"}


def collection_path(api_version: str, kind: str, namespace: str = "") -> str:
    """The URL path of a kind's collection; without a namespace that of all namespaces."""
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    middle = f"/namespaces/{namespace}" if namespace and kind not in CLUSTER_SCOPED else ""
    return f"{root}{middle}/{PLURALS[kind]}"


def object_path(obj: Mapping[str, Any]) -> str:
    """The URL path of one object, from its own apiVersion, kind, namespace and name."""
    metadata = obj["metadata"]
    return f"{collection_path(obj['apiVersion'], obj['kind'], metadata.get('namespace', ''))}/{metadata['name']}"


def label(obj: Mapping[str, Any]) -> str:
    """How messages name an object, for example ``Secret eclipse-che/che-tls``."""
    metadata = obj["metadata"]
    namespace = metadata.get("namespace")
    return f"{obj['kind']} {namespace + '/' if namespace else ''}{metadata['name']}"
