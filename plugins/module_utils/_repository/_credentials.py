# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What opens a backup server, one type for each way of doing so. No repr shows a secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Union

from ansible_collections.community.che.plugins.module_utils._repository._errors import InvalidCredentials
from ansible_collections.community.che.plugins.module_utils._repository._private_key import check_private_key


@dataclass(frozen=True)
class UserAndPassword:
    """Who we are at a REST server."""

    username: str
    password: str = field(repr=False)

    def secrets(self) -> tuple[str, ...]:
        """The values that must never be shown."""
        return (self.password,) if self.password else ()


@dataclass(frozen=True)
class S3Keys:
    """Who we are at an S3 server.

    Args:
        access_key_id: Names the key; not secret.
        secret_access_key: Signs requests.
        session_token: Belongs to temporary keys, which end soon: never stored.

    Raises:
        InvalidCredentials: One of them can't be written into a header or a file of keys.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name, value in (
            ("access key id", self.access_key_id),
            ("secret access key", self.secret_access_key),
            ("session token", self.session_token or "-"),
        ):
            # restic reads them from a file in which a value stands between backquotes, and %(name)s is replaced.
            fit = value.isascii() and value.isprintable() and not set(value) & {" ", "`"} and "%(" not in value
            if not value or not fit:
                raise InvalidCredentials(
                    f"The S3 {name} is empty, or has a space or another character that can't be used",
                    next_step="Give it as the server shows it, without anything around it.",
                )

    def secrets(self) -> tuple[str, ...]:
        """The values that must never be shown."""
        return tuple(value for value in (self.secret_access_key, self.session_token) if value)


@dataclass(frozen=True)
class SshKey:
    """Who we are at an SFTP server.

    Args:
        private_key: A private key as OpenSSH or OpenSSL writes it, without a passphrase.

    Raises:
        InvalidCredentials: It is not one, or a passphrase protects it.
    """

    private_key: str = field(repr=False)

    def __post_init__(self) -> None:
        # ssh reads no key that ends without a line break, or has the line breaks of Windows.
        text = "\n".join(self.private_key.strip().splitlines()) + "\n"
        object.__setattr__(self, "private_key", text)
        check_private_key(text)

    def secrets(self) -> tuple[str, ...]:
        """The values that must never be shown: the key, and each line of it that says something."""
        lines = [line for line in self.private_key.splitlines() if len(line) > 8 and "-----" not in line]
        return (self.private_key, *lines)


Credentials = Union[UserAndPassword, S3Keys, SshKey]
