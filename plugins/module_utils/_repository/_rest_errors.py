# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""From an HTTP status or a failed connection to a typed error with a next step."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from urllib.error import URLError

from ansible_collections.community.che.plugins.module_utils._repository._errors import (
    AccessDenied,
    ConnectionRefused,
    NotResticServer,
    ProtocolMismatch,
    RepositoryError,
    ServerFault,
    ServerTimeout,
    ServerUnreachable,
    UnknownHost,
    UntrustedCertificate,
)
from ansible_collections.community.che.plugins.module_utils._repository._server import DEFAULT_PORT, RestServer

_HOST_MISMATCH = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL."""

_OUT_OF_DATE = (9, 10)
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL."""


@dataclass(frozen=True)
class _Row:
    """What an exception means when no conversation came about."""

    exception: type[Exception]
    error: type[RepositoryError]
    what: str
    next_step: str


# The first row that fits wins; a certificate error has rows of its own below.
_FAILED_CONNECTIONS: Sequence[_Row] = (
    _Row(
        ssl.SSLError,
        ProtocolMismatch,
        "The backup server does not speak TLS at this port",
        "Check the port, and whether the server speaks plain http.",
    ),
    _Row(
        socket.gaierror,
        UnknownHost,
        "The backup server's host name has no address",
        "Check the name, and the DNS of the machine that runs this.",
    ),
    _Row(
        socket.timeout,
        ServerTimeout,
        "The backup server did not answer in time",
        "Check host, port, firewalls and proxies.",
    ),
    _Row(
        HTTPException,
        NotResticServer,
        "What answers there does not speak HTTP",
        "Check host, port and protocol.",
    ),
)


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
        error: What ``open_url`` raised: an OSError, of which URLError wraps another, or an HTTPException.
        server: The server that was asked.
    """
    reason = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return _untrusted(reason.verify_code, server)
    if isinstance(reason, ConnectionRefusedError):
        return ConnectionRefused("The backup server refuses the connection", server.address, _other_port(server))
    for row in _FAILED_CONNECTIONS:
        if isinstance(reason, row.exception):
            return row.error(row.what, server.address, row.next_step)
    return ServerUnreachable(
        f"The backup server can't be reached: {reason}", server.address, "Check host, port, firewalls and proxies."
    )


def _untrusted(verify_code: int, server: RestServer) -> UntrustedCertificate:
    what, next_step = "is signed by an authority that is unknown here", "Give its CA certificate."
    if verify_code in _HOST_MISMATCH:
        what, next_step = "is made out to another host", "Use a host name that the certificate holds."
    elif verify_code in _OUT_OF_DATE:
        what, next_step = "is not valid today", "Renew it, or set the clock of the machine that runs this."
    return UntrustedCertificate(f"The backup server's certificate {what}", server.address, next_step)


def _other_port(server: RestServer) -> str:
    if server.effective_port == DEFAULT_PORT:
        return f"Is it up? A server behind a proxy or ingress often listens at the port of {server.protocol} itself."
    return f"Is it up? The usual port of a REST server is {DEFAULT_PORT}, which must be named in a URL."
