# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes that are repeated until it is known whether they were carried out.

A request that got no answer, or that of a server in trouble, may have been carried out all the same. A second POST then
meets its own object, and a second PUT a newer version: both are looked at before they count as somebody else's.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._client import FIELD_MANAGER, Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import ClusterError, Conflict, Unreachable
from ansible_collections.community.che.plugins.module_utils._kube._kinds import kind_of
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline

# Longer than an API server takes to be started anew.
PATIENCE_SECONDS = 90
# What comes back otherwise, or not at all.
_NOT_COMPARED = ("apiVersion", "kind", "metadata", "status")
_IN_TROUBLE = (500, 502, 503, 504)


def surely_create(cluster: Cluster, obj: Object) -> Object:
    """Create an object, and return it as it is then.

    Raises:
        Conflict: Somebody else has created one of that name.
        ClusterError: It was refused, or there was no answer for too long.
    """
    return _insist(cluster, obj, lambda: cluster.create(obj))


def surely_replace(cluster: Cluster, obj: Object) -> Object:
    """Replace an object whole, and return it as it is then.

    Raises:
        Conflict: Somebody else has changed it since the ``resourceVersion`` that it carries.
        ClusterError: It was refused, or there was no answer for too long.
    """
    return _insist(cluster, obj, lambda: cluster.replace(obj))


def _insist(cluster: Cluster, obj: Object, write: Callable[[], Object]) -> Object:
    deadline = Deadline(PATIENCE_SECONDS)
    in_doubt = False
    while True:
        try:
            return write()
        except Conflict:
            carried_out = _as_sent(cluster, obj) if in_doubt else None
            if carried_out is not None:
                return carried_out
            if deadline.expired or not _is_as_before(cluster, obj):
                raise
        except ClusterError as error:
            if not is_in_trouble(error) or deadline.expired:
                raise
            in_doubt = True
        deadline.pause(1.0)


def _is_as_before(cluster: Cluster, obj: Object) -> bool:
    """Whether nothing stands against a write, though the server called it a conflict: a quota that many count at once
    is one.
    """
    metadata = obj["metadata"]
    live = cluster.find(kind_of(obj), str(metadata["name"]), str(metadata.get("namespace", "")))
    version = metadata.get("resourceVersion")
    return bool((live["metadata"]["resourceVersion"] if live else None) == version)


def is_in_trouble(error: ClusterError) -> bool:
    """Whether the API server, and not the request, is what an error is about."""
    return isinstance(error, Unreachable) or error.status in _IN_TROUBLE


def written_since(live: Object, moment: str) -> bool:
    """Whether this collection wrote to an object at or after a moment, by the API server's own clock.

    It is so when this says it. A write that has only taken something away leaves no trace of its author.

    Args:
        live: The object as the API server returns it.
        moment: As Kubernetes writes it: ISO 8601, UTC, in whole seconds.
    """
    return any(_is_ours(entry) and str(entry.get("time", "")) >= moment for entry in _entries(live))


def _as_sent(cluster: Cluster, obj: Object) -> Object | None:
    """The object when it is what was sent: this process's own write then, that went through."""
    metadata = obj["metadata"]
    live = cluster.find(kind_of(obj), str(metadata["name"]), str(metadata.get("namespace", "")))
    if live is None or not (metadata.get("resourceVersion") or _holds(live["metadata"], _marks(metadata))):
        return None
    last = max((str(entry.get("time", "")) for entry in _entries(live)), default="")
    sent = _as_stored({key: value for key, value in obj.items() if key not in _NOT_COMPARED})
    same = all(live.get(key) == value for key, value in sent.items())
    # Where the server has filled something in, what was sent is in it, and nobody else has written to it since.
    if not same and not (_holds(live, sent) and written_since(live, last)):
        return None
    return {**live, "apiVersion": obj["apiVersion"], "kind": obj["kind"]}


def _marks(metadata: Object) -> Object:
    """What of an object that was created may say who has made it: all that a Namespace has."""
    return {key: metadata[key] for key in ("labels", "annotations") if key in metadata}


def _as_stored(sent: Object) -> Object:
    """What was sent, with the texts of a Secret encoded as the server returns them."""
    texts = sent.get("stringData")
    if texts is None:
        return sent
    data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    rest = {key: value for key, value in sent.items() if key != "stringData"}
    return {**rest, "data": {**(rest.get("data") or {}), **data}}


def _holds(live: Any, sent: Any) -> bool:
    """Whether all that was sent is there, whatever else is.

    The server leaves out what is empty, such as the value of a variable in a container's environment.
    """
    if isinstance(sent, dict):
        return isinstance(live, dict) and all(
            _holds(live[key], value) if key in live else not value for key, value in sent.items()
        )
    if isinstance(sent, list):
        return isinstance(live, list) and len(live) == len(sent) and all(map(_holds, live, sent))
    return bool(live == sent)


def _entries(live: Object) -> list[Object]:
    """Who wrote what of an object, its status left out."""
    return [entry for entry in live["metadata"].get("managedFields") or [] if not entry.get("subresource")]


def _is_ours(entry: Object) -> bool:
    return entry.get("manager") == FIELD_MANAGER
