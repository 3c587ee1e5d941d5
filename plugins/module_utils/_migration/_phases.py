# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The phases that change something, from the copy to the commit. Each is in the journal before it begins."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

from ansible_collections.community.che.plugins.module_utils._backup._back_up import back_up
from ansible_collections.community.che.plugins.module_utils._backup._request import BackupRequest
from ansible_collections.community.che.plugins.module_utils._database._errors import ServerCrashed
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Halt
from ansible_collections.community.che.plugins.module_utils._external_database._authority import trust_besides
from ansible_collections.community.che.plugins.module_utils._kube._lease import LeaseLost
from ansible_collections.community.che.plugins.module_utils._migration._back_out import (
    put_back,
    require_said,
    switch,
)
from ansible_collections.community.che.plugins.module_utils._migration._backups import (
    chosen,
    databases_of,
    repository_of,
)
from ansible_collections.community.che.plugins.module_utils._migration._source import (
    State,
    close,
    figures_digest,
    is_as,
    live_figures,
    read_states,
    states_before,
    states_text,
)
from ansible_collections.community.che.plugins.module_utils._migration._work import Work
from ansible_collections.community.che.plugins.module_utils._restore._ready import await_che
from ansible_collections.community.che.plugins.module_utils._run._journal import (
    COMMIT,
    CUT_OVER,
    STAGE,
    VERIFY,
    JournalTaken,
)
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import (
    COPY,
    MIGRATED,
    PHASES,
    SWITCH,
)
from ansible_collections.community.che.plugins.module_utils._run._record import now_text, seconds_since
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Part

_SKIPPED = "Skipped, as safety_backup is false"
# What the way back may take after a failure, whatever time the run had left.
_BACK_OUT_SECONDS = 600.0
_TO_GO_ON = "Run the task again to go on from there"


def carry_on(work: Work) -> None:
    """Go through the phases that are left.

    Raises:
        CheError: One failed. Until Che uses the target everything is put back as it was before; from then on the
            journal is left, and the error says how to go on.
    """
    steps: dict[str, Callable[[Work], None]] = {
        COPY: _copy,
        STAGE: _stage,
        CUT_OVER: _cut_over,
        SWITCH: _switch,
        VERIFY: _verify,
        # It may have waited for days. Once the commit has begun there is no way back.
        MIGRATED: lambda waited: require_said(waited, "there"),
        COMMIT: _commit,
    }
    try:
        for phase in PHASES[PHASES.index(work.journal.content.phase) :]:
            work.journal.note(phase=phase)
            if phase in steps:
                steps[phase](work)
            if phase == MIGRATED and not work.request.commit:
                return
    except (JournalTaken, LeaseLost) as lost:
        lost.stage = lost.stage or work.journal.content.phase
        raise
    except Halt as error:
        error.stage = error.stage or work.journal.content.phase
        _back_out(work, error)
        raise


def _back_out(work: Work, error: Halt) -> None:
    phase = work.journal.content.phase
    if phase in (VERIFY, MIGRATED, COMMIT):
        if not isinstance(error, ServerCrashed):
            way_back = "" if phase == COMMIT else ", or with state: aborted to go back"
            error.next_step = f"{error.next_step} {_TO_GO_ON}{way_back}.".strip()
        return
    work.deadline.extend(_BACK_OUT_SECONDS)
    try:
        put_back(work)
    except (JournalTaken, LeaseLost) as lost:
        lost.stage = lost.stage or phase
        raise
    except Halt as failure:
        told = (
            f"What was there before could not be put back: {failure.what} ({failure.on}). Run the task with state: "
            "aborted to go on with that."
        )
    else:
        told = "Che uses the databases that it used before."
    error.next_step = f"{error.next_step} {told}".strip()


def _copy(work: Work) -> None:
    """A fresh backup, of which the target is filled; or of what is left for the databases of another backup."""
    if not work.request.id:
        with work.run.stage("copy", "Backing up the databases while Che works on"):
            if not work.journal.content.backup:
                _back_up(work, again=False)
        return
    with work.run.stage("safety backup", "Backing up what is there now" if work.request.safety_backup else _SKIPPED):
        # The newest one may be another one by the time that this is gone on with; and what can't be loaded is better
        # known before hours are spent on a safety backup.
        backup = work.journal.content.backup or chosen(work)
        work.journal.note(backup=backup)
        if work.request.safety_backup and not work.journal.content.safety_backup:
            made = back_up(work.cluster, _request_of_copy(work, again=False))
            work.journal.note(safety_backup=str(made["id"]))
        work.run.sealed(backup)


def _back_up(work: Work, *, again: bool) -> None:
    """Back the databases up, and note what they were like."""
    before = states_before(work.sources)
    made = str(back_up(work.cluster, _request_of_copy(work, again))["id"])
    parts = databases_of(work, made)
    states = {role: replace(state, figures=_figures(parts[role])) for role, state in before.items()}
    # What was written before the first mark and counted after it is not in question again.
    kept = [role for role in work.loaded if again and _is_unchanged(work, role, states)]
    work.journal.note(backup=made, marks=states_text(states), loaded=json.dumps(kept), copied_again=again)
    work.run.sealed(made)


