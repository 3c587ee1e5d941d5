# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""One backup held against its own manifest, part by part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._backup._seal import MANIFEST_LIMIT
from ansible_collections.community.che.plugins.module_utils._database._dump import dump_path
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._repository._caretaker import Caretaker
from ansible_collections.community.che.plugins.module_utils._repository._errors import (
    FileTooLarge,
    NoSnapshot,
    NoSuchFile,
    RepositoryDamaged,
    ResticFailed,
)
from ansible_collections.community.che.plugins.module_utils._repository._snapshots import Snapshot
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import INCOMPLETE, LEGACY, Backup
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import object_digests
from ansible_collections.community.che.plugins.module_utils._snapshot._entries import restored_part
from ansible_collections.community.che.plugins.module_utils._snapshot._errors import SnapshotError
from ansible_collections.community.che.plugins.module_utils._snapshot._layout import read_installation
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import FILE_NAME, Manifest, Part
from ansible_collections.community.che.plugins.module_utils._snapshot._measured import Measured
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import read_tags
from ansible_collections.community.che.plugins.module_utils._snapshot._trust import listed_problems

SOUND = "sound"
DAMAGED = "damaged"
UNREAD = "unread"

# What can be said of the data itself. Anything else, such as a server that went away, ends the verification.
_DAMAGE = (RepositoryDamaged, NoSnapshot, NoSuchFile, FileTooLarge, SnapshotError)
_FEW = 10


@dataclass(frozen=True)
class PartVerdict:
    """What is to be said of one part.

    Args:
        kind: ``installation``, ``database`` and so on.
        name: Its name among the parts of its kind.
        snapshot: Its snapshot's id.
        verdict: ``sound``; ``damaged``; or ``unread`` when restic failed for a reason that is not known.
        problems: What is wrong with it.
    """

    kind: str
    name: str
    snapshot: str
    verdict: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class BackupVerdict:
    """What is to be said of one backup.

    Args:
        backup: The backup.
        verdict: As of a part; ``incomplete`` for what a failed run has left; ``legacy`` for a sound snapshot of the old
            operator, which has no manifest to compare it with.
        problems: What is wrong with the backup as a whole.
        parts: Of a complete one, the parts that its manifest names.
    """

    backup: Backup
    verdict: str
    problems: tuple[str, ...] = ()
    parts: tuple[PartVerdict, ...] = ()

    @property
    def fails(self) -> bool:
        """Whether it can't be relied on, though it should be."""
        return self.verdict in (DAMAGED, UNREAD)


@dataclass(frozen=True)
class Judge:
    """Holds backups against their manifests.

    Args:
        restic: Leaves no lock, and reads past the local cache, which would hide what the server has lost.
        repository: The repository's id.
        snapshots: Every snapshot that can be read, by its id.
        reads: Whether the parts are read back.
    """

    restic: Caretaker
    repository: str
    snapshots: Mapping[str, Snapshot]
    reads: bool

    def judge(self, backup: Backup) -> BackupVerdict:
        """Look at one backup.

        Raises:
            CheError: The server could not be asked.
        """
        if backup.state == LEGACY:
            return self._judge_legacy(backup)
        if backup.state == INCOMPLETE:
            return self._judge_incomplete(backup)
        try:
            manifest = Manifest.from_json(self.restic.dump(backup.id, FILE_NAME, MANIFEST_LIMIT))
        except (*_DAMAGE, ResticFailed) as error:
            return BackupVerdict(backup, _verdict_of(error), (f"its manifest can't be read: {_words(error)}",))
        if manifest.run != backup.run:
            return BackupVerdict(backup, DAMAGED, (f"its manifest is of the run {manifest.run}",))
        parts = tuple(self._judge_part(part) for part in manifest.parts)
        return BackupVerdict(backup, _worst(parts), parts=parts)

    def _judge_legacy(self, backup: Backup) -> BackupVerdict:
        if not self.reads:
            return BackupVerdict(backup, LEGACY)
        try:
            self.restic.stream(backup.id, "/", lambda _piece: None)
        except (*_DAMAGE, ResticFailed) as error:
            return BackupVerdict(backup, _verdict_of(error), (_words(error),))
        return BackupVerdict(backup, LEGACY)

    def _judge_incomplete(self, backup: Backup) -> BackupVerdict:
        tags = read_tags(self.snapshots[backup.id].tags)
        if not tags or not tags.is_seal:
            return BackupVerdict(backup, INCOMPLETE)
        return BackupVerdict(backup, DAMAGED, (f"it was sealed with {tags.parts} parts and has {len(backup.parts)}",))

    def _judge_part(self, part: Part) -> PartVerdict:
        problems = self._problems_in_the_list(part)
        if problems or not self.reads:
            return _of(part, DAMAGED if problems else SOUND, *problems)
        try:
            problems = self._problems_in_the_data(part)
        except (*_DAMAGE, ResticFailed) as error:
            return _of(part, _verdict_of(error), _words(error))
        return _of(part, DAMAGED if problems else SOUND, *problems)

    def _problems_in_the_list(self, part: Part) -> list[str]:
        return listed_problems(part, self.snapshots.get(part.snapshot), self.repository)

    def _problems_in_the_data(self, part: Part) -> list[str]:
        return self._objects(part) if part.kind == "installation" else self._dump(part)

    def _objects(self, part: Part) -> list[str]:
        with restored_part(self.restic, part.snapshot) as restored:
            found = object_digests(read_installation(restored.folder))
        written = dict(part.objects or {})
        differing = sorted(name for name in {*found, *written} if found.get(name) != written.get(name))
        if not differing:
            return []
        more = f" and {len(differing) - _FEW} more" if len(differing) > _FEW else ""
        return [f"objects that are not those of the manifest: {', '.join(differing[:_FEW])}{more}"]

    def _dump(self, part: Part) -> list[str]:
        measured = Measured()
        self.restic.stream(part.snapshot, dump_path(part.name), measured.take)
        problems = []
        if part.database and measured.bytes != part.database.dump_bytes:
            problems.append(f"the dump has {measured.bytes} bytes, the manifest says {part.database.dump_bytes}")
        if part.database and measured.sha256 != part.database.dump_sha256:
            problems.append("the dump's SHA-256 is not that of the manifest")
        if not measured.ends_well:
            problems.append("the dump does not end as pg_dump ends one")
        return problems


def _of(part: Part, verdict: str, *problems: str) -> PartVerdict:
    return PartVerdict(part.kind, part.name, part.snapshot, verdict, problems)


def _verdict_of(error: CheError) -> str:
    return UNREAD if isinstance(error, ResticFailed) else DAMAGED


def _words(error: CheError) -> str:
    return f"{error.what} ({error.on})" if isinstance(error, SnapshotError) and error.on else error.what


def _worst(parts: tuple[PartVerdict, ...]) -> str:
    verdicts = {part.verdict for part in parts}
    return next((verdict for verdict in (DAMAGED, UNREAD) if verdict in verdicts), SOUND)
