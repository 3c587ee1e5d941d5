# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A change of the repository password on its way: what it works with, how far it has come, and how that is told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._errors import WrongPassword
from ansible_collections.community.che.plugins.module_utils._repository._keys import Keyring
from ansible_collections.community.che.plugins.module_utils._server._choose import ChosenServer
from ansible_collections.community.che.plugins.module_utils._server._stored import StoredServer
from ansible_collections.community.che.plugins.module_utils._upkeep._password_secret import Vault
from ansible_collections.community.che.plugins.module_utils._upkeep._request import PasswordRequest

_CALL_SECONDS = 300


@dataclass
class Work:
    """A change of the password on its way.

    Args:
        cluster: Where the server is configured.
        request: What was asked for.
        chosen: The server, and what opens it in its cluster.
        access: What opens it from here.
        vault: Where its passwords lie.
        twins: Other configured servers that lead to the same repository, each with a Secret of its own.
        resumed: Whether it goes on with one that was interrupted.
        stored: Whether the Secret holds the new password.
        new_key: The key that the new password opens, once it is there.
        removed: The keys that were removed, or would be.
        stale_locks: How many locks were removed whose holders were gone.
        changed: Whether anything was changed, or would be.
        warnings: What the task is to warn of.
    """

    cluster: Cluster
    request: PasswordRequest
    chosen: ChosenServer
    access: Access
    vault: Vault
    twins: tuple[StoredServer, ...] = ()
    resumed: bool = False
    stored: bool = False
    new_key: str = ""
    removed: list[str] = field(default_factory=list)
    stale_locks: int = 0
    changed: bool = False
    warnings: list[str] = field(default_factory=list)

    def keyring(self, password: str) -> Keyring:
        """restic with this password."""
        access = replace(self.access, password=password)
        return Keyring(access, self.request.restic_path, _CALL_SECONDS, read_only=self.request.check_mode)

    def key_of(self, password: str) -> str | None:
        """The key that a password opens; None: it opens nothing."""
        try:
            return self.keyring(password).current_key()
        except WrongPassword:
            return None


def told_keys(keyring: Keyring) -> list[dict[str, Any]]:
    """The keys of a repository, as a task returns them."""
    return [
        {"id": key.id, "user": key.user, "host": key.host, "created": key.created, "current": key.current}
        for key in keyring.all_keys()
    ]


def told_so_far(work: Work) -> dict[str, Any]:
    """What a task returns, also one that fails on its way."""
    return {
        "changed": work.changed,
        "backup_server": {
            "name": work.chosen.name,
            "repository": adapter_for(work.chosen.access).location,
            "chosen_because": work.chosen.reason,
        },
        "secret": work.vault.secret,
        "resumed": work.resumed,
        "stored": work.stored,
        "new_key": work.new_key,
        "removed_keys": list(work.removed),
        "stale_locks_removed": work.stale_locks,
    }


def told_result(work: Work, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[str, Any]:
    """What a task returns in the end, with the keys before and after."""
    if work.removed and not work.request.check_mode:
        work.warnings.append("Recovery kits that were made before hold a password that is gone: make a new one.")
    return {
        **told_so_far(work),
        "repository_keys": after,
        "diff": {"before": _lines(before), "after": _lines(after)},
        "warnings": work.warnings,
    }


def _lines(keys: list[dict[str, Any]]) -> str:
    """The keys, one a line; never a password."""
    return "".join(
        f"{key['id'][:8] or '(a new key)'} {key['user']}@{key['host']} {key['created']}"
        f"{' in use' if key['current'] else ''}\n"
        for key in keys
    )
