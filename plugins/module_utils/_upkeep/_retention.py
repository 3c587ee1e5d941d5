# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep what a policy keeps and remove the other backups: what the module ``backup_retention`` does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository, open_repository
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Halt
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._kinds import NAMESPACE
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._repository._caretaker import Caretaker
from ansible_collections.community.che.plugins.module_utils._repository._errors import NotRemoved
from ansible_collections.community.che.plugins.module_utils._repository._snapshots import Snapshot
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import read_tags
from ansible_collections.community.che.plugins.module_utils._upkeep._request import RetentionRequest, caretaker
from ansible_collections.community.che.plugins.module_utils._upkeep._rules import (
    Decision,
    RunRemains,
    Survey,
    decide,
    survey,
)
from ansible_collections.community.che.plugins.module_utils._upkeep._running import Running, look_at_runs
from ansible_collections.community.che.plugins.module_utils._upkeep._told import diff_of, told_backup, told_kept

# Ids on one command line; what a kernel takes is more than ten times that.
_AT_ONCE = 500
_CALL_SECONDS = 300


@dataclass
class _Work:
    """A retention on its way."""

    cluster: Cluster
    request: RetentionRequest
    repository: Repository
    deadline: Deadline
    running: Running = field(default_factory=Running)
    stale_locks: int = 0
    freed_bytes: int = 0
    pruned: bool = False
    warnings: list[str] = field(default_factory=list)

    def restic(self, read_only: bool, patient: bool = False) -> Caretaker:
        """restic for one call; a patient one may take all the time that is left, as pruning does."""
        seconds = self.deadline.left if patient else min(self.deadline.left, _CALL_SECONDS)
        return caretaker(self.repository, self.request.restic_path, seconds, read_only)


def retain(cluster: Cluster, request: RetentionRequest) -> dict[str, Any]:
    """Apply a policy and return what the task returns.

    Raises:
        CheError: Nothing was removed, or the error's facts say what was.
    """
    _require_namespace(cluster, request.namespace)
    repository = open_repository(cluster, request.namespace, request.server, request.restic_path, read_only=True)
    work = _Work(cluster, request, repository, Deadline(request.timeout))
    snapshots = _all_snapshots(work)
    decision = _decide(work, survey(snapshots, request.namespace))
    gone = _planned(work, decision) if request.check_mode else _carry_out(work, decision)
    return _result(work, decision, gone)


def _require_namespace(cluster: Cluster, namespace: str) -> None:
    if cluster.find(NAMESPACE, namespace) is None:
        raise CheError(
            "The namespace does not exist; when an installation is lost, none of its backups is removed",
            NAMESPACE.named(namespace),
            "Restore it first, or correct the option namespace.",
        )


def _all_snapshots(work: _Work) -> list[Snapshot]:
    """Every snapshot. One that can't be read may be a seal: the parts that it seals would look like leftovers.

    Raises:
        CheError: Some can't be read.
    """
    reader = work.restic(read_only=True)
    listed = reader.snapshot_ids()
    snapshots = reader.snapshots()
    unread = set(listed) - {snapshot.id for snapshot in snapshots}
    if unread:
        # One that somebody has forgotten since it was listed is gone, not damaged.
        unread &= set(reader.snapshot_ids())
    if unread:
        raise CheError(
            f"{len(unread)} of {len(listed)} snapshots can't be read, and nothing is removed from such a repository: "
            + ", ".join(sorted(snapshot_id[:8] for snapshot_id in unread)[:10]),
            work.repository.location,
            "Run community.che.backup_verify to see what is damaged.",
        )
    return snapshots


def _decide(work: _Work, found: Survey) -> Decision:
    now = datetime.now(timezone.utc)
    work.running = look_at_runs(work.cluster, work.request.namespace, now)
    kept: dict[str, tuple[str, ...]] = {}
    if found.complete:
        seals = {seal for each in found.complete for seal in each.seals}
        restic, policy = work.restic(read_only=True), work.request.policy.options
        answers = [restic.keep_policy(policy, work.request.namespace, tags) for tags in found.seal_groups()]
        kept = {seal: reasons for answer in answers for seal, reasons in answer.kept.items()}
        if {*kept, *(seal for answer in answers for seal in answer.removed)} != seals:
            raise CheError(
                "restic applied the policy to other snapshots than to the backups' seals, so nothing is removed",
                work.repository.location,
                "Did a backup end at this moment? Run the task again. Else look for snapshots with foreign tags.",
            )
    return decide(found, kept, work.running, now, work.request.incomplete_age)


def _planned(work: _Work, decision: Decision) -> set[str]:
    """What would be gone, and what pruning would free then."""
    gone = {*decision.seals, *decision.parts(decision.seals)}
    if work.request.prune and not work.running.runs:
        plan = work.restic(read_only=True, patient=True).plan_prune(sorted(gone))
        work.freed_bytes, work.pruned = plan.freed_bytes, plan.changes
    return gone


