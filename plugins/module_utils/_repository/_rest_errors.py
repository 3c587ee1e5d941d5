# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""From an HTTP status or a failed connection to a typed error with a next step."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._repository import _connection_errors
from ansible_collections.community.che.plugins.module_utils._repository._errors import (
    AccessDenied,
    NotResticServer,
    ProtocolMismatch,
    RepositoryError,
    ServerFault,
)
from ansible_collections.community.che.plugins.module_utils._repository._server import DEFAULT_PORT, RestServer


def explain_status(status: int, server: RestServer, location: str) -> RepositoryError:
    """Say what it means that the server answers with this HTTP status.

    Args:
        status: The HTTP status, or that of a web page where restic's protocol has none.
        server: The server that was asked.
        location: The repository, without secrets.
    """
    if status in (401, 403):
        return AccessDenied(
            "The backup server does not accept the user name and password",
            location,
            "Check them. A server with private repositories also wants the path to start with the user name.",
        )
    if status == 400 and server.protocol == "http":
        return ProtocolMismatch("The backup server does not speak plain http at this port", location, "Use https.")
    if status >= 500:
        return ServerFault(
            f"The backup server fails with HTTP status {status}", location, "Its own log says more. Then try again."
        )
    return NotResticServer(
        f"What answers there is not a restic REST server (HTTP status {status})", location, "Check host, port and path."
    )


def explain_failed_connection(error: Exception, server: RestServer) -> RepositoryError:
    """Say what it means that no conversation with the server came about.

    Args:
        error: What ``open_url`` raised.
        server: The server that was asked.
    """
    return _connection_errors.explain_failed_connection(error, server.address, NotResticServer, _other_port(server))


def _other_port(server: RestServer) -> str:
    if server.effective_port == DEFAULT_PORT:
        return f"Is it up? A server behind a proxy or ingress often listens at the port of {server.protocol} itself."
    return f"Is it up? The usual port of a REST server is {DEFAULT_PORT}, which must be named in a URL."
