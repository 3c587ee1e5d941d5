# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore, from the plan to the commit or back: what the module ``cluster_restore`` does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._back_up import told_about
from ansible_collections.community.che.plugins.module_utils._backup._repository import (
    Repository,
    open_repository,
    remember_choice,
)
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._kinds import NAMESPACE
from ansible_collections.community.che.plugins.module_utils._kube._lease import DURATION_SECONDS, held_lease
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore._abort import abort
from ansible_collections.community.che.plugins.module_utils._restore._begin import keep_plan
from ansible_collections.community.che.plugins.module_utils._restore._checks import (
    BLOCKED,
    WARNED,
    Check,
    require_none_blocked,
)
from ansible_collections.community.che.plugins.module_utils._restore._meant import require_meant
from ansible_collections.community.che.plugins.module_utils._restore._own_namespace import (
    make_namespace,
    take_namespace_over,
)
from ansible_collections.community.che.plugins.module_utils._restore._phases import carry_on
from ansible_collections.community.che.plugins.module_utils._restore._planning import make_plan
from ansible_collections.community.che.plugins.module_utils._restore._preflight import check
from ansible_collections.community.che.plugins.module_utils._restore._request import ABORTED, RestoreRequest
from ansible_collections.community.che.plugins.module_utils._restore._result import told_check, told_plan, told_work
from ansible_collections.community.che.plugins.module_utils._restore._resume import planned, require_same, take_over
from ansible_collections.community.che.plugins.module_utils._restore._told_plan import Telling
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan, Work
from ansible_collections.community.che.plugins.module_utils._run._journal import RESTORED, OpenJournal
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import require_no_migration
from ansible_collections.community.che.plugins.module_utils._run._run import Run

LEASE = "che-restore"
# A holder that was killed on another machine is waited for, and a moment more.
_PATIENCE_SECONDS = DURATION_SECONDS + 15.0


def restore(cluster: Cluster, request: RestoreRequest) -> dict[str, Any]:
    """Restore a backup, go on with a restore that was interrupted, or put back what was there before one.

    Raises:
        CheError: At any stage; its message names what to do next.
    """
    run = Run(cluster, request.namespace, request.run_id, "restore", recorded=not request.check_mode)
    with told_about(run), run.recording(), ExitStack() as alone:
        if not request.check_mode and cluster.find(NAMESPACE, request.namespace) is not None:
            cluster = _be_alone(cluster, request, alone)
        require_no_migration(cluster, request.namespace, "restore")
        journal = OpenJournal.find(cluster, request.namespace)
        if request.state == ABORTED:
            return abort(cluster, request, run, journal)
        if journal is not None and not request.check_mode:
            return _resume(cluster, request, run, journal)
        return _begin(cluster, request, run, alone, journal)


def _be_alone(cluster: Cluster, request: RestoreRequest, alone: ExitStack) -> Cluster:
    """See to it that no other restore works on this namespace, until this one has ended.

    Returns:
        The cluster, to which this process can't write any more once another one has taken over.
    """
    purpose = f"restoring {request.namespace} (run {request.run_id})"
    lease = held_lease(cluster, request.namespace, LEASE, purpose, _PATIENCE_SECONDS, for_the_living=False)
    return alone.enter_context(lease)


def _begin(
    cluster: Cluster, request: RestoreRequest, run: Run, alone: ExitStack, unfinished: OpenJournal | None
) -> dict[str, Any]:
    deadline = Deadline(request.timeout)
    with run.stage("plan", "Downloading backup from backup server"):
        repository = _open(cluster, request)
        plan = make_plan(cluster, request, repository)
        run.sealed(plan.backup)
        refusals = _unfinished(run, request, repository, unfinished)
        if request.plan is not None:
            Telling.of(repository.access.password, repository.id).require_same(request.plan, plan, request.options)
    with run.stage("check", "Validating every object without writing it"):
        # What an unfinished restore is of was settled when it began.
        asked = request if unfinished is None or refusals else replace(request, id=plan.backup)
        checks = [*refusals, *(check(cluster, asked, plan) if plan.changes else plan.checks)]
        run.warnings += [held.sentence for held in checks if held.result == WARNED]
        if not plan.changes:
            run.say("Nothing to change")
        if plan.changes and not request.check_mode:
            with _telling_plan(run, repository, plan, checks, request.options):
                require_none_blocked(checks)
        # A task that is refused leaves even this as it was.
        repository = remember_choice(cluster, request.namespace, repository, request.check_mode)
        if request.check_mode or not plan.changes:
            told = told_check(run, repository, plan, checks, request.options)
            return {**told, "changed": told["changed"] or (not refusals and _goes_on(request, unfinished))}
        kept = keep_plan(request, repository, plan)
        if plan.makes_namespace:
            make_namespace(cluster, request.run_id, plan)
            cluster = _be_alone(cluster, request, alone)
        else:
            take_namespace_over(cluster, request.namespace, request.run_id)
        journal = OpenJournal.begin(cluster, request.namespace, kept)
    return _carry_on(Work(cluster, request, run, repository, plan, deadline, journal, checks))


@contextmanager
def _telling_plan(
    run: Run, repository: Repository, plan: Plan, checks: Sequence[Check], options: str
) -> Iterator[None]:
    """A restore that can't begin returns its plan all the same, with all that blocks it."""
    try:
        yield
    except CheError as error:
        error.facts["plan"] = told_plan(run, repository, plan, checks, options)["plan"]
        raise


def _resume(cluster: Cluster, request: RestoreRequest, run: Run, journal: OpenJournal) -> dict[str, Any]:
    deadline = Deadline(request.timeout)
    with run.stage("plan", f"Going on with the restore {journal.content.restore} from: {journal.content.phase}"):
        repository = _open(cluster, request)
        require_same(journal.content, request, repository)
        run.sealed(journal.content.backup)
        plan = planned(journal.content, repository, request.namespace)
        require_meant(request, plan.che_cluster)
        work = Work(cluster, request, run, repository, plan, deadline, journal)
        take_over(work)
    waited = journal.content.phase == RESTORED and not request.commit
    told = _carry_on(work, resumed=True)
    return {**told, "changed": False, "diff": []} if waited else told


def _carry_on(work: Work, resumed: bool = False) -> dict[str, Any]:
    carry_on(work)
    backup = work.plan.backup[:8]
    if work.committed:
        work.run.say(f"Backup {backup} is restored")
    else:
        work.run.say(f"Backup {backup} is restored, and waits to be committed or aborted")
    return told_work(work, resumed=resumed)


def _open(cluster: Cluster, request: RestoreRequest) -> Repository:
    return open_repository(cluster, request.namespace, request.server, request.restic_path, read_only=True)


def _unfinished(run: Run, request: RestoreRequest, repository: Repository, journal: OpenJournal | None) -> list[Check]:
    """What keeps the task from going on with an unfinished restore; where nothing does, a warning says that it does."""
    if journal is None:
        return []
    held = journal.content
    try:
        require_same(held, request, repository)
    except CheError as refusal:
        return [Check("unfinished restore", BLOCKED, refusal.what, refusal.on, refusal.next_step)]
    run.warnings.append(
        f"The restore {held.restore} of backup {held.backup[:8]} is unfinished, at: {held.phase}. Without check mode "
        "this task goes on with it; state: aborted puts back what was there before."
    )
    return []


def _goes_on(request: RestoreRequest, unfinished: OpenJournal | None) -> bool:
    """Whether going on with an unfinished restore would change something, whatever of the cluster equals the backup."""
    return unfinished is not None and (unfinished.content.phase != RESTORED or request.commit)
