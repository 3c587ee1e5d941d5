# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""One object made as it is wanted: created where it is missing, adjusted where it differs, else left alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import SECRET, Kind, kind_of
from ansible_collections.community.che.plugins.module_utils._server._stored import SERVER_LABELS

# The component differs from one kind of server to the next.
_OURS = {key: SERVER_LABELS[key] for key in ("app.kubernetes.io/managed-by", "app.kubernetes.io/part-of")}


def find_like(cluster: Cluster, obj: Object) -> Object | None:
    """What the cluster holds under the object's kind and name.

    Raises:
        CheError: It is there, and not ours.
    """
    return find_ours(cluster, kind_of(obj), obj["metadata"]["name"], obj["metadata"]["namespace"])


def find_ours(cluster: Cluster, kind: Kind, name: str, namespace: str) -> Object | None:
    """One object of ours.

    Raises:
        CheError: It is there, and not ours.
    """
    live = cluster.find(kind, name, namespace)
    if live is not None and not is_ours(live):
        raise CheError(
            "An object of that name exists and is not ours",
            kind.named(name, namespace),
            "It may be of the old operator's own internal backup server, whose backups end with its pod: remove that "
            "server, or run this one elsewhere with internal.namespace.",
        )
    return live


def is_ours(obj: Object) -> bool:
    """Whether this collection made an object for a backup server."""
    labels = obj["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in _OURS.items())


def converge(cluster: Cluster, obj: Object, live: Object | None, check_mode: bool) -> bool:
    """Make an object as it is wanted.

    Args:
        cluster: Where.
        obj: All that is wanted of it; what it does not say may be anything.
        live: What is there, as ``find_like`` gave it.
        check_mode: Only tell.

    Returns:
        Whether there was something to do.
    """
    if live is None:
        if not check_mode:
            cluster.create(obj)
        return True
    if covers(live, _body(obj)):
        return False
    if not check_mode:
        kind, metadata = kind_of(obj), obj["metadata"]
        if kind is SECRET:
            # A key that is there no more must go.
            version = {"resourceVersion": live["metadata"]["resourceVersion"]}
            cluster.replace({**obj, "metadata": {**metadata, **version}})
        else:
            cluster.merge(kind, metadata["name"], metadata["namespace"], _body(obj))
    return True


def _body(obj: Object) -> Object:
    """What can differ. Secrets are compared by what they hold, as all of it is ours."""
    kept = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "metadata")}
    return {**kept, "metadata": {"labels": obj["metadata"]["labels"]}}


def covers(live: Any, wanted: Any) -> bool:
    """Whether a live value is all that is wanted; the API server adds defaults, and leaves empty lists out."""
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(covers(live.get(key), wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        live = live or []
        same = isinstance(live, list) and len(live) == len(wanted)
        return same and all(covers(one, other) for one, other in zip(live, wanted))
    return bool(live == wanted)
