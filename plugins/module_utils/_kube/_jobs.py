# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run one Job of ours to its end and leave nothing of it behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import (
    ClusterError,
    Conflict,
    Forbidden,
    JobFailed,
    NotFound,
    WaitExpired,
)
from ansible_collections.community.che.plugins.module_utils._kube._insist import surely_create
from ansible_collections.community.che.plugins.module_utils._kube._kinds import EVENT, JOB, POD, SECRET, name_of
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline, wait_for

# A pull that fails is retried by the kubelet with growing pauses; past this time it will not heal by itself.
START_SECONDS = 120
_STUCK = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError")
_LOG_TAIL = 4000


def run_job(
    cluster: Cluster, job: Object, secret: Object, deadline: Deadline, on_look: Callable[[], None] = lambda: None
) -> str:
    """Create a Job and the Secret that it mounts, wait for its end, remove both.

    The Secret is created after the Job and owned by it, so that a run which is killed between any two steps leaves
    nothing that Kubernetes does not remove by itself once the Job's own time is up.

    Args:
        cluster: Where to run it.
        job: A batch/v1 Job with one pod, ``backoffLimit: 0`` and one container besides its init containers.
        secret: What its pod mounts.
        deadline: When to give up.
        on_look: Called at every look at the Job, for progress.

    Returns:
        The main container's log.

    Raises:
        JobFailed: It ended without success or not in time, or its pod can't start.
    """
    name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
    with _leaving_nothing(cluster, job, secret):
        created = surely_create(cluster, job)
        surely_create(cluster, _owned(secret, created))
        try:
            _await_end(cluster, name, namespace, deadline, on_look)
            return _log(cluster, job)
        except JobFailed as failure:
            failure.log = failure.log or _tail(cluster, job)
            raise
        except WaitExpired as expired:
            on = JOB.named(name, namespace)
            raise JobFailed(expired.what, on, expired.next_step, log=_tail(cluster, job)) from None


@contextmanager
def _leaving_nothing(cluster: Cluster, job: Object, secret: Object) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        # A Job that was there already is somebody else's, and so is its Secret.
        if not (isinstance(error, Conflict) and error.on == name_of(job)):
            # What went wrong first is what is told; a Job that can't be removed now ends by its own limits.
            with suppress(ClusterError):
                _remove(cluster, job, secret)
        raise
    _remove(cluster, job, secret)


def _remove(cluster: Cluster, job: Object, secret: Object) -> None:
    try:
        cluster.delete(JOB, job["metadata"]["name"], job["metadata"]["namespace"])
    finally:
        cluster.delete(SECRET, secret["metadata"]["name"], secret["metadata"]["namespace"])


def remove_job(cluster: Cluster, name: str, namespace: str, deadline: Deadline) -> None:
    """Remove a Job that a run which was killed may have left, and wait until its pods have ended.

    Its Secret goes at once too: Kubernetes, which sees to that later, would leave it in the way of the next one's.

    Raises:
        WaitExpired: A pod of it is still there at the deadline.
    """
    cluster.delete(JOB, name, namespace)
    cluster.delete(SECRET, name, namespace)
    wait_for(
        lambda: None if _pod(cluster, name, namespace) else True,
        deadline,
        "the pod of an earlier Job to end",
        on=JOB.named(name, namespace),
        next_step="Look at its pod and at its node.",
    )


def _owned(secret: Object, job: Object) -> Object:
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"]["uid"]}
    return {**secret, "metadata": {**secret["metadata"], "ownerReferences": [owner]}}


def _await_end(cluster: Cluster, name: str, namespace: str, deadline: Deadline, on_look: Callable[[], None]) -> None:
    on = JOB.named(name, namespace)
    start = Deadline(START_SECONDS)
    while True:
        on_look()
        conditions = {c["type"]: c for c in cluster.get(JOB, name, namespace).get("status", {}).get("conditions") or []}
        if _is_true(conditions.get("Complete")):
            return
        if _is_true(conditions.get("Failed")):
            raise JobFailed(f"The Job failed: {conditions['Failed'].get('message', 'no reason given')}", on)
        pod = _pod(cluster, name, namespace)
        if start.expired and not _started(pod):
            why = why_not_started(cluster, pod, name, namespace)
            raise JobFailed(
                f"The Job's pod did not start within {START_SECONDS} s: {why}",
                on,
                "Check that the images can be pulled (restic_image, database_image, rclone_image, image_pull_secrets), "
                "and the namespace's quota and nodes.",
            )
        if deadline.expired:
            raise WaitExpired(
                "The Job did not end in time", on, "Raise the option timeout, or look at what holds it up."
            )
        deadline.pause(0.5)


def _is_true(condition: Object | None) -> bool:
    return bool(condition) and condition is not None and condition.get("status") == "True"


def _pod(cluster: Cluster, job: str, namespace: str) -> Object | None:
    return next(iter(cluster.list(POD, namespace, labels=f"job-name={job}")), None)


def _statuses(pod: Object) -> list[Object]:
    status = pod.get("status", {})
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _started(pod: Object | None) -> bool:
    if pod is None:
        return False
    return all("waiting" not in s.get("state", {}) or s.get("restartCount") for s in _main_statuses(pod))


def _main_statuses(pod: Object) -> list[Object]:
    return pod.get("status", {}).get("containerStatuses") or [{"state": {"waiting": {}}}]


def why_not_started(cluster: Cluster, pod: Object | None, owner: str, namespace: str) -> str:
    """Why a pod does not run, in the words of Kubernetes.

    Args:
        cluster: Where.
        pod: The pod; None when there is none.
        owner: Whose pod it is to be; its events tell why there is none.
        namespace: Where both are.
    """
    if pod is None:
        return _last_event(cluster, namespace, owner) or "no pod was created"
    for status in _statuses(pod):
        waiting = status.get("state", {}).get("waiting") or {}
        if waiting.get("reason") in _STUCK:
            return f"{waiting['reason']}: {waiting.get('message', '')} (image {status.get('image', '?')})"[:600]
    return _last_event(cluster, namespace, pod["metadata"]["name"]) or pod.get("status", {}).get("phase", "unknown")


def _last_event(cluster: Cluster, namespace: str, name: str) -> str:
    try:
        events: list[Any] = list(cluster.list(EVENT, namespace, fields=f"involvedObject.name={name},type=Warning"))
    except Forbidden:
        # What it would explain counts more than that it can't be explained.
        return ""
    return str(events[-1].get("message", ""))[:600] if events else ""


def _log(cluster: Cluster, job: Object) -> str:
    name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
    pod = _pod(cluster, name, namespace)
    if pod is None:
        raise JobFailed(
            "The Job's pod is gone, and its result with it", JOB.named(name, namespace), "Run the task again."
        )
    return cluster.log(pod["metadata"]["name"], namespace, job["spec"]["template"]["spec"]["containers"][0]["name"])


def _tail(cluster: Cluster, job: Object) -> str:
    """What the Job said last, as far as it can be had: a failure is being reported already."""
    try:
        return _log(cluster, job)[-_LOG_TAIL:]
    except (ClusterError, NotFound) as error:
        return f"(its log can't be had: {error.what})"
