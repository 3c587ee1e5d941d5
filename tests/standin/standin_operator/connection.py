# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Che's server and its identity provider reach their databases, read from a CheCluster.

As with the real operator, host and port are those of the spec whether the database is external or not: an installation
that goes back to its embedded database has to be told ``postgres`` again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from .generation import database_secret, database_section, external, generation, identity_secret

Object = dict[str, Any]

#: Where Che's pods have the certificates that they trust, as in the real ones.
CERTIFICATES = "/public-certs/tls-ca-bundle.pem"
JDBC_URL = "CHE_JDBC_URL"
_EMBEDDED = ("postgres", "5432")
_URL = re.compile(r"jdbc:postgresql://([^/?]*)/([^?]*)(?:\?(.*))?")
# pgjdbc's factory of connections that trusts what Java trusts, which Che's server fills with the pods' certificates.
_JAVA_TRUST = "org.postgresql.ssl.DefaultJavaSSLFactory"


@dataclass(frozen=True)
class Connection:
    """A way into a database.

    Attributes:
        host: Name or address of the server; several, with commas between, are tried in turn.
        port: Its port, or as many as there are hosts.
        database: The name of the database.
        secret: The Secret with the credentials.
        user: The role, or empty where the Secret holds it under ``user``.
        tls: Variables of libpq that say how TLS is used; empty for its default, which is ``prefer`` as in pgjdbc.
        external: Whether the database is somebody else's.
    """

    host: str
    port: str
    database: str
    secret: str
    user: str = ""
    tls: Mapping[str, str] = field(default_factory=dict)
    external: bool = False

    @property
    def plain(self) -> bool:
        """Whether it leads to the operator's own server, without anything special."""
        return (self.host, self.port) == _EMBEDDED and not self.tls and not self.external


def properties(cluster: Object) -> dict[str, str]:
    """What the CheCluster puts over the operator's own settings of Che's server."""
    spec = cluster["spec"]
    if generation(cluster) == "v1":
        return dict(spec.get("server", {}).get("customCheProperties") or {})
    return dict(spec.get("components", {}).get("cheServer", {}).get("extraProperties") or {})


def jdbc_url(cluster: Object) -> str:
    """The URL that Che's server gets in the ConfigMap ``che``; empty where this Che has no database of its own."""
    section = database_section(cluster)
    if section is None:
        return ""
    host, port = _address(section)
    name = section.get("chePostgresDb") or section.get("postgresDb") or "dbche"
    return properties(cluster).get(JDBC_URL) or f"jdbc:postgresql://{host}:{port}/{name}"


def che_connection(cluster: Object) -> Connection | None:
    """The way of Che's server; None where this Che has no database of its own."""
    section = database_section(cluster)
    if section is None:
        return None
    host, port, database, tls = _parse(jdbc_url(cluster))
    return Connection(host, port, database, database_secret(section), "", tls, external(cluster))


def identity_connection(cluster: Object) -> Connection | None:
    """The way of Keycloak, which knows no JDBC URL; None where there is none."""
    secret = identity_secret(cluster)
    if not secret:
        return None
    host, port = _address(database_section(cluster) or {})
    return Connection(host, port, "keycloak", secret, "keycloak", {}, external(cluster))


def _address(section: Object) -> tuple[str, str]:
    host = section.get("chePostgresHostName") or section.get("postgresHostName") or _EMBEDDED[0]
    port = section.get("chePostgresPort") or section.get("postgresPort") or _EMBEDDED[1]
    return str(host), str(port)


def _parse(url: str) -> tuple[str, str, str, dict[str, str]]:
    """Hosts, ports, database and libpq's variables for TLS of a JDBC URL.

    What is no such URL becomes a host that nobody finds, as Che's server does not start with it either.
    """
    found = _URL.fullmatch(url)
    if not found:
        return url, _EMBEDDED[1], "", {}
    addresses, database, query = found.groups(default="")
    pairs = [re.fullmatch(r"(\[[^]]*\]|[^:]*)(?::(\d+))?", address) for address in addresses.split(",")]
    if not all(pairs):
        return url, _EMBEDDED[1], "", {}
    hosts = ",".join(pair[1].strip("[]") for pair in pairs if pair)
    ports = ",".join(pair[2] or _EMBEDDED[1] for pair in pairs if pair)
    return hosts, ports, unquote(database), _tls(dict(parse_qsl(query, keep_blank_values=True)))


def _tls(parameters: Mapping[str, str]) -> dict[str, str]:
    # pgjdbc takes "ssl" and "ssl=true" for verify-full, unless sslmode says otherwise.
    mode = parameters.get("sslmode") or ("verify-full" if parameters.get("ssl", "false") in ("", "true") else "")
    root = parameters.get("sslrootcert", "")
    if parameters.get("sslfactory") == _JAVA_TRUST:
        root = root or CERTIFICATES
        mode = "verify-ca" if mode == "require" else mode
    return {name: value for name, value in (("PGSSLMODE", mode), ("PGSSLROOTCERT", root)) if value}
