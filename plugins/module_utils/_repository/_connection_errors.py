# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a failed connection to a backup server, of whatever kind, to a typed error with a next step."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from urllib.error import URLError

from ansible_collections.community.che.plugins.module_utils._repository._errors import (
    ConnectionRefused,
    ProtocolMismatch,
    RepositoryError,
    ServerTimeout,
    ServerUnreachable,
    UnknownHost,
    UntrustedCertificate,
)

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
)


def explain_failed_connection(
    error: Exception, address: str, stranger: type[RepositoryError], refused_next_step: str
) -> RepositoryError:
    """Say what it means that no conversation with the server came about.

    Args:
        error: What ``open_url`` raised: an OSError, of which URLError wraps another, or an HTTPException.
        address: Host and port of the server that was asked.
        stranger: The error for something that does not speak HTTP.
        refused_next_step: What to do about a refused connection.
    """
    reason = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return _untrusted(reason.verify_code, address)
    if isinstance(reason, ConnectionRefusedError):
        return ConnectionRefused("The backup server refuses the connection", address, refused_next_step)
    if isinstance(reason, HTTPException):
        return stranger("What answers there does not speak HTTP", address, "Check host, port and protocol.")
    for row in _FAILED_CONNECTIONS:
        if isinstance(reason, row.exception):
            return row.error(row.what, address, row.next_step)
    return ServerUnreachable(
        f"The backup server can't be reached: {reason}", address, "Check host, port, firewalls and proxies."
    )


def _untrusted(verify_code: int, address: str) -> UntrustedCertificate:
    what, next_step = "is signed by an authority that is unknown here", "Give its CA certificate."
    if verify_code in _HOST_MISMATCH:
        what, next_step = "is made out to another host", "Use a host name that the certificate holds."
    elif verify_code in _OUT_OF_DATE:
        what, next_step = "is not valid today", "Renew it, or set the clock of the machine that runs this."
    return UntrustedCertificate(f"The backup server's certificate {what}", address, next_step)
