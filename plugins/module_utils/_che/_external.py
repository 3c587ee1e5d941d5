# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a CheCluster says of a PostgreSQL that its operator does not run.

Sources: the types of the Che operator (``api/v1/checluster_types.go``: ``DatabaseSpec``, ``customCheProperties``;
``api/v2/checluster_types.go``: ``Database``, ``extraProperties``), and pgjdbc's documentation of ``sslmode`` and
``sslfactory``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import (
    JDBC_URL,
    external_database,
    external_place,
)
from ansible_collections.community.che.plugins.module_utils._che._errors import NoDatabaseError, UnusableServerError
from ansible_collections.community.che.plugins.module_utils._che._generations import GENERATIONS
from ansible_collections.community.che.plugins.module_utils._che._jdbc import PORT
from ansible_collections.community.che.plugins.module_utils._che._versions import (
    WITHOUT_DATABASE_SECTION,
    needs_no_database,
    upstream_version,
)

#: How a client sees to the server's identity, in libpq's words; pgjdbc has the same.
DISABLE, PREFER, REQUIRE, VERIFY_CA, VERIFY_FULL = "disable", "prefer", "require", "verify-ca", "verify-full"
TLS_MODES = (DISABLE, PREFER, REQUIRE, VERIFY_CA, VERIFY_FULL)

# Takes the authorities of the JVM, into which Che's server imports every ConfigMap labelled as a bundle of authorities.
_JVM_TRUST = "org.postgresql.ssl.DefaultJavaSSLFactory"

_HOST_LABEL = re.compile(r"[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.~-]+")
# PostgreSQL cuts names off without a word.
_NAME_BYTES = 63


@dataclass(frozen=True)
class ExternalDatabase:
    """A database of Che's on a server of somebody else's.

    Args:
        host: The server's name or address, as pods of the cluster resolve it.
        port: Its port.
        name: The database's name.
        secret: The Secret with the keys ``user`` and ``password``.
        tls: One of ``TLS_MODES``.
        identity_secret: The Secret with the key ``password`` of the identity provider's database on the same server;
            empty where there is no such provider.

    Raises:
        UnusableServerError: One of them can't be written into a CheCluster.
    """

    host: str
    port: int
    name: str
    secret: str
    tls: str = VERIFY_FULL
    identity_secret: str = ""

    def __post_init__(self) -> None:
        if not _is_host(self.host):
            raise UnusableServerError(
                "This is no host name and no address", f"database_host {self.host!r}", "Check it."
            )
        if not 0 < self.port < 2**16:
            raise UnusableServerError(
                "There is no such port", f"database_port {self.port}", "Give one from 1 to 65535."
            )
        require_name(self.name, "database")

    @property
    def jdbc_url(self) -> str:
        """As Che's server takes it; pgjdbc decodes the name."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        url = f"jdbc:postgresql://{host}:{self.port}/{quote(self.name, safe='')}"
        if self.tls == PREFER:
            return url
        factory = f"&sslfactory={_JVM_TRUST}" if self.tls in (VERIFY_CA, VERIFY_FULL) else ""
        return f"{url}?sslmode={self.tls}{factory}"

    @property
    def needs_url(self) -> bool:
        """Whether the operator's own URL, made of host, port and name as they are, would not do."""
        return self.tls != PREFER or ":" in self.host or not _PLAIN_NAME.fullmatch(self.name)


def require_name(name: str, what: str) -> None:
    """Refuse what PostgreSQL can't take as a name.

    Raises:
        UnusableServerError: It is empty, longer than 63 bytes, or holds a character that no name can.
    """
    if not name or "\0" in name or len(name.encode()) > _NAME_BYTES:
        raise UnusableServerError(
            f"PostgreSQL takes names of 1 to {_NAME_BYTES} bytes", f"{what} {name[:80]!r}", "Give it another name."
        )


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = host.rstrip(".").split(".")
        return len(host) <= 253 and all(_HOST_LABEL.fullmatch(label) for label in labels)
    return True


