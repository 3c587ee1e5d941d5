# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the dump's Job runs: one psql session holds a snapshot, under which pg_dump dumps and the figures are taken."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._database._figures_sql import (
    FIGURES_SQL,
    SEQUENCES_SQL,
    SESSION_SQL,
)

DUMP_SH = r"""
. "$CHE_MOUNT/common.sh"

connect() {
    enter connect
    copy_password_file
    reach_repository
    reach_database
}

# The session starts send.sh when its snapshot stands.
dump() {
    enter dump
    attended run_sql -v figures="$CHE_SCRATCH/figures" -f "$CHE_MOUNT/session.sql" 2>"$CHE_SCRATCH/session.errors"
    status=$?
    [ ! -e "$CHE_SCRATCH/told" ] || exit 1
    case $(cat "$CHE_SCRATCH/sent" 2>/dev/null) in
        0) fail_with "$status" 'what sends the dump was killed' ;;
        1) stage=figures ;;
    esac
    [ "$status" -eq 0 ] || fail "$status" "$CHE_SCRATCH/session.errors"
}

# What restic gives back is what counts: its length, its hash and its last words.
read_back() {
    enter read_back
    snapshot=$(sed -n 's/.*"snapshot_id":"\([0-9a-f]*\)".*/\1/p' "$CHE_SCRATCH/summary")
    mkfifo "$CHE_SCRATCH/to_sum" "$CHE_SCRATCH/to_tail" || fail_with 1 'no room for a pipe'
    sha256sum <"$CHE_SCRATCH/to_sum" >"$CHE_SCRATCH/sha256" &
    tail -c 200 <"$CHE_SCRATCH/to_tail" >"$CHE_SCRATCH/tail" &
    : >"$errors"
    attended receive
    wait
    status=$(cat "$CHE_SCRATCH/dumped")
    [ "$status" = 0 ] || fail "$status" "$errors"
    grep -q '^-- PostgreSQL database dump complete' "$CHE_SCRATCH/tail" ||
        fail_with 1 'the dump that was sent does not end as pg_dump ends one'
}

receive() {
    {
        watched "$CHE_RESTIC" $CHE_RESTIC_OPTIONS dump --no-lock "$snapshot" "$CHE_DUMP_PATH"
        echo "$?" >"$CHE_SCRATCH/dumped"
    } | tee "$CHE_SCRATCH/to_sum" "$CHE_SCRATCH/to_tail" | wc -c | tr -d ' ' >"$CHE_SCRATCH/bytes"
}

report() {
    cat "$CHE_SCRATCH/figures"
    printf '{"che_backup":"result","role":"%s","summary":%s,"bytes":%s,"sha256":"%s",' \
        "$CHE_ROLE" "$(cat "$CHE_SCRATCH/summary")" "$(cat "$CHE_SCRATCH/bytes")" "$(cut -c 1-64 "$CHE_SCRATCH/sha256")"
    printf '"centiseconds":{"connect":%s,"dump":%s,"figures":%s,"read_back":%s}}\n' \
        $((connected - started)) "$sent_in" $((counted - connected - sent_in)) $((ended - counted))
}

end_with_children
started=$(now)
connect
connected=$(now)
dump
counted=$(now)
sent_in=$(cat "$CHE_SCRATCH/sent_in")
read_back
ended=$(now)
report
"""

# The sequences are read first, see there. The division ends the session when sending failed; send.sh has told why.
SESSION_SQL_SCRIPT = (
    SESSION_SQL
    + r"""
\set lock_timeout `echo "${CHE_LOCK_SECONDS}s"`
SET lock_timeout = :'lock_timeout';
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
\o :figures
"""
    + SEQUENCES_SQL
    + r"""
\ir grants.sql
SELECT pg_export_snapshot() AS exported \gset
\setenv CHE_EXPORTED_SNAPSHOT :exported
\setenv CHE_GRANTS_OPTION :grants_option
\! sh "$CHE_MOUNT/send.sh"
\set sent `cat "$CHE_SCRATCH/sent" || echo 0`
SELECT 1 / :sent AS sent \gset
\! printf '{"che_backup":"stage","stage":"figures"}\n'
"""
    + FIGURES_SQL
    + r"""
COMMIT;
"""
)

