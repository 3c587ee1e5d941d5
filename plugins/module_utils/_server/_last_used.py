# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of the configured backup servers tasks use that name none. The rules are pure; one function writes.

"The command above will change default backup server, so the next backup will be sent there unless another
configuration provided", says the old feature's documentation of naming a server in a backup.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._kinds import kind_of
from ansible_collections.community.che.plugins.module_utils._repository._server import Server
from ansible_collections.community.che.plugins.module_utils._server._options import DEFAULT_NAME
from ansible_collections.community.che.plugins.module_utils._server._stored import (
    BEFORE_UPDATE_ANNOTATION,
    LAST_USED_ANNOTATION,
    StoredServer,
    list_usable,
)

_TICK = timedelta(microseconds=1)


def choose_unnamed(servers: Sequence[StoredServer]) -> tuple[StoredServer, str] | None:
    """The server that a task means which names none, and why; None when that is a question.

    It is the only one; else the one that was used last; else the one of the default name.
    """
    if len(servers) == 1:
        return servers[0], "the only one configured"
    latest = last_used(servers)
    if latest is not None:
        return latest, "the last one used"
    return next(((stored, "it has the default name") for stored in servers if stored.name == DEFAULT_NAME), None)


def choose_before_update(servers: Sequence[StoredServer]) -> tuple[StoredServer, str] | None:
    """The server of a backup before an update that names none, and why; None where the internal one is to be set up.

    It is the only one; else the annotated one; else the internal one, as the old operator chose (che-operator 7.42).

    Raises:
        CheError: Several are annotated.
    """
    if len(servers) == 1:
        return servers[0], "the only one configured"
    annotated = [stored for stored in servers if stored.before_update]
    if len(annotated) > 1:
        raise CheError(
            f"Several backup servers are annotated for backups before an update: "
            f"{', '.join(stored.name for stored in annotated)}",
            next_step=f"Leave {BEFORE_UPDATE_ANNOTATION} on one of them, or name one with backup_server.",
        )
    if annotated:
        return annotated[0], f"it has the annotation {BEFORE_UPDATE_ANNOTATION}"
    return next(((stored, "it is the internal one") for stored in servers if stored.internal), None)


def last_used(servers: Sequence[StoredServer]) -> StoredServer | None:
    """The server that was used last, if any was."""
    used = [stored for stored in servers if _moment(stored) is not None]
    return max(used, key=lambda stored: _moment(stored) or datetime.min, default=None)


def make_default(cluster: Cluster, namespace: str, name: str, server: Server, check_mode: bool = False) -> bool:
    """Have later tasks that name no server use this one; it is written only when another one, or none, was the last.

    Args:
        cluster: Where servers are stored.
        namespace: The namespace of Che.
        name: The name under which it is stored; empty for one that the task said all of.
        server: What it is. One that the task said all of counts when the same is stored.
        check_mode: Only tell.

    Returns:
        Whether such tasks would have used another server until now, or none.

    Raises:
        Forbidden: The credentials may not write the configuration.
    """
    servers = list_usable(cluster, namespace)
    stored = next((one for one in servers if (one.name == name if name else one.server == server)), None)
    latest = last_used(servers)
    if stored is None or (latest is not None and latest.name == stored.name):
        return False
    before = choose_unnamed(servers)
    moves = before is None or before[0].name != stored.name
    if check_mode:
        return moves
    now = datetime.now(timezone.utc)
    # Another machine's clock may be ahead.
    moment = max(now, (_moment(latest) or now) + _TICK) if latest else now
    patch = {"metadata": {"annotations": {LAST_USED_ANNOTATION: moment.isoformat()}}}
    cluster.merge(kind_of(stored.raw), stored.name, namespace, patch)
    return moves


def _moment(stored: StoredServer) -> datetime | None:
    """When it was used last; None when that was never, or can't be read."""
    try:
        moment = datetime.fromisoformat(stored.last_used)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
