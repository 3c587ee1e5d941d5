# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""restic's own notation for a repository, read into the typed server and written from it.

No error quotes any part of a URL: in a malformed one the password may stand anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from ansible_collections.community.che.plugins.module_utils._repository._errors import InvalidServer, UrlError
from ansible_collections.community.che.plugins.module_utils._repository._fields import bracketed
from ansible_collections.community.che.plugins.module_utils._repository._s3_server import AwsS3Server
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer, Server
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer

_EXAMPLE = (
    "A repository URL looks like rest:https://backup.example.org:8000/che, s3:https://s3.example.org/bucket/che or "
    "sftp:user@backup.example.org:/srv/che."
)
_REST, _S3, _SFTP = "rest:", "s3:", "sftp:"
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PORT = re.compile(r"[0-9]{1,5}")
_PORT_AND_ROOT = re.compile(r"(?P<port>[0-9]{1,5})/(?P<path>/.*)")


@dataclass(frozen=True)
class ParsedUrl:
    """What a repository URL says: the server, and who to be there.

    Args:
        server: Where the repository is.
        username: The user name of the URL, decoded, or None.
        password: The password of the URL, decoded, or None.
    """

    server: Server
    username: str | None
    password: str | None = field(repr=False)


def parse_repository_url(url: str) -> ParsedUrl:
    """Read a repository URL in restic's notation.

    ``rest:https://user@host:8000/path`` and ``rest:http://...`` are restic's; ``rest:host:1234/path`` is how the old
    operator's documents write it, and means https. ``s3:https://host:port/bucket/path``, ``s3:http://...`` and
    ``s3:host/bucket/path`` are restic's; the last one means https, and its path is what it says, without
    percent-encoding. A port left out is the protocol's own.

    ``sftp://user@host:port//path`` is restic's, and ``sftp://user@host:port/path`` is a path in the user's home.
    ``sftp:user@host:/path`` and ``sftp:user@host:path`` are restic's too, without percent-encoding and without a port;
    ``sftp:user@host:1234//path`` is how the old operator's documents write a port.

    Raises:
        UrlError: The URL can't be understood.
    """
    _check_characters(url)
    for prefix, parse in ((_REST, _parse_rest), (_S3, _parse_s3), (_SFTP, _parse_sftp)):
        if url.startswith(prefix):
            return parse(url[len(prefix) :])
    raise _error("The URL does not start with the kind of its server, which is rest:, s3: or sftp:")


def format_repository_url(server: Server, username: str | None = None) -> str:
    """Write a server in restic's notation; the URL of a REST server ends in a slash.

    Args:
        server: The server to write.
        username: A user name to put in front of a REST server's host. There is no way to put a password there.
    """
    if isinstance(server, SftpServer):
        return _format_sftp(server)
    user = f"{quote(username, safe='')}@" if username else ""
    port = f":{server.port}" if server.port else ""
    path = f"/{quote(server.repository_path)}" if server.repository_path else ""
    start, end = (_S3, "") if isinstance(server, AwsS3Server) else (_REST, "/")
    return f"{start}{server.protocol}://{user}{bracketed(server.hostname)}{port}{path}{end}"


def _parse_rest(remainder: str) -> ParsedUrl:
    protocol, authority, path, _has_protocol = _parts(remainder)
    userinfo, at_sign, host_and_port = authority.rpartition("@")
    username, password = _user(userinfo) if at_sign else (None, None)
    hostname, port = _host_and_port(host_and_port)
    with _naming_the_url():
        return ParsedUrl(RestServer(hostname, _path(path), protocol, port), username, password)


def _parse_s3(remainder: str) -> ParsedUrl:
    if remainder.startswith("//"):
        raise _error("The URL starts with s3://, which leaves open where the host ends and the bucket begins")
    protocol, authority, path, has_protocol = _parts(remainder)
    if "@" in authority:
        raise _error("The URL has an @ before its host; keys do not belong there", "Give them as options.")
    if not has_protocol and "%" in path:
        # In one piece with what follows, pylint would take the percent sign for one of a format.
        what = "The repository path has a %, which restic does not decode there"
        raise _error(what, "Write s3:https:// instead.")
    hostname, port = _host_and_port(authority)
    with _naming_the_url():
        return ParsedUrl(AwsS3Server(_path(path), hostname, protocol, port), None, None)


