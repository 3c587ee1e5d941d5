# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way back: everything as it was before a restore began, from any point of it before its commit.

Databases first, as they are what may be open to users; then the objects; then what the restore has created goes. Each
step can be run again after it was interrupted at any point.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._additions import with_additions
from ansible_collections.community.che.plugins.module_utils._che._strip import normalise, strip
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import Conflict
from ansible_collections.community.che.plugins.module_utils._kube._insist import (
    surely_create,
    surely_replace,
)
from ansible_collections.community.che.plugins.module_utils._kube._kinds import NAMESPACE, kind_of
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline, wait_for
from ansible_collections.community.che.plugins.module_utils._restore._created import await_removal, remove
from ansible_collections.community.che.plugins.module_utils._restore._databases import Restorer
from ansible_collections.community.che.plugins.module_utils._restore._login_keeper import (
    follow_own_secrets,
    restart_misled,
    unknown_logins,
)
from ansible_collections.community.che.plugins.module_utils._restore._objects import completed, is_ours, live_objects
from ansible_collections.community.che.plugins.module_utils._restore._own_namespace import maker_of
from ansible_collections.community.che.plugins.module_utils._restore._plan import CREATE, Step, in_place_of, is_leaving
from ansible_collections.community.che.plugins.module_utils._restore._ready import await_che
from ansible_collections.community.che.plugins.module_utils._restore._resume import end_safety_backup
from ansible_collections.community.che.plugins.module_utils._restore._work import Work
from ansible_collections.community.che.plugins.module_utils._run._journal import ABORT, COMMIT, OpenJournal
from ansible_collections.community.che.plugins.module_utils._run._record import seconds_since

Object = dict[str, Any]

_TRIES = 5
_LOST = (
    "The CheCluster that the restore had created was removed by somebody else, so that its databases can't be reached. "
    "Where their volume is there still, it holds what was restored, and what was there before as che-replaced-..."
)


def require_way_back(work: Work, restorer: Restorer) -> None:
    """Refuse an abort that could not bring the databases back. One that has begun already has looked.

    Raises:
        CheError: A database that was replaced has been removed already, by the commit or by somebody.
    """
    journal = work.journal.content
    goes_whole = _goes_whole(work) and journal.phase != COMMIT
    # Databases are found by the CheCluster. The way back brings that first, and sees then whether they are there.
    is_gone = _are_gone(work, [step for step in work.plan.steps if step.needs_operator])
    if journal.phase == ABORT or goes_whole or is_gone or restorer.can_swap_back():
        return
    what = "The restore is committed: a" if journal.phase == COMMIT else "A"
    then = "."
    if journal.safety_backup:
        then = f", then restore the safety backup {journal.safety_backup[:8]} to go back to what was there before."
    raise CheError(
        f"{what} database that it replaced is removed already",
        f"restore {journal.restore}",
        f"Run it again to end it{then}",
    )


def put_back(work: Work, restorer: Restorer) -> None:
    """Put everything back as it was before the restore began, and close its journal.

    What somebody else has changed meanwhile, and the restore has not, stays as it is.

    Raises:
        CheError: Something could not be put back; the journal is left, so that the abort can be run again.
    """
    journal, plan, namespace = work.journal, work.plan, work.namespace
    _require_kinds(work)
    _begin(journal)
    if _goes_whole(work):
        remove_namespace(work.cluster, namespace, work.deadline)
        return
    # That of a safety backup which has failed may be left, where the API server did not let it be removed; without the
    # journal nobody would know its name.
    end_safety_backup(work)
    # Databases are found by the CheCluster; somebody may have removed it.
    _put_back_lost(work)
    if _is_lost(work):
        work.run.warnings += [_LOST] if journal.content.closed_at else []
    elif plan.installation_exists or journal.content.cluster_written or journal.content.closed_at:
        # Also what was only loaded yet: it may lie on a volume from before, which stays.
        work.run.warnings += restorer.swap_back()
    work.run.warnings += _put_back_changed(work)
    if plan.installation_exists:
        restorer.open_with_own_secrets()
        follow_own_secrets(work)
        restart_misled(work)
        work.run.warnings += unknown_logins(work)
    restorer.clean_up()
    _remove_created(work)
    _require_che_cluster_to_stay(work)
    # Where a database is missing, as before or by somebody, Che can't be ready, and is away for nobody knows how long.
    comes_back = plan.installation_exists and restorer.are_all_back
    if comes_back and plan.was_ready:
        await_che(work.cluster, namespace, plan.che_cluster, work.deadline)
    if comes_back and journal.content.away_since and not journal.content.outage_seconds:
        journal.note(outage_seconds=seconds_since(journal.content.away_since))
    _require_previous(work)
    journal.close()


def _begin(journal: OpenJournal) -> None:
    """Note that there is only this way from here on, which has an outage of its own.

    It goes on where the restore had closed databases and Che was not ready since.
    """
    held = journal.content
    if held.phase != ABORT:
        away_since = "" if held.outage_seconds else held.closed_at
        journal.note(phase=ABORT, away_since=away_since, outage_seconds=0.0)


def _goes_whole(work: Work) -> bool:
    """Whether the restore has made the namespace, in this run or in one that was killed before it had a journal."""
    return work.plan.makes_namespace or maker_of(work.cluster, work.namespace) == work.journal.content.restore


def _is_lost(work: Work) -> bool:
    """Whether the CheCluster that the restore has made is gone, and with it what tells where the databases are."""
    return _are_gone(work, [step for step in work.plan.steps if step.needs_operator and step.action == CREATE])


