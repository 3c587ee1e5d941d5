# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""restic, as typed calls with typed errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._check import read_check
from ansible_collections.community.che.plugins.module_utils._repository._errors import (
    AccessDenied,
    FileTooLarge,
    NoRepository,
    NoSnapshot,
    NotRemoved,
    RepositoryDamaged,
    RepositoryExists,
    ResticFailed,
    SnapshotIncomplete,
)
from ansible_collections.community.che.plugins.module_utils._repository._process import OutputLimitExceeded
from ansible_collections.community.che.plugins.module_utils._repository._restic_command import ResticCommand
from ansible_collections.community.che.plugins.module_utils._repository._restic_versions import require_supported
from ansible_collections.community.che.plugins.module_utils._repository._snapshots import (
    BackupSummary,
    Node,
    Snapshot,
    message_of,
    messages,
)

__all__ = ["BackupSummary", "Node", "Restic", "Snapshot"]

_SNAPSHOT_ID = re.compile(r"[0-9a-f]{8,64}")
_UNLOCKED = re.compile(r"successfully removed (\d+) locks")
_LIST_LIMIT = 64 * 1024 * 1024
_VERSION = re.compile(r"restic (\d+)\.(\d+)\.(\d+)")


class Restic:
    """The restic of this machine, at work on one repository.

    Every call is a process of its own, which is stopped with all its children at the time limit. An unreachable server
    keeps restic trying for 15 minutes, so probe the server first (``adapter_for(access).probe``).

    All calls raise a RepositoryError of the class that fits: ``ResticMissing``, ``ResticTimeout``, ``NoRepository``,
    ``WrongPassword``, ``RepositoryLocked``, ``AccessDenied``, ``UntrustedCertificate``, ``ServerFault``, or
    ``ResticFailed`` for what has no class.

    Args:
        access: The repository and the keys to it.
        binary: The restic to run: a name to look up in PATH, or a path.
        timeout: The time limit of each call, in seconds.
        read_only: Leave no trace: neither a lock in the repository nor a local cache. Calls that write are refused
            with a ValueError, as they are a mistake of the caller.
    """

    def __init__(self, access: Access, binary: str = "restic", timeout: float = 600.0, read_only: bool = False) -> None:
        self._access, self._timeout = access, timeout
        self._command = ResticCommand(access, binary, timeout, read_only)

    def for_writing(self) -> Restic:
        """The same restic on the same repository, allowed to write."""
        return Restic(self._access, self._command.binary, self._timeout)

    def version(self) -> tuple[int, int, int]:
        """The version of the restic that is run."""
        finished = self._command.version()
        match = _VERSION.search(finished.stdout.decode(errors="replace"))
        if finished.code or not match:
            raise ResticFailed("This does not say its version as restic does", self._command.binary)
        return int(match[1]), int(match[2]), int(match[3])

    def check_version(self) -> None:
        """Refuse a restic that is too old, or so new that nobody knows what it does.

        Raises:
            ResticTooOld: It is older than ``MINIMUM_VERSION``.
            ResticTooNew: It is ``REFUSED_FROM`` or newer.
        """
        require_supported(self.version(), self._command.binary)

    def init(self) -> str:
        """Make a new repository, open it once, and return its id.

        restic writes the key before it claims the place, so that of two that do this at the same time both can end
        well and leave a repository that nobody opens. Opening it lets the last one notice, also where the server keeps
        the last one from claiming the place: its key lies there nevertheless.

        Raises:
            RepositoryExists: There is one already, whatever its password.
            RepositoryDamaged: Another one was made at the same place and time.
        """
        try:
            output = self._write("init")
        except AccessDenied:
            self._require_no_other()
            raise
        with self._understanding("init"):
            made = str(message_of(output, "initialized")["id"])
        if self.repository_id() != made:
            raise RepositoryDamaged(
                "Another repository was made at the same place and time",
                self._command.location,
                "Remove what lies there, then initialise it once.",
            )
        return made

    def _require_no_other(self) -> None:
        """Find out whether a refused ``init`` was too late: a REST server lets nobody overwrite the configuration."""
        with suppress(AccessDenied, NoRepository):
            self.repository_id()
            raise RepositoryExists(
                "Another task made a repository at the same place and time",
                self._command.location,
                "Use it, or another path.",
            )

    def repository_id(self) -> str:
        """The id of the repository, 64 hexadecimal digits."""
        output = self._command.run("cat", "config")
        with self._understanding("cat config"):
            return str(json.loads(output)["id"])

    def snapshots(self, tags: Sequence[str] = ()) -> list[Snapshot]:
        """The snapshots that have all of these tags, oldest first."""
        selection = ["--tag", ",".join(map(_checked_tag, tags))] if tags else []
        output = self._command.run("snapshots", *selection)
        with self._understanding("snapshots"):
            return [Snapshot.from_json(data) for data in json.loads(output)]

    def snapshot_ids(self) -> list[str]:
        """The ids of all snapshots, as the server lists their files: also of those that can't be read."""
        output = self._command.run("list", "snapshots")
        ids = output.decode(errors="replace").split()
        if not all(_SNAPSHOT_ID.fullmatch(snapshot_id) for snapshot_id in ids):
            raise self._misunderstood("list")
        return ids

    def backup_folder(self, folder: Path, tags: Sequence[str], host: str) -> BackupSummary:
        """Save a folder so that its files stand at the root of the snapshot's tree.

        Args:
            folder: The folder, not an empty one; the snapshot's only path is its absolute one.
            tags: The tags of the snapshot, without commas.
            host: The host that the snapshot is said to be of.

        Raises:
            SnapshotIncomplete: Something could not be read. There may be a snapshot of the rest.
        """
        labels = [part for tag in tags for part in ("--tag", _checked_tag(tag))]
        parent = ["--group-by", "host,tags", "--ignore-inode", "--ignore-ctime"]
        output = self._write("backup", "--host", host, *labels, *parent, ".", folder=folder)
        with self._understanding("backup"):
            return BackupSummary.from_json(message_of(output, "summary"))

    def list_files(self, snapshot_id: str) -> list[Node]:
        """Everything in a snapshot, folders included.

        Raises:
            NoSnapshot: There is no such snapshot.
            FileTooLarge: It has so many files that their list can't be held.
        """
        try:
            output = self._command.run("ls", self._checked_id(snapshot_id), output_limit=_LIST_LIMIT)
        except OutputLimitExceeded:
            raise FileTooLarge("The list of the snapshot's files is too long", f"snapshot {snapshot_id}") from None
        with self._understanding("ls"):
            return [Node.from_json(data) for data in messages(output) if data["message_type"] == "node"]

    def dump(self, snapshot_id: str, path: str, limit_bytes: int) -> bytes:
        """The content of one file of a snapshot.

        Raises:
            NoSnapshot: There is no such snapshot.
            NoSuchFile: It has no such file.
            FileTooLarge: The file is larger than the limit.
        """
        try:
            return self._command.run("dump", self._checked_id(snapshot_id), path, output_limit=limit_bytes)
        except OutputLimitExceeded:
            raise FileTooLarge(f"The file is larger than {limit_bytes} bytes", f"{snapshot_id}:{path}") from None

    def stream(self, snapshot_id: str, path: str, sink: Callable[[bytes], object]) -> None:
        """Hand a file over piece by piece, however large, or a folder as a tar archive; what the sink raises ends it.

        Raises:
            NoSnapshot: There is no such snapshot.
            NoSuchFile: It has no such file.
            RepositoryDamaged: It can't be read as it was written.
        """
        finished = self._command.finish("dump", self._checked_id(snapshot_id), path, sink=sink)
        if finished.code:
            raise self._command.explain(finished)

    def restore_folder(self, snapshot_id: str, target: Path, exclude: str = "") -> None:
        """Write a snapshot, without what restic's pattern excludes, into a folder; that is made where it is not.

        Raises:
            NoSnapshot: There is no such snapshot.
        """
        selection = ["--target", str(target), *(["--exclude", exclude] if exclude else [])]
        self._command.run("restore", self._checked_id(snapshot_id), *selection)

    def forget_ids(self, snapshot_ids: Sequence[str]) -> None:
        """Remove these snapshots and no others; those that are gone already are no error.

        Raises:
            NotRemoved: The server keeps them, as an append-only one does.
        """
        if not snapshot_ids:
            return
        ids = tuple(map(self._checked_id, snapshot_ids))
        with suppress(SnapshotIncomplete):  # restic's exit code for this; before 0.19 it says nothing at all
            self._write("forget", *ids)
        kept = [snapshot_id for snapshot_id in self.snapshot_ids() if snapshot_id.startswith(ids)]
        if kept:
            raise NotRemoved(
                f"The backup server keeps {len(kept)} of the snapshots that restic was told to remove",
                self._command.location,
                "An append-only server does so; remove them there.",
            )

    def release_stale_locks(self) -> int:
        """Remove the locks whose holders are gone, and return how many there were.

        restic takes that for proven when the lock was not renewed for 30 minutes, or when its process was one of a host
        of this name and is no more. A restic that is killed, or loses its server, leaves such a lock; that of one that
        wanted the repository for itself, as ``check`` does, is in the way of all that write.
        """
        self._require_writing("unlock")
        found = _UNLOCKED.search(self._in_words("unlock"))
        return int(found[1]) if found else 0

    def check(self) -> None:
        """Check the structure of the repository, without reading all of its data.

        Raises:
            RepositoryDamaged: The check found errors.
            ServerUnreachable: It could not be ended for want of the server.
        """
        report = read_check(self._command, self._command.finish("check"))
        if report.errors:
            raise RepositoryDamaged(
                f"restic's check found errors: {'; '.join(report.errors)[:600]}",
                self._command.location,
                "See restic's page on troubleshooting.",
            )

    def _write(self, *arguments: str, folder: Path | None = None) -> bytes:
        self._require_writing(arguments[0])
        return self._command.run(*arguments, folder=folder)

    def _in_words(self, *arguments: str) -> str:
        finished = self._command.finish(*arguments, in_words=True)
        if finished.code:
            raise self._command.explain(finished)
        return finished.stdout.decode(errors="replace")

    def _require_writing(self, command: str) -> None:
        if self._command.read_only:
            raise ValueError(f"restic {command} writes, and this Restic is for reading only")

    def _checked_id(self, snapshot_id: str) -> str:
        if not _SNAPSHOT_ID.fullmatch(snapshot_id):
            raise NoSnapshot(
                "A snapshot id has 8 to 64 hexadecimal digits, and this has not",
                self._command.location,
                "List the backups that it has.",
            )
        return snapshot_id

    @contextmanager
    def _understanding(self, command: str) -> Iterator[None]:
        """An answer that is not what restic documents is an error of restic's, or of what is run in its place."""
        try:
            yield
        except (ValueError, LookupError, TypeError):
            raise self._misunderstood(command) from None

    def _misunderstood(self, command: str) -> ResticFailed:
        return ResticFailed(
            f"The answer of restic {command} can't be understood",
            self._command.binary,
            "Check that this is restic itself, in a version that is supported.",
        )


def _checked_tag(tag: str) -> str:
    """A tag as restic's option takes it, which splits at commas and has no way to write one."""
    if not tag or "," in tag:
        raise ValueError("a tag is empty or has a comma")
    return tag
