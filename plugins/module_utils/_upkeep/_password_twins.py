# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Other configured servers that lead to the same repository: a change of the password must not lock them out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._server._stored import StoredServer
from ansible_collections.community.che.plugins.module_utils._upkeep._password_secret import Vault
from ansible_collections.community.che.plugins.module_utils._upkeep._password_work import Work


def twins(stored: StoredServer, servers: list[StoredServer]) -> tuple[StoredServer, ...]:
    """The servers that lead to the same repository, with a Secret of their own."""
    place = adapter_for(Access(stored.server, "")).location
    others = [each for each in servers if each.password_secret != stored.password_secret]
    return tuple(each for each in others if adapter_for(Access(each.server, "")).location == place)


def require_no_other_holder(work: Work, old: str) -> None:
    """What another server's Secret holds must go on to open the repository.

    Raises:
        CheError: A Secret holds the password whose key is to be removed.
    """
    for vault, password in _passwords_of_twins(work):
        if password == old:
            raise CheError(
                f"The server {vault.server} leads to the same repository, and its Secret holds the old password",
                vault.on,
                "Let both name one Secret, with repository_password_secret; or set remove_old_key: false, and give the "
                "other server the new password too.",
            )


def require_unused(work: Work) -> None:
    """A key that another server's Secret opens the repository with is not one to be removed.

    Raises:
        CheError: ``remove_keys`` names such a key.
    """
    for vault, password in _passwords_of_twins(work):
        key = work.key_of(password)
        if key and key.startswith(work.request.remove_keys):
            raise CheError(
                f"remove_keys names the key {key[:8]}, with which the server {vault.server} opens the same repository",
                vault.on,
                "Leave that one out, or give the other server another password first.",
            )


def _passwords_of_twins(work: Work) -> Iterator[tuple[Vault, str]]:
    """What the Secrets of the other servers hold; one without a password opens nothing now either."""
    for twin in work.twins:
        vault = replace(work.vault, server=twin.name, secret=twin.password_secret)
        try:
            password = vault.read().password
        except CheError:
            continue
        yield vault, password