def _carry_out(work: _Work, decision: Decision) -> set[str]:
    """Remove what is to go, seals first, and return what is gone according to the server's own list."""
    meant = {*decision.seals, *decision.parts(decision.seals)}
    try:
        if decision.seals or decision.parts(()):
            _remove(work, decision)
        _prune(work)
    except Halt as error:
        _tell_what_is_gone(work, decision, meant, error)
        raise
    return meant - set(work.restic(read_only=True).snapshot_ids())


def _remove(work: _Work, decision: Decision) -> None:
    _require_nothing_new(work, decision)
    _require_nothing_written(work, decision)
    work.stale_locks += work.restic(read_only=False).release_stale_locks()
    refused = _forget(work, decision.seals)
    present = set(work.restic(read_only=True).snapshot_ids())
    gone = [seal for seal in decision.seals if seal not in present]
    # A server that keeps the seals keeps the parts too; asking for each of them would only take time.
    refused = refused or _forget(work, decision.parts(gone))
    if refused:
        refused.next_step = (
            "An append-only server does so: retention can't remove anything there. Remove backups on the server's own "
            "side, or run this task with an access that may delete."
        )
        raise refused


def _require_nothing_new(work: _Work, decision: Decision) -> None:
    """Look again at what runs: restic's answer took its time."""
    now = look_at_runs(work.cluster, work.request.namespace, datetime.now(timezone.utc))
    ids = {backup.id for each in decision.removed for backup in each.backups}
    runs = {each.run for each in (*decision.removed, *decision.leftovers)}
    if ids & set(now.restored) or runs & now.runs:
        raise CheError(
            "A run has begun meanwhile that uses a backup which was about to be removed",
            f"namespace {work.request.namespace}",
            "Run the task again when it has ended.",
        )
    work.running = now


def _require_nothing_written(work: _Work, decision: Decision) -> None:
    """What looked like leftovers is a backup by now when its run has sealed it, and ended, since it was listed."""
    doomed = {each.run: {*each.seals, *each.parts} for each in (*decision.removed, *decision.leftovers)}
    tagged = [(read_tags(snapshot.tags), snapshot.id) for snapshot in work.restic(read_only=True).snapshots()]
    if any(tags and tags.run in doomed and found not in doomed[tags.run] for tags, found in tagged):
        raise CheError(
            "A run has written meanwhile to a backup that was about to be removed",
            work.repository.location,
            "Run the task again.",
        )


def _forget(work: _Work, ids: Sequence[str]) -> NotRemoved | None:
    """Have these forgotten, and say whether the server refuses it."""
    for start in range(0, len(ids), _AT_ONCE):
        try:
            work.restic(read_only=False).forget_ids(ids[start : start + _AT_ONCE])
        except NotRemoved as refused:
            return refused
    return None


def _prune(work: _Work) -> None:
    if not work.request.prune:
        return
    if work.running.runs:
        work.warnings.append(
            f"Not pruned, as a run has not ended that may be reading: {', '.join(sorted(work.running.runs))}. "
            "Run the task again later."
        )
        return
    if not work.stale_locks:
        work.stale_locks += work.restic(read_only=False).release_stale_locks()
    pruned = work.restic(read_only=False, patient=True).prune()
    work.freed_bytes, work.pruned = pruned.freed_bytes, pruned.changes


def _tell_what_is_gone(work: _Work, decision: Decision, meant: set[str], error: Halt) -> None:
    """A failed task says what it has removed all the same."""
    try:
        gone = meant - set(work.restic(read_only=True).snapshot_ids())
    except Halt:
        error.next_step = f"{error.next_step} What was removed until then could not be listed.".strip()
        return
    error.facts.update(_result(work, decision, gone))


def _result(work: _Work, decision: Decision, gone: set[str]) -> dict[str, Any]:
    removed = [each for each in decision.removed if gone.issuperset((*each.seals, *each.parts))]
    leftovers = [each for each in decision.leftovers if gone.issuperset(each.parts)]
    half = [each for each in decision.removed if each not in removed and not gone.isdisjoint(each.seals)]
    return {
        "changed": bool(gone) or work.pruned,
        "backup_server": {
            "name": work.repository.server_name,
            "repository": work.repository.location,
            "chosen_because": work.repository.chosen_because,
        },
        "kept": [told_kept(each) for each in decision.kept],
        "removed": _told(removed),
        "incomplete_removed": _told(leftovers),
        "unsealed": _told(half),
        "left_alone": [told_kept(each) for each in decision.left_alone],
        "pruned": work.pruned,
        "freed_bytes": work.freed_bytes,
        "stale_locks_removed": work.stale_locks,
        "diff": diff_of(decision, [*removed, *leftovers], half),
        "warnings": work.warnings,
    }


def _told(runs: Iterable[RunRemains]) -> list[dict[str, Any]]:
    return [told_backup(backup) for each in runs for backup in each.backups]
