# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A migration, from the first look to the commit or back: what the module ``database_migration`` does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._back_up import told_about
from ansible_collections.community.che.plugins.module_utils._backup._repository import (
    open_repository,
    refuse_legacy_neighbours,
)
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._external_database._diff import settings_diff
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._lease import DURATION_SECONDS, LeaseLost, held_lease
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._migration._back_out import put_back
from ansible_collections.community.che.plugins.module_utils._migration._lost import end_without_che, look_for_che
from ansible_collections.community.che.plugins.module_utils._migration._phases import carry_on
from ansible_collections.community.che.plugins.module_utils._migration._places import Place
from ansible_collections.community.che.plugins.module_utils._migration._plan import Plan, checked, plan_of
from ansible_collections.community.che.plugins.module_utils._migration._request import (
    ABORTED,
    MigrationRequest,
)
from ansible_collections.community.che.plugins.module_utils._migration._way_back import NAME as WAY_BACK
from ansible_collections.community.che.plugins.module_utils._migration._way_back import Way, find_way, keep_way
from ansible_collections.community.che.plugins.module_utils._migration._work import Work, end_jobs
from ansible_collections.community.che.plugins.module_utils._restore._restore import LEASE
from ansible_collections.community.che.plugins.module_utils._run._journal import (
    ABORT,
    COMMIT,
    JournalTaken,
    OpenJournal,
)
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import (
    COPY,
    MIGRATED,
    Migration,
    OpenMigration,
)
from ansible_collections.community.che.plugins.module_utils._run._run import Run

# A holder that was killed on another machine is waited for, and a moment more.
_PATIENCE_SECONDS = DURATION_SECONDS + 15.0


def migrate(cluster: Cluster, request: MigrationRequest) -> dict[str, Any]:
    """Move an installation's databases, go on with a move that was interrupted, or undo one.

    Raises:
        CheError: At any stage; its message names what to do next.
    """
    run = Run(cluster, request.namespace, request.run_id, "migration", recorded=not request.check_mode)
    with told_about(run), run.recording(), _alone(cluster, request) as fenced:
        _require_no_restore(fenced, request.namespace)
        journal = OpenMigration.find(fenced, request.namespace)
        if request.state == ABORTED:
            return _abort(fenced, request, run, journal)
        if journal is not None and not request.check_mode:
            return _resume(fenced, request, run, journal)
        return _begin(fenced, request, run, journal)


@contextmanager
def _alone(cluster: Cluster, request: MigrationRequest) -> Iterator[Cluster]:
    """See to it that no restore and no other migration works on this namespace, until this one has ended."""
    with ExitStack() as held:
        if not request.check_mode:
            purpose = f"migrating {request.namespace} (run {request.run_id})"
            lease = held_lease(cluster, request.namespace, LEASE, purpose, _PATIENCE_SECONDS, for_the_living=False)
            cluster = held.enter_context(lease)
        yield cluster


def _require_no_restore(cluster: Cluster, namespace: str) -> None:
    unfinished = OpenJournal.find(cluster, namespace)
    if unfinished is not None:
        raise CheError(
            "A restore of this installation is unfinished",
            f"restore {unfinished.content.restore}, at: {unfinished.content.phase}",
            "End it by running the restore again, or with state: aborted, then migrate.",
        )


