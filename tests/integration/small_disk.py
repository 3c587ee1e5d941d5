# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small file system that only chosen processes see, to be filled up, for tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

_PATIENCE_SECONDS = 30.0


class SmallDisk:
    """A file system in memory. It ends with ``close``, or with the process that made it.

    Args:
        folder: Where it is mounted, for those who run under ``enter``; everybody else sees the folder below it.
        megabytes: Its size.
        owner: The id of the user to whom it belongs.
    """

    def __init__(self, folder: Path, megabytes: int, owner: int) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root makes a small file system")
        self.folder = folder
        script = 'mount -t tmpfs -o "size=$1m,mode=0700,uid=$2" tmpfs "$0" && echo made && exec cat'
        # It ends with its standard input, so also when whoever runs the tests is killed.
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script, str(folder), str(megabytes), str(owner)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"made\n":
            self.close()
            pytest.fail(f"no small file system could be mounted on {folder}", pytrace=False)

    @property
    def enter(self) -> list[str]:
        """The beginning of a command that sees it; the command runs in the place of the process that is started."""
        return ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", "--"]

    def fill(self, leave_kilobytes: int = 0) -> None:
        """Fill it up, but for so much."""
        disk = self._seen()
        figures = os.statvfs(disk)
        surplus = figures.f_bavail * figures.f_frsize - leave_kilobytes * 1024
        with (disk / "ballast").open("ab") as ballast:
            if surplus > 0:
                os.posix_fallocate(ballast.fileno(), os.fstat(ballast.fileno()).st_size, surplus)

    def free(self) -> None:
        """Take away what ``fill`` has put there."""
        (self._seen() / "ballast").unlink(missing_ok=True)

    def close(self) -> None:
        """Give it up; it is gone once nobody is left who sees it."""
        self._holder.communicate(timeout=_PATIENCE_SECONDS)

    def _seen(self) -> Path:
        return Path(f"/proc/{self._holder.pid}/root{self.folder}")
