# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which backups stay and which go: whole ones only, and nothing that is not ours. Pure: decides, and does nothing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.community.che.plugins.module_utils._repository._snapshots import Snapshot
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import (
    COMPLETE,
    LEGACY,
    Backup,
    catalogue,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import (
    read_tags,
    restore_of,
    seal_tags,
)
from ansible_collections.community.che.plugins.module_utils._upkeep._running import Running

# What our runs are named like; anything else was tagged by somebody else, and could not be written on a command line.
_RUN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")

NEWEST = "the newest complete backup"
UNFINISHED = "its run has not ended"


@dataclass(frozen=True)
class RunRemains:
    """All that one run has in the repository.

    Args:
        run: The run's id.
        seals: The ids of its seals; several when a run's name was used again.
        parts: The ids of all its other snapshots.
        backups: What the catalogue makes of them.
    """

    run: str
    seals: tuple[str, ...]
    parts: tuple[str, ...]
    backups: tuple[Backup, ...]

    @property
    def is_complete(self) -> bool:
        """Whether each of its seals has its parts."""
        return bool(self.seals) and all(backup.state == COMPLETE for backup in self.backups)

    @property
    def created(self) -> datetime:
        """When the newest of its snapshots was begun."""
        return max(backup.created for backup in self.backups)


@dataclass(frozen=True)
class Explained:
    """A backup that stays, and why."""

    backup: Backup
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Survey:
    """What a repository holds, as far as a policy may touch it.

    Args:
        complete: The runs with complete backups of the installation.
        leftovers: Its runs without a seal.
        foreign: Everything that is listed as a backup and not to be touched, and why.
        plans: The plans of its restores, by the restores' names.
    """

    complete: tuple[RunRemains, ...]
    leftovers: tuple[RunRemains, ...]
    foreign: tuple[Explained, ...]
    plans: tuple[tuple[str, Snapshot], ...] = ()

    def seal_groups(self) -> list[list[tuple[str, ...]]]:
        """The tags of the seals that a policy is for, by groups to which it applies separately.

        What restores saved before they began is a group of its own, so that it takes no place of a regular backup.
        """
        tags: dict[bool, list[tuple[str, ...]]] = defaultdict(list)
        for backup in (backup for each in self.complete for backup in each.backups):
            tags[backup.safety].append(seal_tags(backup.run, len(backup.parts), backup.safety))
        return [tags[safety] for safety in sorted(tags)]


@dataclass(frozen=True)
class Decision:
    """What stays, what goes, and what is not ours to decide."""

    kept: tuple[Explained, ...]
    removed: tuple[RunRemains, ...]
    leftovers: tuple[RunRemains, ...]
    left_alone: tuple[Explained, ...]
    plans: tuple[str, ...] = ()

    @property
    def seals(self) -> tuple[str, ...]:
        """What goes first: without its seal a backup is incomplete, whatever happens next."""
        return tuple(seal for each in self.removed for seal in each.seals)

    def parts(self, gone: Iterable[str]) -> tuple[str, ...]:
        """What goes then: the parts of those whose seals are gone.

        Args:
            gone: The seals that the server has let go.
        """
        unsealed = set(gone)
        sealless = [each for each in self.removed if unsealed.issuperset(each.seals)]
        return (*(part for each in (*sealless, *self.leftovers) for part in each.parts), *self.plans)


def survey(snapshots: Sequence[Snapshot], namespace: str) -> Survey:
    """Sort what a repository holds.

    Args:
        snapshots: All of them.
        namespace: The installation's, which its snapshots name as their host. What runs elsewhere can't be seen from
            here, and so nothing else is touched.
    """
    members = _by_run(snapshots)
    backups: dict[str, list[Backup]] = defaultdict(list)
    foreign = []
    for backup in catalogue(snapshots):
        reason = _why_not_ours(backup, members.get(backup.run, ()), namespace)
        if reason:
            foreign.append(Explained(backup, (reason,)))
        else:
            backups[backup.run].append(backup)
    runs = [_remains(run, members[run], held) for run, held in backups.items()]
    unsound = [each for each in runs if each.seals and not each.is_complete]
    foreign += [
        Explained(backup, ("its seal and its parts do not match: find out why first",))
        for each in unsound
        for backup in each.backups
    ]
    return Survey(
        complete=tuple(each for each in runs if each.is_complete),
        leftovers=tuple(each for each in runs if not each.seals),
        foreign=tuple(foreign),
        plans=tuple(
            (restore, snapshot)
            for snapshot in snapshots
            for restore in filter(None, [restore_of(snapshot.tags)])
            if snapshot.hostname == namespace
        ),
    )


def _by_run(snapshots: Iterable[Snapshot]) -> Mapping[str, list[Snapshot]]:
    members: dict[str, list[Snapshot]] = defaultdict(list)
    for snapshot in snapshots:
        tags = read_tags(snapshot.tags)
        if tags:
            members[tags.run].append(snapshot)
    return members


def _why_not_ours(backup: Backup, members: Sequence[Snapshot], namespace: str) -> str:
    if backup.state == LEGACY:
        return "made by the old operator"
    others = sorted({snapshot.hostname for snapshot in members} - {namespace})
    if others:
        return f"of the namespace {', '.join(map(ascii, others))}"
    return "" if _RUN.fullmatch(backup.run) else "its run has a name that no run of this collection has"


def _remains(run: str, members: Sequence[Snapshot], backups: Sequence[Backup]) -> RunRemains:
    seals = [snapshot.id for snapshot in members if _is_seal(snapshot)]
    parts = [snapshot.id for snapshot in members if not _is_seal(snapshot)]
    return RunRemains(run, tuple(seals), tuple(parts), tuple(backups))


def _is_seal(snapshot: Snapshot) -> bool:
    tags = read_tags(snapshot.tags)
    return tags is not None and tags.is_seal


def decide(
    found: Survey, kept: Mapping[str, Sequence[str]], running: Running, now: datetime, incomplete_age: timedelta
) -> Decision:
    """Decide what goes.

    Args:
        found: What there is.
        kept: What the policy keeps, by seal, with its reasons.
        running: What must not be disturbed.
        now: This moment.
        incomplete_age: How old what a failed run has left must be.
    """
    complete = [backup for each in found.complete for backup in each.backups]
    # A restore takes the newest regular one by itself; where there is none, one that another restore saved.
    newest = max(complete, key=lambda backup: (not backup.safety, backup.created, backup.id), default=None)
    reasons = {
        backup.id: (*kept.get(backup.id, ()), *([NEWEST] if backup is newest else []), *_in_use(backup, running))
        for backup in complete
    }
    stays = [each for each in found.complete if any(reasons[backup.id] for backup in each.backups)]
    young = {each.run: _why_young(each, running, now, incomplete_age) for each in found.leftovers}
    return Decision(
        kept=tuple(
            Explained(backup, reasons[backup.id] or ("it shares its run with one that is kept",))
            for each in stays
            for backup in each.backups
        ),
        removed=tuple(each for each in found.complete if each not in stays),
        leftovers=tuple(each for each in found.leftovers if not young[each.run]),
        left_alone=(
            *found.foreign,
            *(
                Explained(backup, (young[each.run],))
                for each in found.leftovers
                for backup in each.backups
                if young[each.run]
            ),
        ),
        plans=tuple(
            plan.id for restore, plan in found.plans if restore not in running.runs and now - plan.time > incomplete_age
        ),
    )


def _in_use(backup: Backup, running: Running) -> list[str]:
    reasons = [UNFINISHED] if backup.run in running.runs else []
    if backup.id in running.restored:
        reasons.append(f"run {running.restored[backup.id]} restores it")
    if running.since and backup.created >= running.since:
        # The safety backup of a restore is among these: it alone knows what was there before.
        reasons.append("made since a restore began that has not ended")
    return reasons


def _why_young(leftover: RunRemains, running: Running, now: datetime, age: timedelta) -> str:
    if leftover.run in running.runs:
        return UNFINISHED
    return "" if now - leftover.created > age else "incomplete, but not old enough to be a leftover"
