# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a database is given besides its contents, as psql tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.community.che.plugins.module_utils._snapshot._properties import (
    DatabaseProperties,
    DefaultPrivileges,
    Grant,
    Setting,
)

#: With it a database takes no writes; Che could not work with one that had it for any other reason.
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

# Another pair, which tells of the database that the session is in. An entry without grants takes defaults away.
DEFAULT_PRIVILEGES_SQL = r"""
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


def read_properties(found: Mapping[str, Any]) -> DatabaseProperties:
    """Read what both told; raises KeyError, TypeError or ValueError for anything else."""
    return DatabaseProperties(
        connection_limit=int(found["connectionLimit"]),
        comment=found["comment"] or "",
        grants=_grants(found["grants"]),
        settings=tuple(
            Setting(entry["role"] or "", *pair.split("=", 1))
            for entry in found["settings"] or ()
            for pair in entry["settings"]
            # A database that is closed for its migration would be restored closed.
            if not pair.startswith(f"{READ_ONLY}=")
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
    )


def _grants(found: list[Mapping[str, Any]] | None) -> tuple[Grant, ...]:
    return tuple(Grant(g["role"] or "", str(g["privilege"]), bool(g["grantable"])) for g in found or ())
