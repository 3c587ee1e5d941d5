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

# A psql that knows \restrict takes no backslash commands from the dump. Its key must not be known to the dump. For an
# older one the dump is read before, see harmless.awk.
choose_key() {
    word=$(od -A n -t x1 -N 16 /dev/urandom | tr -d ' \n')
    key=$word
    printf '\\restrict %s\n\\unrestrict %s\n' "$key" "$key" | run_sql >/dev/null 2>&1 || key=
    restricted=false
    [ -z "$key" ] || restricted=true
    [ -n "$key" ] || command -v awk >/dev/null ||
        fail_with 1 'this psql can not be kept from obeying commands in the dump, and there is no awk to look for any'
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

# The dump without what keeps its owner's own words from being loaded by somebody else. Only a member of a role may give
# that role's default privileges, and who loads a dump is none; who hands the database over gives them. Only its owner
# may comment on an extension, which pg_dump does for each, before 11 for PL/pgSQL too. Large objects come in a
# transaction of their own, which would end the one of the load. pg_dump writes three lines above all these, which
# nobody's data outside of COPY look like. Unless it is told --no-owner, as the old operator did not, it gives each
# object an owner, in a line of its own.
portable() {
    set --
    [ "${CHE_OWNERS:-}" != drop ] || set -- -e '/^ALTER [A-Z][A-Z ]* .* OWNER TO .*;$/d'
    LC_ALL=C sed -e '/^COPY .* FROM stdin;$/,/^\\\.$/b' "$@" \
        -e '/^-- Name: DEFAULT PRIVILEGES FOR .*; Type: DEFAULT ACL; /{n;n;n;:drop' \
        -e '/^ALTER DEFAULT PRIVILEGES /{N;s/^[^\n]*\n//;b drop' -e '}' -e '}' \
        -e '/^-- Data for Name: .*; Type: BLOBS; /,/^COMMIT;$/{s/^BEGIN;$//;s/^COMMIT;$//' -e '}' \
        -e '/^-- Name: EXTENSION .*; Type: COMMENT; /{n;n;n' \
        -e "s/^COMMENT ON EXTENSION .* IS '.*';\$//" -e '}'
}

harmless() {
    tr -d '\000' | LC_ALL=C awk -f "$CHE_MOUNT/harmless.awk" 2>"$CHE_SCRATCH/refused"
}

dump() {
    {
        watched "$CHE_RESTIC" $CHE_RESTIC_OPTIONS dump --no-lock "$CHE_SNAPSHOT" "$CHE_DUMP_PATH"
        echo "$?" >"$CHE_SCRATCH/dumped"
    } | {
        relay "$size" && echo 1 >"$CHE_SCRATCH/relayed"
    } | portable
}

# The end of the transaction is written only when the whole dump has gone by: psql itself would take a dump that is cut
# off for one that has ended. The transaction must be the one that was begun, and the last word be ours.
statements() {
    printf 'SET statement_timeout = 0;\nBEGIN;\nSELECT pg_catalog.txid_current() AS che_transaction \\gset\n'
    if [ -n "$key" ]; then
        printf '\\restrict %s\n' "$key"
        dump
    else
        dump | harmless
    fi
    [ "$(cat "$CHE_SCRATCH/dumped")$(cat "$CHE_SCRATCH/relayed")" = 01 ] && [ ! -s "$CHE_SCRATCH/refused" ] || return
    echo 1 >"$CHE_SCRATCH/whole"
    [ -z "$key" ] || printf '\n\\unrestrict %s\n' "$key"
    printf '\nSELECT CASE WHEN pg_catalog.txid_current() OPERATOR(pg_catalog.=) :che_transaction THEN %s\n' "'0'"
    printf "ELSE 'the dump ends the transaction that it is loaded in' END::pg_catalog.int4;\nCOMMIT;\n"
    printf '\\echo %s\n' "$word"
}

pass_on() {
    for file in whole dumped relayed; do echo 0 >"$CHE_SCRATCH/$file"; done
    : >"$CHE_SCRATCH/refused"
    statements | {
        run_sql -f - 2>"$CHE_SCRATCH/load.errors"
        echo "$?" >"$CHE_SCRATCH/loaded"
    } | tail -n 1 >"$CHE_SCRATCH/last"
}

# in_section LINE: in which of the dump's sections a line of the statements is, by the comment above it.
in_section() {
    statements 2>/dev/null |
        LC_ALL=C sed -n -e '/^COPY .* FROM stdin;$/,/^\\\.$/!{' -e '/^-- Name: /h' -e '/^-- Data for Name: /h' -e '}' \
            -e "$1{g;s/^-- .*Name: \(.*\); Type: \([A-Z ]*\); Schema: .*/\2 \1/p;q;}"
}

# What psql said of the statement that failed, and where that stands; never what else is in its messages, such as data.
fail_to_load() {
    line=$(sed -n 's/^psql:<stdin>:\([0-9]*\): ERROR: .*/\1/p' "$CHE_SCRATCH/load.errors" | head -n 1)
    [ -n "$line" ] || fail "$1" "$CHE_SCRATCH/load.errors"
    section=$(in_section "$line")
    printf '%s%s\n' "$(sed -n "s/^psql:<stdin>:$line: \(ERROR: .*\)/\1/p" "$CHE_SCRATCH/load.errors" | head -n 1)" \
        "${section:+, in the dump at $section}" >"$CHE_SCRATCH/message"
    fail "$1" "$CHE_SCRATCH/message"
}

load() {
    enter load
    : >"$errors"
    attended pass_on
    status=$(cat "$CHE_SCRATCH/loaded")
    dumped=$(cat "$CHE_SCRATCH/dumped")
    # When psql stops, restic's pipe breaks: then psql's reason is the one to tell. Otherwise restic's is.
    if [ "$dumped" != 0 ] && [ "$dumped" != 141 ] && ! grep -q 'broken pipe' "$errors"; then
        fail "$dumped" "$errors"
    fi
    [ "$status" -eq 0 ] || fail_to_load "$status"
    [ ! -s "$CHE_SCRATCH/refused" ] ||
        fail_with 1 "an old psql might obey this dump, for $(cat "$CHE_SCRATCH/refused")"
    [ "$(cat "$CHE_SCRATCH/whole")$(cat "$CHE_SCRATCH/last")" = "1$word" ] ||
        fail_with 1 'the dump does not end as pg_dump ends one'
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
