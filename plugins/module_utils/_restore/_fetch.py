# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backup to restore: chosen, fetched, and held against its own manifest before it is trusted."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._listing import read_manifest
from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import Backup, resolve
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import object_digests
from ansible_collections.community.che.plugins.module_utils._snapshot._layout import read_installation
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Manifest, Part


@dataclass(frozen=True)
class Fetched:
    """A complete backup with its objects at hand; its databases stay in the repository until they are loaded."""

    backup: Backup
    manifest: Manifest
    objects: tuple[dict[str, Any], ...] = field(repr=False)

    @property
    def databases(self) -> tuple[Part, ...]:
        return tuple(part for part in self.manifest.parts if part.kind == "database")

    @property
    def installation(self) -> Part:
        return next(part for part in self.manifest.parts if part.kind == "installation")


def fetch(repository: Repository, backup_id: str, namespace: str) -> Fetched:
    """Fetch a backup.

    Args:
        repository: Where it lives.
        backup_id: ``latest``, or the id of a backup or of one of its parts.
        namespace: Where it is to be restored.

    Raises:
        CheError: There is no such complete backup, it is of another namespace, or it is not what its manifest says.
    """
    backup = resolve(repository.backups(), backup_id)
    if backup.state == "legacy":
        raise CheError(
            "It was made by the old operator, and this version restores only backups of this collection",
            f"backup {backup.id[:8]}",
            "Choose another one with id; cluster_backup_info lists them.",
        )
    manifest = read_manifest(repository, backup)
    _require_same_place(manifest, namespace, backup)
    _require_parts(manifest, repository, backup)
    return Fetched(backup, manifest, _fetch_objects(repository, manifest, backup))


def _require_same_place(manifest: Manifest, namespace: str, backup: Backup) -> None:
    saved = manifest.installation.namespace
    if saved != namespace:
        raise CheError(
            f"It was made in the namespace {saved}, and this version restores only into the same one",
            f"backup {backup.id[:8]}",
            f"Set namespace: {saved}, or choose another backup.",
        )


def _require_parts(manifest: Manifest, repository: Repository, backup: Backup) -> None:
    present = {snapshot.id for snapshot in repository.restic.snapshots()}
    for part in manifest.parts:
        if part.repository != repository.id or part.snapshot not in present:
            raise CheError(
                f"Its {part.kind} part {part.name} is not in the repository any more",
                f"backup {backup.id[:8]}",
                "Choose another backup with id; cluster_backup_info lists them.",
            )
    if sum(part.kind == "installation" for part in manifest.parts) != 1:
        raise CheError("It does not hold exactly one installation", f"backup {backup.id[:8]}", "Choose another backup.")


def _fetch_objects(repository: Repository, manifest: Manifest, backup: Backup) -> tuple[dict[str, Any], ...]:
    part = next(part for part in manifest.parts if part.kind == "installation")
    with tempfile.TemporaryDirectory(prefix="che-restore-") as scratch:
        repository.restic.restore_folder(part.snapshot, Path(scratch))
        objects = tuple(read_installation(Path(scratch)))
    _require_digests(objects, part, backup)
    return objects


def _require_digests(objects: Sequence[dict[str, Any]], part: Part, backup: Backup) -> None:
    found, expected = object_digests(objects), dict(part.objects or {})
    differing = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    if differing:
        raise CheError(
            f"Its objects are not those of its manifest: {', '.join(differing[:10])}",
            f"backup {backup.id[:8]}",
            "The repository is damaged: choose another backup, and run restic check --read-data.",
        )
