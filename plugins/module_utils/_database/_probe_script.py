# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Job asks a server before Che, or a dump, is to rely on it: one look, and a hundred round trips.

Of one on which nothing is made yet only whether it answers, as far as its question for a password.
"""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._database._contents import COUNT_SQL

ROUND_TRIPS = 100

PROBE_SH = r"""
. "$CHE_MOUNT/common.sh"

copy_password_file
enter connect
began=$(now)
reach_database
connected=$(now)
enter look
run_sql -f "$CHE_MOUNT/probe.sql" >"$CHE_SCRATCH/facts" 2>"$errors" || fail "$?" "$errors"
enter measure
measured=$(now)
run_sql -f "$CHE_MOUNT/round_trips.sql" >/dev/null 2>"$errors" || fail "$?" "$errors"
ended=$(now)
cat "$CHE_SCRATCH/facts"
printf '{"che_backup":"result","centiseconds":{"connect":%s,"round_trips":%s}}\n' \
    $((connected - began)) $((ended - measured))
"""

# The file of passwords holds none, so that libpq ends it when the server asks for one, and the server notes no failure.
# A server that asks for none says what is missing.
REACH_SH = r"""
. "$CHE_MOUNT/common.sh"

copy_password_file
enter connect
run_sql -c 'SELECT 1' >/dev/null 2>"$errors" || {
    status=$?
    grep -q -e 'no password supplied' -e 'FATAL: .*" does not exist' "$errors" || fail "$status" "$errors"
}
printf '{"che_backup":"result"}\n'
"""

# psql sends one statement, and waits for its answer, at a time.
ROUND_TRIPS_SQL = "SELECT 1;\n" * ROUND_TRIPS

# As PostgreSQL 9.6 understands it too. What only some may see is left out, and never asked for. The limits of time are
# set by statements: not every pool of connections takes them at its door.
PROBE_SQL = (
    r"""
SET lock_timeout = '20s';
SET statement_timeout = '60s';
SELECT json_build_object(
    'che_backup', 'server',
    'version', current_setting('server_version_num')::int,
    'tls', coalesce((SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl), ''),
    'superuser', current_setting('is_superuser') = 'on',
    'rdsSuperuser', EXISTS (
        SELECT FROM pg_roles WHERE rolname = 'rds_superuser' AND pg_has_role(current_user, oid, 'MEMBER')),
    'owner', pg_get_userbyid(d.datdba),
    'isOwner', pg_has_role(current_user, d.datdba, 'MEMBER'),
    'mayCreate', has_database_privilege(d.oid, 'CREATE'),
    'mayUseTemporary', has_database_privilege(d.oid, 'TEMPORARY'),
    'mayCreateInPublic', coalesce((
        SELECT has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE')
        FROM pg_namespace WHERE nspname = 'public'), false),
    'readOnly', pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
    'encoding', pg_encoding_to_char(d.encoding),
    'tables', (
        SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'),
    'contents', """
    + COUNT_SQL
    + r""",
    'bytes', pg_database_size(d.oid),
    'connections', (SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL),
    'ownConnections', (
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = d.datname AND usename = current_user AND pid <> pg_backend_pid()),
    'most', current_setting('max_connections')::int,
    'reserved', current_setting('superuser_reserved_connections')::int,
    'mostOfDatabase', d.datconnlimit,
    'mostOfRole', (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user))
FROM pg_database AS d WHERE d.datname = current_database();
"""
)
