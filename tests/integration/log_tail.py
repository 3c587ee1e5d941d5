# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The newest of what a process writes, for tests that run long."""

from __future__ import annotations

import subprocess
import threading
from typing import IO


class LogTail:
    """Reads the standard error of processes, which is a pipe, and keeps the end of it.

    Args:
        limit: How much is kept, in bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._lock = threading.Lock()

    def follow(self, process: subprocess.Popen[bytes]) -> None:
        """Read what a process writes, to its end."""
        threading.Thread(target=self._read, args=(process.stderr,), daemon=True).start()

    def text(self) -> str:
        """What is kept."""
        with self._lock:
            return self._kept.decode("utf-8", "replace")

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while chunk := pipe.read1(65536):  # type: ignore[attr-defined]
                with self._lock:
                    self._kept += chunk
                    del self._kept[: -self._limit]
