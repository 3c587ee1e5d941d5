# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes up a database besides its contents, and so is not in its dump."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._database import _sql as sql
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError
from ansible_collections.community.che.plugins.module_utils._database._properties import (
    INNER_PROPERTIES_SQL,
    PROPERTIES_SQL,
    is_closed,
    read_properties,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures
from ansible_collections.community.che.plugins.module_utils._snapshot._properties import DatabaseProperties, Extension

# row_to_json carries whatever columns this version's pg_database has.
_FACTS_SQL = (
    r"""
SELECT json_build_object(
    'row', row_to_json(d),
    'owner', pg_get_userbyid(d.datdba),
    'encoding', pg_encoding_to_char(d.encoding),
    'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = d.dattablespace),
    'bytes', pg_database_size(d.oid),
    'serverVersion', current_setting('server_version_num')::int,
    'superuser', current_setting('is_superuser') = 'on',
    'sessions', (SELECT count(*) FROM pg_stat_activity WHERE datid = d.oid AND pid <> pg_backend_pid()),
    'prepared', (SELECT count(*) FROM pg_prepared_xacts WHERE database = d.datname),
    'slots', (SELECT count(*) FROM pg_replication_slots WHERE database = d.datname),
    'ordinary', (
        SELECT json_agg(DISTINCT v.name) FROM pg_available_extension_versions AS v
        WHERE NOT v.superuser OR (row_to_json(v) ->> 'trusted')::boolean),"""
    + PROPERTIES_SQL
    + r""")
FROM pg_database AS d WHERE d.datname = """
)

# What only a session in the database itself can see.
_INNER_SQL = f"""
SELECT json_build_object(
    'publicOwner', (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'),
    {INNER_PROPERTIES_SQL});
"""
_NOT_GIVEN_UNASKED = frozenset(
    {
        "dynamic_library_path",
        "jit_provider",
        "local_preload_libraries",
        "role",
        "session_authorization",
        "session_preload_libraries",
        "shared_preload_libraries",
    }
)
_UNSEEN = {"publicOwner": None, "defaultPrivileges": None, "extensions": None}
# Those that every new database has. Any other one the dump creates itself, and would find there.
_SCHEMAS_OF_ALL = ("public", "pg_catalog")


@dataclass(frozen=True)
class DatabaseFacts:
    """A database as it stands on its server.

    Args:
        name: Its name.
        owner: The role that owns it.
        encoding: For example ``UTF8``.
        collate: ``LC_COLLATE``.
        ctype: ``LC_CTYPE``.
        icu_locale: The locale, where ICU gives it; else empty.
        tablespace: Its default tablespace.
        properties: What it is given besides its contents.
        public_owner: Who owns the schema ``public``; ``None`` when there is no such schema, or it can't be seen.
        bytes: Its size on disk.
        server_version: As ``server_version_num``, for example 150014.
        sessions: How many sessions it has.
        obstacles: What would keep it from being swapped, each as a sentence without its full stop.
        is_closed: Whether it was closed for writing, as a migration leaves what it moves.
        ordinary_extensions: Those of the server that need no superuser: from PostgreSQL 13 on some are trusted.
    """

    name: str
    owner: str
    encoding: str
    collate: str
    ctype: str
    icu_locale: str
    tablespace: str
    properties: DatabaseProperties
    public_owner: str | None
    bytes: int
    server_version: int
    sessions: int
    obstacles: tuple[str, ...]
    is_closed: bool = False
    ordinary_extensions: frozenset[str] = frozenset()

    @property
    def superusers_extensions(self) -> tuple[Extension, ...]:
        """The extensions of the database that who loads a dump may not create."""
        return tuple(held for held in self.properties.extensions if held.name not in self.ordinary_extensions)


def read_facts(psql: sql.Psql, database: str, user: str) -> DatabaseFacts | None:
    """Read the facts of a database; ``None`` when there is none of that name.

    Args:
        psql: Runs a script as the server's superuser.
        database: The database.
        user: The role that Che connects as.
    """
    answer = psql(f"{sql.SAFE_PATH}{_FACTS_SQL}{sql.text(database)};\n").strip()
    if not answer:
        return None
    found = _object(answer, database)
    is_open = found["row"]["datallowconn"]
    inner = _object(psql(sql.connect(database) + _INNER_SQL).strip(), database) if is_open else _UNSEEN
    return _facts(database, user, {**found, **inner})


def as_saved(facts: DatabaseFacts, saved: DatabaseFigures) -> DatabaseFacts:
    """The facts that a restored database is to have: the backup's, and the server's own where the backup says nothing.

    On a server that was set up anew the database in use has none of what administrators once gave it. Nor need it have:
    but what would have the server load a library, or be somebody else, is given again only where the live database has
    the same. So it is with extensions that need a superuser. A manifest that somebody forged could say anything, and it
    is a superuser who gives these.

    Raises:
        DatabaseError: The backup wants such a setting or extension, and the live database does not have it.
    """
    known = set(facts.properties.settings)
    for setting in saved.properties.settings:
        if setting.name.lower() in _NOT_GIVEN_UNASKED and setting not in known:
            raise DatabaseError(
                f"The backup would set {setting.name} for the database, which could run code of somebody else's as "
                "the server's superuser",
                f"database {facts.name}",
                "If that is wanted, give the live database the same setting (ALTER DATABASE ... SET), then run the "
                "task again.",
            )
    for extension in replace(facts, properties=saved.properties).superusers_extensions:
        _require_extension(extension, facts)
    return replace(
        facts, encoding=saved.encoding, collate=saved.collate, ctype=saved.ctype, properties=saved.properties
    )


def _require_extension(extension: Extension, facts: DatabaseFacts) -> None:
    on, shown = f"database {facts.name}", f"the extension {extension.name}"
    if extension.schema not in _SCHEMAS_OF_ALL:
        raise DatabaseError(
            f"The backup has {shown}, which only a superuser may create, in the schema {extension.schema} of its own",
            on,
            "Load the dump by hand as a superuser, or remove the extension from the source database and back up again.",
        )
    if extension not in facts.properties.extensions:
        raise DatabaseError(
            f"The backup has {shown}, which only a superuser may create, and the live database does not have it",
            on,
            f"If that is wanted, create it there in the schema {extension.schema} (CREATE EXTENSION, as a superuser; "
            "where the database itself is gone, create that first), then run the task again.",
        )


def _object(answer: str, database: str) -> dict[str, Any]:
    try:
        value = json.loads(answer)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise DatabaseError(f"The server's psql answered {answer[:200]!r}", f"database {database}")
    return value


def _facts(database: str, user: str, found: Mapping[str, Any]) -> DatabaseFacts:
    row = found["row"]
    # The column was named anew in PostgreSQL 17; before 15 there is none.
    icu_locale = (row.get("daticulocale") or row.get("datlocale") or "") if row.get("datlocprovider") == "i" else ""
    return DatabaseFacts(
        name=database,
        owner=found["owner"],
        encoding=found["encoding"],
        collate=row["datcollate"],
        ctype=row["datctype"],
        icu_locale=icu_locale,
        tablespace=found["tablespace"],
        properties=read_properties(found, user),
        public_owner=found["publicOwner"],
        bytes=found["bytes"],
        server_version=found["serverVersion"],
        sessions=found["sessions"],
        obstacles=tuple(_obstacles(found)),
        is_closed=is_closed(found, user),
        ordinary_extensions=frozenset(found["ordinary"] or ()),
    )


def _obstacles(found: Mapping[str, Any]) -> list[str]:
    obstacles = []
    if not found["superuser"]:
        obstacles.append("the role in use is no superuser of the server, and could not end other roles' sessions")
    if found["prepared"]:
        obstacles.append(f"it has {found['prepared']} prepared transactions, which keep it from being renamed")
    if found["slots"]:
        obstacles.append(f"it has {found['slots']} replication slots, which keep it from being removed")
    return obstacles
