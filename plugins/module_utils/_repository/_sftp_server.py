# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The typed value of a folder on an SFTP server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ansible_collections.community.che.plugins.module_utils._repository._credentials import SshKey
from ansible_collections.community.che.plugins.module_utils._repository._errors import InvalidServer
from ansible_collections.community.che.plugins.module_utils._repository._fields import (
    bracketed,
    normal_hostname,
    normal_path,
    port_unless,
    text_field,
)
from ansible_collections.community.che.plugins.module_utils._repository._host_keys import normal_host_keys

SSH_PORT = 22
_HOST_KEYS = "sftp-host-keys"

# What OpenSSH takes for a user name, without what a URL's or an ini file's reader would stumble over.
_USERNAME = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._+@\\-]{0,127}(?<!\\)")


@dataclass(frozen=True)
class SftpServer:
    """A folder on a server that speaks SFTP, and the keys by which that server is known.

    Equal servers are equal values, as with ``RestServer``.

    Args:
        username: Who to log in as.
        hostname: A DNS name, an IPv4 address or an IPv6 address without brackets.
        repository_path: The path of the repository, as plain text: with a leading slash from the server's root,
            without one from where the login starts, which most servers make the user's home.
        port: 1 to 65535, or None for 22.
        host_keys: The public keys that the server may show, as ``type base64``; none: the server is not known yet.

    Raises:
        InvalidServer: A field has a value that can't be used.
    """

    username: str
    hostname: str
    repository_path: str
    port: int | None = None
    host_keys: tuple[str, ...] = ()

    kind: ClassVar[str] = "sftp"
    credentials_type: ClassVar[type[SshKey]] = SshKey
    credentials_reference: ClassVar[str] = "sshKeySecretRef"

    def __post_init__(self) -> None:
        if not _USERNAME.fullmatch(self.username):
            missing = "is missing" if not self.username else "has a character that can't be used"
            raise InvalidServer(f"The user name {missing}", next_step="Name who to log in as at the SFTP server.")
        # The one way to normalise a frozen dataclass while it is made.
        object.__setattr__(self, "hostname", normal_hostname(self.hostname))
        object.__setattr__(self, "repository_path", _normal_path(self.repository_path))
        object.__setattr__(self, "port", port_unless(self.port, SSH_PORT))
        object.__setattr__(self, "host_keys", normal_host_keys(self.host_keys))

    @property
    def effective_port(self) -> int:
        """The port that is connected to."""
        return self.port or SSH_PORT

    @property
    def address(self) -> str:
        """``host:port`` as people write it, with an IPv6 address in brackets."""
        return f"{bracketed(self.hostname)}:{self.effective_port}"

    @property
    def parent(self) -> str:
        """The path of the folder that holds the repository; ``.`` is where the login starts."""
        return self.repository_path.rpartition("/")[0] or ("/" if self.repository_path.startswith("/") else ".")

    def to_spec(self) -> dict[str, object]:
        """The ``sftp`` section of ``CheBackupServerConfiguration.spec``, without the references to Secrets."""
        port: dict[str, object] = {"port": self.port} if self.port else {}
        return {
            "username": self.username,
            "hostname": self.hostname,
            **port,
            "repositoryPath": self.repository_path,
        }

    def extras(self) -> dict[str, str]:
        """What ``CheBackupServerConfiguration`` has no field for: the host keys, which are public."""
        return {_HOST_KEYS: "\n".join(self.host_keys)} if self.host_keys else {}

    @classmethod
    def from_spec(cls, section: Mapping[str, object], extras: Mapping[str, str] | None = None) -> SftpServer:
        """Read the ``sftp`` section of ``CheBackupServerConfiguration.spec``.

        Args:
            section: ``username``, ``hostname``, ``port`` (22), ``repositoryPath``; other keys are ignored.
            extras: What ``extras`` has given.

        Raises:
            InvalidServer: A field is missing or has a value that can't be used.
        """
        port = section.get("port")
        if port is not None and not isinstance(port, int):
            raise InvalidServer("The port is not a whole number")
        return cls(
            username=text_field(section, "username", ""),
            hostname=text_field(section, "hostname", ""),
            repository_path=text_field(section, "repositoryPath", ""),
            port=port,
            host_keys=tuple((extras or {}).get(_HOST_KEYS, "").splitlines()),
        )


def _normal_path(path: str) -> str:
    normal = normal_path(path)
    if not normal:
        raise InvalidServer(
            "The repository path is missing",
            next_step="Name a folder: /srv/che from the server's root, or che in the home of the user.",
        )
    if normal.startswith("~"):
        raise InvalidServer(
            "The repository path starts with a ~, which no SFTP server replaces",
            next_step="Leave it out: a path without a leading slash is in the home of the user.",
        )
    return f"/{normal}" if path.startswith("/") else normal
