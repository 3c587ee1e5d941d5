# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""restic, as typed calls with typed errors."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._errors import (
    FileTooLarge,
    NoSnapshot,
    NotRemoved,
    RepositoryDamaged,
    ResticFailed,
    ResticMissing,
    ResticTimeout,
    ResticTooOld,
    SnapshotIncomplete,
)
from ansible_collections.community.che.plugins.module_utils._repository._private_files import (
    private_folder,
    write_private,
)
from ansible_collections.community.che.plugins.module_utils._repository._process import (
    Finished,
    OutputLimitExceeded,
    TimeLimitExceeded,
    run_process,
)
from ansible_collections.community.che.plugins.module_utils._repository._restic_errors import (
    explain_failure,
    last_words,
)
from ansible_collections.community.che.plugins.module_utils._repository._snapshots import (
    BackupSummary,
    Node,
    Snapshot,
)

__all__ = ["MINIMUM_VERSION", "BackupSummary", "Node", "Restic", "Snapshot"]

MINIMUM_VERSION = (0, 17, 1)
"""The first restic with all of: exit codes 10, 11 and 12, errors as JSON, and sizes in the snapshots."""

_INHERITED = (
    *("PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
_JSON_LIMIT = 256 * 1024 * 1024
_WAIT_FOR_LOCK = "2m"
_SNAPSHOT_ID = re.compile(r"[0-9a-f]{8,64}")
_VERSION = re.compile(r"restic (\d+)\.(\d+)\.(\d+)")


class Restic:
    """The restic of this machine, at work on one repository.

    Every call is a process of its own with a minimal environment, secrets in files of a private folder or in that
    environment, and a time limit at which it is stopped with all its children. An unreachable server keeps restic
    trying for 15 minutes, so probe the server first (``adapter_for(access).probe``).

    All calls raise a RepositoryError of the class that fits: ``ResticMissing``, ``ResticTimeout``, ``NoRepository``,
    ``WrongPassword``, ``RepositoryLocked``, ``AccessDenied``, ``UntrustedCertificate``, ``ServerFault``, or
    ``ResticFailed`` for what has no class.

    Args:
        access: The repository and the keys to it.
        binary: The restic to run: a name to look up in PATH, or a path.
        timeout: The time limit of each call, in seconds.
        read_only: Leave no trace: neither a lock in the repository nor a local cache. Calls that write are refused.
    """

    def __init__(self, access: Access, binary: str = "restic", timeout: float = 600.0, read_only: bool = False) -> None:
        self._access = access
        self._adapter = adapter_for(access)
        self._binary = binary
        self._timeout = timeout
        self._read_only = read_only

    def version(self) -> tuple[int, int, int]:
        """The version of the restic that is run."""
        finished = self._run(["version"], inherited_environment(), _JSON_LIMIT)
        match = _VERSION.search(finished.stdout.decode(errors="replace"))
        if finished.code or not match:
            raise ResticFailed("This does not say its version as restic does", self._binary)
        return int(match[1]), int(match[2]), int(match[3])

    def check_version(self) -> None:
        """Refuse a restic that is too old.

        Raises:
            ResticTooOld: It is older than ``MINIMUM_VERSION``.
        """
        version = self.version()
        if version < MINIMUM_VERSION:
            raise ResticTooOld(
                f"restic {_dotted(version)} is too old: {_dotted(MINIMUM_VERSION)} is the oldest that will do",
                self._binary,
                "Install a newer one, or name its path.",
            )

    def init(self) -> str:
        """Make a new repository and return its id.

        Two at the same time can leave a repository that neither opens: restic writes the key before it claims the
        place. The caller sees to it that there is one only.

        Raises:
            RepositoryExists: There is one already, whatever its password.
        """
        return str(self._json_line(self._write("init"), "initialized")["id"])

    def repository_id(self) -> str:
        """The id of the repository, 64 hexadecimal digits."""
        return str(json.loads(self._call("cat", "config"))["id"])

    def snapshots(self, tags: Sequence[str] = ()) -> list[Snapshot]:
        """The snapshots that have all of these tags, in restic's order: oldest first."""
        selection = ["--tag", _joined(tags)] if tags else []
        return [Snapshot.from_json(data) for data in json.loads(self._call("snapshots", *selection))]

    def backup_folder(self, folder: Path, tags: Sequence[str], host: str) -> BackupSummary:
        """Save a folder so that its files stand at the root of the snapshot's tree.

        Args:
            folder: The folder; the snapshot's only path is its absolute one.
            tags: The tags of the snapshot, without commas.
            host: The host that the snapshot is said to be of.

        Raises:
            SnapshotIncomplete: Something could not be read. A snapshot was written all the same.
        """
        labels = [part for tag in tags for part in ("--tag", _joined([tag]))]
        parent = ["--group-by", "host,tags", "--ignore-inode", "--ignore-ctime"]
        output = self._write("backup", "--host", host, *labels, *parent, ".", folder=folder)
        return BackupSummary.from_json(self._json_line(output, "summary"))

    def list_files(self, snapshot_id: str) -> list[Node]:
        """Everything in a snapshot, folders included.

        Raises:
            NoSnapshot: There is no such snapshot.
        """
        lines = self._json_lines(self._call("ls", self._checked(snapshot_id)))
        return [Node.from_json(data) for data in lines if data.get("message_type") == "node"]

    def dump(self, snapshot_id: str, path: str, limit_bytes: int) -> bytes:
        """The content of one file of a snapshot.

        Raises:
            NoSnapshot: There is no such snapshot.
            NoSuchFile: It has no such file.
            FileTooLarge: The file is larger than the limit.
        """
        try:
            return self._call("dump", self._checked(snapshot_id), path, limit=limit_bytes)
        except OutputLimitExceeded:
            raise FileTooLarge(f"The file is larger than {limit_bytes} bytes", f"{snapshot_id}:{path}") from None

    def restore_folder(self, snapshot_id: str, target: Path) -> None:
        """Write all of a snapshot into a folder, which is made if it is not there.

        Raises:
            NoSnapshot: There is no such snapshot.
        """
        self._call("restore", self._checked(snapshot_id), "--target", str(target))

    def forget_ids(self, snapshot_ids: Sequence[str]) -> None:
        """Remove these snapshots and no others; those that are gone already are no error.

        Raises:
            NotRemoved: The server keeps them, as an append-only one does.
        """
        if not snapshot_ids:
            return
        try:
            self._write("forget", *map(self._checked, snapshot_ids))
        except SnapshotIncomplete as error:
            raise NotRemoved(
                "The backup server keeps what restic was told to remove",
                error.on,
                "An append-only server does so; remove it there.",
            ) from None

    def remove_stale_locks(self) -> None:
        """Remove the locks whose holders are gone.

        restic takes that for proven when the lock was not renewed for 30 minutes, or when its process was one of this
        host and is no more. A restic that is killed, or loses its server, leaves such a lock; it is in the way of calls
        that need the repository for themselves, as ``check`` does, and not of backups.
        """
        self._write("unlock")

    def check(self) -> None:
        """Check the structure of the repository, without reading all of its data.

        Raises:
            RepositoryDamaged: The check found errors.
        """
        try:
            self._call("check")
        except ResticFailed as error:
            raise RepositoryDamaged(error.what, error.on, "See restic's page on troubleshooting.") from None

    def _write(self, *arguments: str, folder: Path | None = None) -> bytes:
        if self._read_only:
            raise ValueError(f"restic {arguments[0]} writes, and this Restic is for reading only")
        return self._call(*arguments, folder=folder)

    def _call(self, *arguments: str, folder: Path | None = None, limit: int = _JSON_LIMIT) -> bytes:
        with private_folder() as files:
            finished = self._run(
                [*arguments, *self._options(files)], self._environment(files), limit=limit, folder=folder
            )
        if finished.code:
            raise explain_failure(finished.code, finished.stderr, self._adapter.location, self._access.secrets())
        return finished.stdout

    def _run(
        self, arguments: Sequence[str], environment: Mapping[str, str], limit: int, folder: Path | None = None
    ) -> Finished:
        try:
            return run_process([self._binary, *arguments], environment, self._timeout, limit, folder)
        except OSError as error:
            raise ResticMissing(
                f"restic can't be run: {error.strerror}", self._binary, "Install restic, or name its path."
            ) from None
        except TimeLimitExceeded as error:
            words = last_words(error.stderr, self._access.secrets())
            raise ResticTimeout(
                f"restic {arguments[0]} was stopped after {self._timeout:g} s" + (f": {words}" if words else ""),
                self._adapter.location,
                "See whether the server is up; if it is only slow, give it more time.",
            ) from None

    def _options(self, files: Path) -> list[str]:
        options = ["--json", "--quiet"]
        if self._access.ca_certificate is not None:
            options += ["--cacert", str(write_private(files / "ca.crt", self._access.ca_certificate))]
        options += ["--no-lock"] if self._read_only else ["--retry-lock", _WAIT_FOR_LOCK]
        if self._read_only or not _has_place_for_a_cache():
            options.append("--no-cache")
        return options

    def _environment(self, files: Path) -> dict[str, str]:
        return {
            **inherited_environment(),
            **self._adapter.environment(),
            "RESTIC_REPOSITORY": self._adapter.location,
            "RESTIC_PASSWORD_FILE": str(write_private(files / "password", self._access.password)),
        }

    def _checked(self, snapshot_id: str) -> str:
        if not _SNAPSHOT_ID.fullmatch(snapshot_id):
            raise NoSnapshot(
                "A snapshot id has 8 to 64 hexadecimal digits, and this has not",
                self._adapter.location,
                "List the backups that it has.",
            )
        return snapshot_id

    def _json_line(self, output: bytes, message_type: str) -> Mapping[str, Any]:
        for data in self._json_lines(output):
            if data.get("message_type") == message_type:
                return data
        raise ResticFailed(f"restic ended well but without the message {message_type!r}", self._adapter.location)

    def _json_lines(self, output: bytes) -> Iterator[Mapping[str, Any]]:
        return (json.loads(line) for line in output.splitlines() if line.strip())


def inherited_environment() -> dict[str, str]:
    """The part of our environment that restic gets: where to find and put things, and which proxies to use."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def _has_place_for_a_cache() -> bool:
    """Whether restic finds a folder for its cache; without one it fails instead of going without."""
    return bool(os.environ.get("HOME") or os.environ.get("XDG_CACHE_HOME"))


def _joined(tags: Sequence[str]) -> str:
    """Tags as restic's option takes them, which splits at commas and has no way to write one."""
    for tag in tags:
        if not tag or "," in tag:
            raise ValueError("a tag is empty or has a comma")
    return ",".join(tags)


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))
