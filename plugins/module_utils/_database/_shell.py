# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the scripts of all Jobs share: stages, failures, the first contact with both servers, and the watch over restic.

POSIX sh with what coreutils and busybox have in common: database images bring dash, busybox ash or bash.
Standard output carries lines of JSON and nothing else. Whatever the tools say goes to files; a bounded part of them
comes out inside the error line.
"""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._repository._restic_versions import (
    MINIMUM_VERSION,
    REFUSED_FROM,
    dotted,
)

_COMMON = r"""
set -u
umask 077
export LC_ALL=C HOME="$CHE_SCRATCH" TMPDIR="$CHE_SCRATCH" RESTIC_CACHE_DIR="$CHE_SCRATCH/cache"
export PGPASSFILE="$CHE_SCRATCH/pgpass" PGGSSENCMODE=disable
errors=$CHE_SCRATCH/errors
stage=connect

# Old images of the Software Collections put PostgreSQL on PATH in a file that only bash reads, unasked.
command -v psql >/dev/null 2>&1 || { [ ! -r "${BASH_ENV:-}" ] || . "$BASH_ENV"; }

# Hundredths of a second, by a clock that nobody sets.
now() {
    read -r up idle </proc/uptime
    printf '%s' "${up%.*}${up#*.}"
}

enter() {
    stage=$1
    printf '{"che_backup":"stage","stage":"%s"}\n' "$stage"
}

# json_text: standard input as the inside of a JSON string, on one line.
json_text() {
    tr '\000-\037\177' ' ' | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g'
}

# telling FILE: what in a tool's output tells most. The first errors do, and the cause of restic's last try; a statement
# that failed may be very long.
telling() {
    if grep -q -i -E 'error|fatal|critical' "$1"; then
        {
            grep -i -E 'error|fatal|critical' "$1" | grep -v 'retrying after' | head -n 5
            grep 'retrying after' "$1" | tail -n 1
        } | cut -c 1-600 | head -c 1500
    else
        tail -c 600 "$1"
    fi
}

# fail STATUS FILE: the end, with the exit status and the output of the tool that failed.
fail() {
    printf '{"che_backup":"error","stage":"%s","status":%s,"message":"%s"}\n' \
        "$stage" "$1" "$(telling "$2" | json_text)"
    : >"$CHE_SCRATCH/told"
    exit 1
}

# fail_with STATUS MESSAGE
fail_with() {
    printf '%s\n' "error: $2" >"$CHE_SCRATCH/message"
    fail "$1" "$CHE_SCRATCH/message"
}

# libpq refuses a password file that others may read, and a mounted Secret is.
copy_password_file() {
    cp "$CHE_MOUNT/pgpass" "$PGPASSFILE" 2>"$errors" && chmod 600 "$PGPASSFILE" 2>>"$errors" || fail "$?" "$errors"
}

# When the Job is deleted, restic gets the time to take back its lock: as process 1 a shell would pass nothing on. What
# restic writes to must live until then, and so the others are ended after it.
end_with_children() {
    trap 'trap "" TERM; end_restic; kill -TERM 0; exit 143' TERM
}

end_restic() {
    pid=$(cat "$CHE_SCRATCH/restic.pid" 2>/dev/null) || return
    kill -TERM "$pid" || return
    while kill -0 "$pid" 2>/dev/null; do sleep 1; done
}

# attended COMMAND...: a shell acts on a signal only once its foreground command has ended, but at once in a wait.
attended() {
    "$@" &
    wait "$!"
}

# The restic of the image, judged as that of the machine which the module runs on.
require_restic() {
    "$CHE_RESTIC" version >"$CHE_SCRATCH/version" 2>"$errors" || fail "$?" "$errors"
    IFS=' .' read -r name major minor patch rest <"$CHE_SCRATCH/version"
    patch=${patch%%[!0-9]*}
    case $name:${major:-x}${minor:-x}${patch:-x} in
    restic:*[!0-9]*) name= ;;
    esac
    if [ "$name" != restic ]; then
        printf 'This does not say its version as restic does' >"$errors"
        fail 1 "$errors"
    fi
    number=$((major * 1000000 + minor * 1000 + patch))
    if [ "$number" -lt @OLDEST@ ] || [ "$number" -ge @REFUSED@ ]; then
        printf 'restic %s.%s.%s is not one that will do: from @OLDEST_WORDS@ to below @REFUSED_WORDS@' \
            "$major" "$minor" "$patch" >"$errors"
        fail 1 "$errors"
    fi
}

reach_repository() {
    require_restic
    timeout "$CHE_CONNECT_SECONDS" "$CHE_RESTIC" $CHE_RESTIC_OPTIONS cat config --no-lock >/dev/null 2>"$errors" ||
        fail "$?" "$errors"
}

# run_sql: psql as all scripts use it; statements on standard input or by -f.
run_sql() {
    psql -X -w -A -t -q -v ON_ERROR_STOP=1 "$@"
}

reach_database() {
    run_sql -c 'SELECT 1' >/dev/null 2>"$errors" || fail "$?" "$errors"
}

# watch PID: copies restic's messages from standard input to the file of errors, and ends restic when nothing but
# failures has come for the time that CHE_PATIENCE_SECONDS allows. restic itself would try for 15 minutes.
watch() {
    timer=
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"$errors"
        case $line in
            *'retrying after'*)
                [ -n "$timer" ] || { end_later "$1" </dev/null >/dev/null 2>&1 & timer=$!; } ;;
            *'operation successful after'*)
                [ -z "$timer" ] || kill "$timer" 2>/dev/null
                timer= ;;
        esac
    done
    [ -z "$timer" ] || kill "$timer" 2>/dev/null
}

end_later() {
    sleep "$CHE_PATIENCE_SECONDS"
    echo "error: the backup server answered no request for $CHE_PATIENCE_SECONDS seconds" >>"$errors"
    kill -TERM "$1"
    sleep 5
    kill -KILL "$1"
}

# watched COMMAND...: runs restic under the watch. Standard output is the caller's to redirect; the status is restic's.
watched() {
    rm -f "$CHE_SCRATCH/messages"
    mkfifo "$CHE_SCRATCH/messages" || return 1
    "$@" 2>"$CHE_SCRATCH/messages" &
    echo "$!" >"$CHE_SCRATCH/restic.pid"
    watch "$!" <"$CHE_SCRATCH/messages"
    wait "$(cat "$CHE_SCRATCH/restic.pid")"
    set -- "$?"
    rm "$CHE_SCRATCH/restic.pid"
    return "$1"
}
"""


def _versions(script: str) -> str:
    """Put the versions of restic that will do into the script, as numbers to compare and in words."""
    for name, version in (("OLDEST", MINIMUM_VERSION), ("REFUSED", REFUSED_FROM)):
        major, minor, patch = version
        script = script.replace(f"@{name}@", str(major * 1_000_000 + minor * 1_000 + patch))
        script = script.replace(f"@{name}_WORDS@", dotted(version))
    return script


COMMON_SH = _versions(_COMMON)
