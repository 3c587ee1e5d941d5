# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look for secrets where they must not be: in files, and in the command lines of running processes."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

POLL_SECONDS = 0.01
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
    wanted = [spellings(secret) for secret in secrets]
    found: list[str] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(POLL_SECONDS):
            found.extend(_leaking_processes(wanted, set(found)))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        ended.set()
        watcher.join()


def _leaking_processes(wanted: list[set[bytes]], known: set[str]) -> Iterator[str]:
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        # A process can end between being listed and being read.
        with suppress(OSError):
            arguments = Path("/proc", name, "cmdline").read_bytes()
            for number in _found(arguments, wanted):
                line = f"process {name} ({arguments.partition(bytes(1))[0].decode(errors='replace')}): secret {number}"
                if line not in known:
                    yield line
