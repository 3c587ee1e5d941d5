# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the room `_repository` share: where they run, what they save, and how they look at failures."""

from __future__ import annotations

import base64
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._repository import _errors as errors
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from integration.rest_server import (
    SERVER_PASSWORD,
    USERNAME,
    Authority,
    RestServerProcess,
    tool,
)

PASSWORD = "repository secret 2"
TAGS = ["community.che", "run=r1", "part=installation"]
HOST = "eclipse-che"


def access_to(server: RestServerProcess, authority: Authority | None, path: str) -> Access:
    protocol = "https" if authority else "http"
    return Access(
        RestServer("localhost", path, protocol, server.port),
        PASSWORD,
        UserAndPassword(USERNAME, SERVER_PASSWORD),
        authority.certificate if authority else None,
    )


def write_installation(folder: Path) -> Path:
    """A folder as a backup of an installation writes it: 60 small files and a CA bundle, with fixed times."""
    chance = random.Random(7)

    def opaque(size: int) -> str:
        return base64.b64encode(chance.randbytes(size)).decode()

    files = {"che-cr.yaml": "apiVersion: org.eclipse.che/v2\nkind: CheCluster\n" + "spec: {}\n" * 60}
    files["configmaps/ca-certs.yaml"] = "\n".join(opaque(900) for _certificate in range(120))
    for number in range(30):
        files[f"secrets/secret-{number}.yaml"] = f"kind: Secret\ndata: {opaque(chance.choice([24, 40, 1200, 1700]))}\n"
        lines = [f"  CHE_KEY_{chance.randrange(1000)}: value-{chance.randrange(10**6)}\n" for _line in range(20)]
        files[f"configmaps/config-{number}.yaml"] = "kind: ConfigMap\ndata:\n" + "".join(lines)
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for entry in [*folder.rglob("*"), folder]:
        os.utime(entry, (0, 0))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def failure(call: Callable[[], object], within: float = 20) -> errors.RepositoryError:
    """The error of a call, which must come in time, with a next step, and without a secret."""
    started = time.monotonic()
    with pytest.raises(errors.RepositoryError) as failure:
        call()
    assert time.monotonic() - started < within
    error = failure.value
    assert not any(secret in f"{error!s} {error!r}" for secret in (PASSWORD, SERVER_PASSWORD))
    assert error.on
    return error


def outcome(call: Callable[[], object]) -> object:
    """The result of a call, or the class of its error."""
    try:
        return call()
    except errors.RepositoryError as error:
        return type(error)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def running(server: RestServerProcess) -> Iterator[RestServerProcess]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


def script(path: Path, command: str) -> Path:
    path.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def restic_without_privilege(folder: Path) -> Path:
    """A restic that root's right to read every file does not help."""
    if os.geteuid() != 0:
        return Path(tool("restic"))
    bounds = "--bounding-set=-dac_override,-dac_read_search"
    return script(folder / "restic", f'exec {tool("setpriv")} {bounds} {tool("restic")} "$@"')


def write_random(folder: Path, mebibytes: int) -> None:
    folder.mkdir()
    for number in range(mebibytes):
        (folder / f"file-{number}").write_bytes(os.urandom(1024 * 1024))


def folder_times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")] if path.is_dir()}


def watch_processes(word: str, done: threading.Event, seen: dict[str, str]) -> None:
    """Note the command line and the environment of every process that has this word in either, until done."""
    while not done.is_set():
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command_line = (process / "cmdline").read_text(encoding="utf-8", errors="replace")
                if word in command_line:
                    seen[command_line] = (process / "environ").read_text(encoding="utf-8", errors="replace")
        done.wait(0.02)


def command_lines(word: str) -> list[str]:
    """The command lines of running processes that have this word in them."""
    seen: dict[str, str] = {}
    done = threading.Event()
    done.set()
    watch_processes(word, done, seen)
    return list(seen)