# A role without SUPERUSER loads the dump, and makes all of its objects. It can't grant in another role's name: the load
# would fail. Then the dump goes without any grants, and says so.
GRANTS_SQL = r"""
SELECT EXISTS (SELECT FROM pg_class AS o, aclexplode(o.relacl) AS g WHERE g.grantor <> o.relowner)
    OR EXISTS (
        SELECT FROM pg_attribute AS a JOIN pg_class AS o ON o.oid = a.attrelid, aclexplode(a.attacl) AS g
        WHERE g.grantor <> o.relowner)
    OR EXISTS (SELECT FROM pg_namespace AS o, aclexplode(o.nspacl) AS g WHERE g.grantor <> o.nspowner)
    OR EXISTS (SELECT FROM pg_proc AS o, aclexplode(o.proacl) AS g WHERE g.grantor <> o.proowner)
    OR EXISTS (SELECT FROM pg_type AS o, aclexplode(o.typacl) AS g WHERE g.grantor <> o.typowner)
    OR EXISTS (SELECT FROM pg_largeobject_metadata AS o, aclexplode(o.lomacl) AS g WHERE g.grantor <> o.lomowner)
    AS unportable \gset
SELECT CASE WHEN :'unportable' THEN '--no-privileges' ELSE '' END AS grants_option \gset
SELECT json_build_object('che_backup', 'warning', 'message',
    'the grants inside this database are not in the dump: there are grants in the name of a role that does not own the'
    ' object, and those only a superuser could give again')
WHERE :'unportable';
"""

# pg_dump is restic's child, so that a dump that fails is a backup that fails. It connects with what is in the
# environment and the password file. A fixed key keeps two dumps of the same data the same, byte for byte; what the key
# protects from, the load keeps out with a random one of its own. What it says goes to a file of its own: restic passes
# on only what it has read of that before it sees its child end.
SEND_SH = r"""
. "$CHE_MOUNT/common.sh"
stage=dump
: >"$errors"
: >"$CHE_SCRATCH/pg_dump.errors"
echo 0 >"$CHE_SCRATCH/sent"
set -- pg_dump --format=plain --no-password --no-owner --snapshot="$CHE_EXPORTED_SNAPSHOT" \
    --lock-wait-timeout="${CHE_LOCK_SECONDS}s"
[ -z "${CHE_GRANTS_OPTION:-}" ] || set -- "$@" "$CHE_GRANTS_OPTION"
if pg_dump --help | grep -q -e --restrict-key; then
    set -- "$@" --restrict-key=communityche
fi
started=$(now)
watched "$CHE_RESTIC" $CHE_RESTIC_OPTIONS backup --json --quiet --retry-lock 2m --host "$CHE_HOST" --tag "$CHE_TAGS" \
    --stdin-filename "$CHE_DUMP_PATH" --stdin-from-command -- \
    sh -c 'exec "$@" 2>"$CHE_SCRATCH/pg_dump.errors"' sh "$@" >"$CHE_SCRATCH/backup"
status=$?
echo $(($(now) - started)) >"$CHE_SCRATCH/sent_in"
if [ "$status" -ne 0 ]; then
    cat "$errors" >>"$CHE_SCRATCH/pg_dump.errors"
    fail "$status" "$CHE_SCRATCH/pg_dump.errors"
fi
grep '"message_type":"summary"' "$CHE_SCRATCH/backup" >"$CHE_SCRATCH/summary" ||
    fail_with 1 'restic ended well but named no snapshot'
echo 1 >"$CHE_SCRATCH/sent"
"""
