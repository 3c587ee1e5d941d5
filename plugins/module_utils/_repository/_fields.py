# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fields that kinds of backup servers have in common, each in its one normal form."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from ansible_collections.community.che.plugins.module_utils._repository._errors import InvalidServer

SCHEME_PORTS: Mapping[str, int] = {"https": 443, "http": 80}
_DNS_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def bracketed(hostname: str) -> str:
    """The host name as it stands in a URL: an IPv6 address in brackets."""
    return f"[{hostname}]" if ":" in hostname else hostname


def text_field(section: Mapping[str, object], key: str, default: str) -> str:
    """A field of a resource's section; raises InvalidServer where it is not text."""
    value = section.get(key, default)
    if not isinstance(value, str):
        raise InvalidServer(f"The field {key} is not text")
    return value


def normal_protocol(protocol: str) -> str:
    """``https`` or ``http``; raises InvalidServer for another one."""
    if protocol not in SCHEME_PORTS:
        raise InvalidServer("The protocol is neither https nor http", next_step="Use https.")
    return protocol


def normal_hostname(hostname: str) -> str:
    """A host name in lower case, an IP address in its short form; raises InvalidServer where it is neither."""
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


def normal_path(path: str) -> str:
    """A path without outer slashes; raises InvalidServer for one that means another than it says."""
    trimmed = path.strip("/")
    if not trimmed:
        return ""
    if any(part in ("", ".", "..") for part in trimmed.split("/")):
        raise InvalidServer("The repository path has an empty, a '.' or a '..' part")
    if not trimmed.isprintable():
        raise InvalidServer("The repository path has a character that can't be printed")
    return trimmed


def normal_port(port: int | None, protocol: str) -> int | None:
    """A port, or None where it is the protocol's own; raises InvalidServer where it is none."""
    return port_unless(port, SCHEME_PORTS[protocol])


def port_unless(port: int | None, own: int) -> int | None:
    """A port, or None where it is this one; raises InvalidServer where it is none."""
    if port is None or port == own:
        return None
    if isinstance(port, bool) or not 1 <= port <= 65535:
        raise InvalidServer("The port is not a number between 1 and 65535")
    return port
