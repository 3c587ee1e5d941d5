# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what OpenSSH's programs say to a typed error with a next step."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._repository._errors import (
    AccessDenied,
    ChangedHostKey,
    ConnectionRefused,
    InvalidCredentials,
    NoFolder,
    NotSftpServer,
    RepositoryError,
    ServerTimeout,
    ServerUnreachable,
    UnknownHost,
    UnknownHostKey,
)
from ansible_collections.community.che.plugins.module_utils._repository._host_keys import fingerprint
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_LIMIT = 300


@dataclass(frozen=True)
class _Row:
    """What it means when ssh says this."""

    words: re.Pattern[str]
    error: type[RepositoryError]
    what: str
    next_step: str


# The first row that fits wins. ssh's own words, which it has in English alone; after a colon come the system's.
_ROWS: Sequence[_Row] = (
    _Row(
        re.compile("Could not resolve hostname|^getaddrinfo "),
        UnknownHost,
        "The backup server's host name has no address",
        "Check the name, and the DNS of the machine that runs this.",
    ),
    _Row(
        re.compile("Connection refused"),
        ConnectionRefused,
        "The backup server refuses the connection",
        "Is it up? A port that is left out is 22; many SFTP servers have another one.",
    ),
    _Row(
        re.compile("timed out|timeout"),
        ServerTimeout,
        "The backup server did not answer in time",
        "Check host, port and firewalls.",
    ),
    _Row(
        re.compile(r"Load key \S+ "),
        InvalidCredentials,
        "ssh can't read the SSH key",
        "Check it with: ssh-keygen -y -f FILE.",
    ),
    _Row(
        re.compile(r"Permission denied \(|Too many authentication failures"),
        AccessDenied,
        "The SFTP server does not accept the SSH key",
        "Check the user name, and that the public key stands in that user's authorized_keys.",
    ),
    _Row(
        re.compile("[Ss]ubsystem request failed|Received message too long"),
        NotSftpServer,
        "The SSH server lets the user log in, but does not offer SFTP",
        "Switch SFTP on for that user at the server.",
    ),
    _Row(
        re.compile("banner exchange|kex_exchange_identification|Bad remote protocol|Connection reset"),
        NotSftpServer,
        "What answers there is not an SSH server, or closes every connection",
        "Check host and port, and the server's log.",
    ),
)


def explain_failed_login(stderr: str, server: SftpServer) -> RepositoryError:
    """Say what it means that no conversation in SFTP came about.

    Args:
        stderr: What ssh or one of its relatives has said.
        server: The server that was asked.
    """
    if "Host key verification failed" in stderr:
        return changed_host_key(server, _FINGERPRINT.findall(stderr))
    for row in _ROWS:
        if row.words.search(stderr):
            return row.error(row.what, server.address, row.next_step)
    lines = [line for line in stderr.splitlines() if line.strip() and line.strip() != "Connection closed"]
    words = f": {lines[-1].strip()[:_LIMIT]}" if lines else ""
    return ServerUnreachable(f"The SFTP server can't be reached{words}", server.address, "Check host and port.")


def changed_host_key(server: SftpServer, seen: Iterable[str]) -> ChangedHostKey:
    """Say that the server is not the one that it was.

    Args:
        server: The server that was asked.
        seen: The fingerprints of what it shows now, where they are known.
    """
    now = f", and shows {', '.join(seen)} now" if seen else ""
    return ChangedHostKey(
        f"The SFTP server has another host key than the one that is known of it. It was known by "
        f"{', '.join(map(fingerprint, server.host_keys))}{now}. Nothing was sent to it",
        server.address,
        "Find out why: somebody may stand between. If the server was set up anew, give its key with ssh_host_key.",
    )


def unknown_host_key(server: SftpServer, keys: Sequence[str]) -> UnknownHostKey:
    """Say that nobody has said yet by which key the server is known.

    Args:
        server: The server.
        keys: What it shows.
    """
    return UnknownHostKey(
        f"The host key of the SFTP server is not known yet. It shows {', '.join(map(fingerprint, keys))}. "
        "Nothing was sent to it",
        server.address,
        "Compare that with what ssh-keygen -l says on the server. Then give the key with "
        f"ssh_host_key: '{keys[0]}', or let community.che.backup_server store it with ssh_learn_host_key: true.",
    )


def explain_folder(stderr: str, server: SftpServer) -> RepositoryError:
    """Say what it means that the folder which holds the repository can't be entered."""
    where = f"folder {server.parent} at {server.address}"
    if "Permission denied" in stderr:
        return AccessDenied(
            f"The user {server.username} may not enter the folder",
            where,
            "Give that user rights, or take another path.",
        )
    return NoFolder(
        "The SFTP server has no such folder",
        where,
        "Make it there, or correct the path: only the last part of the repository's path is ever made from here.",
    )
