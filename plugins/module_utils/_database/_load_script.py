# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the load's Job runs: restic gives the dump, psql loads it as a role with few rights, the figures are taken."""

from __future__ import annotations

LOAD_SH = r"""
. "$CHE_MOUNT/common.sh"

connect() {
    enter connect
    copy_password_file
    reach_repository
    reach_database
    : >"$errors"
    watched "$CHE_RESTIC" $CHE_RESTIC_OPTIONS ls --no-lock --json "$CHE_SNAPSHOT" "$CHE_DUMP_PATH" \
        >"$CHE_SCRATCH/nodes" ||
        fail "$?" "$errors"
    size=$(sed -n 's/.*"type":"file".*"size":\([0-9]*\).*/\1/p' "$CHE_SCRATCH/nodes")
    case $size in
        '' | *[!0-9]*) fail_with 1 "the snapshot holds no file $CHE_DUMP_PATH" ;;
    esac
}

# A psql that knows \restrict takes no backslash commands from the dump. Its key must not be known to the dump.
choose_key() {
    key=$(od -A n -t x1 -N 16 /dev/urandom | tr -d ' \n')
    printf '\\restrict %s\n\\unrestrict %s\n' "$key" "$key" | run_sql >/dev/null 2>&1 || key=
    restricted=false
    [ -z "$key" ] || restricted=true
}

# relay BYTES: passes a plain dump on, without the \restrict that its pg_dump put into the comments at its head and the
# \unrestrict in its very last line. Anywhere else such a line is somebody's data.
relay() {
    left=$1
    dump_key=
    while [ "$left" -gt 0 ] && IFS= read -r line; do
        left=$((left - ${#line} - 1))
        case $line in
            '\restrict '*) dump_key=${line#?restrict }; break ;;
            '' | --*) printf '%s\n' "$line" ;;
            *) printf '%s\n' "$line"; break ;;
        esac
    done
    [ -n "$dump_key" ] || { cat; return; }
    last="\\unrestrict $dump_key"
    # dd takes no byte more from the pipe than it is told, which not every head does.
    dd bs=65536 iflag=fullblock,count_bytes count=$((left - ${#last} - 2)) 2>/dev/null
    [ "$(cat; echo end)" = "$last

end" ]
}

# The end of the transaction is written only when the whole dump has gone by: psql itself would take a dump that is cut
# off for one that has ended.
statements() {
    [ -z "$key" ] || printf '\\restrict %s\n' "$key"
    printf 'SET statement_timeout = 0;\nBEGIN;\n'
    {
        watched "$CHE_RESTIC" $CHE_RESTIC_OPTIONS dump --no-lock "$CHE_SNAPSHOT" "$CHE_DUMP_PATH"
        echo "$?" >"$CHE_SCRATCH/dumped"
    } | relay "$size" || return
    [ "$(cat "$CHE_SCRATCH/dumped")" = 0 ] || return
    printf 'COMMIT;\n'
    [ -z "$key" ] || printf '\\unrestrict %s\n' "$key"
    echo 1 >"$CHE_SCRATCH/whole"
}

# Only a member of a role may give that role's default privileges, and who loads a dump is none; who hands the database
# over gives them. pg_dump writes three lines above them, which nobody's data outside of COPY look like.
without_default_privileges() {
    LC_ALL=C sed -e '/^COPY .* FROM stdin;$/,/^\\\.$/b' \
        -e '/^-- Name: DEFAULT PRIVILEGES FOR .*; Type: DEFAULT ACL; /{n;n;n;:drop' \
        -e '/^ALTER DEFAULT PRIVILEGES /{N;s/^[^\n]*\n//;b drop' -e '}' -e '}'
}

pass_on() {
    statements | without_default_privileges | run_sql >/dev/null 2>"$CHE_SCRATCH/load.errors"
}

load() {
    enter load
    : >"$errors"
    echo 0 >"$CHE_SCRATCH/whole"
    echo 0 >"$CHE_SCRATCH/dumped"
    attended pass_on
    status=$?
    dumped=$(cat "$CHE_SCRATCH/dumped")
    # When psql stops, restic's pipe breaks: then psql's reason is the one to tell. Otherwise restic's is.
    if [ "$dumped" != 0 ] && [ "$dumped" != 141 ] && ! grep -q 'broken pipe' "$errors"; then
        fail "$dumped" "$errors"
    fi
    [ "$status" -eq 0 ] || fail "$status" "$CHE_SCRATCH/load.errors"
    [ "$(cat "$CHE_SCRATCH/whole")" = 1 ] || fail_with 1 'the dump does not end as pg_dump ends one'
}

# A restored database without statistics would be slow until the server finds the time.
analyze() {
    enter analyze
    run_sql -c 'SET statement_timeout = 0' -c 'SET client_min_messages = error' -c 'ANALYZE' >/dev/null 2>"$errors" ||
        fail "$?" "$errors"
}

count() {
    enter figures
    run_sql -f "$CHE_MOUNT/figures.sql" >"$CHE_SCRATCH/figures" 2>"$errors" || fail "$?" "$errors"
}

report() {
    cat "$CHE_SCRATCH/figures"
    printf '{"che_backup":"result","role":"%s","bytes":%s,"restricted":%s,' "$CHE_ROLE" "$size" "$restricted"
    printf '"centiseconds":{"connect":%s,"load":%s,"analyze":%s,"figures":%s}}\n' \
        $((connected - started)) $((loaded - connected)) $((analyzed - loaded)) $((ended - analyzed))
}

end_with_children
started=$(now)
connect
choose_key
connected=$(now)
load
loaded=$(now)
analyze
analyzed=$(now)
count
ended=$(now)
report
"""
