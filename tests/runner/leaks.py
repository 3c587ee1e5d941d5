# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look for secrets where they must not be: in files, and in the command lines of running processes."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

POLL_SECONDS = 0.01
# Linux's limit of a process's arguments is below it, unless somebody raised that of the stack.
MOST_BYTES = 4 << 20
# In base64 a secret looks different at each of three places in what it is part of.
ALIGNMENTS = 3


def spellings(secret: str) -> set[bytes]:
    """The ways in which a secret can stand in a file: as it is, in JSON, in a URL, as or within base64."""
    plain = secret.encode()
    return {
        plain,
        json.dumps(secret)[1:-1].encode(),
        quote(secret, safe="").encode(),
        *(_base64_core(plain, offset) for offset in range(ALIGNMENTS)),
    }


def _base64_core(plain: bytes, offset: int) -> bytes:
    """What of a text's base64 does not depend on the bytes around it."""
    encoded = base64.b64encode(b"\0" * offset + plain).rstrip(b"=")
    first = -(-offset * 8 // 6)
    last = (offset + len(plain)) * 8 // 6
    return encoded[first:last]


def leaks_in(folder: Path, secrets: Iterable[str]) -> list[str]:
    """The files below a folder that hold a secret in any spelling, as ``path: number of the secret``.

    The answer does not repeat the secret, as it is printed when a test fails.
    """
    wanted = [spellings(secret) for secret in secrets]
    return [
        f"{file.relative_to(folder)}: secret {number}"
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        for number in _found(file.read_bytes(), wanted)
    ]


def _found(content: bytes, wanted: list[set[bytes]]) -> list[int]:
    return [number for number, ways in enumerate(wanted) if any(way in content for way in ways)]


@contextmanager
def watched_command_lines(secrets: Iterable[str]) -> Iterator[list[str]]:
    """While the block runs, look at every process's arguments; yields the list that fills with what was found.

    Polling can miss a process that lives for less than ten milliseconds, so a clean list proves it for those that
    do something.
    """
    lines = CommandLines([spellings(secret) for secret in secrets])
    found: list[str] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(POLL_SECONDS):
            found.extend(line for line in lines.leaking() if line not in found)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        ended.set()
        watcher.join()


class CommandLines:
    """The arguments of this machine's processes. Each is searched once, as it is looked at a hundred times a second."""

    def __init__(self, wanted: list[set[bytes]]) -> None:
        self._wanted = wanted
        self._searched: dict[str, bytes] = {}

    def leaking(self) -> Iterator[str]:
        """The processes whose arguments are others than the last time, and hold a secret."""
        now = {name: _arguments(name) for name in os.listdir("/proc") if name.isdigit()}
        for name, arguments in now.items():
            if arguments != self._searched.get(name):
                for number in _found(arguments, self._wanted):
                    program = arguments.partition(bytes(1))[0].decode(errors="replace")
                    yield f"process {name} ({program}): secret {number}"
        self._searched = now


def _arguments(process: str) -> bytes:
    """Nothing for a process that has ended since it was listed."""
    try:
        descriptor = os.open(f"/proc/{process}/cmdline", os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(descriptor, MOST_BYTES)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
