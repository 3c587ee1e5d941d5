# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a database is given besides its contents, as psql tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.community.che.plugins.module_utils._snapshot._properties import (
    DatabaseProperties,
    DefaultPrivileges,
    Extension,
    Grant,
    Setting,
)

#: With it a database takes no writes. Che could not work with one that had it, for all or for its own role, for any
#: other reason than a migration; another role may have it.
READ_ONLY = "default_transaction_read_only"

# Pairs for json_build_object, for a row of pg_database called d. Privileges that are there by default are told too.
PROPERTIES_SQL = r"""
    'connectionLimit', d.datconnlimit, 'comment', shobj_description(d.oid, 'pg_database'),
    'grants', (
        SELECT json_agg(json_build_object(
            'role', CASE g.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(g.grantee) END,
            'privilege', g.privilege_type, 'grantable', g.is_grantable)
            ORDER BY g.grantee <> 0, pg_get_userbyid(g.grantee), g.privilege_type)
        FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS g),
    'settings', (
        SELECT json_agg(json_build_object(
            'role', CASE s.setrole WHEN 0 THEN NULL ELSE pg_get_userbyid(s.setrole) END, 'settings', s.setconfig)
            ORDER BY s.setrole <> 0, pg_get_userbyid(s.setrole))
        FROM pg_db_role_setting AS s WHERE s.setdatabase = d.oid)"""

# More pairs, which tell of the database that the session is in. An entry without grants takes defaults away.
INNER_PROPERTIES_SQL = r"""
    'extensions', (
        SELECT json_agg(json_build_object('name', e.extname, 'schema', n.nspname) ORDER BY e.extname)
        FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql'),
    'defaultPrivileges', (
        SELECT json_agg(json_build_object(
            'owner', pg_get_userbyid(a.defaclrole),
            'schema', n.nspname,
            'objects', CASE a.defaclobjtype
                WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
                WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS' END,
            'grants', (
                SELECT json_agg(json_build_object(
                    'role', CASE g.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(g.grantee) END,
                    'privilege', g.privilege_type, 'grantable', g.is_grantable)
                    ORDER BY g.grantee <> 0, pg_get_userbyid(g.grantee), g.privilege_type)
                FROM aclexplode(a.defaclacl) AS g))
            ORDER BY pg_get_userbyid(a.defaclrole), n.nspname, a.defaclobjtype)
        FROM pg_default_acl AS a LEFT JOIN pg_namespace AS n ON n.oid = a.defaclnamespace)"""


def read_properties(found: Mapping[str, Any], user: str) -> DatabaseProperties:
    """Read what both told; raises KeyError, TypeError or ValueError for anything else.

    Args:
        found: What they told.
        user: The role that Che connects as.
    """
    return DatabaseProperties(
        connection_limit=int(found["connectionLimit"]),
        comment=found["comment"] or "",
        grants=_grants(found["grants"]),
        settings=tuple(
            Setting(entry["role"] or "", *pair.split("=", 1))
            for entry in found["settings"] or ()
            for pair in entry["settings"]
            # A database that is closed for its migration would be restored closed.
            if not (_is_of_all_or(entry, user) and pair.startswith(f"{READ_ONLY}="))
        ),
        default_privileges=tuple(
            DefaultPrivileges(
                owner=str(entry["owner"]),
                schema=entry["schema"] or "",
                objects=str(entry["objects"]),
                grants=_grants(entry["grants"]),
            )
            for entry in found["defaultPrivileges"] or ()
        ),
        extensions=tuple(Extension(str(e["name"]), str(e["schema"])) for e in found["extensions"] or ()),
    )


def is_closed(found: Mapping[str, Any], user: str) -> bool:
    """Whether the role that Che connects as may only read, as a migration leaves what it moves.

    Args:
        found: What ``PROPERTIES_SQL`` told.
        user: The role that Che connects as.
    """
    closed = {f"{READ_ONLY}={on}" for on in ("on", "true", "1")}
    return any(_is_of_all_or(entry, user) and closed & set(entry["settings"]) for entry in found["settings"] or ())


def _is_of_all_or(entry: Mapping[str, Any], user: str) -> bool:
    """Whether settings are those of a migration; who else may only read was told so by somebody else."""
    return entry["role"] in (None, user)


def _grants(found: list[Mapping[str, Any]] | None) -> tuple[Grant, ...]:
    return tuple(Grant(g["role"] or "", str(g["privilege"]), bool(g["grantable"])) for g in found or ())