def _request_of_copy(work: Work, again: bool) -> BackupRequest:
    return replace(work.request.copy(work.che.name, again), timeout=max(1, int(work.deadline.left)))


def _is_unchanged(work: Work, role: str, states: Mapping[str, State]) -> bool:
    before = read_states(work.journal.content.marks).get(role)
    return before is not None and before.holds_the_same(states[role])


def _figures(part: Part) -> str:
    return figures_digest(part.database) if part.database else ""


def _stage(work: Work) -> None:
    with work.run.stage("stage", "Loading the databases into their new server while Che works on"):
        # Long before Che needs it.
        trust_besides(work.cluster, work.namespace, work.way.authorities, check_mode=False)
        _load(work)


def _load(work: Work) -> None:
    left = [role for role in work.sources if role not in work.loaded]
    if not left:
        return
    repository, parts = repository_of(work), databases_of(work, work.journal.content.backup)
    for role in left:
        target = work.targets[role]
        if role in work.filled:
            target.clear()
        else:
            target.require_empty()
            work.journal.note(filled=json.dumps([*work.filled, role]))
        told = target.load(repository, parts[role], work.sources[role].database.user)
        work.run.warnings += [f"{parts[role].name}: {sentence}." for sentence in told]
        work.journal.note(loaded=json.dumps([*work.loaded, role]))


def _cut_over(work: Work) -> None:
    """Close the databases, and see to it that the target holds what they hold, unless it is filled from a backup."""
    if work.request.id:
        _leave(work)
        return
    with work.run.stage("cut over", "Closing the databases for writing, and comparing them with their copies"):
        if not work.journal.content.closed_at:
            work.journal.note(closed_at=now_text())
        marks = {role: close(place) for role, place in work.sources.items()}
        then = read_states(work.journal.content.marks)
        written = [role for role, place in work.sources.items() if not is_as(place, then[role], marks[role])]
        if written:
            work.run.warnings.append(
                f"The databases of {', '.join(written)} were written to while they were copied, and were copied once "
                "more while they were closed."
            )
            _back_up(work, again=True)
            then = read_states(work.journal.content.marks)
        _load(work)
        work.journal.note(settled=states_text({role: State(marks[role], then[role].figures) for role in marks}))


def _leave(work: Work) -> None:
    """Close the databases that are left; where they are lost, that is why a backup is restored."""
    with work.run.stage("cut over", "Closing the databases that are left"):
        if not work.journal.content.closed_at:
            work.journal.note(closed_at=now_text())
        for place in work.sources.values():
            try:
                close(place)
            except (JournalTaken, LeaseLost):
                raise
            except CheError as failure:
                work.run.warnings.append(f"The {place.on} that is left could not be closed: {failure}")


def _switch(work: Work) -> None:
    """Have Che use the target."""
    with work.run.stage("switch", "Having Che use the new server"):
        for target in work.targets.values():
            target.put_in_place()
        switch(work, "there")
        await_che(work.cluster, work.namespace, work.che.name, work.deadline)
        work.journal.note(outage_seconds=seconds_since(work.journal.content.closed_at))


def _verify(work: Work) -> None:
    """Prove that Che is where it should be, and that nothing went to the databases that were left."""
    require_said(work, "there")
    if work.request.id:
        # What was loaded was compared when it was; since then Che writes to it.
        with work.run.stage("verify", "Looking whether the new server has kept what was loaded"):
            for role, part in databases_of(work, work.journal.content.backup).items():
                if role in work.targets and part.database:
                    work.targets[role].require_unlogged(part.database)
        return
    with work.run.stage("verify", "Comparing the databases that were left with what was moved"):
        settled = read_states(work.journal.content.settled)
        found = {role: live_figures(place) for role, place in work.sources.items()}
        for role, figures in found.items():
            if figures_digest(figures) != settled[role].figures:
                raise CheError(
                    "It is not what was copied any more: somebody has written to it although it was closed, or its "
                    "server has crashed, which empties its unlogged tables",
                    work.sources[role].on,
                    "Look at its server's log, and for who does not go by default_transaction_read_only.",
                )
        for role, target in work.targets.items():
            target.require_unlogged(found[role])
        tables = [table for figures in found.values() for table in figures.tables]
        work.verified = {
            "databases": len(found),
            "tables": len(tables),
            "rows": sum(table.rows for table in tables),
            "sequences": sum(len(figures.sequences) for figures in found.values()),
            "large_objects": sum(figures.large_objects.count for figures in found.values()),
        }


def _commit(work: Work) -> None:
    with work.run.stage("commit", "Giving up the way back"):
        for target in work.targets.values():
            target.commit()
        work.journal.close()
