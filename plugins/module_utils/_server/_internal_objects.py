# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of the backup server that this collection runs inside the cluster. Pure.

Names, port and path are those of the old operator's internal server (che-operator 7.42,
``controllers/checlusterbackup/internal_backup_server.go``). What it did not have is new here: a volume, TLS and users.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._client import Object
from ansible_collections.community.che.plugins.module_utils._repository._errors import InvalidServer
from ansible_collections.community.che.plugins.module_utils._repository._server import (
    DEFAULT_PORT,
    RestServer,
    Server,
)
from ansible_collections.community.che.plugins.module_utils._server._secrets import to_secret
from ansible_collections.community.che.plugins.module_utils._server._stored import INTERNAL_COMPONENT, SERVER_LABELS

CONFIGURATION = "backup-rest-server-configuration"
REPOSITORY_PASSWORD = "backup-rest-server-repo-password"
SERVICE_NAME = "backup-rest-server-service"
OLD_DEPLOYMENT_NAME = "backup-rest-server-deployment"
DEPLOYMENT_NAME = "backup-rest-server"
CREDENTIALS = "backup-rest-server-credentials"
CONNECTION = "backup-rest-server-connection"
IDENTITY = "backup-rest-server-identity"
DATA = "backup-rest-server-data"

IMAGE = "docker.io/restic/rest-server:0.14.0"
SIZE = "10Gi"
USERNAME = "che"
REPOSITORY_PATH = "che"
IDENTITY_DIGEST = "community.che/identity-digest"

POD_LABELS: Mapping[str, str] = {
    "app.kubernetes.io/part-of": "backup.che.eclipse.org",
    "app.kubernetes.io/component": INTERNAL_COMPONENT,
}
LABELS: Mapping[str, str] = {**SERVER_LABELS, **POD_LABELS}
_DATA_FOLDER, _IDENTITY_FOLDER = "/data", "/identity"


@dataclass(frozen=True)
class PodChoices:
    """How the server's pod is run.

    Args:
        image: An image with ``/usr/bin/rest-server``.
        pull_secrets: Names of Secrets of the server's namespace.
        run_as_user: The user and the group of the volume's files; None leaves both to the platform, as OpenShift wants.
    """

    image: str
    pull_secrets: tuple[str, ...] = ()
    run_as_user: int | None = None


def service_host(namespace: str) -> str:
    """The name at which the server answers inside the cluster."""
    return f"{SERVICE_NAME}.{namespace}.svc"


def internal_server(namespace: str) -> RestServer:
    """Where the repository is, as pods see it."""
    return RestServer(service_host(namespace), REPOSITORY_PATH, port=DEFAULT_PORT)


def namespace_of(server: Server) -> str:
    """The namespace of a server that ``internal_server`` made.

    Raises:
        InvalidServer: It is another server.
    """
    name, _dot, rest = server.hostname.partition(".")
    namespace, _dot, zone = rest.partition(".")
    if name != SERVICE_NAME or zone != "svc" or server != internal_server(namespace):
        raise InvalidServer(
            "The configuration of the internal backup server leads elsewhere",
            server.address,
            f"Remove the label {INTERNAL_COMPONENT} from it, or set the server up anew under its own name.",
        )
    return namespace


def deployment_name(in_che_namespace: bool, serves_v2: bool) -> str:
    """What the Deployment is called.

    From 7.62 on the operator of Che deletes a Deployment of the old name at every turn, in the CheCluster's namespace
    (che-operator, ``pkg/deploy/postgres/postgres.go``). It serves CheCluster v2 then, as it does since 7.50.
    """
    return DEPLOYMENT_NAME if in_che_namespace and serves_v2 else OLD_DEPLOYMENT_NAME


def labelled_secret(name: str, namespace: str, data: Mapping[str, str]) -> Object:
    """A Secret of the internal server."""
    secret = to_secret(name, namespace, data)
    return {**secret, "metadata": _metadata(name, namespace)}


def claim(namespace: str, size: str, storage_class: str | None) -> Object:
    """The volume on which the backups are."""
    spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": _metadata(DATA, namespace),
        "spec": spec,
    }


def service(namespace: str) -> Object:
    """The address inside the cluster."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(SERVICE_NAME, namespace),
        "spec": {
            "selector": dict(POD_LABELS),
            "ports": [{"name": "https", "port": DEFAULT_PORT, "targetPort": DEFAULT_PORT, "protocol": "TCP"}],
        },
    }


def deployment(name: str, namespace: str, choices: PodChoices, identity: Mapping[str, str]) -> Object:
    """The server itself; it meets the Pod Security Standard ``restricted``.

    Args:
        name: What it is called.
        namespace: Where it runs.
        choices: How its pod is run.
        identity: The data of the Secret with certificate and users. The server reads them once, so that other ones mean
            another pod.
    """
    digest = hashlib.sha256(json.dumps(dict(identity), sort_keys=True).encode()).hexdigest()[:16]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(name, namespace),
        "spec": {
            "replicas": 1,
            # Two servers on one volume would wait for each other where only one node may have it.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": dict(POD_LABELS)},
            "template": {
                "metadata": {"labels": dict(LABELS), "annotations": {IDENTITY_DIGEST: digest}},
                "spec": _pod(choices),
            },
        },
    }


def _pod(choices: PodChoices) -> dict[str, Any]:
    security: dict[str, Any] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if choices.run_as_user is not None:
        security.update(runAsUser=choices.run_as_user, runAsGroup=choices.run_as_user, fsGroup=choices.run_as_user)
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": security,
        "containers": [_container(choices.image)],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": DATA}},
            # Readable for whatever user the platform gives the pod; nobody else sees this volume.
            {"name": "identity", "secret": {"secretName": IDENTITY, "defaultMode": 0o444}},
        ],
        "imagePullSecrets": [{"name": name} for name in choices.pull_secrets],
    }


def _container(image: str) -> dict[str, Any]:
    return {
        "name": "rest-server",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/bin/rest-server"],
        "args": [
            f"--path={_DATA_FOLDER}",
            f"--listen=:{DEFAULT_PORT}",
            "--tls",
            f"--tls-cert={_IDENTITY_FOLDER}/tls.crt",
            f"--tls-key={_IDENTITY_FOLDER}/tls.key",
            f"--htpasswd-file={_IDENTITY_FOLDER}/htpasswd",
        ],
        "ports": [{"name": "https", "containerPort": DEFAULT_PORT, "protocol": "TCP"}],
        # It answers every request without a password by 401, which a probe by HTTP takes for a failure.
        "readinessProbe": {"tcpSocket": {"port": DEFAULT_PORT}, "periodSeconds": 2},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "data", "mountPath": _DATA_FOLDER},
            {"name": "identity", "mountPath": _IDENTITY_FOLDER, "readOnly": True},
        ],
    }


def _metadata(name: str, namespace: str) -> Object:
    return {"name": name, "namespace": namespace, "labels": dict(LABELS)}
