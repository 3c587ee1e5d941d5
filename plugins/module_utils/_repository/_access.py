# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""All that is needed to get at a repository."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.community.che.plugins.module_utils._repository._server import Server


@dataclass(frozen=True)
class Access:
    """A server and the keys to it. Its repr shows no secret.

    Args:
        server: Where the repository is.
        password: The repository password, with which restic encrypts.
        username: The user name at the server, if it asks for one.
        server_password: The password at the server.
        ca_certificate: The certificates (PEM) that may sign the server's, instead of the system's.
    """

    server: Server
    password: str = field(repr=False)
    username: str | None = None
    server_password: str | None = field(default=None, repr=False)
    ca_certificate: str | None = field(default=None, repr=False)

    def secrets(self) -> tuple[str, ...]:
        """The values that must never be shown."""
        return tuple(secret for secret in (self.password, self.server_password) if secret)
