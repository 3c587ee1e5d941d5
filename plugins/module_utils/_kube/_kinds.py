# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where each kind that this collection touches lives in the Kubernetes API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """One kind as the API server serves it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "") -> str:
        """The URL path of one object, or of the collection when ``name`` is empty."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")

    def named(self, name: str, namespace: str = "") -> str:
        """How messages name an object of this kind, for example ``Secret eclipse-che/che-tls``."""
        return f"{self.kind} {namespace}/{name}" if self.namespaced and namespace else f"{self.kind} {name}"


NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
SECRET = Kind("v1", "Secret", "secrets")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
POD = Kind("v1", "Pod", "pods")
SERVICE = Kind("v1", "Service", "services")
EVENT = Kind("v1", "Event", "events")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
JOB = Kind("batch/v1", "Job", "jobs")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
CLUSTER_INGRESS = Kind("config.openshift.io/v1", "Ingress", "ingresses", namespaced=False)
RESOURCE_QUOTA = Kind("v1", "ResourceQuota", "resourcequotas")
STORAGE_CLASS = Kind("storage.k8s.io/v1", "StorageClass", "storageclasses", namespaced=False)
CHE_CLUSTER_V1 = Kind("org.eclipse.che/v1", "CheCluster", "checlusters")
CHE_CLUSTER_V2 = Kind("org.eclipse.che/v2", "CheCluster", "checlusters")
SERVER_CONFIGURATION = Kind("org.eclipse.che/v1", "CheBackupServerConfiguration", "chebackupserverconfigurations")

_KINDS: Mapping[tuple[str, str], Kind] = {
    (kind.api_version, kind.kind): kind
    for kind in (
        NAMESPACE,
        SECRET,
        CONFIG_MAP,
        CLAIM,
        POD,
        SERVICE,
        EVENT,
        DEPLOYMENT,
        JOB,
        LEASE,
        CLUSTER_INGRESS,
        RESOURCE_QUOTA,
        STORAGE_CLASS,
        CHE_CLUSTER_V1,
        CHE_CLUSTER_V2,
        SERVER_CONFIGURATION,
    )
}


def kind_of(obj: Mapping[str, Any]) -> Kind:
    """The kind of an object that carries ``apiVersion`` and ``kind``.

    Raises:
        KeyError: The collection does not handle that kind.
    """
    return _KINDS[(str(obj.get("apiVersion")), str(obj.get("kind")))]


def name_of(obj: Mapping[str, Any]) -> str:
    """How messages name this object."""
    metadata = obj.get("metadata") or {}
    return kind_of(obj).named(str(metadata.get("name", "")), str(metadata.get("namespace", "")))
