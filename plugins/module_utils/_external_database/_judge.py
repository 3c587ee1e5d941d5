# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a server will do for Che: what was found there, held against what is needed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._che._external import (
    DISABLE,
    VERIFY_CA,
    VERIFY_FULL,
)
from ansible_collections.community.che.plugins.module_utils._database._fence import BY_HAND
from ansible_collections.community.che.plugins.module_utils._database._probe import ServerFacts
from ansible_collections.community.che.plugins.module_utils._restore._checks import BLOCKED, PASSED, WARNED, Check

# The oldest that the documents of CodeReady Workspaces name, and the newest that Che's operator itself has run. That is
# also the version of the image whose pg_dump saves a database of somebody else's.
_OLDEST, _NEWEST = 90_600, 150_000
_MAJOR = 10_000
_ENCODING = "UTF8"


@dataclass(frozen=True)
class Needs:
    """What Che needs of a server.

    Args:
        tls: How the server is spoken to, one of ``TLS_MODES``.
        connections: How many connections must be free; those that the role has in the database already count as such.
        latency_seconds: What a round trip may take before that is worth a warning.
        superuser: Whether the role should be a superuser, as the documents of v1 have it.
        empty: Whether the database must hold nothing yet.
        connections_beside: How many another database of Che's on the same server needs besides.
        in_use: Whether Che works with the database already, so that too few connections deserve a word only.
    """

    tls: str = VERIFY_FULL
    connections: int = 20
    latency_seconds: float = 0.02
    superuser: bool = False
    empty: bool = False
    connections_beside: int = 0
    in_use: bool = False


def judge(facts: ServerFacts, needs: Needs, on: str) -> list[Check]:
    """Everything that was looked at.

    Args:
        facts: What was found.
        needs: What is needed.
        on: The database, for the reader.
    """
    return [
        _version(facts, on),
        _tls(facts, needs, on),
        _encoding(facts, on),
        *_rights(facts, needs, on),
        _writable(facts, on),
        *_contents(facts, needs, on),
        _connections(facts, needs, on),
        _latency(facts, needs, on),
    ]


def _version(facts: ServerFacts, on: str) -> Check:
    told = f"the server is PostgreSQL {version_text(facts.version)}"
    if facts.version < _OLDEST:
        return Check("version", BLOCKED, told, on, f"Che needs {version_text(_OLDEST)} or newer.")
    if facts.version // _MAJOR > _NEWEST // _MAJOR:
        newest, major = _NEWEST // _MAJOR, facts.version // _MAJOR
        lift = f"Its backups (database: external) need a database_image with pg_dump {major} or newer."
        return Check("version", WARNED, f"{told}; Che's operator itself never ran one newer than {newest}", on, lift)
    return Check("version", PASSED, told, on)


def version_text(number: int) -> str:
    """For example 15.14 or 9.6.11, out of ``server_version_num``."""
    major, rest = divmod(number, _MAJOR)
    return f"{major}.{rest}" if major >= 10 else f"{major}.{rest // 100}.{rest % 100}"


def _tls(facts: ServerFacts, needs: Needs, on: str) -> Check:
    verify = "tls: verify-full with the certificate of its authority (ca_certificate)."
    if facts.tls and needs.tls in (VERIFY_CA, VERIFY_FULL):
        return Check("tls", PASSED, f"the connection uses {facts.tls}", on)
    if facts.tls:
        told = f"the connection uses {facts.tls}, and whose server it is was not verified"
        return Check("tls", WARNED, told, on, f"Give {verify}")
    if needs.tls == DISABLE:
        return Check("tls", WARNED, "passwords and data go over the network as they are, as asked for", on)
    lift = f"Turn TLS on at the server, and give {verify}"
    return Check("tls", WARNED, "the server offers no TLS, so that data go over the network as they are", on, lift)


def _encoding(facts: ServerFacts, on: str) -> Check:
    told = f"its encoding is {facts.encoding}"
    if facts.encoding == _ENCODING:
        return Check("encoding", PASSED, told, on)
    lift = f"Create it with ENCODING '{_ENCODING}' TEMPLATE template0; a database's encoding can't be changed."
    return Check("encoding", BLOCKED, told, on, lift)


def _rights(facts: ServerFacts, needs: Needs, on: str) -> Iterator[Check]:
    lacking = [
        name
        for name, given in (
            ("CREATE on it", facts.may_create or facts.is_owner),
            ("TEMPORARY on it", facts.may_use_temporary),
            # Not what owners of a database have by themselves: the schema may be another role's.
            ("CREATE and USAGE on its schema public", facts.may_create_in_public),
        )
        if not given
    ]
    if lacking:
        lift = "Make the role its owner, or grant it these; a schema's rights are granted by the schema's own owner."
        yield Check("rights", BLOCKED, f"the role lacks {', '.join(lacking)}", on, lift)
    else:
        yield Check("rights", PASSED, "the role owns it" if facts.is_owner else "the role may make tables in it", on)
    if needs.superuser and not facts.superuser:
        most = "a member of rds_superuser" if facts.rds_superuser else "no superuser"
        yield Check(
            "superuser", WARNED, f"the role is {most}, and the documents want SUPERUSER; Che runs without it", on
        )


def _writable(facts: ServerFacts, on: str) -> Check:
    if facts.read_only:
        lift = (
            "Name the primary, or an address that follows it. What a migration has left closed is opened by its owner "
            f"in one session with {BY_HAND}"
        )
        return Check("writable", BLOCKED, "the server takes no writes: it is a standby, or set to read only", on, lift)
    return Check("writable", PASSED, "the server takes writes", on)


def _contents(facts: ServerFacts, needs: Needs, on: str) -> Iterator[Check]:
    if needs.empty and facts.contents:
        # A server may have more than one name.
        lift = "Name another database. Drop what it holds only if Che does not use it under another name of its server."
        yield Check(
            "contents", BLOCKED, f"it holds {facts.contents} tables, functions or other things already", on, lift
        )


def _connections(facts: ServerFacts, needs: Needs, on: str) -> Check:
    had = f" beside {facts.own_connections} that the role has already" if facts.own_connections else ""
    others = f", and {needs.connections_beside} more by the other database" if needs.connections_beside else ""
    told = f"{facts.free_connections} connections are free{had}, and {needs.connections} are needed{others}"
    is_limited = 0 <= facts.connection_limit < needs.connections
    on_server = facts.free_on_server + facts.own_connections
    if on_server >= needs.connections + needs.connections_beside and not is_limited:
        return Check("connections", PASSED, told, on)
    lift = "Raise max_connections, or the CONNECTION LIMIT of the database or the role."
    return Check("connections", WARNED if needs.in_use else BLOCKED, told, on, lift)


def _latency(facts: ServerFacts, needs: Needs, on: str) -> Check:
    trip, connection = facts.latency_seconds * 1000, facts.connect_seconds * 1000
    told = f"a round trip takes {trip:.1f} ms, a new connection {connection:.0f} ms"
    if facts.latency_seconds <= needs.latency_seconds:
        return Check("latency", PASSED, told, on)
    return Check("latency", WARNED, told, on, "Che makes many small queries: choose a server that is nearer.")
