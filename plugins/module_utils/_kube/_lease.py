# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Lease: who does something that only one may do at a time, seen by everybody who works on the same namespace.

https://kubernetes.io/docs/concepts/architecture/leases/
"""

from __future__ import annotations

import platform
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import ClusterError, Conflict
from ansible_collections.community.che.plugins.module_utils._kube._kinds import LEASE
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline

DURATION_SECONDS = 60
_RENEW_SECONDS = 15
_LABELS = {"app.kubernetes.io/managed-by": "community.che", "app.kubernetes.io/part-of": "backup.che.eclipse.org"}
_PURPOSE = "community.che/purpose"


class LeaseHeld(ClusterError):
    """Somebody else is at it, and has shown that it lives."""


@dataclass
class _Lease:
    """One Lease and the one who wants it."""

    cluster: Cluster
    namespace: str
    name: str
    purpose: str
    holder: str = field(default_factory=lambda: f"{platform.node()[:200]}-{secrets.token_hex(4)}")

    def take(self) -> Object | None:
        """Take it, and return None; or return the Lease of whoever holds it."""
        live = self.cluster.find(LEASE, self.name, self.namespace)
        try:
            if live is None:
                self.cluster.create(self._object())
            elif _has_expired(live):
                self.cluster.replace(self._object(live))
            else:
                return live
        except Conflict:
            return self.cluster.find(LEASE, self.name, self.namespace) or {}
        return None

    def renew(self) -> None:
        """Show that we live, as long as it is ours."""
        live = self.cluster.find(LEASE, self.name, self.namespace)
        if live is not None and _holder(live) == self.holder:
            self.cluster.replace(self._object(live))

    def release(self) -> None:
        """Take it away, unless somebody else has it by now."""
        live = self.cluster.find(LEASE, self.name, self.namespace)
        if live is None or _holder(live) != self.holder:
            return
        body = {"preconditions": {"resourceVersion": live["metadata"]["resourceVersion"]}}
        self.cluster.request("delete", LEASE.path(self.namespace, self.name), body=body, on=self.on)

    @property
    def on(self) -> str:
        return LEASE.named(self.name, self.namespace)

    def _object(self, live: Object | None = None) -> Object:
        metadata: Object = {
            "name": self.name,
            "namespace": self.namespace,
            "labels": dict(_LABELS),
            "annotations": {_PURPOSE: self.purpose},
        }
        if live:
            metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
        spec = {
            "holderIdentity": self.holder,
            "leaseDurationSeconds": DURATION_SECONDS,
            "renewTime": datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        }
        return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}


@contextmanager
def held_lease(cluster: Cluster, namespace: str, name: str, purpose: str, patience: float) -> Iterator[None]:
    """Hold a Lease for as long as the block lasts; it is renewed beside the work, and gone after it.

    One whose holder is gone is taken over once it has expired, 60 seconds after its last renewal by the clocks of both
    machines.

    Args:
        cluster: Where.
        namespace: The Lease's namespace.
        name: The Lease's name.
        purpose: What it is held for, for the reader of the Lease and of errors. Nothing secret.
        patience: How many seconds to wait for another holder.

    Raises:
        LeaseHeld: Somebody else still holds it then.
    """
    lease = _Lease(cluster, namespace, name, purpose)
    _take(lease, Deadline(patience))
    done = threading.Event()
    renewal = threading.Thread(target=_renew, args=(lease, done), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        done.set()
        renewal.join()
        # What was done counts more than a Lease that runs out by itself.
        with suppress(ClusterError):
            lease.release()


def _take(lease: _Lease, deadline: Deadline) -> None:
    while True:
        live = lease.take()
        if live is None:
            return
        if deadline.expired:
            raise LeaseHeld(
                f"{_holder(live) or 'Somebody else'} is at work on this: {lease.purpose}",
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


def _holder(live: Object) -> str:
    return str((live.get("spec") or {}).get("holderIdentity") or "")


def _has_expired(live: Object) -> bool:
    spec = live.get("spec") or {}
    if not spec.get("holderIdentity") or not spec.get("renewTime"):
        return True
    # Python 3.9 reads neither the Z nor fractions of other lengths than three and six.
    renewed = datetime.fromisoformat(str(spec["renewTime"]).replace("Z", "+00:00"))
    lasts = timedelta(seconds=int(spec.get("leaseDurationSeconds") or DURATION_SECONDS))
    return datetime.now(timezone.utc) - renewed > lasts
