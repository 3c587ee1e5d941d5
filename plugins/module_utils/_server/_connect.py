# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reach a backup server, and open the repository on it or make it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._lease import held_lease
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic

CONNECT_SECONDS = 30
# How long one task waits for another that makes the same repository, which is a matter of seconds.
_ALONE_SECONDS = 120


def connect(
    access: Access,
    initialize: bool,
    restic_path: str,
    check_mode: bool,
    alone: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> bool:
    """Reach the server and open its repository; make it where that is asked for.

    Args:
        access: The repository and the keys to it.
        initialize: Whether to make it where there is none.
        restic_path: The restic program.
        check_mode: Write nothing.
        alone: What to hold while a repository is made.

    Returns:
        Whether a repository was made, or in check mode would be.
    """
    if not initialize:
        open_existing(access, restic_path)
        return False
    restic = Restic(access, binary=restic_path, read_only=check_mode)
    restic.check_version()
    if _is_there(access, restic):
        return False
    return check_mode or _make(access, restic, alone)


def open_existing(access: Access, restic_path: str) -> str:
    """Reach the server and open its repository, leaving neither a lock nor a cache; the repository's id.

    Raises:
        CheError: There is none.
    """
    restic = Restic(access, binary=restic_path, read_only=True)
    restic.check_version()
    if adapter_for(access).probe(CONNECT_SECONDS):
        return restic.repository_id()
    raise CheError(
        "There is no repository on the backup server",
        adapter_for(access).location,
        "Check the path, or make a new repository there with initialize: true.",
    )


def _is_there(access: Access, restic: Restic) -> bool:
    """Whether there is a repository; one that is there can be opened."""
    return adapter_for(access).probe(CONNECT_SECONDS) and bool(restic.repository_id())


def _make(access: Access, restic: Restic, alone: Callable[[], AbstractContextManager[object]]) -> bool:
    """Make the repository, unless another task has made it meanwhile."""
    with alone():
        if _is_there(access, restic):
            return False
        restic.init()
        return True


def making_alone(cluster: Cluster, namespace: str, access: Access) -> AbstractContextManager[object]:
    """What keeps two tasks of one namespace from making the same repository, as ``Restic.init`` says why."""
    location = adapter_for(access).location
    name = f"che-backup-init-{hashlib.sha256(location.encode()).hexdigest()[:16]}"
    return held_lease(cluster, namespace, name, f"making the repository {location}", patience=_ALONE_SECONDS)
