# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell which backup servers are configured: what the module ``backup_server_info`` does."""

from __future__ import annotations

from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._repository._url import format_repository_url
from ansible_collections.community.che.plugins.module_utils._server._host_keys import fingerprints
from ansible_collections.community.che.plugins.module_utils._server._stored import (
    StoredServer,
    find_stored,
    list_stored,
)


def tell(cluster: Cluster, namespace: str, name: str | None) -> dict[str, Any]:
    """The stored servers of a namespace, or the one of a name, as the task returns them."""
    if name:
        found = find_stored(cluster, namespace, name)
        servers = [found] if found else []
    else:
        servers = list_stored(cluster, namespace)
    return {"changed": False, "backup_servers": [_shown(server) for server in servers]}


def _shown(stored: StoredServer) -> dict[str, Any]:
    return {
        "name": stored.name,
        "kind": stored.server.kind,
        "repository": format_repository_url(stored.server),
        "stored_as": stored.stored_as,
        "repository_password_secret": stored.password_secret,
        "server_credentials_secret": stored.credentials_secret,
        "server_ca_secret": stored.connection_secret,
        "host_key_fingerprints": fingerprints(stored.server),
        "internal": stored.internal,
        "last_used": stored.last_used,
    }
