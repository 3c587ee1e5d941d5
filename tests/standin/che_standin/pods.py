# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pods: find them, run a command in one, say why one is not ready."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from kubernetes.client import CoreV1Api
from kubernetes.stream import stream

from .cluster import Cluster, Object, wait_until
from .errors import StandinError

READY_SECONDS = 180


class CommandError(StandinError):
    """A command in a pod ended with another status than 0."""


def _ready_pods(cluster: Cluster, namespace: str, selector: str) -> Iterator[Object]:
    for pod in cluster.list_all("v1", "Pod", namespace, selector):
        conditions = {c["type"]: c["status"] for c in pod.get("status", {}).get("conditions", [])}
        if conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]:
            yield pod


def await_ready(cluster: Cluster, namespace: str, selector: str) -> Object:
    """The one pod that a label selector finds, as soon as it is ready."""
    wait_until(
        lambda: any(_ready_pods(cluster, namespace, selector)), READY_SECONDS, lambda: describe(cluster, namespace)
    )
    return ready_pod(cluster, namespace, selector)


def ready_pod(cluster: Cluster, namespace: str, selector: str) -> Object:
    """The one ready pod that a label selector finds."""
    for pod in _ready_pods(cluster, namespace, selector):
        return pod
    raise StandinError(f"no ready pod with {selector} in namespace {namespace}. {describe(cluster, namespace)}")


def run(cluster: Cluster, pod: Object, script: str, stdin: str = "", timeout: int = 600) -> str:
    """Runs a shell script in a pod's first container and feeds it standard input.

    The protocol that every cluster speaks can't close standard input, so the byte count goes in as
    ``$1``: scripts read it with ``head -c "$1"``.

    Returns:
        Standard output.

    Raises:
        CommandError: The status is not 0 or the time is up; holds the end of standard error.
    """
    metadata = pod["metadata"]
    session: Any = stream(
        CoreV1Api(cluster.client).connect_get_namespaced_pod_exec,
        metadata["name"],
        metadata["namespace"],
        container=pod["spec"]["containers"][0]["name"],
        command=["sh", "-c", script, "sh", str(len(stdin.encode()))],
        stdin=bool(stdin),
        stdout=True,
        stderr=True,
        tty=False,
        _preload_content=False,
    )
    try:
        if stdin:
            session.write_stdin(stdin)
        session.run_forever(timeout=timeout)
        if session.is_open():
            raise CommandError(f"a command in pod {metadata['name']} took longer than {timeout} s")
        output, errors = str(session.read_channel(1)), str(session.read_channel(2))
        outcome = yaml.safe_load(session.read_channel(3)) or {}
    finally:
        session.close()
    if outcome.get("status") != "Success":
        raise CommandError(f"a command in pod {metadata['name']} failed: {errors[-1500:].strip() or outcome}")
    return output


def describe(cluster: Cluster, namespace: str) -> str:
    """One line per pod that is not ready, for the message of a wait that ran out of time."""
    lines = [_why_not_ready(pod) for pod in cluster.list_all("v1", "Pod", namespace)]
    return "; ".join(line for line in lines if line) or "no pod is waiting"


def _why_not_ready(pod: Object) -> str:
    status = pod.get("status", {})
    conditions = {c["type"]: c for c in status.get("conditions", [])}
    if conditions.get("Ready", {}).get("status") == "True":
        return ""
    states = [state for c in status.get("containerStatuses", []) for state in c.get("state", {}).values()]
    reasons = [f"{s.get('reason', '')} {s.get('message', '')}".strip() for s in states]
    scheduled = conditions.get("PodScheduled", {})
    reasons += [scheduled.get("message", "")]
    return f"pod {pod['metadata']['name']}: {status.get('phase')} {' '.join(r for r in reasons if r)}".strip()
