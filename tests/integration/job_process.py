# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Job's script run outside a pod: the same text, the same environment, with the pod's folders elsewhere."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._database._job import MOUNT, JobPlan
from integration.postgres_server import programs
from integration.rest_server import tool

SHELLS = ("dash", "busybox", "bash")
_SECONDS = 120


def shell_folder(folder: Path, shell: str) -> Path:
    """A folder for PATH in which ``sh`` is this shell; for busybox all its tools come with it, as in its images."""
    programs_folder = folder / shell
    if not programs_folder.exists():
        programs_folder.mkdir()
        if shell == "busybox":
            subprocess.run([tool("busybox"), "--install", "-s", programs_folder], check=True)
        else:
            (programs_folder / "sh").symlink_to(tool(shell))
    return programs_folder


class JobProcess:
    """A running Job.

    Args:
        plan: What would be created in a cluster.
        folder: For the mounted files and the scratch space.
        shell_programs: See ``shell_folder``; comes first on PATH.
        wrappers: A folder with programs that stand before the real ones, if any.
        environment: Variables to set otherwise than the plan does.
    """

    def __init__(
        self,
        plan: JobPlan,
        folder: Path,
        shell_programs: Path,
        wrappers: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.mount, self.scratch = folder / "mount", folder / "scratch"
        self.mount.mkdir(parents=True)
        self.scratch.mkdir()
        for name, content in plan.secret["stringData"].items():
            (self.mount / name).write_text(content, encoding="utf-8")
            (self.mount / name).chmod(0o444)
        container = plan.job["spec"]["template"]["spec"]["containers"][0]
        self.command = [
            shell_programs / "sh",
            *(str(part).replace(MOUNT, str(self.mount)) for part in container["command"][1:]),
        ]
        path = [wrappers, shell_programs, programs(), *map(Path, os.defpath.split(os.pathsep))]
        self.environment = {
            "PATH": os.pathsep.join(str(part) for part in path if part),
            **{e["name"]: e["value"].replace("$$", "$").replace(MOUNT, str(self.mount)) for e in container["env"]},
            "CHE_SCRATCH": str(self.scratch),
            "CHE_RESTIC": tool("restic"),
            **(environment or {}),
        }
        self._output = folder / "output"
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> JobProcess:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.end(signal.SIGKILL)

    @property
    def log(self) -> str:
        """What it has printed so far: what the pod's log would show."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def wait(self, seconds: float = _SECONDS) -> int:
        """Wait for its end and return its exit status."""
        return self._process.wait(seconds)

    def succeed(self, seconds: float = _SECONDS) -> str:
        """Wait for its end, which must be a good one, and return its log."""
        status = self.wait(seconds)
        assert status == 0, self.log
        return self.log

    def terminate(self) -> None:
        """Tell the shell alone to end, as Kubernetes tells process 1 of a container."""
        os.kill(self._process.pid, signal.SIGTERM)

    def end(self, wish: signal.Signals) -> None:
        """Send a signal to all of it."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, wish)
            self._process.wait(30)

    def children(self, name: str) -> list[int]:
        """The process ids of its processes of this name."""
        return [pid for pid in self._session() if _comm(pid) == name]

    def await_child(self, name: str, written: int = 0, seconds: float = 90) -> int:
        """Wait until one of its processes has written that many bytes, and return its process id."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._process.poll() is None:
            for pid in self.children(name):
                if _written(pid) >= written:
                    return pid
            time.sleep(0.002)
        return pytest.fail(f"no {name} has written {written} bytes: {self.log}", pytrace=False)

    def command_lines(self) -> list[str]:
        """The command lines and environments of all its processes, as /proc shows them."""
        return [text for pid in self._session() for text in (_proc(pid, "cmdline"), _proc(pid, "environ"))]

    def _session(self) -> Iterator[int]:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                # The name may hold blanks and brackets; the numbers stand after the last bracket.
                fields = _proc(int(entry.name), "stat").rpartition(")")[2].split()
                if len(fields) > 3 and int(fields[3]) == self._process.pid:
                    yield int(entry.name)


def _proc(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _comm(pid: int) -> str:
    return _proc(pid, "comm").strip()


def _written(pid: int) -> int:
    for line in _proc(pid, "io").splitlines():
        if line.startswith("wchar:"):
            return int(line.split()[1])
    return -1


def wrapper(folder: Path, name: str, script: str) -> Path:
    """A folder with one program that stands before the real one; ``$REAL`` in its script is the real one."""
    folder.mkdir(exist_ok=True)
    real = programs() / name if (programs() / name).exists() else Path(shutil.which(name) or name)
    path = folder / name
    path.write_text(f"#!/bin/sh\nREAL={real}\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return folder


def await_true(check: Callable[[], bool], what: str, seconds: float = 90) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come true within {seconds} s", pytrace=False)
        time.sleep(0.01)
