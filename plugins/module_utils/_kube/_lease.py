# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Lease: who does something that only one may do at a time, seen by everybody who works on the same namespace.

https://kubernetes.io/docs/concepts/architecture/leases/
"""

from __future__ import annotations

import platform
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import ClusterError, Conflict, NotFound
from ansible_collections.community.che.plugins.module_utils._kube._insist import surely_create, surely_replace
from ansible_collections.community.che.plugins.module_utils._kube._kinds import LEASE
from ansible_collections.community.che.plugins.module_utils._kube._process import has_died, this_process
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline

DURATION_SECONDS = 60
_RENEW_SECONDS = 15
# How often it is tried to take it away.
_RELEASES = 3
_LABELS = {"app.kubernetes.io/managed-by": "community.che", "app.kubernetes.io/part-of": "backup.che.eclipse.org"}
_PURPOSE = "community.che/purpose"
_PROCESS = "community.che/process"


class LeaseHeld(ClusterError):
    """Somebody else is at it, and has shown that it lives."""


class LeaseLost(ClusterError):
    """Nothing was seen of this process for so long that somebody else may be at it now."""


@dataclass
class _Lease:
    """One Lease and the one who wants it."""

    cluster: Cluster
    namespace: str
    name: str
    purpose: str
    holder: str = field(default_factory=lambda: f"{platform.node()[:200]}-{secrets.token_hex(4)}")
    _shown_at: float = 0.0
    _lost: bool = False
    _seen: dict[tuple[str, str], Deadline] = field(default_factory=dict)
    _one: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> Object | None:
        """Take it, and return None; or return the Lease of whoever holds it."""
        live = self.cluster.find(LEASE, self.name, self.namespace)
        try:
            if live is None:
                surely_create(self.cluster, self._object())
            elif _has_died(live) or (_has_expired(live) and self._is_silent(live)):
                surely_replace(self.cluster, self._object(live))
            else:
                return live
        except Conflict:
            return self.cluster.find(LEASE, self.name, self.namespace) or {}
        self._shown_at = _now()
        return None

    def _is_silent(self, live: Object) -> bool:
        """Whether nobody has renewed it while we looked: the clocks of two machines may differ."""
        mark = (_holder(live), str((live.get("spec") or {}).get("renewTime")))
        if not mark[0]:
            return True
        return self._seen.setdefault(mark, Deadline(_RENEW_SECONDS)).expired

    def renew(self, write: Callable[[Cluster, Object], Object] = Cluster.replace) -> None:
        """Show that we live, as long as it is ours."""
        with self._one:
            asked_at = _now()
            live = self._mine()
            if live is None:
                return
            try:
                write(self.cluster, self._object(live))
            except (Conflict, NotFound):
                self._mine()
                return
            self._shown_at = asked_at

    def _mine(self) -> Object | None:
        live = self.cluster.find(LEASE, self.name, self.namespace)
        self._lost = self._lost or live is None or _holder(live) != self.holder
        return None if self._lost else live

    def require(self) -> None:
        """Go on only while it is ours.

        Raises:
            LeaseLost: It is not any more.
            ClusterError: That can't be found out.
        """
        # Half of its time is left for what is done next.
        if not self._lost and _now() - self._shown_at > DURATION_SECONDS / 2:
            # What is about to be done would fail else for an answer that is lost here.
            self.renew(surely_replace)
        if self._lost:
            raise LeaseLost(
                f"This process was held up, and its Lease is not its own any more ({self.purpose})",
                self.on,
                "Let the one that has taken over end; this one has stopped.",
            )

    def release(self) -> None:
        """Take it away, unless somebody else has it by now."""
        for left in reversed(range(_RELEASES)):
            live = self.cluster.find(LEASE, self.name, self.namespace)
            if live is None or _holder(live) != self.holder:
                return
            body = {"preconditions": {"resourceVersion": live["metadata"]["resourceVersion"]}}
            try:
                self.cluster.request("delete", LEASE.path(self.namespace, self.name), body=body, on=self.on)
                return
            except Conflict:
                # A renewal of ours whose answer was lost may have come in only now; it is looked at again.
                if not left:
                    raise

    @property
    def on(self) -> str:
        return LEASE.named(self.name, self.namespace)

    def _object(self, live: Object | None = None) -> Object:
        metadata: Object = {
            "name": self.name,
            "namespace": self.namespace,
            "labels": dict(_LABELS),
            "annotations": {_PURPOSE: self.purpose, _PROCESS: this_process()},
        }
        if live:
            metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
        spec = {
            "holderIdentity": self.holder,
            "leaseDurationSeconds": DURATION_SECONDS,
            "renewTime": datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        }
        return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}


class _FencedCluster(Cluster):
    """A cluster that is written to, and whose pods are entered, only while a Lease is held.

    Args:
        cluster: The cluster.
        lease: The Lease.
    """

    def __init__(self, cluster: Cluster, lease: _Lease) -> None:
        super().__init__(cluster._client)
        self._lease = lease

    @property
    def api_client(self) -> Any:
        self._lease.require()
        return super().api_client

    def _send(
        self, method: str, path: str, query: Mapping[str, str], body: Object | None, content_type: str | None
    ) -> bytes:
        if method != "get":
            self._lease.require()
        return super()._send(method, path, query, body, content_type)


@contextmanager
def held_lease(
    cluster: Cluster, namespace: str, name: str, purpose: str, patience: float, for_the_living: bool = True
) -> Iterator[Cluster]:
    """Hold a Lease for as long as the block lasts; it is renewed beside the work, and gone after it.

    One whose holder is gone is taken over: at once when that was a process of this machine, else once it has expired,
    60 seconds after its last renewal by the clocks of both machines, and was not renewed while one looked.

    Args:
        cluster: Where.
        namespace: The Lease's namespace.
        name: The Lease's name.
        purpose: What it is held for, for the reader of the Lease and of errors. Nothing secret.
        patience: How many seconds to wait for another holder.
        for_the_living: Whether to wait for a holder that is seen to renew it; else only for one to expire.

    Yields:
        The cluster. Through this one nothing is written any more once the Lease is lost: a machine may sleep, or not
        reach the API server, for longer than it lasts. Each write raises ``LeaseLost`` then.

    Raises:
        LeaseHeld: Somebody else still holds it then.
    """
    lease = _Lease(cluster, namespace, name, purpose)
    _take(lease, Deadline(patience), for_the_living)
    done = threading.Event()
    renewal = threading.Thread(target=_renew, args=(lease, done), daemon=True)
    renewal.start()
    try:
        yield _FencedCluster(cluster, lease)
    finally:
        done.set()
        renewal.join()
        # What was done counts more than a Lease that runs out by itself.
        with suppress(ClusterError):
            lease.release()


def _take(lease: _Lease, deadline: Deadline, for_the_living: bool) -> None:
    seen: set[tuple[str, str]] = set()
    while True:
        live = lease.take()
        if live is None:
            return
        seen.add((_holder(live), str((live.get("spec") or {}).get("renewTime"))))
        lives = len(seen) > 1
        if deadline.expired or (lives and not for_the_living):
            raise LeaseHeld(
                f"{_holder(live) or 'Somebody else'} is at work on this: {_purpose(live) or lease.purpose}",
                lease.on,
                f"Run the task again when that has ended. If it was killed, its Lease runs out after "
                f"{DURATION_SECONDS} seconds.",
            )
        deadline.pause(2.0)


def _renew(lease: _Lease, done: threading.Event) -> None:
    while not done.wait(_RENEW_SECONDS):
        try:
            lease.renew()
        except ClusterError:
            # The next beat may get through; if none does, the Lease rightly runs out.
            continue


def _now() -> float:
    """Seconds that pass while the machine sleeps too, where its kernel counts these; those of a wall clock else."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.time() if boot_time is None else time.clock_gettime(boot_time)


def _holder(live: Object) -> str:
    return str((live.get("spec") or {}).get("holderIdentity") or "")


def _purpose(live: Object) -> str:
    return str((live["metadata"].get("annotations") or {}).get(_PURPOSE, "")) if live else ""


def _has_died(live: Object) -> bool:
    return has_died(str((live["metadata"].get("annotations") or {}).get(_PROCESS, "")))


def _has_expired(live: Object) -> bool:
    spec = live.get("spec") or {}
    if not spec.get("holderIdentity") or not spec.get("renewTime"):
        return True
    # Python 3.9 reads neither the Z nor fractions of other lengths than three and six.
    renewed = datetime.fromisoformat(str(spec["renewTime"]).replace("Z", "+00:00"))
    lasts = timedelta(seconds=int(spec.get("leaseDurationSeconds") or DURATION_SECONDS))
    return datetime.now(timezone.utc) - renewed > lasts
