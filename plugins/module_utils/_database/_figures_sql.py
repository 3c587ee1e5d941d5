# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is counted in a database, in SQL for psql 9.6 and later; each line that comes out is JSON.

The checksum of a table is the sum, over its rows, of 64 bits of the MD5 of the row, and so the same whatever the order
of the rows. A row is hashed in PostgreSQL's binary format, with its columns in the order of their names. That format
does not depend on settings, is exact for floating-point numbers, changes between major versions less than the text
does, and takes a third less time to make. One half of the MD5 is taken and not both: PostgreSQL would compute it
twice, or, kept from that by a subquery, would not use parallel workers.

Where a binary format says what another database can't know (numbers of types and objects), the text is hashed: what
format() makes of the value by the type's own output function, which is the server's. A cast to text would run a
function that the type's owner may have put there.
"""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._database._properties import (
    INNER_PROPERTIES_SQL,
    PROPERTIES_SQL,
)
from ansible_collections.community.che.plugins.module_utils._database._sql import connect

# The timeouts may be set for the role or the database, and the session waits in its transaction while the dump runs. A
# table that somebody has locked is not waited for without an end.
# Keepalives keep firewalls from forgetting that waiting connection. Names of functions come from pg_catalog alone.
# With row security on, a table would be counted in part, and silently.
SESSION_SQL = r"""
SET statement_timeout = 0;
SET lock_timeout = '5min';
SET idle_in_transaction_session_timeout = 0;
SET tcp_keepalives_idle = 60;
SET search_path = pg_catalog;
SET row_security = off;
SET datestyle = 'ISO, MDY';
SET intervalstyle = 'postgres';
SET timezone = 'UTC';
SET extra_float_digits = 3;
SET bytea_output = 'hex';
SELECT CASE current_setting('server_encoding') WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END AS encoding \gset
\encoding :encoding
"""

# Relations of users: not the system's, not an extension's (which CREATE EXTENSION makes).
_OF_USERS = r"""
        n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp\_%'
        AND NOT EXISTS (
            SELECT FROM pg_depend AS d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""

# Sequences know no snapshot. Read before the dump they are never ahead of what the dump holds.
SEQUENCES_SQL = (
    r"""
SELECT format(
    'SELECT json_build_object(''che_backup'', ''sequence'', ''schema'', %L, ''name'', %L,'
    ' ''lastValue'', last_value, ''isCalled'', is_called, ''increment'', %s) FROM %I.%I',
    n.nspname, c.relname, (pg_sequence_parameters(c.oid)).increment, n.nspname, c.relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND """
    + _OF_USERS
    + r"""
ORDER BY n.nspname, c.relname
\gexec
"""
)

# Rows are counted where they are: in ordinary tables, partitions and children, each for itself.
_TABLES_SQL = (
    r"""
SELECT format(
    'SELECT json_build_object(''che_backup'', ''table'', ''schema'', %L, ''name'', %L, ''rows'', count(*),'
    ' ''checksum'', ''md5:'' || coalesce(sum('
    '(''x'' || substr(md5(record_send(ROW(%s))), 1, 16))::bit(64)::bigint), 0)) FROM ONLY %I.%I AS t',
    n.nspname, c.relname, columns.list, n.nspname, c.relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT string_agg(
        format(CASE
            WHEN e.typnamespace <> 'pg_catalog'::regnamespace OR e.typname ~ '^_?reg' OR e.typsend::oid = 0
            THEN 'CASE num_nulls(t.%1$I) WHEN 0 THEN format(''%%s'', t.%1$I) END'
            WHEN y.typtype = 'd' THEN 't.%1$I::' || format_type(e.oid, NULL)
            ELSE 't.%1$I' END, a.attname),
        ', ' ORDER BY a.attname::text COLLATE "C") AS list
    FROM pg_attribute AS a
    JOIN pg_type AS y ON y.oid = a.atttypid
    JOIN pg_type AS e ON e.oid = CASE y.typtype WHEN 'd' THEN y.typbasetype ELSE y.oid END
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND """
    + _OF_USERS
    + r"""
ORDER BY n.nspname, c.relname
\gexec
"""
)

# In parts of 1 MiB, as a large object may be larger than what one value holds. OFFSET 0 keeps each part from being read
# once for its hash and again for its length.
_LARGE_OBJECTS_SQL = r"""
WITH RECURSIVE part (object, number, hash, bytes) AS (
    SELECT o.oid, 0::bigint, md5(piece.content), length(piece.content)
    FROM pg_largeobject_metadata AS o,
        LATERAL (SELECT lo_get(o.oid, 0, 1048576) AS content OFFSET 0) AS piece
    UNION ALL
    SELECT object, number + 1, md5(piece.content), length(piece.content)
    FROM part,
        LATERAL (SELECT lo_get(object, (number + 1) * 1048576, 1048576) AS content OFFSET 0) AS piece
    WHERE bytes = 1048576)
SELECT json_build_object(
    'che_backup', 'large_objects',
    'count', count(DISTINCT object),
    'checksum', 'md5:' || coalesce(
        sum(('x' || substr(md5(object || ' ' || number || ' ' || hash), 1, 16))::bit(64)::bigint), 0))
FROM part;
"""

# Says last how many lines there must be, as a log may have lost some.
_DATABASE_SQL = (
    r"""
SELECT json_build_object(
    'che_backup', 'database', 'user', session_user,
    'serverVersion', split_part(current_setting('server_version'), ' ', 1),
    'encoding', pg_encoding_to_char(d.encoding), 'collate', d.datcollate, 'ctype', d.datctype,"""
    + PROPERTIES_SQL
    + ","
    + INNER_PROPERTIES_SQL
    + r""",
    'tables', (
        SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND """
    + _OF_USERS
    + r"""),
    'sequences', (
        SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind = 'S' AND """
    + _OF_USERS
    + r"""))
FROM pg_database AS d WHERE d.datname = current_database();
"""
)

FIGURES_SQL = _TABLES_SQL + _LARGE_OBJECTS_SQL + _DATABASE_SQL

# All figures of a database on its own, for psql.
ALL_FIGURES_SQL = (
    SESSION_SQL + "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n" + SEQUENCES_SQL + FIGURES_SQL + "COMMIT;\n"
)


def live_figures_script(database: str, owner: str) -> str:
    """The script that counts a database in use, for a superuser's local psql.

    It goes on as the role that Che connects as: who reads a table has functions run that its owner wrote, in the
    expressions of indexes for one, and no search path or transaction that only reads keeps a superuser from harm there.

    Args:
        database: The database's name.
        owner: The role that Che connects as. The server must let local users be anybody (``trust``), as the images that
            Che uses do; else psql fails, as for want of a password.
    """
    return connect(database, owner) + ALL_FIGURES_SQL
