# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database that a restore drill loads, counts and drops. It never takes the name of another one."""

from __future__ import annotations

import hashlib

from ansible_collections.community.che.plugins.module_utils._database import _sql as sql
from ansible_collections.community.che.plugins.module_utils._database._staging import StagedNames, drop_database

_PREFIX = "che-drill-"
_LOADER = "che-drill-loader-"


def scratch_names(database: str, run: str) -> StagedNames:
    """The names of one drill, as ``names_for`` makes those of a restore: other ones, so that neither takes the other's.

    Args:
        database: The database that the backup was made of. The drill only reads what it is given, never its contents.
        run: The drill's run.
    """
    ending = f"{run[:32]}-{hashlib.sha256(f'{run} {database}'.encode()).hexdigest()[:8]}"
    return StagedNames(database, _PREFIX + ending, "", _LOADER + ending)


def drop_scratches(psql: sql.Psql) -> list[str]:
    """Drop every database and role that any drill has left on a server.

    Only for who knows that no drill is at work there. What somebody else has named in a similar way is left alone.

    Args:
        psql: Runs a script as the server's superuser.

    Returns:
        Their names.
    """
    ours = "^{prefix}[a-z0-9-]+-[0-9a-f]{{8}}$"
    databases, roles = (
        psql(f"SELECT {column} FROM {catalog} WHERE {column} ~ {sql.text(ours.format(prefix=prefix))} ORDER BY 1;\n")
        for column, catalog, prefix in (("datname", "pg_database", _PREFIX), ("rolname", "pg_roles", _LOADER))
    )
    return _dropped(psql, databases.split(), roles.split())


def _dropped(psql: sql.Psql, databases: list[str], roles: list[str]) -> list[str]:
    if databases or roles:
        # A role goes last: PostgreSQL drops none that still owns a database.
        drops = [*map(drop_database, databases), *(f"DROP ROLE IF EXISTS {sql.name(role)};\n" for role in roles)]
        psql("".join(drops))
    return [*databases, *roles]
