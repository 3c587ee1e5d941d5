# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes up a database besides its contents, and so is not in its dump."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._database import _sql as sql
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError

# row_to_json carries whatever columns this version's pg_database has.
_FACTS_SQL = r"""
SELECT json_build_object(
    'row', row_to_json(d),
    'owner', pg_get_userbyid(d.datdba),
    'encoding', pg_encoding_to_char(d.encoding),
    'tablespace', (SELECT spcname FROM pg_tablespace WHERE oid = d.dattablespace),
    'comment', shobj_description(d.oid, 'pg_database'),
    'bytes', pg_database_size(d.oid),
    'serverVersion', current_setting('server_version_num')::int,
    'superuser', current_setting('is_superuser') = 'on',
    'sessions', (SELECT count(*) FROM pg_stat_activity WHERE datid = d.oid AND pid <> pg_backend_pid()),
    'prepared', (SELECT count(*) FROM pg_prepared_xacts WHERE database = d.datname),
    'slots', (SELECT count(*) FROM pg_replication_slots WHERE database = d.datname),
    'grants', (
        SELECT json_agg(json_build_object(
            'role', CASE g.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(g.grantee) END,
            'privilege', g.privilege_type, 'grantable', g.is_grantable)
            ORDER BY g.grantee, g.privilege_type)
        FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS g),
    'settings', (
        SELECT json_agg(json_build_object(
            'role', CASE s.setrole WHEN 0 THEN NULL ELSE pg_get_userbyid(s.setrole) END, 'settings', s.setconfig)
            ORDER BY s.setrole)
        FROM pg_db_role_setting AS s WHERE s.setdatabase = d.oid))
FROM pg_database AS d WHERE d.datname = {database};
"""

_PUBLIC_OWNER_SQL = (
    "SELECT json_build_object('owner', pg_get_userbyid(nspowner)) FROM pg_namespace WHERE nspname = 'public';\n"
)


@dataclass(frozen=True)
class Grant:
    """One privilege on a database; ``role`` is ``None`` for PUBLIC."""

    role: str | None
    privilege: str
    grantable: bool


@dataclass(frozen=True)
class Setting:
    """One setting of a database, as PostgreSQL stores it, for one role or, where ``role`` is ``None``, for all."""

    role: str | None
    name: str
    value: str


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
        connection_limit: -1 for none.
        comment: Its comment, if it has one.
        grants: Who may do what with it, the owner and PUBLIC included.
        settings: ``ALTER DATABASE ... SET`` and ``ALTER ROLE ... IN DATABASE ... SET``.
        public_owner: Who owns the schema ``public``; ``None`` when there is no such schema.
        bytes: Its size on disk.
        server_version: As ``server_version_num``, for example 150014.
        sessions: How many sessions it has.
        obstacles: What would keep it from being swapped, each as a sentence without its full stop.
    """

    name: str
    owner: str
    encoding: str
    collate: str
    ctype: str
    icu_locale: str
    tablespace: str
    connection_limit: int
    comment: str | None
    grants: tuple[Grant, ...]
    settings: tuple[Setting, ...]
    public_owner: str | None
    bytes: int
    server_version: int
    sessions: int
    obstacles: tuple[str, ...]


def read_facts(psql: sql.Psql, database: str) -> DatabaseFacts | None:
    """Read the facts of a database; ``None`` when there is none of that name."""
    answer = psql(_FACTS_SQL.format(database=sql.text(database))).strip()
    if not answer:
        return None
    found = _object(answer, database)
    if not found["row"]["datallowconn"]:
        return _facts(database, found, None)
    public = psql(sql.connect(database) + _PUBLIC_OWNER_SQL).strip()
    return _facts(database, found, str(_object(public, database)["owner"]) if public else None)


def _object(answer: str, database: str) -> dict[str, Any]:
    try:
        value = json.loads(answer)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise DatabaseError(f"the server's psql answered {answer[:200]!r}", f"database {database}")
    return value


def _facts(database: str, found: Mapping[str, Any], public_owner: str | None) -> DatabaseFacts:
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
        connection_limit=row["datconnlimit"],
        comment=found["comment"],
        grants=tuple(Grant(g["role"], g["privilege"], g["grantable"]) for g in found["grants"] or ()),
        settings=tuple(
            Setting(entry["role"], *pair.split("=", 1))
            for entry in found["settings"] or ()
            for pair in entry["settings"]
        ),
        public_owner=public_owner,
        bytes=found["bytes"],
        server_version=found["serverVersion"],
        sessions=found["sessions"],
        obstacles=tuple(_obstacles(found)),
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
