# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restic repository in memory, with the calls of the collection's own restic room.

restic itself is run by the integration tests; this one is for what use cases make of its answers.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path, PurePosixPath
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._restic import BackupSummary, Node, Snapshot
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer

REPOSITORY_ID = "f" * 64
PIECE = 64 * 1024
START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)
ACCESS = Access(RestServer("backup.example.org", "che", port=8000), password="sesame")


@dataclass
class FakeRestic:
    """What has been saved, by snapshot id."""

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    taken: list[Snapshot] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    errors: dict[str, Exception] = field(default_factory=dict)
    damaged: dict[str, bytes] = field(default_factory=dict)
    stale_locks: int = 0
    _numbers: Any = field(default_factory=itertools.count)

    def version(self) -> tuple[int, int, int]:
        return (0, 19, 1)

    def repository_id(self) -> str:
        return REPOSITORY_ID

    def for_writing(self) -> FakeRestic:
        return self

    def snapshots(self, tags: Sequence[str] = ()) -> list[Snapshot]:
        self._called("snapshots")
        return [snapshot for snapshot in self.taken if set(tags) <= set(snapshot.tags)]

    def backup_folder(self, folder: Path, tags: Sequence[str], host: str) -> BackupSummary:
        self._called("backup_folder")
        files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        return self.save(files, tags, host)

    def save(self, files: dict[str, bytes], tags: Sequence[str], host: str = "che", path: str = "/") -> BackupSummary:
        """Take a snapshot, as restic or one of our Jobs does."""
        number = next(self._numbers)
        snapshot_id = hashlib.sha256(str(number).encode()).hexdigest()
        size = sum(map(len, files.values()))
        moment = START + timedelta(seconds=number)
        self.files[snapshot_id] = files
        self.taken.append(Snapshot(snapshot_id, moment, tuple(tags), host, (path,), size, len(files), size))
        return BackupSummary(snapshot_id, len(files), size, size, size // 2, 0.1)

    def list_files(self, snapshot_id: str) -> list[Node]:
        self._called("list_files")
        files = self.files[snapshot_id]
        folders = {f"/{folder}".rstrip(".") for name in files for folder in PurePosixPath(name).parents}
        return [
            *(Node(folder, "dir", 0) for folder in sorted(folders)),
            *(Node(f"/{name}", "file", len(self.damaged.get(name, content))) for name, content in files.items()),
        ]

    def stream(self, snapshot_id: str, path: str, sink: Callable[[bytes], object]) -> None:
        self._called("stream")
        content = self.files[snapshot_id][path.lstrip("/")]
        for start in range(0, len(content), PIECE):
            sink(content[start : start + PIECE])

    def restore_folder(self, snapshot_id: str, target: Path, exclude: str = "") -> None:
        self._called("restore_folder")
        for name, content in self.files[snapshot_id].items():
            if exclude and f"/{name}".startswith(f"{exclude}/"):
                continue
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(self.damaged.get(name, content))

    def dump(self, snapshot_id: str, path: str, limit_bytes: int) -> bytes:
        self._called("dump")
        assert limit_bytes >= len(self.files[snapshot_id][path])
        return self.damaged.get(path, self.files[snapshot_id][path])

    def release_stale_locks(self) -> int:
        self._called("release_stale_locks")
        return self.stale_locks

    def forget_ids(self, snapshot_ids: Sequence[str]) -> None:
        self._called("forget_ids")
        self.forgotten += snapshot_ids
        self.taken = [snapshot for snapshot in self.taken if snapshot.id not in snapshot_ids]

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.errors:
            raise self.errors[name]


def a_repository(restic: FakeRestic) -> Repository:
    """An open repository around it."""
    any_restic: Any = restic
    return Repository(ACCESS, any_restic, REPOSITORY_ID, "rest:https://backup.example.org:8000/che/", "main", "named")
