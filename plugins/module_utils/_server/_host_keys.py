# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host keys of an SFTP server, learned from the server itself: once, and only where a task asks for that."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.community.che.plugins.module_utils._repository._host_keys import fingerprint
from ansible_collections.community.che.plugins.module_utils._repository._server import Server
from ansible_collections.community.che.plugins.module_utils._repository._sftp_probe import scan_host_keys
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions


def with_learned_host_keys(options: ServerOptions, timeout: float) -> ServerOptions:
    """The options, with the keys that the server shows where none are known and the task wants them learned.

    Keys that are known are never replaced: a server that shows others is an error, here as everywhere.

    Args:
        options: Completed options.
        timeout: How long to wait for the server at each step, in seconds.

    Raises:
        RepositoryError: The server can't be reached, or is no SSH server.
    """
    server = options.server
    if not options.ssh_learn_host_key or not isinstance(server, SftpServer) or server.host_keys:
        return options
    return replace(options, server=replace(server, host_keys=scan_host_keys(server, timeout)))


def pinned(server: Server, options: ServerOptions) -> Server:
    """A stored server, with the host keys that a task gives in the place of those that are stored."""
    if isinstance(server, SftpServer) and options.ssh_host_keys:
        return replace(server, host_keys=options.ssh_host_keys)
    return server


def fingerprints(server: Server) -> list[str]:
    """The fingerprints of the keys that an SFTP server is known by; none for another kind of server."""
    return [fingerprint(key) for key in server.host_keys] if isinstance(server, SftpServer) else []
