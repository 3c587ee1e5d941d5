# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a database holds besides what every new one does, and how its owner takes that out again."""

from __future__ import annotations

import json

from ansible_collections.community.che.plugins.module_utils._database import _sql as sql
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures

_NOT_SYSTEM = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"


# A table's own row type goes with the table.
_NAMED_TYPE = (
    "(t.typtype IN ('d', 'e', 'r') OR t.typtype = 'c'"
    " AND EXISTS (SELECT FROM pg_class AS r WHERE r.oid = t.typrelid AND r.relkind = 'c'))"
)


def _own(catalogue: str, alias: str) -> str:
    """The condition that something is not a part of an extension."""
    return (
        f"NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = '{catalogue}'::regclass"
        f" AND d.objid = {alias}.oid AND d.deptype = 'e')"
    )


#: How many tables, views, sequences, functions, types, schemas and large objects there are.
COUNT_SQL = f"""(
    (SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND {_NOT_SYSTEM} AND {_own("pg_class", "c")})
    + (SELECT count(*) FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE {_NOT_SYSTEM} AND {_own("pg_proc", "p")})
    + (SELECT count(*) FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
        WHERE {_NAMED_TYPE} AND {_NOT_SYSTEM} AND {_own("pg_type", "t")})
    + (SELECT count(*) FROM pg_namespace AS n
        WHERE n.nspname <> 'public' AND {_NOT_SYSTEM} AND {_own("pg_namespace", "n")})
    + (SELECT count(*) FROM pg_largeobject_metadata))"""

# Not a query of the tables: to plan one may run, as a superuser, what a forged dump has put into an index.
_EMPTY_UNLOGGED_SQL = f"""
SELECT json_build_array(n.nspname, c.relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND pg_relation_size(c.oid) = 0 AND {_NOT_SYSTEM};
"""

# Not DROP OWNED: that would take privileges from the role too, which only somebody else could give again.
_EMPTY_SQL = f"""
SET client_min_messages = error;
DO $che$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT n.nspname FROM pg_namespace AS n
        WHERE n.nspname <> 'public' AND {_NOT_SYSTEM} AND {_own("pg_namespace", "n")} LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', found.nspname);
    END LOOP;
    FOR found IN SELECT c.relname, CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
            WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND {_own("pg_class", "c")}
        -- The sequence of a column goes with its table, and only so.
        ORDER BY c.relkind = 'S' LOOP
        EXECUTE format('DROP %s IF EXISTS public.%I CASCADE', found.kind, found.relname);
    END LOOP;
    -- What went along with something else, as an aggregate does with its function, has no name any more.
    FOR found IN SELECT p.oid, p.oid::regprocedure AS name, a.aggfnoid IS NOT NULL AS aggregates
        FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
        LEFT JOIN pg_aggregate AS a ON a.aggfnoid = p.oid
        WHERE n.nspname = 'public' AND {_own("pg_proc", "p")} LOOP
        CONTINUE WHEN NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.oid = found.oid);
        EXECUTE format('DROP %s IF EXISTS %s CASCADE',
            CASE WHEN found.aggregates THEN 'AGGREGATE' ELSE 'FUNCTION' END, found.name);
    END LOOP;
    FOR found IN SELECT t.oid, t.oid::regtype AS name
        FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
        WHERE n.nspname = 'public' AND {_NAMED_TYPE} AND {_own("pg_type", "t")} LOOP
        CONTINUE WHEN NOT EXISTS (SELECT FROM pg_type AS t WHERE t.oid = found.oid);
        EXECUTE format('DROP TYPE IF EXISTS %s CASCADE', found.name);
    END LOOP;
    PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
END
$che$;
SELECT {COUNT_SQL};
"""


def require_empty(psql: sql.Psql, database: str, on: str) -> None:
    """See to it that nothing is in a database.

    Args:
        psql: Runs a script as a role that may connect to it.
        database: The database.
        on: The database, for messages.

    Raises:
        DatabaseError: Something is.
    """
    found = psql(f"{sql.connect(database)}SELECT {COUNT_SQL};\n").strip()
    if found != "0":
        raise DatabaseError(f"It is not empty: {found} things are in it", on, "Empty it, or name another database.")


def emptied_tables(psql: sql.Psql, database: str, loaded: DatabaseFigures) -> list[str]:
    """The unlogged tables that a database was loaded with, and that have no rows any more, as ``schema.name``.

    PostgreSQL empties them when its server has ended without shutting down, and a replica never has their rows
    (https://www.postgresql.org/docs/15/sql-createtable.html).

    Args:
        psql: Runs a script as a role that may connect to it.
        database: The database.
        loaded: What it was loaded with.
    """
    told = psql(sql.connect(database) + _EMPTY_UNLOGGED_SQL)
    empty = {tuple(json.loads(line)) for line in told.splitlines() if line}
    had_rows = [table for table in loaded.tables if table.rows]
    return [f"{table.schema}.{table.name}" for table in had_rows if (table.schema, table.name) in empty]


def empty(psql: sql.Psql, database: str) -> None:
    """Take everything out of a database; its own properties, and what others have given the role, stay.

    Args:
        psql: Runs a script as the role that owns what is in it.
        database: The database.

    Raises:
        DatabaseError: Something stays.
    """
    left = psql(sql.connect(database) + _EMPTY_SQL).strip()
    if left != "0":
        raise DatabaseError(
            f"It could not be emptied: {left} things in it stay", f"database {database}", "Drop them by hand."
        )
