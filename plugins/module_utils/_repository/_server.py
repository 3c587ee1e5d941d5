# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The typed value of a backup server: where it is, never how to get in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Union

from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._errors import InvalidServer
from ansible_collections.community.che.plugins.module_utils._repository._fields import (
    SCHEME_PORTS,
    bracketed,
    normal_hostname,
    normal_path,
    normal_port,
    normal_protocol,
    text_field,
)
from ansible_collections.community.che.plugins.module_utils._repository._s3_server import AwsS3Server
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer

DEFAULT_PORT = 8000
"""The port of rest-server, used where a resource or a structured option leaves the port out."""


@dataclass(frozen=True)
class RestServer:
    """A server that speaks restic's REST protocol.

    Equal servers are equal values: the host name is in lower case, an IPv6 address in its short form, the path
    without outer slashes, and a port that is the protocol's own is ``None``.

    Args:
        hostname: A DNS name, an IPv4 address or an IPv6 address without brackets.
        repository_path: The path of the repository on the server, as plain text (not percent-encoded).
        protocol: ``https`` or ``http``.
        port: 1 to 65535, or None for the protocol's own.

    Raises:
        InvalidServer: A field has a value that can't be used.
    """

    hostname: str
    repository_path: str = ""
    protocol: str = "https"
    port: int | None = None

    kind: ClassVar[str] = "rest"
    credentials_type: ClassVar[type[UserAndPassword]] = UserAndPassword
    credentials_reference: ClassVar[str] = "credentialsSecretRef"

    def __post_init__(self) -> None:
        normal_protocol(self.protocol)
        # The one way to normalise a frozen dataclass while it is made.
        object.__setattr__(self, "hostname", normal_hostname(self.hostname))
        object.__setattr__(self, "repository_path", normal_path(self.repository_path))
        object.__setattr__(self, "port", normal_port(self.port, self.protocol))

    @property
    def effective_port(self) -> int:
        """The port that is connected to."""
        return self.port or SCHEME_PORTS[self.protocol]

    @property
    def address(self) -> str:
        """``host:port`` as people write it, with an IPv6 address in brackets."""
        return f"{bracketed(self.hostname)}:{self.effective_port}"

    def to_spec(self) -> dict[str, object]:
        """The ``rest`` section of ``CheBackupServerConfiguration.spec``, without the references to Secrets.

        The port is always written, as a reader takes a missing one for 8000.
        """
        return {
            "protocol": self.protocol,
            "hostname": self.hostname,
            "port": self.effective_port,
            "repositoryPath": self.repository_path,
        }

    def extras(self) -> dict[str, str]:
        """What ``CheBackupServerConfiguration`` has no field for: nothing."""
        return {}

    @classmethod
    def from_spec(cls, section: Mapping[str, object], extras: Mapping[str, str] | None = None) -> RestServer:
        """Read the ``rest`` section of ``CheBackupServerConfiguration.spec``.

        Args:
            section: ``protocol`` (https), ``hostname``, ``port`` (8000), ``repositoryPath``; other keys are ignored.
            extras: What ``extras`` of another kind has given; ignored.

        Raises:
            InvalidServer: A field is missing or has a value that can't be used.
        """
        port = section.get("port", DEFAULT_PORT)
        if not isinstance(port, int):
            raise InvalidServer("The port is not a whole number")
        return cls(
            hostname=text_field(section, "hostname", ""),
            repository_path=text_field(section, "repositoryPath", ""),
            protocol=text_field(section, "protocol", "https"),
            port=port,
        )


Server = Union[RestServer, AwsS3Server, SftpServer]
"""Every kind of server."""

_SECTIONS: Mapping[str, type[RestServer] | type[AwsS3Server] | type[SftpServer]] = {
    RestServer.kind: RestServer,
    AwsS3Server.kind: AwsS3Server,
    SftpServer.kind: SftpServer,
}


def section_of(spec: Mapping[str, object]) -> str:
    """The name of the one section of ``CheBackupServerConfiguration.spec``.

    Raises:
        InvalidServer: There is no section, or more than one.
    """
    present = [name for name in _SECTIONS if spec.get(name)]
    if len(present) != 1:
        found = f"it has {' and '.join(present)}" if present else "it has none"
        raise InvalidServer(
            f"A backup server needs exactly one section of {', '.join(_SECTIONS)}: {found}", next_step="Leave just one."
        )
    return present[0]


def server_from_spec(spec: Mapping[str, object], extras: Mapping[str, str] | None = None) -> Server:
    """Read ``CheBackupServerConfiguration.spec``, which must hold exactly one section.

    Args:
        spec: The resource's ``spec``.
        extras: What is stored beside it, as the server's ``extras`` has given it.

    Raises:
        InvalidServer: The section is missing, not the only one, or has a bad field.
    """
    name = section_of(spec)
    section = spec[name]
    if not isinstance(section, Mapping):
        raise InvalidServer(f"The section {name} is not a mapping")
    return _SECTIONS[name].from_spec(section, extras)
