# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The phases that change something, from the safety backup to the commit. Each is in the journal before it begins."""

from __future__ import annotations

import json
from collections.abc import Callable

from ansible_collections.community.che.plugins.module_utils._backup._back_up import back_up
from ansible_collections.community.che.plugins.module_utils._database._errors import ServerCrashed
from ansible_collections.community.che.plugins.module_utils._errors import Halt
from ansible_collections.community.che.plugins.module_utils._kube._kinds import NAMESPACE
from ansible_collections.community.che.plugins.module_utils._kube._lease import LeaseLost
from ansible_collections.community.che.plugins.module_utils._restore._back_out import put_back
from ansible_collections.community.che.plugins.module_utils._restore._databases import Restorer
from ansible_collections.community.che.plugins.module_utils._restore._fetch import fetch
from ansible_collections.community.che.plugins.module_utils._restore._login_keeper import follow_secrets
from ansible_collections.community.che.plugins.module_utils._restore._objects import live_objects, write
from ansible_collections.community.che.plugins.module_utils._restore._operator import require_operator
from ansible_collections.community.che.plugins.module_utils._restore._plan import CREATE, CREATED_BY
from ansible_collections.community.che.plugins.module_utils._restore._ready import Reaction, await_che, mark
from ansible_collections.community.che.plugins.module_utils._restore._safety_backup import (
    missing_databases,
    telling_way_out,
)
from ansible_collections.community.che.plugins.module_utils._restore._verified import verified
from ansible_collections.community.che.plugins.module_utils._restore._verify import verify_objects
from ansible_collections.community.che.plugins.module_utils._restore._work import Work
from ansible_collections.community.che.plugins.module_utils._run._journal import (
    COMMIT,
    CUT_OVER,
    PHASES,
    RESTORED,
    SAFETY_BACKUP,
    STAGE,
    VERIFY,
    JournalTaken,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import Whose
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures

# What the way back may take after a failure, whatever time the run had left.
_BACK_OUT_SECONDS = 600.0
_TO_GO_ON = "Run the task again to go on from there, or with state: aborted to put back what was there before."

# What is gone does not come back by going on.
_TO_BEGIN_ANEW = "This one has to be ended first: run the task with state: aborted."

_TO_SAVE = (
    "Save what is needed of it, then run the task again, which removes it; or run it with state: aborted, which puts "
    "it back."
)

# Once the way back has begun there is no other.
_TO_GO_BACK = "Run the task with state: aborted to go on with that."


def carry_on(work: Work) -> None:
    """Go through the phases that are left.

    Raises:
        CheError: One failed. Where it can be, everything is as before then; else the journal is left, and the error
            says how to go on.
    """
    restorer = Restorer(
        work.cluster, work.request, work.repository, work.plan, journal=work.journal, deadline=work.deadline
    )
    steps: dict[str, Callable[[Work, Restorer], None]] = {
        SAFETY_BACKUP: _save_what_is_there,
        STAGE: _stage,
        CUT_OVER: _cut_over,
        VERIFY: _verify,
        COMMIT: _commit,
    }
    try:
        for phase in PHASES[PHASES.index(work.journal.content.phase) :]:
            work.journal.note(phase=phase)
            if phase == RESTORED and _waits(work, restorer):
                return
            if phase in steps:
                steps[phase](work, restorer)
    except (JournalTaken, LeaseLost) as lost:
        lost.stage = lost.stage or work.journal.content.phase
        raise
    except Halt as error:
        error.stage = error.stage or work.journal.content.phase
        _back_out(work, restorer, error)
        _name_safety_backup(work, error)
        raise


def _waits(work: Work, restorer: Restorer) -> bool:
    """Whether the restore is not committed yet: as it is asked, or as there is something to be told before.

    Who asks for the commit after that was told gets it.
    """
    unsaved: list[str] = json.loads(work.journal.content.unsaved)
    lost = [words for words in restorer.lost() if words not in unsaved] if work.request.commit else []
    if lost:
        unsaved += lost
        work.journal.note(unsaved=json.dumps(unsaved), told=False)
    told = work.journal.content.told
    if work.request.commit and (told or not unsaved):
        return False
    work.run.warnings += unsaved
    if unsaved and not told:
        # The last of all: a run that is killed before has told nobody.
        work.journal.note(told=True)
    return True


def _back_out(work: Work, restorer: Restorer, error: Halt) -> None:
    """Put everything back after a failure that left the installation half-way, or say how that is done."""
    phase = work.journal.content.phase
    if not work.plan.installation_exists or phase not in (SAFETY_BACKUP, STAGE, CUT_OVER):
        advice = _TO_BEGIN_ANEW if isinstance(error, ServerCrashed) else _TO_GO_ON
        error.next_step = f"{error.next_step} {advice}".strip()
        return
    work.deadline.extend(_BACK_OUT_SECONDS)
    try:
        put_back(work, restorer)
    except (JournalTaken, LeaseLost) as lost:
        lost.stage = lost.stage or phase
        raise
    except Halt as failure:
        told = f"What was there before could not be put back: {failure.what} ({failure.on}). {_TO_GO_BACK}"
    else:
        told = "Everything is as it was before the restore."
        error.facts["outage_seconds"] = work.journal.content.outage_seconds
    error.next_step = f"{error.next_step} {told}".strip()


def _name_safety_backup(work: Work, error: Halt) -> None:
    """Whoever reads that a restore failed half-way must learn where what was there before is."""
    safety = work.journal.content.safety_backup
    if safety:
        error.facts["safety_backup_id"] = safety
        error.next_step = f"{error.next_step} What was there before is saved as backup {safety[:8]}.".strip()


def _save_what_is_there(work: Work, restorer: Restorer) -> None:
    with work.run.stage("safety backup", _safety_message(work)), telling_way_out():
        made_before = bool(work.journal.content.safety_backup)
        if made_before or not work.request.safety_backup or not work.plan.installation_exists:
            return
        # Before it: what is written while it is made may be in it or not.
        marks = restorer.marks()
        missing = missing_databases(work.cluster, work.namespace, work.plan.che_cluster)
        made = back_up(work.cluster, work.request.safety(work.plan.che_cluster, missing))
        work.journal.note(safety_backup=str(made["id"]), marks=json.dumps(marks))


def _safety_message(work: Work) -> str:
    if not work.request.safety_backup:
        return "Skipped, as safety_backup is false"
    return "Backing up what is there now" if work.plan.installation_exists else "There is no CheCluster to back up"


def _stage(work: Work, restorer: Restorer) -> None:
    with work.run.stage("stage", "Loading databases beside the live ones"):
        if not work.plan.installation_exists:
            # Its databases are there only once the operator has made them anew.
            _write_objects(work)
        restorer.stage()


def _write_objects(work: Work) -> None:
    """Write what needs no operator, then see that there is one, then what needs it.

    Raises:
        CheError: The operator, or the kind CheCluster, is not there yet; the restore can go on once it is.
    """
    steps, began = work.plan.steps, work.journal.began
    write(work.cluster, [step for step in steps if not step.needs_operator], began)
    needing = [step for step in steps if step.needs_operator and step.writes]
    if work.journal.content.cluster_written:
        # Somebody may have removed it since: it goes with its kind, when the operator is installed anew.
        live = live_objects(work.cluster, work.namespace, [step.saved for step in needing])
        needing = [step for step in needing if step.action == CREATE and (step.kind, step.name) not in live]
    if not needing:
        return
    if not work.plan.installation_exists:
        saved = work.plan.installation
        require_operator(work.cluster, work.namespace, needing[0].saved["apiVersion"], saved)
    if not work.plan.changes_che_cluster:
        write(work.cluster, needing, began)
    else:
        before = mark(work.cluster, work.namespace, work.plan.che_cluster)
        write(work.cluster, needing, began)
        work.reaction = Reaction(before)
    work.journal.note(cluster_written=True)


def _cut_over(work: Work, restorer: Restorer) -> None:
    with work.run.stage("cut over", "Putting the restored state in place"):
        if work.plan.installation_exists:
            _write_objects(work)
        restorer.cut_over()
        follow_secrets(work)


def _verify(work: Work, restorer: Restorer) -> None:
    with work.run.stage("verify", "Waiting until restored Che is ready"):
        if work.plan.makes_ready:
            await_che(work.cluster, work.namespace, work.plan.che_cluster, work.deadline)
        if not work.journal.content.outage_seconds:
            # Not when a verification that failed is run again.
            work.journal.note(outage_seconds=restorer.outage_seconds)
        if work.plan.changes_che_cluster:
            # Its operator may not have looked at it yet; what it makes of it is seen before there is no way back.
            reaction = work.reaction or Reaction()
            await_che(work.cluster, work.namespace, work.plan.che_cluster, work.deadline, reaction)
        proof = verify_objects(work.cluster, work.namespace, work.plan.steps)
        work.run.warnings += proof.warnings
        work.verified = verified(proof.objects, work.plan)
        _find_unsaved(work, restorer)


def _find_unsaved(work: Work, restorer: Restorer) -> None:
    """See whether the databases that were replaced hold what their safety backup does not; where one was made."""
    held = work.journal.content
    if not held.safety_backup or not any(item.restores for item in work.plan.databases):
        return

    def saved(role: str) -> DatabaseFigures | None:
        parts = fetch(work.repository, held.safety_backup, Whose(work.namespace)).databases
        return next((part.database for part in parts if part.role == role), None)

    unsaved = restorer.unsaved(json.loads(held.marks), saved)
    if unsaved:
        work.journal.note(unsaved=json.dumps([f"{words} {_TO_SAVE}" for words in unsaved]))


def _commit(work: Work, restorer: Restorer) -> None:
    with work.run.stage("commit", "Removing the databases that were replaced"):
        restorer.commit()
        namespace = work.cluster.get(NAMESPACE, work.namespace)
        if CREATED_BY in (namespace["metadata"].get("annotations") or {}):
            patch = {"metadata": {"annotations": {CREATED_BY: None}}}
            work.cluster.merge(NAMESPACE, work.namespace, "", patch)
        work.journal.close()
    work.committed = True
