# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The typed value of a backup server: where it is, never how to get in."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ansible_collections.community.che.plugins.module_utils._repository._errors import InvalidServer

DEFAULT_PORT = 8000
"""The port of rest-server, used where a resource or a structured option leaves the port out."""

_SCHEME_PORTS = {"https": 443, "http": 80}
_DNS_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


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

    def __post_init__(self) -> None:
        if self.protocol not in _SCHEME_PORTS:
            raise InvalidServer("The protocol is neither https nor http", next_step="Use https.")
        # The one way to normalise a frozen dataclass while it is made.
        object.__setattr__(self, "hostname", _normal_hostname(self.hostname))
        object.__setattr__(self, "repository_path", _normal_path(self.repository_path))
        object.__setattr__(self, "port", _normal_port(self.port, self.protocol))

    @property
    def effective_port(self) -> int:
        """The port that is connected to."""
        return self.port or _SCHEME_PORTS[self.protocol]

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

    @classmethod
    def from_spec(cls, section: Mapping[str, object]) -> RestServer:
        """Read the ``rest`` section of ``CheBackupServerConfiguration.spec``.

        Args:
            section: ``protocol`` (https), ``hostname``, ``port`` (8000), ``repositoryPath``; other keys are ignored.

        Raises:
            InvalidServer: A field is missing or has a value that can't be used.
        """
        port = section.get("port", DEFAULT_PORT)
        if not isinstance(port, int):
            raise InvalidServer("The port is not a whole number")
        return cls(
            hostname=_text(section, "hostname", ""),
            repository_path=_text(section, "repositoryPath", ""),
            protocol=_text(section, "protocol", "https"),
            port=port,
        )


Server = RestServer
"""Every kind of server: becomes a Union when there is a second one."""

_SECTIONS: Mapping[str, type[Server]] = {RestServer.kind: RestServer}
_SECTIONS_OF_OTHER_VERSIONS = ("awss3", "sftp")


def server_from_spec(spec: Mapping[str, object]) -> Server:
    """Read ``CheBackupServerConfiguration.spec``, which must hold exactly one section.

    Raises:
        InvalidServer: There is no section, more than one, or one that this version does not support.
    """
    present = [name for name in (*_SECTIONS, *_SECTIONS_OF_OTHER_VERSIONS) if spec.get(name)]
    if len(present) != 1:
        found = " and ".join(present) or "none"
        raise InvalidServer(f"A backup server has exactly one section, and here there is {found}")
    name = present[0]
    section = spec[name]
    if name not in _SECTIONS:
        raise InvalidServer(f"Servers of kind {name} are not supported yet by this version", next_step="Use rest.")
    if not isinstance(section, Mapping):
        raise InvalidServer(f"The section {name} is not a mapping")
    return _SECTIONS[name].from_spec(section)


def bracketed(hostname: str) -> str:
    """The host name as it stands in a URL: an IPv6 address in brackets."""
    return f"[{hostname}]" if ":" in hostname else hostname


def _text(section: Mapping[str, object], key: str, default: str) -> str:
    value = section.get(key, default)
    if not isinstance(value, str):
        raise InvalidServer(f"The field {key} is not text")
    return value


def _normal_hostname(hostname: str) -> str:
    if not hostname:
        raise InvalidServer("The host name is missing")
    name = hostname.lower()
    if ":" in name:
        return _normal_address(name, ipaddress.IPv6Address)
    labels = name.split(".")
    if labels[-1].isdigit():
        return _normal_address(name, ipaddress.IPv4Address)
    if len(name) > 253 or not all(_DNS_LABEL.fullmatch(label) for label in labels):
        raise InvalidServer(
            "The host name is neither a DNS name nor an IP address",
            next_step="Names outside of ASCII are written in their xn-- form.",
        )
    return name


def _normal_address(text: str, kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address]) -> str:
    try:
        address = kind(text)
    except ValueError:
        raise InvalidServer("The host name is neither a DNS name nor an IP address") from None
    if isinstance(address, ipaddress.IPv6Address) and "%" in str(address):
        raise InvalidServer("The host name is an IPv6 address with a zone, which no URL can carry")
    return str(address)


def _normal_path(path: str) -> str:
    trimmed = path.strip("/")
    if not trimmed:
        return ""
    if any(part in ("", ".", "..") for part in trimmed.split("/")):
        raise InvalidServer("The repository path has an empty, a '.' or a '..' part")
    if not trimmed.isprintable():
        raise InvalidServer("The repository path has a character that can't be printed")
    return trimmed


def _normal_port(port: int | None, protocol: str) -> int | None:
    if port is None or port == _SCHEME_PORTS[protocol]:
        return None
    if isinstance(port, bool) or not 1 <= port <= 65535:
        raise InvalidServer("The port is not a number between 1 and 65535")
    return port