def _parse_sftp(remainder: str) -> ParsedUrl:
    if not remainder.startswith("//"):
        return _parse_like_scp(remainder)
    authority, _slash, path = remainder[2:].partition("/")
    userinfo, at_sign, host_and_port = authority.rpartition("@")
    username, password = _user(userinfo) if at_sign else ("", None)
    if password is not None:
        raise _no_password()
    hostname, port = _host_and_port(host_and_port)
    with _naming_the_url():
        return ParsedUrl(SftpServer(username or "", hostname, _path(path), port), None, None)


def _parse_like_scp(remainder: str) -> ParsedUrl:
    """``user@host:path``: the host ends at the first colon, and nothing is percent-encoded."""
    authority, colon, path = remainder.partition(":")
    if not colon:
        raise _error("The URL has no colon between host and path")
    if "@" in path.partition("/")[0] and "@" not in authority:
        raise _no_password()
    username, _at_sign, hostname = authority.rpartition("@")
    if "[" in authority:
        raise _error("An IPv6 address has no place in this form of the URL", "Write sftp://user@[address]/path.")
    with_port = _PORT_AND_ROOT.fullmatch(path)
    port, path = (_port(with_port["port"]), with_port["path"]) if with_port else (None, path)
    with _naming_the_url():
        return ParsedUrl(SftpServer(username, hostname, path, port), None, None)


def _no_password() -> UrlError:
    return _error(
        "The URL has a password, and SFTP servers are opened with a key alone", "Give ssh_key or ssh_key_path."
    )


def _format_sftp(server: SftpServer) -> str:
    user, port = quote(server.username, safe=""), f":{server.port}" if server.port else ""
    return f"{_SFTP}//{user}@{bracketed(server.hostname)}{port}/{quote(server.repository_path)}"


def _parts(remainder: str) -> tuple[str, str, str, bool]:
    """Protocol, authority and path, and whether the protocol was written."""
    protocol, separator, location = remainder.partition("://")
    if not separator:
        protocol, location = "https", remainder
    authority, _slash, path = location.partition("/")
    return protocol.lower(), authority, path, bool(separator)


@contextmanager
def _naming_the_url() -> Iterator[None]:
    try:
        yield
    except UrlError:
        raise
    except InvalidServer as error:
        raise UrlError(error.what, "repository URL", error.next_step or _EXAMPLE) from None


def _error(what: str, next_step: str = _EXAMPLE) -> UrlError:
    return UrlError(what, "repository URL", next_step)


def _check_characters(url: str) -> None:
    if not url:
        raise _error("The URL is empty")
    if " " in url or not url.isprintable():
        raise _error("The URL has a space or a character that can't be printed", "Write a space as %20.")
    if "?" in url or "#" in url:
        raise _error("The URL has a query ('?') or a fragment ('#')", "In a password write them as %3F and %23.")


def _user(userinfo: str) -> tuple[str, str | None]:
    if "@" in userinfo:
        raise _error("The user part has an @ of its own", "In a user name or password write @ as %40.")
    name, colon, secret = userinfo.partition(":")
    username = _decoded(name, "user name")
    if not username or ":" in username:
        raise _error("The user name is empty or has a colon, which no server can accept")
    return username, _decoded(secret, "password") if colon else None


def _host_and_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        hostname, closing, rest = text[1:].partition("]")
        if not closing or ":" not in hostname or (rest and not rest.startswith(":")):
            raise _error("The host's brackets are not around an IPv6 address")
        return hostname, _port(rest[1:]) if rest else None
    hostname, colon, port = text.partition(":")
    if ":" in port:
        raise _error("The host has more than one colon", "Put an IPv6 address in brackets.")
    return hostname, _port(port) if colon else None


def _port(text: str) -> int:
    if not _PORT.fullmatch(text):
        raise _error("The port is not a number between 1 and 65535")
    return int(text)


def _path(text: str) -> str:
    if "%2f" in text.lower():
        raise _error("The repository path has an encoded slash (%2F)", next_step="Write it as a slash.")
    return _decoded(text, "repository path")


def _decoded(text: str, part: str) -> str:
    if _BROKEN_ESCAPE.search(text):
        raise _error(f"The {part} has a % that starts no percent-encoding", "Write % itself as %25.")
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise _error(f"The {part} is not UTF-8 once decoded") from None
    if not decoded.isprintable():
        raise _error(f"The {part} has a character that can't be printed")
    return decoded