def _begin(cluster: Cluster, request: MigrationRequest, run: Run, unfinished: OpenMigration | None) -> dict[str, Any]:
    deadline = Deadline(request.timeout)
    with run.stage("plan", "Looking where the databases are"):
        if unfinished is not None:
            _require_unhindered(cluster, request, unfinished.content)
            run.warnings.append(
                f"The migration {unfinished.content.migration} is unfinished, at: {unfinished.content.phase}. Without "
                "check mode this task goes on with it; state: aborted goes back."
            )
        plan = plan_of(cluster, request)
        if not plan.way.there and request.id and unfinished is None:
            raise CheError(
                "Che uses that database already, and one that is in use is not restored over",
                f"CheCluster {request.namespace}/{plan.che.name}",
                "Name another one on that server, which is empty.",
            )
        if unfinished is not None:
            # What is left of it, which is nothing for one that waits unless that is to be committed.
            left = request.commit or unfinished.content.phase != MIGRATED
            return {**_told(run, plan, unfinished.content), "changed": left, "committed": False}
        if not plan.way.there:
            run.say(plan.nothing_to_do)
            return _told(run, plan, None)
    with run.stage("check", "Looking at the server that the databases go to"):
        plan = checked(cluster, request, plan, deadline)
        run.warnings += plan.warnings
        if request.check_mode:
            return _told(run, plan, None)
        server = open_repository(cluster, request.namespace, request.server, request.restic_path, read_only=True)
        if request.backs_up:
            refuse_legacy_neighbours(server, request.beside_legacy)
    begun = Migration(
        migration=request.run_id, repository=server.id, options=request.options, phase=COPY, run=request.run_id
    )
    journal = OpenMigration.begin(cluster, request.namespace, begun)
    keep_way(cluster, request.namespace, journal, plan.way)
    return _carry_on(Work(cluster, request, run, plan.che, plan.way, journal, deadline), plan, resumed=False)


def _resume(cluster: Cluster, request: MigrationRequest, run: Run, journal: OpenMigration) -> dict[str, Any]:
    deadline, held = Deadline(request.timeout), journal.content
    with run.stage("plan", f"Going on with the migration {held.migration} from: {held.phase}"):
        che = _require_unhindered(cluster, request, held)
        way = find_way(cluster, request.namespace, journal)
        if way is None:
            _require_untouched(request, journal)
            way = plan_of(cluster, request).way
            keep_way(cluster, request.namespace, journal, way)
        way = way.spoken_as(che.api_version)
        work = Work(cluster, request, run, che, way, journal, deadline)
        run.sealed(held.backup)
        _take_over(work)
    waited = held.phase == MIGRATED and not request.commit
    told = _carry_on(work, Plan(che, way), resumed=True)
    return {**told, "changed": False} if waited else told


def _require_unhindered(cluster: Cluster, request: MigrationRequest, held: Migration) -> CheCluster:
    """See to it that an unfinished migration can be gone on with by this task; returns its CheCluster.

    Raises:
        CheError: It can't.
    """
    on = f"migration {held.migration}"
    if held.phase == ABORT:
        raise CheError("It is being aborted", on, "Run the task with state: aborted to end that.")
    if _goal(request.options, held) != _goal(held.options, held):
        advice = "Run it again as it was begun to end it, or with state: aborted to go back."
        raise CheError(f"An unfinished migration was begun with other options: {held.options}", on, advice)
    che, gone = look_for_che(cluster, request)
    if che is None:
        advice = "Run the task with state: aborted to end it; then bring the CheCluster back, by a restore for one."
        raise CheError("Its CheCluster is gone", on, advice)
    if gone:
        advice = "Run the task with state: aborted, which only ends it then, and empties nothing."
        raise CheError(f"{gone}, so that there is nothing left to move", on, advice)
    return che


def _goal(options: str, held: Migration) -> dict[str, Any]:
    """What options say of where a migration goes, as far as that still decides anything.

    Who commits once the identity provider is gone, as after an update to 7.43, has nothing to say of its Secret.
    """
    said: dict[str, Any] = json.loads(options)
    settled = ("identity_secret",) if held.phase in (MIGRATED, COMMIT) else ()
    return {name: value for name, value in said.items() if name not in settled}


def _require_untouched(request: MigrationRequest, journal: OpenMigration) -> None:
    """Without its way back a migration can only be gone on with, or given up, before it has done anything.

    Raises:
        CheError: It has, so that somebody has removed the way back.
    """
    held = journal.content
    if held.phase == COPY and not held.backup:
        return
    raise CheError(
        "The Secret with the way back is gone",
        f"migration {held.migration}, Secret {request.namespace}/{WAY_BACK}",
        f"Bring the CheCluster to where Che is to work by hand; then remove the ConfigMap {journal.NAME}.",
    )


