# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cluster adds to an object by itself, told from what somebody set.

Two add to a CheCluster: the API server, with defaults of the schema and with what webhooks put in, and the operator,
which writes down what it found out or made up. Neither was saved, and neither can be taken away: it would come back.

OpenShift injects the authorities that the cluster trusts into each ConfigMap that is labelled for it. Che's operator of
v1 labels the one that its CheCluster names (``pkg/deploy/tls/certificates.go``), so that it is in backups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._filled_in import OPERATORS_OWN, Filled, is_filled_in
from ansible_collections.community.che.plugins.module_utils._che._generations import GENERATIONS
from ansible_collections.community.che.plugins.module_utils._che._objects import (
    RawObject,
    annotations_of,
    kind_of,
    labels_of,
)

_INJECTED = "config.openshift.io/inject-trusted-cabundle"
_BUNDLE = "ca-bundle.crt"


def with_additions(wanted: RawObject, live: RawObject, completed: RawObject) -> dict[str, Any]:
    """Return an object as it is to be, and with what the cluster itself has added to the one that is there.

    Whatever else is set in the live one is not taken: that is a difference.

    Args:
        wanted: The object as it is to be.
        live: The object as it is there.
        completed: What the API server would store of the wanted one; the wanted one itself where that is not known.

    Returns:
        For any kind but a CheCluster and a ConfigMap the wanted object as it is.
    """
    version = wanted.get("apiVersion")
    if kind_of(wanted) == "ConfigMap":
        return _with_injected(wanted, live)
    if kind_of(wanted) != "CheCluster" or version not in GENERATIONS or version != live.get("apiVersion"):
        return dict(wanted)
    merge = _Merge(Filled.of(wanted, live))
    spec = merge.node(wanted.get("spec"), live.get("spec"), completed.get("spec"), "")
    merged = {**wanted, "metadata": _metadata(wanted, live)}
    return {**merged, "spec": spec} if spec is not None else merged


def _with_injected(wanted: RawObject, live: RawObject) -> dict[str, Any]:
    bundle = (live.get("data") or {}).get(_BUNDLE)
    if bundle is None or not all(labels_of(obj).get(_INJECTED) == "true" for obj in (wanted, live)):
        return dict(wanted)
    return {**wanted, "data": {**(wanted.get("data") or {}), _BUNDLE: bundle}}


def _metadata(wanted: RawObject, live: RawObject) -> dict[str, Any]:
    """With the operator's own notes as they are there: by an older one it would undo again what it finds set."""
    notes = {key: text for key, text in annotations_of(live).items() if key in OPERATORS_OWN}
    metadata = dict(wanted["metadata"])
    return {**metadata, "annotations": {**annotations_of(wanted), **notes}} if notes else metadata


@dataclass(frozen=True)
class _Merge:
    """The walk through three states of a spec at once."""

    filled: Filled = field(repr=False)

    def node(self, wanted: Any, live: Any, completed: Any, path: str) -> Any:
        if isinstance(live, Mapping) and (wanted is None or isinstance(wanted, Mapping)):
            return self._map(wanted or {}, live, completed, path) or wanted
        if isinstance(live, list) and isinstance(wanted, list) and len(live) == len(wanted):
            return self._list(wanted, live, completed, path)
        if wanted is None and live is not None and self._is_added(live, completed, path):
            return live
        return wanted

    def _map(self, wanted: Mapping[str, Any], live: Mapping[str, Any], completed: Any, path: str) -> dict[str, Any]:
        known = completed if isinstance(completed, Mapping) else {}
        merged = dict(wanted)
        for key, held in live.items():
            child = self.node(wanted.get(key), held, known.get(key), f"{path}.{key}" if path else str(key))
            if child is not None:
                merged[key] = child
        return merged

    def _list(self, wanted: list[Any], live: list[Any], completed: Any, path: str) -> list[Any]:
        """Item by item: a list that is longer, shorter or in another order is another one."""
        known = completed if isinstance(completed, list) and len(completed) == len(live) else [None] * len(live)
        return [self.node(*items, f"{path}[]") for items in zip(wanted, live, known)]

    def _is_added(self, live: Any, completed: Any, path: str) -> bool:
        by_server = type(live) is type(completed) and live == completed
        return by_server or is_filled_in(self.filled, path, live)
