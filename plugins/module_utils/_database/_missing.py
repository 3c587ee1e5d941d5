# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A saved database that its server does not have, though it runs: how that is seen, and what stands for it meanwhile.

An empty database, closed, has the name that the replaced one has otherwise. By that a run that goes on knows, as
always, whether the loaded one is in its place, and nobody can write to what a way back removes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ansible_collections.community.che.plugins.module_utils._database import _sql as sql
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError
from ansible_collections.community.che.plugins.module_utils._database._facts import DatabaseFacts, read_facts
from ansible_collections.community.che.plugins.module_utils._database._staging import StagedNames, drop_database

# While it sets up its volume, or a password, the server of an image listens to nobody, and may not have made it yet.
_LOOK_SQL = """SELECT current_setting('server_version_num'),
    (SELECT count(*) FROM pg_roles WHERE rolname = @USER@),
    (SELECT count(*) FROM pg_roles WHERE rolname = @USER@ AND rolsuper)
WHERE current_setting('listen_addresses') <> '' AND NOT EXISTS (SELECT FROM pg_database WHERE datname = @DATABASE@);
"""
# The bootstrap superuser, who owns what comes with a database, has this id on every server.
_PUBLIC_OWNER_SQL = """SELECT CASE WHEN current_setting('server_version_num')::int >= 150000 THEN 'pg_database_owner'
    ELSE pg_get_userbyid(10) END;
"""


@dataclass(frozen=True)
class Missing:
    """What its server says, which has no such database.

    Args:
        server_version: As ``server_version_num``.
        has_role: Whether there is the role that it would belong to.
        is_superuser: Whether that is a superuser, whose password no backup is to choose.
    """

    server_version: int
    has_role: bool
    is_superuser: bool


def find_missing(psql: sql.Psql, database: str, user: str) -> Missing | None:
    """Look whether a server that is up has no database of a name; None where it has, or is not up.

    Args:
        psql: Runs a script as the server's superuser.
        database: The database.
        user: The role that Che connects as.
    """
    script = _LOOK_SQL.replace("@USER@", sql.text(user)).replace("@DATABASE@", sql.text(database))
    found = psql(sql.SAFE_PATH + script).strip()
    if not found:
        return None
    version, roles, superusers = found.split("|")
    return Missing(int(version), has_role=roles == "1", is_superuser=superusers == "1")


def hold_place(psql: sql.Psql, names: StagedNames, user: str) -> DatabaseFacts:
    """Have an empty database, closed, stand for the one that is missing. Run again it changes nothing.

    Args:
        psql: Runs a script as the server's superuser.
        names: See ``names_for``.
        user: The role that Che connects as, and that the database is to belong to.

    Returns:
        What a new database is on this server.
    """
    psql(
        f"{sql.SAFE_PATH}SELECT {sql.text(_create(names, user))}"
        f" WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {sql.text(names.replaced)}) \\gexec\n"
    )
    facts = read_facts(psql, names.replaced, user)
    if facts is None:
        raise DatabaseError("It could not be made", f"database {names.database}", "Run the task again.")
    return replace(facts, name=names.database, public_owner=psql(sql.SAFE_PATH + _PUBLIC_OWNER_SQL).strip())


def _create(names: StagedNames, user: str) -> str:
    owned = f"{sql.name(names.replaced)} OWNER {sql.name(user)}"
    return f"CREATE DATABASE {owned} TEMPLATE template0 ALLOW_CONNECTIONS false"


def let_go_of_place(psql: sql.Psql, names: StagedNames) -> None:
    """Remove what has stood for a database that was missing, if it is there: the last of a way back."""
    psql(sql.SAFE_PATH + drop_database(names.replaced))