def _take_over(work: Work) -> None:
    """Make an unfinished migration this run's, and end what the run before has left at work."""
    end_jobs(work)
    left = {} if work.has_moved else work.sources
    targets = work.targets_at_hand[0].values()
    for place in (*left.values(), *(target.place for target in targets)):
        _end_earlier(work, place)
    work.journal.note(run=work.request.run_id)


def _end_earlier(work: Work, place: Place) -> None:
    """End the scripts of a run that was killed; where a backup is restored, what is left may be lost."""
    try:
        place.psql.end_earlier()
    except (JournalTaken, LeaseLost):
        raise
    except CheError as failure:
        if not json.loads(work.journal.content.options).get("id"):
            raise
        work.run.warnings.append(f"The server of the {place.on} could not be asked: {failure}")


def _carry_on(work: Work, plan: Plan, resumed: bool) -> dict[str, Any]:
    carry_on(work)
    if work.request.commit:
        work.run.say("The databases have moved")
    else:
        work.run.say("The databases have moved, and wait to be committed or aborted")
    return {**_told(work.run, plan, work.journal.content), "verified": work.verified, "resumed": resumed}


def _abort(cluster: Cluster, request: MigrationRequest, run: Run, journal: OpenMigration | None) -> dict[str, Any]:
    """Go back to the databases from before an unfinished migration; without one, change nothing."""
    told: dict[str, Any] = {"changed": False, "run_id": run.run_id, "aborted": ""}
    told.update(che_cluster_lost=False, database_outgrown=False)
    if journal is None:
        run.say("There is no unfinished migration")
        return {**told, "stages": run.record.as_result()["stages"], "warnings": [], "duration": run.seconds}
    held = journal.content
    with run.stage("plan", f"Looking at the migration {held.migration}"):
        che, gone = look_for_che(cluster, request)
        if held.phase == COMMIT and not gone:
            raise CheError("It is committed", f"migration {held.migration}", "Run it again with commit to end it.")
        way = find_way(cluster, request.namespace, journal)
        if way is None:
            _require_untouched(request, journal)
        told.update(changed=True, aborted=held.migration)
        told.update(che_cluster_lost=che is None, database_outgrown=bool(che and gone))
        if che is None or gone:
            run.warnings.append(f"{gone}, so that Che was not brought back.")
            che = CheCluster(way.che) if way else None
        else:
            way = way.spoken_as(che.api_version) if way else None
            told["diff"] = settings_diff(che, way.back if way else {})
    if not request.check_mode:
        with run.stage("abort", "Going back to the databases from before"):
            deadline = Deadline(request.timeout)
            if che is None:
                # Nothing was changed yet.
                journal.close()
            else:
                work = Work(cluster, request, run, che, way or Way({}, {}), journal, deadline)
                _undo(work, is_lost=bool(gone), is_begun=way is not None)
            run.say(f"The migration {held.migration} is aborted")
    return {**told, "stages": run.record.as_result()["stages"], "warnings": run.warnings, "duration": run.seconds}


def _undo(work: Work, is_lost: bool, is_begun: bool) -> None:
    if is_lost:
        end_without_che(work)
        return
    _take_over(work)
    if is_begun:
        put_back(work)
    else:
        work.journal.close()


def _told(run: Run, plan: Plan, journal: Migration | None) -> dict[str, Any]:
    there: Mapping[str, Any] = plan.way.there
    return {
        "changed": bool(there),
        "migration": journal.migration if journal else "",
        "id": journal.backup if journal else "",
        "safety_backup_id": journal.safety_backup if journal else "",
        "run_id": run.run_id,
        "checks": plan.checks,
        "committed": bool(journal and journal.phase == COMMIT),
        "copied_again": bool(journal and journal.copied_again),
        "outage_seconds": journal.outage_seconds if journal else 0.0,
        "verified": {},
        "resumed": False,
        "diff": settings_diff(plan.che, there),
        "stages": run.record.as_result()["stages"],
        "duration": run.seconds,
        "warnings": run.warnings,
    }
