# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backup to restore: chosen, fetched, and held against its own manifest before it is trusted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._listing import read_manifest
from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._che._strip import strip
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._restore._fetch_legacy import fetch_legacy
from ansible_collections.community.che.plugins.module_utils._restore._fetched import Fetched
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import LEGACY, Backup, Whose, resolve
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import object_digests
from ansible_collections.community.che.plugins.module_utils._snapshot._entries import restored_part
from ansible_collections.community.che.plugins.module_utils._snapshot._layout import read_installation
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Manifest, Part
from ansible_collections.community.che.plugins.module_utils._snapshot._trust import (
    listed_problems,
    manifest_problems,
    object_problems,
)

__all__ = ["Fetched", "fetch"]


def fetch(repository: Repository, backup_id: str, whose: Whose) -> Fetched:
    """Fetch a backup.

    Args:
        repository: Where it lives.
        backup_id: ``latest``, or the id of a backup or of one of its parts.
        whose: Whose backup ``latest`` is.

    Raises:
        CheError: There is no such complete backup, or it is not what its manifest says.
    """
    backup = resolve(repository.backups(), backup_id, whose)
    if backup.state == LEGACY:
        return fetch_legacy(repository, backup)
    manifest = read_manifest(repository, backup)
    _require_parts(manifest, repository, backup)
    return Fetched(backup, manifest, _fetch_objects(repository, manifest, backup))


def _require_parts(manifest: Manifest, repository: Repository, backup: Backup) -> None:
    snapshots = {snapshot.id: snapshot for snapshot in repository.restic.snapshots()}
    for part in manifest.parts:
        if part.repository != repository.id or part.snapshot not in snapshots:
            raise CheError(
                f"Its {part.kind} part {part.name} is not in the repository any more",
                _on(backup),
                "Choose another backup with id; cluster_backup_info lists them.",
            )
    if sum(part.kind == "installation" for part in manifest.parts) != 1:
        raise CheError("It does not hold exactly one installation", _on(backup), "Choose another backup.")
    listed = [
        words for part in manifest.parts for words in listed_problems(part, snapshots[part.snapshot], repository.id)
    ]
    _require_none("Its manifest can't be true", [*listed, *manifest_problems(manifest, backup, snapshots)], backup)


def _fetch_objects(repository: Repository, manifest: Manifest, backup: Backup) -> tuple[dict[str, Any], ...]:
    part = next(part for part in manifest.parts if part.kind == "installation")
    with restored_part(repository.restic, part.snapshot) as restored:
        objects = tuple(read_installation(restored.folder))
    _require_digests(objects, part, backup)
    _require_none("It holds what no backup of this collection holds", object_problems(objects, manifest), backup)
    # What a cluster adds is not in what we save, and does not count for the digests: of others it is left out.
    return tuple(map(strip, objects))


def _require_none(what: str, problems: Iterable[str], backup: Backup) -> None:
    found = list(problems)
    if found:
        raise CheError(
            f"{what}: {'; '.join(found[:10])}",
            _on(backup),
            "It was tampered with: find out who can write to the repository, and choose another backup with id.",
        )


def _require_digests(objects: Sequence[dict[str, Any]], part: Part, backup: Backup) -> None:
    found, expected = object_digests(objects), dict(part.objects or {})
    differing = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    if differing:
        raise CheError(
            f"Its objects are not those of its manifest: {', '.join(differing[:10])}",
            _on(backup),
            "The repository is damaged: choose another backup, and run restic check --read-data.",
        )


def _on(backup: Backup) -> str:
    return f"backup {backup.id[:8]}"
