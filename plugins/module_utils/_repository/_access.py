# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""All that is needed to get at a repository."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.community.che.plugins.module_utils._repository._credentials import Credentials
from ansible_collections.community.che.plugins.module_utils._repository._errors import InvalidCredentials
from ansible_collections.community.che.plugins.module_utils._repository._server import Server


@dataclass(frozen=True)
class Access:
    """A server and the keys to it. Its repr shows no secret.

    Args:
        server: Where the repository is.
        password: The repository password, with which restic encrypts.
        credentials: What opens the server, if it asks for that; of the type that its kind takes.
        ca_certificate: The certificates (PEM) that may sign the server's, instead of the system's.

    Raises:
        InvalidCredentials: The credentials are those of another kind of server, which must not get to see them.
    """

    server: Server
    password: str = field(repr=False)
    credentials: Credentials | None = None
    ca_certificate: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.credentials is not None and not isinstance(self.credentials, self.server.credentials_type):
            raise InvalidCredentials(
                f"These credentials are not of the type that a server of kind {self.server.kind} takes",
                self.server.address,
                "Give a user name and a password for a REST server, an access key for S3, an SSH key for SFTP.",
            )

    def secrets(self) -> tuple[str, ...]:
        """The values that must never be shown."""
        return (*filter(None, [self.password]), *(self.credentials.secrets() if self.credentials else ()))
