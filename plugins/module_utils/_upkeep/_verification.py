# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prove that backups can be read back: what the module ``backup_verify`` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository, open_repository
from ansible_collections.community.che.plugins.module_utils._backup._whose import whose_latest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._repository._check import CheckReport
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import (
    INCOMPLETE,
    LATEST,
    LEGACY,
    Backup,
    Whose,
    catalogue,
    resolve,
)
from ansible_collections.community.che.plugins.module_utils._upkeep._judge import SOUND, BackupVerdict, Judge
from ansible_collections.community.che.plugins.module_utils._upkeep._request import ALL, VerifyRequest, caretaker

_FEW = 5


class VerificationFailed(CheError):
    """Something in the repository is damaged, or could not be read."""


@dataclass(frozen=True)
class _Findings:
    """What a verification has found."""

    report: CheckReport
    unreadable: tuple[str, ...]
    verdicts: tuple[BackupVerdict, ...]
    stale_locks: int

    @property
    def failing(self) -> list[BackupVerdict]:
        return [verdict for verdict in self.verdicts if verdict.fails]


def verify(cluster: Cluster, request: VerifyRequest) -> dict[str, Any]:
    """Verify one backup or all, and return what the task returns.

    Raises:
        VerificationFailed: Something is damaged, or there is no backup; its facts are what the task returns otherwise.
        CheError: The verification could not be carried out, which says nothing about the backups.
    """
    repository = open_repository(cluster, request.namespace, request.server, request.restic_path, read_only=True)
    whose = whose_latest(cluster, request.namespace)
    findings = _look(repository, request, whose, Deadline(request.timeout))
    result = _result(repository, request, findings)
    if findings.failing or findings.report.errors or findings.unreadable:
        error = VerificationFailed(
            _what(findings),
            repository.location,
            "The result lists every backup's verdict. Make a new backup now, to another repository if you can, "
            "and see restic's page on troubleshooting.",
        )
        error.facts.update(result)
        raise error
    if not any(verdict.verdict in (SOUND, LEGACY) for verdict in findings.verdicts):
        # Only id: all comes here: an empty repository must not pass for one whose backups are sound.
        error = VerificationFailed("The repository has no backup", repository.location, "Make one; check the path too.")
        error.facts.update(result)
        raise error
    return result


def _look(repository: Repository, request: VerifyRequest, whose: Whose, deadline: Deadline) -> _Findings:
    stale_locks = 0
    if request.lock:
        stale_locks = caretaker(repository, request.restic_path, deadline.left, read_only=False).release_stale_locks()
    checker = caretaker(repository, request.restic_path, deadline.left, read_only=not request.lock)
    report = checker.inspect(request.subset)
    reader = caretaker(repository, request.restic_path, deadline.left, read_only=True)
    listed = reader.snapshot_ids()
    snapshots = {snapshot.id: snapshot for snapshot in reader.snapshots()}
    unreadable = set(listed) - set(snapshots)
    if unreadable:
        # One that somebody has forgotten since it was listed is gone, not damaged.
        unreadable &= set(reader.snapshot_ids())
    damaged = bool(report.errors or unreadable)
    # restic says which of its own files are broken. Which backups those belong to is found by reading all of them.
    reads = request.reads or damaged
    backups = catalogue(snapshots.values())
    chosen = _chosen(backups, ALL if damaged else request.id, whose)
    verdicts = []
    for backup in [*(_passed_over(backups, chosen) if request.id == LATEST else ()), *chosen]:
        restic = caretaker(repository, request.restic_path, deadline.left, read_only=True)
        verdict = Judge(restic, repository.id, snapshots, reads).judge(backup)
        if backup in chosen or verdict.fails:
            verdicts.append(verdict)
    return _Findings(report, tuple(sorted(unreadable)), tuple(verdicts), stale_locks)


def _chosen(backups: Sequence[Backup], wanted: str, whose: Whose) -> Sequence[Backup]:
    return backups if wanted == ALL else [resolve(backups, wanted, whose)]


def _passed_over(backups: Sequence[Backup], chosen: Sequence[Backup]) -> list[Backup]:
    """What the newest complete one is older than: that a backup has lost a part since must not go unnoticed."""
    newest = max((backup.created for backup in chosen), default=None)
    return [backup for backup in backups if newest and backup.state == INCOMPLETE and backup.created > newest]


def _what(findings: _Findings) -> str:
    failing = findings.failing
    if failing:
        named = "; ".join(f"{verdict.backup.id[:8]} ({_ailing(verdict)})" for verdict in failing[:_FEW])
        more = f" and {len(failing) - _FEW} more" if len(failing) > _FEW else ""
        return f"{len(failing)} of {len(findings.verdicts)} backups are damaged or can't be read: {named}{more}"
    if findings.unreadable:
        named = ", ".join(snapshot_id[:8] for snapshot_id in findings.unreadable[:_FEW])
        return f"{len(findings.unreadable)} snapshots can't be read, which may have been parts or seals: {named}"
    return f"The repository is damaged, though every backup could be read: {findings.report.errors[0][:300]}"


def _ailing(verdict: BackupVerdict) -> str:
    parts = [f"{part.kind} {part.name}".strip() for part in verdict.parts if part.verdict != SOUND]
    return ", ".join([*parts, *verdict.problems])


def _result(repository: Repository, request: VerifyRequest, findings: _Findings) -> dict[str, Any]:
    return {
        "changed": False,
        "backup_server": {
            "name": repository.server_name,
            "repository": repository.location,
            "chosen_because": repository.chosen_because,
        },
        "read_data": request.read_data,
        "backups": [_told(verdict) for verdict in findings.verdicts],
        "repository": {
            "errors": list(findings.report.errors),
            "broken_packs": list(findings.report.packs),
            "unreadable_snapshots": list(findings.unreadable),
        },
        "stale_locks_removed": findings.stale_locks,
    }


def _told(verdict: BackupVerdict) -> dict[str, Any]:
    return {
        "id": verdict.backup.id,
        "short_id": verdict.backup.id[:8],
        "run_id": verdict.backup.run,
        "namespace": verdict.backup.namespace,
        "created": verdict.backup.created.isoformat(),
        "verdict": verdict.verdict,
        "problems": list(verdict.problems),
        "parts": [
            {
                "kind": part.kind,
                "name": part.name,
                "snapshot": part.snapshot,
                "verdict": part.verdict,
                "problems": list(part.problems),
            }
            for part in verdict.parts
        ],
    }
