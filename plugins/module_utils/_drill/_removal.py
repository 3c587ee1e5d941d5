# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a drill has made, taken away again: its own at its end, and what drills that were killed have left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ansible_collections.community.che.plugins.module_utils._database._scratch import drop_scratches
from ansible_collections.community.che.plugins.module_utils._database._staging import (
    end_sessions_of_jobs,
    jobs_with_sessions,
)
from ansible_collections.community.che.plugins.module_utils._drill._databases import Loader, Server, Target
from ansible_collections.community.che.plugins.module_utils._drill._scratch import DRILL_LABEL, DRILL_OF_LABEL, Scratch
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Halt, Interrupted
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._kube._jobs import remove_job
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, JOB, NAMESPACE, SECRET
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline, wait_for
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql

# A namespace is gone once each of its kinds was looked through; a database server may be starting anew just then.
_SECONDS = 120.0
_BY_HAND = "Remove it by hand, or drill again, which removes what earlier drills have left."


def clean_up(cluster: Cluster, scratch: Scratch, loader: Loader, targets: Sequence[Target]) -> None:
    """Take everything away that a drill has made, also when a part of that can't be done at first.

    Raises:
        CheError: Something could not be removed; it says what.
    """
    steps: list[Callable[[], None]] = [
        partial(_remove_objects, cluster, scratch),
        *(partial(_insist, partial(loader.drop, target)) for target in targets),
    ]
    failures: list[Halt] = []
    for step in steps:
        try:
            step()
        except Halt as failure:
            # Whatever else there is goes all the same.
            failures.append(failure)
    if failures:
        raise failures[0]


def remove_objects_left(cluster: Cluster, scratch: Scratch, deadline: Deadline) -> list[str]:
    """Remove the objects and the Jobs that drills which were killed have left: the Lease that is held says that none is
    at work.

    Returns:
        What was removed, each as its kind and name.
    """
    removed = _remove_namespaces(cluster, scratch) if scratch.own else _remove_stored(cluster, scratch)
    jobs = [str(job["metadata"]["name"]) for job in cluster.list(JOB, scratch.of, labels=DRILL_LABEL)]
    for name in jobs:
        remove_job(cluster, name, scratch.of, deadline)
    return [*removed, *(f"Job {name}" for name in jobs)]


def drop_databases_left(cluster: Cluster, scratch: Scratch, servers: Sequence[Server]) -> list[str]:
    """Drop what such drills have left on the servers of databases; their Jobs are gone by then.

    Returns:
        What was dropped, each with its name.
    """
    dropped = []
    by_deployment = {str(server.deployment["metadata"]["name"]): server for server in servers}
    for server in by_deployment.values():
        psql = PodPsql(cluster, server.deployment)
        gone = [job for job in jobs_with_sessions(psql) if cluster.find(JOB, job, scratch.of) is None]
        if gone:
            end_sessions_of_jobs(psql, gone)
        dropped += [f"database or role {name}" for name in drop_scratches(psql)]
    return dropped


def _remove_namespaces(cluster: Cluster, scratch: Scratch) -> list[str]:
    """Namespaces of drills of this Che; where the credentials can't list them, a killed drill's stays."""
    try:
        found = list(cluster.list(NAMESPACE, labels=f"{DRILL_OF_LABEL}={scratch.of}"))
    except Forbidden as refused:
        refused.next_step = f"Grant it, or name an empty namespace with scratch_namespace. {refused.next_step}"
        raise
    names = [str(namespace["metadata"]["name"]) for namespace in found]
    for name in names:
        _remove_namespace(cluster, name)
    return [f"Namespace {name}" for name in names]


def _remove_objects(cluster: Cluster, scratch: Scratch) -> None:
    if not scratch.own:
        _remove_stored(cluster, scratch)
        return
    live = cluster.find(NAMESPACE, scratch.namespace)
    # One of that name that is not labelled as this drill's is somebody else's, and was refused.
    if live is not None and (live["metadata"].get("labels") or {}).get(DRILL_LABEL) == scratch.run:
        _remove_namespace(cluster, scratch.namespace)


def _remove_namespace(cluster: Cluster, name: str) -> None:
    cluster.delete(NAMESPACE, name)
    wait_for(
        lambda: None if cluster.find(NAMESPACE, name) else True,
        Deadline(_SECONDS),
        "the scratch namespace to be gone",
        on=NAMESPACE.named(name),
        next_step=f"Its status says what holds it; it may still hold the backup's Secrets. {_BY_HAND}",
    )


def _remove_stored(cluster: Cluster, scratch: Scratch) -> list[str]:
    """What drills of this Che have stored in a namespace that is not theirs."""
    removed = []
    for kind in (SECRET, CONFIG_MAP):
        for obj in list(cluster.list(kind, scratch.namespace, labels=f"{DRILL_OF_LABEL}={scratch.of}")):
            name = str(obj["metadata"]["name"])
            cluster.delete(kind, name, scratch.namespace)
            removed.append(f"{kind.kind} {scratch.namespace}/{name}")
    return removed


def _insist(step: Callable[[], None]) -> None:
    """Try until it can be done: a server that is away for a moment must not keep a copy of Che's data."""
    deadline = Deadline(_SECONDS)
    while True:
        try:
            step()
            return
        except Interrupted:
            # It was cut off half-way, and nobody else does it.
            step()
            raise
        except CheError as failure:
            if deadline.expired or isinstance(failure, Forbidden):
                failure.next_step = f"{failure.next_step} {_BY_HAND}".strip()
                raise
        deadline.pause(5.0)