def _are_gone(work: Work, steps: Sequence[Step]) -> bool:
    return bool(steps) and not _live(work, steps)


def _require_kinds(work: Work) -> None:
    """What is not served under the plan's version looks as if it were not there."""
    for step in work.plan.steps:
        matters = step.live is not None or work.journal.content.cluster_written
        if step.needs_operator and matters and not _goes_whole(work):
            kind = kind_of(step.saved)
            if not work.cluster.serves(kind):
                raise CheError(
                    f"The cluster does not serve the kind CheCluster as {kind.api_version}, which the restore has used",
                    "CustomResourceDefinition checlusters.org.eclipse.che",
                    "Install the operator of Che in the version that there was before, then run the task again.",
                )


def remove_namespace(cluster: Cluster, namespace: str, deadline: Deadline) -> None:
    """Remove the namespace that a restore has created, with all that is in it, and wait until it is gone."""
    cluster.delete(NAMESPACE, namespace)
    wait_for(
        lambda: True if cluster.find(NAMESPACE, namespace) is None else None,
        deadline,
        "the namespace that the restore had created to go",
        on=NAMESPACE.named(namespace),
        next_step="Its status names what holds it: often a finalizer whose operator does not run.",
    )


def _put_back_lost(work: Work) -> None:
    """Create anew what was there before and is not any more, by whomever it was removed."""
    steps = [step for step in work.plan.steps if step.live is not None and step.kind != NAMESPACE.kind]
    live = _live(work, steps)
    for step in steps:
        if (step.kind, step.name) not in live:
            surely_create(work.cluster, strip(step.live or {}))


def _put_back_changed(work: Work) -> list[str]:
    """Put back every object that the restore has replaced, and that was lost with what it created."""
    _put_back_lost(work)
    warnings = []
    steps = [step for step in work.plan.steps if step.live is not None and step.kind != NAMESPACE.kind]
    live = _live(work, steps)
    for step in steps:
        current = live.get((step.kind, step.name))
        before = strip(step.live or {})
        if current is None:
            continue
        if step.writes and normalise(current) != normalise(before):
            if _is_ours(work, step, current):
                _replace(work.cluster, step, before, current)
            else:
                warnings.append(f"{step.kind} {step.name} was changed by somebody else meanwhile, and stays so.")
    return warnings


def _replace(cluster: Cluster, step: Step, before: Object, current: Object) -> None:
    for _attempt in range(_TRIES):
        try:
            surely_replace(cluster, in_place_of(current, before))
            return
        except Conflict:
            # Its operator writes its status whenever it likes.
            current = {**cluster.get(kind_of(before), step.name, before["metadata"]["namespace"])}
    surely_replace(cluster, in_place_of(current, before))


def _remove_created(work: Work) -> None:
    """Remove what the restore has created: the CheCluster first, as its operator makes anew what it misses."""
    steps = [step for step in work.plan.steps if step.action == CREATE and step.kind != NAMESPACE.kind]
    live = _live(work, steps)
    for step in reversed(steps):
        current = live.get((step.kind, step.name))
        if current is not None and not _is_ours(work, step, current):
            work.run.warnings.append(f"{step.kind} {step.name} was created by somebody else meanwhile, and stays.")
            continue
        if current is not None:
            remove(work, step)
        if step.needs_operator and work.cluster.serves(kind_of(step.saved)):
            # Also when an abort that was interrupted has removed it: what it owned may be on its way out still.
            await_removal(work, step)
            _put_back_changed(work)


def _require_che_cluster_to_stay(work: Work) -> None:
    """One that somebody deletes while its operator is down equals what was there before, and goes once that runs.

    Raises:
        CheError: It is so.
    """
    steps = [step for step in work.plan.steps if step.needs_operator and step.live is not None]
    for (kind, name), live in _live(work, steps).items():
        if is_leaving(live):
            raise CheError(
                "It is being deleted",
                f"{kind} {name}",
                "Let the operator of Che end that, or remove its finalizer by hand. Then run the task with state: "
                "aborted, which brings it back.",
            )


def _require_previous(work: Work) -> None:
    """Hold everything against what the plan saw before the restore began."""
    steps = [step for step in work.plan.steps if step.kind != NAMESPACE.kind]
    live = _live(work, steps)
    differing = []
    for step in steps:
        current = live.get((step.kind, step.name))
        foreign = current is not None and not (step.writes and _is_ours(work, step, current))
        if not foreign and not _is_as_before(work.cluster, step, current):
            differing.append(f"{step.kind}/{step.name}")
    if differing:
        raise CheError(
            f"These objects are not as they were before: {', '.join(sorted(differing)[:10])}",
            f"namespace {work.namespace}",
            "Something changes them. Run the task again.",
        )


def _is_as_before(cluster: Cluster, step: Step, current: Object | None) -> bool:
    """Whether all that was there is there, and nothing else but what the cluster itself adds.

    An operator or a CRD that was updated meanwhile adds what it did not add when the plan was made.
    """
    if current is None or step.live is None:
        return current is step.live
    before, now = strip(step.live), normalise(current)
    if normalise(before) == now:
        return True
    defaults = completed(cluster, before, current) if step.needs_operator else before
    return normalise(with_additions(before, current, defaults)) == now


def _is_ours(work: Work, step: Step, current: Object) -> bool:
    return (step.needs_operator and work.journal.content.cluster_written) or is_ours(step, current, work.journal.began)


def _live(work: Work, steps: Sequence[Step]) -> dict[tuple[str, str], Object]:
    return live_objects(work.cluster, work.namespace, [step.saved for step in steps])
