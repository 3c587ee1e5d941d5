# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database closed for writing, and whether anybody has written to it since.

All of it is allowed to the owner of a database: a server of somebody else's gives no more. So a database that others
may write to besides can't be kept from that, and what was closed is looked at again in the end.
"""

from __future__ import annotations

import hashlib

from ansible_collections.community.che.plugins.module_utils._database import _sql as sql
from ansible_collections.community.che.plugins.module_utils._database._figures_sql import SEQUENCES_SQL
from ansible_collections.community.che.plugins.module_utils._database._properties import READ_ONLY
from ansible_collections.community.che.plugins.module_utils._database._sessions import end_sessions_where

# Only those that this role may end, which are Che's own; autovacuum has none, and goes on.
_END_SESSIONS = end_sessions_where("datname = current_database() AND pg_has_role(usesysid, 'USAGE')")

_WRITE = "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE;\n"
#: How an owner opens a database without this collection, for messages. Without the first of these the others are
#: refused to whoever is in the database itself.
BY_HAND = (
    f"{_WRITE.strip()} ALTER DATABASE ... RESET {READ_ONLY}; and ALTER ROLE ... IN DATABASE ... RESET {READ_ONLY};"
)
# Who else may only read, a role for reports say, was told so by somebody else.
_RESET_SQL = f"""SELECT format('ALTER %s %I RESET {READ_ONLY}',
    CASE WHEN s.setrole = 0 THEN 'DATABASE' ELSE format('ROLE %I IN DATABASE', r.rolname) END, d.datname)
FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase LEFT JOIN pg_roles AS r ON r.oid = s.setrole
WHERE d.datname = current_database() AND array_to_string(s.setconfig, ',') LIKE '%{READ_ONLY}=%'
    AND (s.setrole = 0 OR r.rolname = @ROLE@ AND pg_has_role(s.setrole, 'USAGE'))
\\gexec
"""

# PostgreSQL counts, by table, every row that was ever inserted, updated or deleted, those of its own catalogue and of
# large objects too, so that new tables and TRUNCATE are seen as well. Since 15 the counts are in memory that sessions
# share, and are complete once a session has ended; before they were sent over UDP and could be lost. What ANALYZE
# writes, which comes by itself, is left out, and what all databases of the server share.
_COUNTERS_SQL = """
SELECT json_build_object(
    'started', pg_postmaster_start_time(),
    'reset', (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()),
    'prepared', (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()),
    'written', (
        SELECT md5(string_agg(concat_ws(' ', s.relid, s.n_tup_ins, s.n_tup_upd, s.n_tup_del), ',' ORDER BY s.relid))
        FROM pg_stat_all_tables AS s JOIN pg_class AS c ON c.oid = s.relid
        WHERE NOT c.relisshared AND s.relid NOT IN (
            SELECT unnest(ARRAY[oid, reltoastrelid]) FROM pg_class
            WHERE relname ~ '^pg_statistic' AND relnamespace = 'pg_catalog'::regnamespace)))
WHERE current_setting('server_version_num')::int >= 150000;
"""
_MARK_SQL = _COUNTERS_SQL + SEQUENCES_SQL

# Where a database says what it is made of, but for what it shares with the server's others, as far as a server of its
# version has it. A row that is written gets the number of its transaction; ANALYZE and VACUUM, which come by
# themselves, write into theirs as they stand.
_CATALOGUES = (
    "pg_aggregate pg_am pg_amop pg_amproc pg_attrdef pg_attribute pg_cast pg_class pg_collation pg_constraint"
    " pg_conversion pg_default_acl pg_description pg_enum pg_event_trigger pg_extension pg_foreign_data_wrapper"
    " pg_foreign_server pg_foreign_table pg_index pg_inherits pg_language pg_namespace pg_opclass pg_operator"
    " pg_opfamily pg_policy pg_proc pg_publication pg_publication_namespace pg_publication_rel pg_range pg_rewrite"
    " pg_seclabel pg_sequence pg_statistic_ext pg_transform pg_trigger pg_ts_config pg_ts_config_map pg_ts_dict"
    " pg_ts_parser pg_ts_template pg_type"
)
# The schemas of temporary tables are made when the first of these are, and stay. Before 12 ANALYZE wrote what it found
# into pg_statistic_ext.
_SCHEMA_SQL = f"""SELECT format('SELECT md5(string_agg(xmin::text, %L ORDER BY xmin::text)) FROM pg_catalog.%I%s',
    ',', relname, CASE relname WHEN 'pg_namespace' THEN $$ WHERE nspname !~ '^pg_(toast_)?temp_'$$ END)
FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relname = ANY (string_to_array('{_CATALOGUES}', ' '))
    AND (relname <> 'pg_statistic_ext' OR current_setting('server_version_num')::int >= 120000)
ORDER BY relname
\\gexec
"""


def close_for_writing(psql: sql.Psql, database: str, role: str) -> str:
    """Let everybody only read from here on, and end the sessions that were there before.

    Reading goes on: what is closed is dumped and counted.

    Args:
        psql: Runs a script as the database's owner, or as a superuser.
        database: The database.
        role: The role that Che connects as, whose own settings would win over the database's.

    Returns:
        Its mark from here on, see ``mark``.

    Raises:
        CheError: Its sessions do not end.
    """
    return _digest(
        psql(
            sql.connect(database)
            # It may be closed already, by a run that was killed.
            + _WRITE
            + f"ALTER DATABASE {sql.name(database)} SET {READ_ONLY} = on;\n"
            + f"ALTER ROLE {sql.name(role)} IN DATABASE {sql.name(database)} SET {READ_ONLY} = on;\n"
            + _END_SESSIONS
            + _MARK_SQL
        )
    )


def open_for_writing(psql: sql.Psql, database: str, role: str) -> None:
    """Take back what ``close_for_writing`` did; sessions that could only read are ended, so that clients come anew.

    What was never closed stays as it is, also where the role could not have closed it.

    Args:
        psql: As it closed it.
        database: The database.
        role: The role that Che connects as.
    """
    psql(sql.connect(database) + _WRITE + _RESET_SQL.replace("@ROLE@", sql.text(role)) + _END_SESSIONS)


def mark(psql: sql.Psql, database: str) -> str:
    """What is the same later only if nobody has written to the database in between; empty where none can be had.

    What was written before and not counted yet may make it another one without need, never the other way round.

    Args:
        psql: Runs a script as somebody who may connect to it.
        database: The database.
    """
    return _digest(psql(sql.connect(database) + _MARK_SQL))


def schema_mark(psql: sql.Psql, database: str) -> str:
    """What is the same later only if nobody has changed what the database is made of: tables, views, functions, grants.

    None of that is counted with the rows.

    Args:
        psql: Runs a script as somebody who may connect to it.
        database: The database.
    """
    return hashlib.sha256(psql(sql.connect(database) + _SCHEMA_SQL).encode()).hexdigest()


def _digest(found: str) -> str:
    return hashlib.sha256(found.encode()).hexdigest() if '"started"' in found.partition("\n")[0] else ""
