# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run one process under a time limit, with bounded output, and leave nothing of it behind."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

_CHUNK = 64 * 1024
_STDERR_LIMIT = 64 * 1024
_GRACE_SECONDS = 5.0
"""What a stopped process gets for cleaning up: restic takes its lock out of the repository."""


@dataclass(frozen=True)
class Finished:
    """A process that has ended by itself.

    Args:
        code: The exit code.
        stdout: All of its output.
        stderr: The end of its messages, at most 64 KiB.
    """

    code: int
    stdout: bytes
    stderr: str


class TimeLimitExceeded(Exception):
    """The process was stopped at its time limit.

    Args:
        stderr: The end of its messages until then, at most 64 KiB.
    """

    def __init__(self, stderr: str) -> None:
        super().__init__("time limit exceeded")
        self.stderr = stderr


class OutputLimitExceeded(Exception):
    """The process was stopped as it wrote more than the caller wants to hold."""


def run_process(
    argv: Sequence[str],
    environment: Mapping[str, str],
    timeout: float,
    output_limit: int,
    folder: Path | None = None,
    sink: Callable[[bytes], object] | None = None,
) -> Finished:
    """Run a process to its end.

    Args:
        argv: The program and its arguments.
        environment: All of its environment; nothing is inherited.
        timeout: Seconds until it is stopped, with every process of its group.
        output_limit: The bytes of standard output that are read before it is stopped.
        folder: Its working directory; None: ours.
        sink: Takes the output piece by piece, so that none of it is held; without it the output is returned.

    Raises:
        OSError: The program can't be run.
        TimeLimitExceeded: It took too long.
        OutputLimitExceeded: It wrote too much.
    """
    process = subprocess.Popen(
        argv,
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        try:
            return _collect(process, time.monotonic() + timeout, output_limit, sink)
        finally:
            _stop_group(process)


def _collect(
    process: subprocess.Popen[bytes], deadline: float, output_limit: int, sink: Callable[[bytes], object] | None
) -> Finished:
    stdout, stderr = bytearray(), bytearray()
    try:
        with selectors.DefaultSelector() as selector:
            _watch(selector, process.stdout, sink or stdout.extend)
            _watch(selector, process.stderr, stderr.extend)
            while selector.get_map():
                _read(selector, _remaining(deadline, process))
                del stderr[:-_STDERR_LIMIT]
                if len(stdout) > output_limit:
                    raise OutputLimitExceeded
        code = process.wait(_remaining(deadline, process))
    except subprocess.TimeoutExpired:
        raise TimeLimitExceeded(stderr.decode(errors="replace")) from None
    return Finished(code, bytes(stdout), stderr.decode(errors="replace"))


def _watch(selector: selectors.BaseSelector, stream: IO[bytes] | None, take: Callable[[bytes], object]) -> None:
    # Both streams are pipes; only the type checker can't know.
    selector.register(cast("IO[bytes]", stream), selectors.EVENT_READ, take)


def _remaining(deadline: float, process: subprocess.Popen[bytes]) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise subprocess.TimeoutExpired(process.args, 0)
    return remaining


def _read(selector: selectors.BaseSelector, timeout: float) -> None:
    for key, _events in selector.select(timeout):
        chunk = os.read(key.fd, _CHUNK)
        if not chunk:
            selector.unregister(key.fileobj)
            continue
        key.data(chunk)


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    for wish, patience in ((signal.SIGTERM, _GRACE_SECONDS), (signal.SIGKILL, None)):
        # Its own session made the process the leader of its group, and until it is waited for its id is not reused.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, wish)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return
