# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What restic tells about snapshots, read from its JSON into values.

The shapes are those of https://restic.readthedocs.io/en/stable/075_scripting.html; sizes are in bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

_TIME = re.compile(r"(?P<second>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.(?P<fraction>\d+))?(?P<zone>Z|[+-]\d\d:\d\d)")


def messages(output: bytes) -> Iterator[Mapping[str, Any]]:
    """What restic tells with ``--json``, line by line."""
    return (json.loads(line) for line in output.splitlines() if line.strip())


def message_of(output: bytes, message_type: str) -> Mapping[str, Any]:
    """The last message of a type.

    Raises:
        IndexError: There is none.
    """
    return [data for data in messages(output) if data["message_type"] == message_type][-1]


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a repository.

    Args:
        id: The full id, 64 hexadecimal digits.
        time: When it was begun, aware of its time zone.
        tags: Its tags.
        hostname: The host it was written for.
        paths: The absolute paths that were saved.
        bytes: The size of what was saved; None if an old restic (before 0.17) wrote it.
        files: The number of files; None as above.
        data_added: The bytes that it added to the repository, compressed; None as above.
    """

    id: str
    time: datetime
    tags: tuple[str, ...]
    hostname: str
    paths: tuple[str, ...]
    bytes: int | None = None
    files: int | None = None
    data_added: int | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Snapshot:
        """Read an element of ``restic snapshots --json``."""
        summary = data.get("summary") or {}
        return cls(
            id=data["id"],
            time=parse_time(data["time"]),
            tags=tuple(data.get("tags") or ()),
            hostname=data.get("hostname", ""),
            paths=tuple(data["paths"]),
            bytes=summary.get("total_bytes_processed"),
            files=summary.get("total_files_processed"),
            data_added=summary.get("data_added_packed"),
        )


@dataclass(frozen=True)
class BackupSummary:
    """The result of a backup.

    Args:
        snapshot_id: The full id of the new snapshot.
        files: The number of files saved.
        bytes: Their size.
        data_added: The bytes that were new to the repository.
        data_added_packed: The same, compressed: what the server had to store.
        duration: In seconds.
    """

    snapshot_id: str
    files: int
    bytes: int
    data_added: int
    data_added_packed: int
    duration: float

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BackupSummary:
        """Read the summary message of ``restic backup --json``."""
        return cls(
            snapshot_id=data["snapshot_id"],
            files=data["total_files_processed"],
            bytes=data["total_bytes_processed"],
            data_added=data["data_added"],
            data_added_packed=data["data_added_packed"],
            duration=data["total_duration"],
        )


@dataclass(frozen=True)
class Node:
    """A file, folder or link in a snapshot.

    Args:
        path: Its path in the snapshot, beginning with a slash.
        type: ``file``, ``dir``, ``symlink`` and so on.
        size: The size of a file; 0 for all else.
    """

    path: str
    type: str
    size: int

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Node:
        """Read a node message of ``restic ls --json``."""
        return cls(path=data["path"], type=data["type"], size=data.get("size", 0))


def parse_time(text: str) -> datetime:
    """Read Go's RFC 3339 time. It has up to nine digits of a second, of which Python 3.9 takes six or none.

    Raises:
        ValueError: This is no such time.
    """
    match = _TIME.fullmatch(text)
    if not match:
        raise ValueError("not an RFC 3339 time")
    zone = "+00:00" if match["zone"] == "Z" else match["zone"]
    fraction = (match["fraction"] or "")[:6].ljust(6, "0")
    return datetime.fromisoformat(f"{match['second']}.{fraction}{zone}").astimezone(timezone.utc)
