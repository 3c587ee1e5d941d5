# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a database is given besides its contents, as psql tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.community.che.plugins.module_utils._snapshot._properties import (
    DatabaseProperties,
    Grant,
    Setting,
)

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


def read_properties(found: Mapping[str, Any]) -> DatabaseProperties:
    """Read what ``PROPERTIES_SQL`` told; raises KeyError, TypeError or ValueError for anything else."""
    return DatabaseProperties(
        connection_limit=int(found["connectionLimit"]),
        comment=found["comment"] or "",
        grants=tuple(Grant(g["role"] or "", str(g["privilege"]), bool(g["grantable"])) for g in found["grants"] or ()),
        settings=tuple(
            Setting(entry["role"] or "", *pair.split("=", 1))
            for entry in found["settings"] or ()
            for pair in entry["settings"]
        ),
    )
