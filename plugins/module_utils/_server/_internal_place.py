# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the internal backup server is configured, and where it runs."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._errors import CheError, UsageError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._server._converge import is_ours
from ansible_collections.community.che.plugins.module_utils._server._internal_objects import CONFIGURATION, namespace_of
from ansible_collections.community.che.plugins.module_utils._server._internal_request import InternalRequest
from ansible_collections.community.che.plugins.module_utils._server._stored import StoredServer, find_raw, read_stored


def configuration(cluster: Cluster, namespace: str) -> StoredServer | None:
    """The internal server's configuration, if there is one.

    Args:
        cluster: Where.
        namespace: The namespace of Che.

    Raises:
        CheError: One of its name is there, and is of another server.
    """
    raw = find_raw(cluster, namespace, CONFIGURATION)
    if raw is None:
        return None
    stored = read_stored(raw) if is_ours(raw) else None
    if stored is None or not stored.internal:
        raise CheError(
            "A backup server of the internal one's name is configured, and this collection did not set it up",
            f"{raw['kind']} {namespace}/{CONFIGURATION}",
            "It may be the old operator's own, whose backups end with its pod: remove it first.",
        )
    return stored


def place_of(request: InternalRequest, live: StoredServer | None) -> str:
    """The namespace in which the server runs, or is to run.

    Raises:
        UsageError: It runs in another one than the task says.
    """
    if live is None:
        return request.server_namespace or request.namespace
    place = namespace_of(live.server)
    if request.server_namespace not in (None, place):
        raise UsageError(
            f"The internal backup server runs in the namespace {place} already, and its volume can't move",
            f"internal.namespace {request.server_namespace}",
            "Leave internal.namespace out, or remove the server there first, with state: absent.",
        )
    return place
