# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is at work in an installation right now, so that nothing is taken away from under it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import JOB
from ansible_collections.community.che.plugins.module_utils._run._journal import OpenJournal
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import OpenMigration
from ansible_collections.community.che.plugins.module_utils._run._record import (
    IN_PROGRESS,
    OUR_LABELS,
    RUN_LABEL,
    Record,
    moment_of,
)
from ansible_collections.community.che.plugins.module_utils._run._run import records_of

_RESTORE = "restore"
_DRILL = "drill"
_OURS = f"app.kubernetes.io/managed-by={OUR_LABELS['app.kubernetes.io/managed-by']}"


@dataclass(frozen=True)
class Running:
    """The runs that have not ended.

    Args:
        runs: Their ids: those with a record that is renewed, and those with a Job that has not ended.
        restored: The restore, or the drill of one, that uses a backup, by the backup's id.
        since: When the oldest of the restores began; None when there is none.
    """

    runs: frozenset[str] = frozenset()
    restored: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None


class RestoreBegins(CheError):
    """A restore has begun, and has not yet said which backup it restores."""


def look_at_runs(cluster: Cluster, namespace: str, now: datetime) -> Running:
    """See what runs in a namespace.

    A run whose process was killed may have left a Job that still reads from the repository or writes to it.

    Raises:
        RestoreBegins: A restore is choosing its backup at this moment.
    """
    working = {_run_of(job) for job in cluster.list(JOB, namespace, labels=_OURS) if not _has_ended(job)}
    live = [
        record
        for record in records_of(cluster, namespace)
        if record.seen_at(now).state == IN_PROGRESS or record.run_id in working
    ]
    unfinished = OpenJournal.find(cluster, namespace)
    held = {**(_held_by(unfinished) if unfinished else {}), **_held_by_migration(cluster, namespace)}
    restores = [record for record in live if record.kind == _RESTORE]
    # One that has not chosen its backup yet takes the newest, which is never removed, or one that somebody has named.
    drilled = {record.snapshot_id: record.run_id for record in live if record.kind == _DRILL and record.snapshot_id}
    for record in restores:
        _require_backup(record, namespace)
    return Running(
        runs=frozenset({*(record.run_id for record in live), *working, *held.values()} - {""}),
        restored={**drilled, **{record.snapshot_id: record.run_id for record in restores}, **held},
        since=min((moment_of(record.started) for record in restores), default=None),
    )


def _held_by_migration(cluster: Cluster, namespace: str) -> dict[str, str]:
    unfinished = OpenMigration.find(cluster, namespace)
    if unfinished is None:
        return {}
    held = unfinished.content
    return {backup: held.migration for backup in (held.backup, held.safety_backup) if backup}


def _held_by(unfinished: OpenJournal) -> dict[str, str]:
    """What a restore that has not ended goes on with, or goes back to, however long nobody works on it."""
    journal = unfinished.content
    return {backup: journal.restore for backup in (journal.backup, journal.safety_backup) if backup}


def _require_backup(record: Record, namespace: str) -> None:
    if not record.snapshot_id:
        raise RestoreBegins(
            "A restore has begun and has not yet said which backup it restores",
            f"run {record.run_id} in {namespace}",
            "Run the task again in a moment.",
        )


def _run_of(job: Object) -> str:
    return str((job["metadata"].get("labels") or {}).get(RUN_LABEL, ""))


def _has_ended(job: Object) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or []
    return any(held["type"] in ("Complete", "Failed") and held["status"] == "True" for held in conditions)
