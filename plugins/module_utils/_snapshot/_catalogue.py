# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which backups a repository holds, told by its snapshots' tags alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.community.che.plugins.module_utils._repository._snapshots import Snapshot
from ansible_collections.community.che.plugins.module_utils._snapshot._errors import CatalogueError
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import OURS, Tags, read_tags

COMPLETE = "complete"
INCOMPLETE = "incomplete"
LEGACY = "legacy"
LATEST = "latest"

# Where the old operator put its files together before it called restic.
_LEGACY_PATHS = ("/tmp/che-backup-data",)
_SHORT = 8
_FEW = 3


@dataclass(frozen=True)
class PartRef:
    """A part as its snapshot's tags tell it.

    Args:
        kind: ``installation``, ``database`` and so on.
        name: Its name among the parts of its kind, empty when it needs none.
        snapshot: Its snapshot's full id.
        bytes: What it holds, before restic packs it; 0 when an old restic didn't say.
    """

    kind: str
    name: str
    snapshot: str
    bytes: int


@dataclass(frozen=True)
class Backup:
    """A backup.

    Args:
        id: The full snapshot id of its seal; of its newest part where the seal is missing; of itself when legacy.
        run: The run that made it, empty when legacy.
        created: When that snapshot was begun.
        state: ``complete``, ``incomplete`` or ``legacy``.
        parts: Its parts, oldest first.
        bytes: What its parts hold together.
        data_added: What its snapshots added to the repository, packed.
        safety: Whether a restore made it of what was there before.
        host: The host that it names: the namespace of Che; of a legacy one a pod of the old operator.
    """

    id: str
    run: str
    created: datetime
    state: str
    parts: tuple[PartRef, ...]
    bytes: int
    data_added: int
    safety: bool = False
    host: str = ""

    @property
    def snapshots(self) -> frozenset[str]:
        """The ids that lead to this backup."""
        return frozenset((self.id, *(part.snapshot for part in self.parts)))

    @property
    def namespace(self) -> str:
        """The namespace of Che that it is of, as its host says; empty where that says nothing of it."""
        return "" if self.state == LEGACY else self.host


@dataclass(frozen=True)
class Whose:
    """Whose backup is meant by ``latest``; an id leads to its backup, whosever that is.

    Args:
        namespace: The namespace of Che that the task is for.
        moved: Whether the task says that what it restores may have had another namespace.
        is_bare: Whether no Che is there, asked only where the namespace has no backup: what is taken instead is then
            not mistaken for a backup of a living installation.
    """

    namespace: str
    moved: bool = False
    is_bare: Callable[[], bool] = lambda: False


def catalogue(snapshots: Iterable[Snapshot]) -> list[Backup]:
    """Return the backups that a repository's snapshots make up, newest first; other people's snapshots are left out."""
    runs: dict[str, list[tuple[Tags, Snapshot]]] = defaultdict(list)
    backups = []
    for snapshot in sorted(snapshots, key=lambda snapshot: snapshot.time):
        tags = read_tags(snapshot.tags)
        if tags:
            runs[tags.run].append((tags, snapshot))
        elif OURS not in snapshot.tags and snapshot.paths == _LEGACY_PATHS:
            backups.append(_backup(LEGACY, "", snapshot, [(Tags("", "installation"), snapshot)]))
    for run, members in runs.items():
        backups += _backups_of_run(run, members)
    return sorted(backups, key=lambda backup: (backup.created, backup.id), reverse=True)


def _backups_of_run(run: str, members: Sequence[tuple[Tags, Snapshot]]) -> list[Backup]:
    # Of a part that was sent twice the newer one counts, and stands at its own place in time.
    parts: dict[tuple[str, str], tuple[Tags, Snapshot]] = {}
    for tags, snapshot in members:
        if not tags.is_seal:
            parts.pop((tags.part, tags.name), None)
            parts[tags.part, tags.name] = (tags, snapshot)
    newest = list(parts.values())
    seals = [
        _backup(COMPLETE if tags.parts == len(parts) else INCOMPLETE, run, snapshot, newest, tags.is_safety)
        for tags, snapshot in members
        if tags.is_seal
    ]
    return seals or [_backup(INCOMPLETE, run, newest[-1][1], newest)]


