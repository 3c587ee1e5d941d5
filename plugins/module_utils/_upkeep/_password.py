# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replace a repository's password: what the module ``backup_password`` does.

The new password is noted in the cluster first, then added to the repository, proven to open it, and stored in the
Secret that the server refers to. Only then the old one is removed. Whatever interrupts this, the Secret that the server
refers to holds a password that opens the repository, and the next run goes on where the last one ended.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timezone
from typing import Any

from ansible_collections.community.che.plugins.module_utils._errors import CheError, Halt, UsageError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._lease import held_lease
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._errors import NoRepository, WrongPassword
from ansible_collections.community.che.plugins.module_utils._server._choose import choose_server
from ansible_collections.community.che.plugins.module_utils._server._connect import CONNECT_SECONDS
from ansible_collections.community.che.plugins.module_utils._server._reach import from_here
from ansible_collections.community.che.plugins.module_utils._server._stored import StoredServer, list_stored
from ansible_collections.community.che.plugins.module_utils._upkeep._password_secret import (
    PasswordSecret,
    Pending,
    Vault,
)
from ansible_collections.community.che.plugins.module_utils._upkeep._password_twins import (
    require_no_other_holder,
    require_unused,
    twins,
)
from ansible_collections.community.che.plugins.module_utils._upkeep._password_work import (
    Work,
    told_keys,
    told_result,
    told_so_far,
)
from ansible_collections.community.che.plugins.module_utils._upkeep._request import PasswordRequest
from ansible_collections.community.che.plugins.module_utils._upkeep._running import look_at_runs

_LEASE_SECONDS = 30
_ADDED_BY = "community.che"
# More passwords than restic tries; the loop ends long before.
_MANY = 20


def change_password(cluster: Cluster, request: PasswordRequest) -> dict[str, Any]:
    """Replace the password of a configured server's repository, and return what the task returns.

    Raises:
        CheError: Its facts say how far it came; the Secret holds a password that opens the repository.
    """
    work = _look(cluster, request)
    name = f"che-backup-password-{work.chosen.name}"
    alone = held_lease(cluster, request.namespace, name, "changing the repository password", _LEASE_SECONDS)
    with nullcontext() if request.check_mode else alone:
        return _change(work)


def _look(cluster: Cluster, request: PasswordRequest) -> Work:
    """Find the server and see that its repository can be asked for."""
    if request.server.is_inline:
        raise UsageError(
            "The environment names a repository by its URL, and a password is changed only for a configured server",
            "BACKUP_REPOSITORY_URL",
            "Name the server with backup_server.",
        )
    chosen = choose_server(cluster, request.namespace, request.server)
    servers = list_stored(cluster, request.namespace)
    (stored,) = (server for server in servers if server.name == chosen.name)
    _require_own_secret(stored, servers, request.namespace)
    vault = Vault(cluster, request.namespace, stored.name, stored.password_secret)
    access = chosen.access
    if chosen.internal_namespace:
        access = from_here(cluster, access, chosen.internal_namespace, request.server.internal_connection)
    work = Work(cluster, request, chosen, access, vault, twins(stored, servers))
    work.keyring(access.password).check_version()
    adapter = adapter_for(access)
    if not adapter.probe(CONNECT_SECONDS):
        raise NoRepository("There is no repository on the backup server", adapter.location, "Check the path.")
    return work


def _require_own_secret(stored: StoredServer, servers: list[StoredServer], namespace: str) -> None:
    sharing = [
        each.name for each in servers if each.password_secret == stored.password_secret and each.server != stored.server
    ]
    if sharing:
        raise CheError(
            f"The Secret {stored.password_secret} holds the password of other repositories too: {', '.join(sharing)}",
            f"namespace {namespace}",
            "Give each of those servers a Secret of its own first, with repository_password_secret.",
        )


def _change(work: Work) -> dict[str, Any]:
    held, pending = work.vault.read(), work.vault.pending()
    work.resumed = pending is not None
    if pending is None:
        pending = _new(work, held)
    elif work.request.new_password not in (None, pending.new):
        raise UsageError(
            "A change to another password has begun and not ended",
            work.vault.on,
            "Run the task once without new_password, which ends it; then give the new one.",
        )
    before = _keys(work, held, pending)
    if work.request.remove_keys:
        require_unused(work)
    if pending is not None:
        _require_permission(work, held)
        if work.request.remove_old_key:
            require_no_other_holder(work, pending.old)
        if work.request.check_mode:
            return _planned(work, pending, before)
        _carry_out(work, pending, held)
    _remove_named(work, pending.new if pending else held.password)
    return told_result(work, before, _keys(work, work.vault.read(), None))


def _new(work: Work, held: PasswordSecret) -> Pending | None:
    """The change that the task asks for; None: the password is that already."""
    new = work.request.new_password or secrets.token_urlsafe(32)
    return None if new == held.password else Pending(old=held.password, new=new)


