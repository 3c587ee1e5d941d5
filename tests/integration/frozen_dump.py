# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stop a dump or a load half-way, for as long as a test needs to break something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from integration.che_bed import Home, database, pods

# A backend that copies the one big table, once a good part of it has passed.
DUMP = "command = 'COPY TO' AND datname NOT LIKE 'che-staged-%'"
LOAD = "command = 'COPY FROM' AND datname LIKE 'che-staged-%'"
_PROGRESS = (
    "SELECT min(pid) FROM pg_stat_progress_copy"
    " WHERE {what} AND bytes_processed > 2000000 AND pid <> ALL ('{{$known}}')"
)
_FREEZE = """
ask() { psql -qXAt -d "$POSTGRESQL_DATABASE" -c "$1"; }
known=$(ask "SELECT string_agg(pid::text, ',') FROM pg_stat_activity") || exit 1
for attempt in $(seq 1 2400); do
    pid=$(ask "{query}") || exit 1
    [ -z "$pid" ] || { kill -STOP "$pid" && echo "$pid"; exit; }
    sleep 0.02
done
echo 'no dump came by' >&2
exit 1
"""


@contextmanager
def frozen(home: Home, what: str = DUMP) -> Iterator[str]:
    """Wait until a dump or load that begins from now on has moved some of its data, and hold it there.

    The server's process for it, whose number is given, is stopped, so that pg_dump and restic wait half-way.
    """
    (holder,) = database.find(home.cluster, home.namespace)
    pod = pods.ready_pod(home.cluster, home.namespace, f"app.kubernetes.io/component={holder.deployment}")
    query = _PROGRESS.format(what=what)
    backend = pods.run(home.cluster, pod, _FREEZE.replace("{query}", query), timeout=180).strip()
    try:
        yield backend
    finally:
        pods.run(home.cluster, pod, f"kill -CONT {backend} 2>/dev/null || true")
