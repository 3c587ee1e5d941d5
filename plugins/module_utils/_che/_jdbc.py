# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The URL by which Che's server finds its database, as pgjdbc reads it.

Source: pgjdbc's documentation, "Connecting to the Database" and its properties ``ssl`` and ``sslmode``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

from ansible_collections.community.che.plugins.module_utils._che._errors import UnusableServerError

PORT = 5432

_URL = re.compile(
    r"jdbc:postgresql://(?P<host>\[[0-9a-fA-F:.]+\]|[^\[\]:/?,]+)(:(?P<port>\d{1,5}))?/(?P<name>[^?]*)(\?(?P<query>.*))?"
)
_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


@dataclass(frozen=True)
class JdbcPlace:
    """Where a URL leads.

    Args:
        host: The server's name or address.
        port: Its port.
        name: The database.
        tls: libpq's word for how the server is spoken to, which is pgjdbc's too; empty where the URL does not say.
    """

    host: str
    port: int
    name: str
    tls: str


def parse_jdbc_url(url: str, on: str) -> JdbcPlace:
    """Read a URL of one server.

    Args:
        url: As Che's server is given it.
        on: Where it stands, for the error message.

    Raises:
        UnusableServerError: It is no such URL, or names several servers. It may hold a password, so it is not shown.
    """
    found = _URL.fullmatch(url)
    if found is None or not found["name"]:
        raise UnusableServerError(
            "The URL of the database can't be understood",
            on,
            "Write it as jdbc:postgresql://host:port/database, of one server, with its settings after a question mark.",
        )
    settings = {key: values[-1] for key, values in parse_qs(found["query"] or "", keep_blank_values=True).items()}
    tls = settings.get("sslmode", "")
    if not tls and settings.get("ssl", "false") in ("", "true"):
        tls = "verify-full"
    if tls and tls not in _MODES:
        raise UnusableServerError(f"There is no sslmode {tls[:40]}", on, f"Use one of {', '.join(_MODES)}.")
    return JdbcPlace(found["host"].strip("[]"), int(found["port"] or PORT), unquote(found["name"]), tls)