def _keys(work: Work, held: PasswordSecret, pending: Pending | None) -> list[dict[str, Any]]:
    """The repository's keys, seen with whichever password opens it.

    Raises:
        WrongPassword: None does.
    """
    passwords = list(dict.fromkeys([held.password, *((pending.old, pending.new) if pending else ())]))
    for password in passwords[:-1]:
        try:
            return told_keys(work.keyring(password))
        except WrongPassword:
            continue
    return told_keys(work.keyring(passwords[-1]))


def _require_permission(work: Work, held: PasswordSecret) -> None:
    if not held.managed and not work.request.change_named_secret:
        raise CheError(
            "The repository password lies in a Secret that this collection did not make",
            work.vault.on,
            "Set change_named_secret: true if it may be changed, and nothing else writes it.",
        )
    if held.immutable:
        raise CheError("The Secret is immutable", work.vault.on, "Name another one for the server first.")
    _require_quiet(work, "Nothing was changed.")


def _require_quiet(work: Work, state: str) -> None:
    """A run holds the password that it began with, and hands it to its Jobs."""
    runs = look_at_runs(work.cluster, work.request.namespace, datetime.now(timezone.utc)).runs
    if runs:
        raise CheError(
            f"A run has not ended that may still need the old password: {', '.join(sorted(runs))}",
            f"namespace {work.request.namespace}",
            f"{state} Run the task again when it has ended.",
        )


def _carry_out(work: Work, pending: Pending, held: PasswordSecret) -> None:
    """Add, prove, store, and only then remove."""
    with _step(work, "add"):
        if not work.resumed:
            work.vault.begin(pending)
            work.changed = True
        # A random password that was made just now opens nothing, and asking takes restic a second.
        fresh = not work.resumed and not work.request.new_password
        if fresh or work.key_of(pending.new) is None:
            work.keyring(_opener(work, pending, held)).add_key(pending.new, _ADDED_BY, work.request.namespace)
            work.changed = True
    with _step(work, "prove"):
        work.new_key = work.keyring(pending.new).current_key()
    with _step(work, "store"):
        if held.password != pending.new:
            work.vault.store(pending.new)
            work.changed = True
        work.stored = True
    with _step(work, "remove"):
        if work.request.remove_old_key:
            _require_quiet(work, "The new password is stored, and both open the repository.")
            _remove_old(work, pending)
        # Somebody may have written the Secret since: then the noted password is the only one that works.
        work.vault.require(pending.new)
        work.vault.end()
        work.changed = True


def _opener(work: Work, pending: Pending, held: PasswordSecret) -> str:
    """The password that opens the repository before the new one does."""
    return pending.old if held.password == pending.old or work.key_of(held.password) is None else held.password


@contextmanager
def _step(work: Work, name: str) -> Iterator[None]:
    """An error carries the step's name, and how far the change has come."""
    try:
        yield
    except Halt as error:
        error.stage = error.stage or name
        error.facts.update(told_so_far(work))
        if work.changed and not error.next_step:
            error.next_step = "Run the task again, which goes on from here."
        raise


def _remove_old(work: Work, pending: Pending) -> None:
    """Remove every key that the old password opens, until it opens none."""
    work.vault.require(pending.new)
    keyring = work.keyring(pending.new)
    for _turn in range(_MANY):
        key = work.key_of(pending.old)
        if key is None:
            return
        if not work.stale_locks:
            work.stale_locks = keyring.release_stale_locks()
        keyring.remove_key(key)
        work.removed.append(key)
        work.changed = True
    raise CheError("The old password still opens the repository", work.vault.on, "Run the task again.")


def _remove_named(work: Work, password: str) -> None:
    """Remove the keys of others that the task names."""
    if not work.request.remove_keys:
        return
    keyring = work.keyring(password)
    with _step(work, "remove"):
        for key in [key for key in keyring.all_keys() if key.id.startswith(work.request.remove_keys)]:
            if key.current:
                raise UsageError(
                    "remove_keys names the key of the password in use", f"key {key.id[:8]}", "Leave that one out."
                )
            if not work.request.check_mode:
                keyring.remove_key(key.id)
            work.removed.append(key.id)
            work.changed = True


def _planned(work: Work, pending: Pending, before: list[dict[str, Any]]) -> dict[str, Any]:
    """What the task would do."""
    old, new = work.key_of(pending.old), work.key_of(pending.new)
    work.new_key = new or ""
    named = [key["id"] for key in before if key["id"].startswith(work.request.remove_keys)]
    work.removed = [*([old] if old and work.request.remove_old_key else []), *named]
    added = [] if new else [{"id": "", "user": _ADDED_BY, "host": work.request.namespace, "created": ""}]
    after = [{**key, "current": key["id"] == new} for key in before if key["id"] not in work.removed]
    work.changed = True
    return told_result(work, before, [*after, *({**key, "current": True} for key in added)])