def _backup(
    state: str, run: str, head: Snapshot, parts: Sequence[tuple[Tags, Snapshot]], safety: bool = False
) -> Backup:
    added = {snapshot.id: snapshot.data_added or 0 for snapshot in (head, *(part for _tags, part in parts))}
    return Backup(
        id=head.id,
        run=run,
        created=head.time,
        state=state,
        parts=tuple(PartRef(tags.part, tags.name, part.id, part.bytes or 0) for tags, part in parts),
        bytes=sum(part.bytes or 0 for _tags, part in parts),
        data_added=sum(added.values()),
        safety=safety,
        host=head.hostname,
    )


def resolve(backups: Sequence[Backup], wanted: str, whose: Whose) -> Backup:
    """Return the one restorable backup that an id leads to.

    Args:
        backups: As ``catalogue`` returns them.
        wanted: ``latest``, which is the newest complete one that is no safety backup, or the start of the id of a seal
            or of a part. A restore that failed and is run again must not take the state that it has left for the goal.
        whose: Whose backup ``latest`` is.

    Raises:
        CatalogueError: The id leads to no backup, to several, or to an incomplete one; or whose is meant is not clear.
    """
    if wanted == LATEST:
        return _latest(backups, whose)
    # An empty id is the start of every id, and means none of them.
    found = [backup for backup in backups if wanted and any(id_.startswith(wanted) for id_ in backup.snapshots)]
    if not found:
        raise CatalogueError("No backup has this id", on=f"id {wanted!a}", next_step=_newest(backups))
    if len(found) > 1:
        candidates = ", ".join(backup.id for backup in found[:_FEW])
        raise CatalogueError(
            f"This id is the start of {len(found)} backups' ids",
            on=f"id {wanted}",
            next_step=f"Give more digits of the one you mean: {candidates}.",
        )
    return _require_restorable(found[0], backups)


def _latest(backups: Sequence[Backup], whose: Whose) -> Backup:
    """The newest of the task's own namespace; another one's only where that can't be mistaken for it."""
    complete = [backup for backup in backups if backup.state == COMPLETE]
    wanted = [backup for backup in complete if not backup.safety]
    if not wanted:
        what = "no complete backup but safety backups of restores" if complete else "no complete backup"
        raise CatalogueError(f"The repository has {what}", on=f"id {LATEST}", next_step=_newest(backups))
    newest: dict[str, Backup] = {}
    for backup in wanted:
        newest.setdefault(backup.namespace, backup)
    only = len(newest) == 1
    if whose.namespace in newest and (only or not whose.moved):
        return newest[whose.namespace]
    if only and (whose.moved or whose.is_bare()):
        return wanted[0]
    raise _whose_is_meant(list(newest.values()), whose)


def _whose_is_meant(newest: Sequence[Backup], whose: Whose) -> CatalogueError:
    """The error that asks for an id, by the newest backup of each namespace."""
    namespaces = ", ".join(ascii(backup.namespace) for backup in newest)
    what = (
        f"The repository has backups of several namespaces: {namespaces}"
        if whose.moved
        else f"The repository has no complete backup of the namespace {whose.namespace!a}, only of {namespaces}"
    )
    each = ", ".join(f"{_named(backup)} (namespace {backup.namespace!a})" for backup in newest)
    return CatalogueError(
        what, on=f"id {LATEST}", next_step=f"Name the one that is meant by its id; the newest: {each}."
    )


def _require_restorable(backup: Backup, backups: Sequence[Backup]) -> Backup:
    if backup.state == INCOMPLETE:
        raise CatalogueError(
            "This backup is incomplete: its run did not finish, or one of its parts was removed",
            on=f"id {backup.id[:_SHORT]}, run {backup.run!a}",
            next_step=_newest([other for other in backups if other.state != INCOMPLETE]),
        )
    return backup


def _newest(backups: Sequence[Backup]) -> str:
    """Return the advice that names the newest few backups."""
    if not backups:
        return "There is none to choose from: make a backup first, or check the repository's path."
    few = (f"{_named(backup)} ({backup.state})" for backup in backups[:_FEW])
    return f"Choose another one; the newest are {', '.join(few)}."


def _named(backup: Backup) -> str:
    return f"{backup.id[:_SHORT]} of {backup.created:%Y-%m-%d %H:%M}"