def require_section(api_version: str, che_version: str) -> None:
    """Refuse to write settings that nothing reads.

    Args:
        api_version: Of the CheCluster, ``org.eclipse.che/v1`` or ``org.eclipse.che/v2``.
        che_version: As the operator reports it, or as the task says.

    Raises:
        NoDatabaseError: Che of this version has no database of its own, or it can't be told.
    """
    absent = needs_no_database(che_version)
    if absent is False:
        return
    on = f"Che {che_version}" if che_version else "Che of an unknown version"
    if absent is None:
        raise NoDatabaseError(
            "Whether it has a database can't be told from its version",
            on,
            "Name the version of Che that it is made from with che_version: those before 7.62 have one.",
        )
    known = upstream_version(che_version)
    gone = known is not None and known >= WITHOUT_DATABASE_SECTION
    how = "its CheCluster has no such section" if gone else "it ignores what its CheCluster says about one"
    raise NoDatabaseError(
        f"It has no database: since 7.62 all that it keeps lies in objects of the cluster, and {how}",
        f"{on}, {api_version}",
        "There is nothing to configure or to move: back up the installation, which holds all there is.",
    )


def external_settings(api_version: str, wanted: ExternalDatabase) -> dict[str, Any]:
    """The ``spec`` that makes Che use the database, with nothing besides.

    Args:
        api_version: ``org.eclipse.che/v1`` or ``org.eclipse.che/v2``.
        wanted: The database.
    """
    generation = GENERATIONS[api_version]
    values: dict[str, Any] = {
        generation.external_database: True,
        generation.database_host: wanted.host,
        generation.database_port: str(wanted.port),
        generation.database_name: wanted.name,
        generation.database_secret: wanted.secret,
    }
    if wanted.identity_secret and generation.identity_database_secret:
        values[generation.identity_database_secret] = wanted.identity_secret
    if wanted.needs_url:
        values[f"{generation.properties}.{JDBC_URL}"] = wanted.jdbc_url
    return tree(values)


def changes_to(cluster: CheCluster, wanted: ExternalDatabase, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What of the settings differs from a CheCluster's spec, as a JSON merge patch of it; empty where nothing does.

    What would win over them goes: a URL of the database in Che's own properties, and credentials in plain text.
    """
    generation = cluster.generation
    unwanted = [generation.database_user, generation.database_password]
    if wanted.identity_secret:
        unwanted.append(generation.identity_database_password)
    if not wanted.needs_url:
        unwanted.append(f"{generation.properties}.{JDBC_URL}")
    removals = tree({path: None for path in unwanted if path})
    return difference(cluster.raw.get("spec") or {}, _merged(removals, settings))


def leads_elsewhere(cluster: CheCluster, wanted: ExternalDatabase) -> bool:
    """Whether a CheCluster's databases are not where they are wanted, so that what they hold would have to move.

    A URL in Che's own properties wins over the fields. The identity provider knows nothing of that, and goes by these.
    """
    if not external_database(cluster):
        return True
    try:
        place = external_place(cluster)
    except UnusableServerError:
        return True
    if (_known(place.host), place.port, place.name) != (_known(wanted.host), wanted.port, wanted.name):
        return True
    if not cluster.generation.identity_database_secret:
        # Nobody goes by the fields then, where the schema's defaults name the operator's own server.
        return False
    host, port = _fields(cluster)
    return bool(host) and (_known(host), port) != (_known(wanted.host), str(wanted.port))


def identity_leads_elsewhere(cluster: CheCluster, wanted: ExternalDatabase) -> bool:
    """Whether the database of an identity provider is not where it is wanted: its name is always the same."""
    host, port = _fields(cluster)
    return not external_database(cluster) or (_known(host), port) != (_known(wanted.host), str(wanted.port))


def _known(host: str) -> str:
    """One way to write a host: case makes no difference, nor does a dot in the end, nor how an address is shortened."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return host.rstrip(".").lower()


def _fields(cluster: CheCluster) -> tuple[str, str]:
    """The host and the port that a CheCluster says in its own fields."""
    generation = cluster.generation
    return cluster.setting(generation.database_host), cluster.setting(generation.database_port) or str(PORT)


def tree(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by their dotted paths as a tree."""
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *parents, last = path.split(".")
        place = tree
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return tree


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for key, value in other.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(below, value) if both and isinstance(below, Mapping) else value
    return merged


def difference(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch that makes one the other; None removes a key."""
    found: dict[str, Any] = {}
    for key, value in wanted.items():
        there = live.get(key)
        if isinstance(value, Mapping):
            below = difference(there if isinstance(there, Mapping) else {}, value)
            if below:
                found[key] = below
        elif there != value:
            found[key] = value
    return found
