# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A short script run by a program inside a running pod: for statements, never for data."""

from __future__ import annotations

import copy
import json
import re
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._client import RETRY_SECONDS, Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import ClusterError, Forbidden
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline

try:
    from kubernetes.client.exceptions import ApiException
    from kubernetes.stream import stream
    from websocket import WebSocketException

    STREAM_IMPORT_ERROR: str | None = None
except ImportError:
    STREAM_IMPORT_ERROR = traceback.format_exc()

    class ApiException(Exception):  # type: ignore[no-redef]
        """Stands in where the kubernetes library is missing; modules refuse to start then."""

    class WebSocketException(Exception):  # type: ignore[no-redef]
        """Stands in where the kubernetes library is missing; modules refuse to start then."""


_ERROR_CHANNEL = 3
_LOOK_SECONDS = 1
_STDERR_SHOWN = 1000
_REFUSED = re.compile(r"Handshake status 4(?!29)\d\d")


class ExecFailed(ClusterError):
    """The program in the pod ended with another exit code than 0."""


def exec_script(
    cluster: Cluster, pod: str, namespace: str, *, container: str, command: Sequence[str], script: str, seconds: float
) -> str:
    """Run a program in a pod and feed it a script on its standard input.

    The exec protocol can't close standard input, so that the script must end the program by itself (psql: ``\\q``).

    Args:
        cluster: Where.
        pod: The pod's name.
        namespace: Its namespace.
        container: The container in it.
        command: Program and arguments; never holds a secret.
        script: What the program reads.
        seconds: When to give up.

    Returns:
        Its standard output.

    Raises:
        Forbidden: The credentials lack ``create`` (and ``get``) on ``pods/exec``.
        ExecFailed: It failed, or did not end in time.
    """
    on = f"Pod {namespace}/{pod}"
    channel = _connected(cluster, pod, namespace, container, command, seconds)
    deadline = Deadline(seconds)
    try:
        channel.write_stdin(script)
        out, err = [], []
        while channel.is_open() and not deadline.expired:
            channel.update(timeout=_LOOK_SECONDS)
            out.append(channel.read_stdout() if channel.peek_stdout() else "")
            err.append(channel.read_stderr() if channel.peek_stderr() else "")
        if channel.is_open():
            raise ExecFailed(f"{command[0]} did not end within {seconds:.0f} s", on)
        status = channel.read_channel(_ERROR_CHANNEL)
    except (OSError, WebSocketException) as error:
        raise ExecFailed(f"The connection to {command[0]} in the pod broke: {str(error)[:300]}", on) from None
    finally:
        with suppress(OSError, WebSocketException):
            channel.close()
    if not status or json.loads(status).get("status") != "Success":
        detail = "".join(err).strip()[-_STDERR_SHOWN:]
        raise ExecFailed(f"{command[0]} failed in the pod: {detail or 'no message'}", on)
    return "".join(out)


def _connected(
    cluster: Cluster, pod: str, namespace: str, container: str, command: Sequence[str], seconds: float
) -> Any:
    """A channel to a program that has just been started; an API server in trouble is asked again for a bounded time."""
    on = f"Pod {namespace}/{pod}"
    patience = Deadline(RETRY_SECONDS)
    while True:
        try:
            return stream(
                # The library changes the client for the call; others may be using it meanwhile.
                _request_of(copy.copy(cluster.api_client)),
                pod,
                namespace,
                container=container,
                command=list(command),
                stdin=True,
                stdout=True,
                stderr=True,
                tty=False,
                _preload_content=False,
                _request_timeout=seconds,
            )
        except ApiException as error:
            if "403" in str(error) or error.status in (401, 403):
                raise Forbidden(
                    "Exec into the pod is not allowed",
                    on,
                    "Grant get and create on pods/exec; docs/rbac.md lists what is needed.",
                ) from None
            # The library tells a refused handshake by its words alone. Nothing was started then.
            if _REFUSED.search(str(error.reason)) or patience.expired:
                raise ExecFailed(f"Exec into the pod failed: {str(error.reason).strip()[:300]}", on) from None
        patience.pause(1.0)


def _request_of(api_client: Any) -> Callable[..., Any]:
    """What ``stream`` sends.

    Imported here, as the classes of every kind come along: more than half of the time that a module takes to start.
    """
    from kubernetes.client import CoreV1Api

    request: Callable[..., Any] = CoreV1Api(api_client).connect_get_namespaced_pod_exec
    return request
