# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Service's pod reached from outside the cluster, through the API server, as ``kubectl port-forward`` does.

The kubernetes library's own ``portforward`` is not used: it holds in memory what the slower side has not taken yet,
leaves its caller waiting for ever when its thread ends on a broken connection, and writes a traceback for that. Its
websocket is; the protocol on it (``v4.channel.k8s.io``) is one byte before each message: 0 for data and 1 for errors,
where the first message of each holds the port (https://pkg.go.dev/k8s.io/kubelet/pkg/cri/streaming/portforward).
"""

from __future__ import annotations

import select
import socket
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import ClusterError, Forbidden, Unreachable
from ansible_collections.community.che.plugins.module_utils._kube._kinds import POD
from ansible_collections.community.che.plugins.module_utils._kube._relay import Relay

try:
    from kubernetes.stream.ws_client import create_websocket, get_websocket_url
    from websocket import ABNF, WebSocketBadStatusException, WebSocketException

    FORWARD_IMPORT_ERROR: str | None = None
except ImportError:
    FORWARD_IMPORT_ERROR = traceback.format_exc()

    class WebSocketException(Exception):  # type: ignore[no-redef]
        """Stands in where the kubernetes library is missing; modules refuse to start then."""


_PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = 0, 1
_CHUNK = 64 * 1024
# How long one message may take once it has begun, either way.
_STALLED_SECONDS = 60


@dataclass(frozen=True)
class Target:
    """Pods of one kind, and their port.

    Args:
        namespace: Where they are.
        labels: A label selector.
        port: The port of the pod.
    """

    namespace: str
    labels: str
    port: int


_OPEN: dict[tuple[int, Target], Relay] = {}


def forward_to(cluster: Cluster, target: Target) -> Relay:
    """A port of this machine that leads to a ready pod; each connection finds one anew, as pods come and go.

    It is there until ``close_forwards`` or the end of the process, and the same one for the same target.
    """
    key = (id(cluster), target)
    if key not in _OPEN:
        _OPEN[key] = Relay(partial(_carry, cluster, target))
    return _OPEN[key]


def close_forwards() -> None:
    """Close every forward of this process."""
    while _OPEN:
        _OPEN.popitem()[1].close()


def _carry(cluster: Cluster, target: Target, near: socket.socket) -> None:
    pod = str(_ready_pod(cluster, target)["metadata"]["name"])
    on = POD.named(pod, target.namespace)
    websocket = _connect(cluster, f"{POD.path(target.namespace, pod)}/portforward", target.port, on)
    try:
        carry(websocket, near, on)
    finally:
        with suppress(OSError, WebSocketException):
            websocket.close(timeout=1)


def _ready_pod(cluster: Cluster, target: Target) -> Object:
    for pod in cluster.list(POD, target.namespace, labels=target.labels):
        conditions = (pod.get("status") or {}).get("conditions") or []
        ready = any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)
        if ready and "deletionTimestamp" not in pod["metadata"]:
            return pod
    raise ClusterError(
        "There is no ready pod to forward a port to",
        f"{target.labels} in namespace {target.namespace}",
        "See why with kubectl describe, then run the task again.",
    )


def _connect(cluster: Cluster, path: str, port: int, on: str) -> Any:
    configuration = cluster.api_client.configuration
    url = get_websocket_url(f"{configuration.host}{path}", [("ports", str(port))])
    token = (configuration.auth_settings().get("BearerToken") or {}).get("value")
    headers = {"sec-websocket-protocol": _PROTOCOL, **({"authorization": token} if token else {})}
    try:
        websocket = create_websocket(configuration, url, headers)
    except WebSocketBadStatusException as error:
        if error.status_code in (401, 403):
            raise Forbidden(
                "Forwarding a port to the pod is not allowed",
                on,
                "Grant get and create on pods/portforward; docs/rbac.md lists what is needed.",
            ) from None
        raise ClusterError(
            f"The API server refuses to forward a port, with HTTP status {error.status_code}", on
        ) from None
    except (OSError, WebSocketException) as error:
        raise Unreachable(f"The API server can't be reached to forward a port: {str(error)[:300]}", on) from None
    websocket.settimeout(_STALLED_SECONDS)
    return websocket


def carry(websocket: Any, near: socket.socket, on: str) -> None:
    """Carry bytes between a connection and a forwarded port until either ends.

    One thread for both ways, as TLS may not be read and written at the same time; whoever is slow slows the other.

    Args:
        websocket: The API server's end.
        near: The connection of this machine.
        on: The pod, for the error message.

    Raises:
        ClusterError: Nothing listens at the port, or the API server broke off.
    """
    receive = _receiver(websocket, near, on)
    try:
        while True:
            readable, _writable, _broken = select.select([websocket.sock, near], [], [])
            if websocket.sock in readable and not receive():
                return
            if near in readable:
                data = near.recv(_CHUNK)
                if not data:
                    return
                websocket.send_binary(bytes([_DATA]) + data)
    except (OSError, WebSocketException) as error:
        raise Unreachable(f"The connection through the API server broke off: {str(error)[:300]}", on) from None


def _receiver(websocket: Any, near: socket.socket, on: str) -> Callable[[], bool]:
    """What takes the API server's messages as long as there are any; False when it has closed."""
    begun: set[int] = set()

    def receive() -> bool:
        while True:
            opcode, frame = websocket.recv_data_frame(True)
            if opcode == ABNF.OPCODE_CLOSE:
                return False
            if opcode == ABNF.OPCODE_BINARY and frame.data:
                channel, content = frame.data[0], frame.data[1:]
                if channel not in begun:
                    begun.add(channel)  # the port
                elif channel == _ERROR:
                    text = content.decode("utf-8", "replace").strip()[:300]
                    raise ClusterError(f"The port can't be forwarded: {text}", on)
                else:
                    near.sendall(content)
            # TLS may have read more than was taken, which select does not see.
            pending = getattr(websocket.sock, "pending", None)
            if pending is None or not pending():
                return True

    return receive
