# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in's operator for one CheCluster that only a test knows, at work in this process.

Everything that it makes is real. The cluster's own operator and the versions of CheCluster that are served have no part
in it, so that any generation can be tried beside whatever runs there.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from typing import Any

from integration.che_bed import ApiError, Cluster, installation, manifests, pki, pods, wait_until
from standin_operator import api as operator_api
from standin_operator.reconcile import reconcile

Object = dict[str, Any]

_ROUND_SECONDS = 1.0


class PrivateOperator:
    """One installation in a namespace of its own; ``start`` brings it up, ``close`` takes it down.

    Args:
        cluster: The cluster.
        variant: A variant of the stand-in, whose CheCluster it begins with.
        namespace: Where; it must not exist yet.
    """

    def __init__(self, cluster: Cluster, variant: str, namespace: str) -> None:
        self.cluster, self.namespace, self._variant = cluster, namespace, variant
        self.che = manifests.saved(variant, namespace)[-1]
        self.che["metadata"] |= {"uid": "only-a-test-knows-it", "resourceVersion": "1"}
        self._lock = threading.Lock()
        self._edits = self._edits_seen = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        #: What kept the operator from its latest round; empty after a good one.
        self.trouble = ""

    def start(self) -> None:
        """Make the namespace, with its certificates and nothing else, and begin."""
        self.cluster.apply(manifests.namespace(self.namespace))
        for obj in pki.generated_objects(self._variant, self.namespace):
            self.cluster.create_if_missing(obj)
        self._thread.start()

    def close(self) -> None:
        """End, and delete the namespace without waiting for its end."""
        self._stop.set()
        self._thread.join()
        installation.destroy_namespace(self.cluster, self.namespace, wait=False)

    def edit(self, patch: Object) -> None:
        """Change the CheCluster's spec, by a JSON merge patch of it."""
        with self._lock:
            _merge(self.che["spec"], patch)
            # Until the operator has seen it nobody may take the old status for the new one.
            self.che.pop("status", None)
            self._edits += 1

    def await_ready(self, seconds: float = 120) -> None:
        """Wait until Che is ready."""
        wait_until(self._ready, seconds, self._describe)

    def await_not_ready(self, seconds: float = 60) -> None:
        """Wait until the operator has seen that Che is not ready."""
        wait_until(lambda: bool(self.che.get("status")) and not self._ready(), seconds, lambda: "Che is still ready")

    def request(
        self, method: str, path: str, body: Object | None = None, query: Mapping[str, str] | None = None
    ) -> Object:
        """See ``standin_operator.api.Api``."""
        if "/checlusters/" in path:
            with self._lock:
                if self._edits == self._edits_seen:
                    _merge(self.che, copy.deepcopy(body or {}))
                return copy.deepcopy(self.che)
        if body and "metadata" in body:
            # An owner that the cluster does not know would have everything collected as garbage.
            body = {**body, "metadata": {k: v for k, v in body["metadata"].items() if k != "ownerReferences"}}
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        try:
            return self.cluster.request(method, path, body, query, kind)
        except ApiError as error:
            raise operator_api.ApiError(error.status, str(error)) from error

    def _run(self) -> None:
        while not self._stop.wait(_ROUND_SECONDS):
            with self._lock:
                seen, self._edits_seen = copy.deepcopy(self.che), self._edits
            try:
                reconcile(self, seen)
                self.trouble = ""
            except operator_api.ApiError as error:
                self.trouble = str(error)

    def _ready(self) -> bool:
        return installation.is_ready(self.che)

    def _describe(self) -> str:
        status = self.che.get("status", {}).get("message", "no status")
        return f"Che is not ready: {status}; {self.trouble}; {pods.describe(self.cluster, self.namespace)}"


def _merge(target: Object, patch: Object) -> None:
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = value
