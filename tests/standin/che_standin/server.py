# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings restic's REST server up in the cluster, stops it, starts it, takes it away."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import manifests, namespaces, pods
from .cluster import Cluster, Object, wait_until
from .errors import StandinError
from .identity import USERNAME, Identity
from .progress import step

NAME = "backup-server"
READY_SECONDS = 120
GONE_SECONDS = 120


@dataclass(frozen=True)
class Options:
    """What kind of server to run.

    Attributes:
        namespace: Its own namespace; several servers live in several namespaces.
        append_only: Refuse to delete and to overwrite.
        max_size: Bytes that the server takes before it refuses, 0 for no limit.
    """

    namespace: str = "che-backup-server"
    append_only: bool = False
    max_size: int = 0

    def arguments(self) -> list[str]:
        """The server's command line; it holds no secret."""
        made = [
            "--path=/data",
            "--listen=:8000",
            "--tls",
            "--tls-cert=/identity/tls.crt",
            "--tls-key=/identity/tls.key",
        ]
        made.append("--htpasswd-file=/identity/htpasswd")
        if self.append_only:
            made.append("--append-only")
        if self.max_size:
            made.append(f"--max-size={self.max_size}")
        return made


def up(cluster: Cluster, options: Options) -> dict[str, Any]:
    """Brings the server up and waits until it answers from here; idempotent.

    Returns:
        What server.json holds: url, service_url, username, password_file, ca_file and the options.
    """
    address = node_address(cluster)
    identity = Identity(options.namespace)
    names = [address, f"{NAME}.{options.namespace}.svc", f"{NAME}.{options.namespace}.svc.cluster.local"]
    files = identity.ensure(names)
    namespaces.await_end(cluster, options.namespace)
    with step(f"backup server in namespace {options.namespace}"):
        for obj in server_objects(options, files):
            cluster.apply(obj)
        service = cluster.find("v1", "Service", NAME, options.namespace) or {}
        port = service["spec"]["ports"][0]["nodePort"]
        description = {
            "url": f"https://{address}:{port}/",
            "service_url": f"https://{NAME}.{options.namespace}.svc:8000/",
            "username": USERNAME,
            "password_file": str(identity.password_file),
            "ca_file": str(identity.ca_file),
            "namespace": options.namespace,
            "append_only": options.append_only,
            "max_size": options.max_size,
        }
        identity.save(description)
        _wait_available(cluster, options.namespace)
        _wait_answering(description)
    return description


def describe(namespace: str) -> dict[str, Any]:
    """What up returned the last time."""
    description = Identity(namespace).load()
    if description is None:
        raise StandinError(f'no backup server is known in namespace {namespace}: run "backup-server up" first')
    return description


def stop(cluster: Cluster, namespace: str) -> None:
    """Takes the server's pod away and waits until it is gone; its data stays."""
    with step("stop backup server"):
        cluster.merge(_deployment(namespace), {"spec": {"replicas": 0}})
        wait_until(
            lambda: not cluster.list_all("v1", "Pod", namespace, f"app={NAME}"),
            GONE_SECONDS,
            lambda: "the backup server's pod is still there",
        )


def start(cluster: Cluster, namespace: str) -> None:
    """Undoes stop."""
    description = describe(namespace)
    with step("start backup server"):
        cluster.merge(_deployment(namespace), {"spec": {"replicas": 1}})
        _wait_available(cluster, namespace)
        _wait_answering(description)


def down(cluster: Cluster, namespace: str) -> None:
    """Deletes the server with its data, and its files here."""
    namespaces.delete(cluster, namespace)
    Identity(namespace).remove()


def server_objects(options: Options, files: dict[str, str]) -> list[Object]:
    """The manifests, with the arguments and the Secret filled in.

    Args:
        options: See Options.
        files: See Identity.ensure.
    """
    home, *objects = manifests.backup_server(options.namespace)
    secret: Object = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": NAME, "namespace": options.namespace},
        "data": {name: base64.b64encode(text.encode()).decode() for name, text in files.items()},
    }
    template = next(obj for obj in objects if obj["kind"] == "Deployment")["spec"]["template"]
    template["spec"]["containers"][0]["args"] = options.arguments()
    # The server reads its files once: the digest makes a new pod when they change.
    digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
    template["metadata"]["annotations"] = {"identity-digest": digest}
    return [home, secret, *objects]


def node_address(cluster: Cluster) -> str:
    """The InternalIP of the first node: a node port answers there, for pods and from outside alike."""
    for node in cluster.list_all("v1", "Node"):
        for address in node.get("status", {}).get("addresses", []):
            if address["type"] == "InternalIP":
                return str(address["address"])
    raise StandinError("no node of the cluster has an InternalIP")


def _deployment(namespace: str) -> Object:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME, "namespace": namespace}}


def _wait_available(cluster: Cluster, namespace: str) -> None:
    def available() -> bool:
        found = cluster.find("apps/v1", "Deployment", NAME, namespace) or {}
        status = found.get("status", {})
        current = status.get("observedGeneration", 0) >= found.get("metadata", {}).get("generation", 1)
        return bool(current and status.get("updatedReplicas") and status.get("availableReplicas"))

    wait_until(available, READY_SECONDS, lambda: f"the backup server is not ready: {pods.describe(cluster, namespace)}")


def _wait_answering(description: dict[str, Any]) -> None:
    url, ca_file = description["url"], Path(description["ca_file"])
    wait_until(lambda: _answers(url, ca_file), READY_SECONDS, lambda: f"{url} does not answer from this machine")


def _answers(url: str, ca_file: Path) -> bool:
    context = ssl.create_default_context(cafile=str(ca_file))
    # Not through a proxy of the environment: the address is the node's own.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        opener.open(url, timeout=5).close()
    except urllib.error.HTTPError as error:
        return error.code == 401  # it speaks HTTP with a certificate of ours, and wants a password
    except OSError:
        return False
    return False
