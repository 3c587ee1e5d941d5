# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a module that kills itself right after one of its steps: ``python -m integration.kill_at MODULE``.

A step is whatever changes something outside of the process: a writing request to the API server, a script in the
database's pod, a snapshot in the repository. Renewals beside the work are none, as they come when they like. The file
that CHE_STEPS names gets a line for each; CHE_KILL_AT is the number of the last one, and 0 or nothing lets it live.
CHE_KILL_BY is the signal that it sends itself then, by which it may also stand still instead. Of CHE_KILL_COUNTS, a
regular expression, only the steps that it fits are counted.
"""

from __future__ import annotations

import os
import re
import runpy
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql

_CHANGES = ("CREATE ", "ALTER ", "DROP ", "REASSIGN ", "pg_terminate_backend")


class Steps:
    """The steps so far, and the one that is the last."""

    def __init__(self) -> None:
        self._log = Path(os.environ["CHE_STEPS"])
        self._last = int(os.environ.get("CHE_KILL_AT") or 0)
        self._signal = signal.Signals[os.environ.get("CHE_KILL_BY") or "SIGKILL"]
        self._counted = re.compile(os.environ.get("CHE_KILL_COUNTS") or "")
        self._count = 0
        self._one = threading.Lock()

    def passed(self, name: str) -> None:
        thread = threading.current_thread()
        if thread is not threading.main_thread() and not thread.name.startswith("bulk-"):
            return
        # Several threads write objects: two must not count on before one of them looks.
        with self._one:
            counts = self._counted.search(name) is not None
            self._count += counts
            with self._log.open("a", encoding="utf-8") as log:
                log.write(f"{name}\n")
            if counts and self._count == self._last:
                os.kill(os.getpid(), self._signal)


def watch(steps: Steps, owner: type, method: str, name_of: Callable[..., str]) -> None:
    """Count the calls of a method as steps, when they are done; ``name_of`` gives "" for those that are none."""
    original = getattr(owner, method)

    def counted(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return original(self, *arguments, **options)
        finally:
            name = name_of(*arguments, **options)
            if name:
                steps.passed(name)

    setattr(owner, method, counted)


def request_name(method: str, path: str, query: Any, *_rest: Any, **_options: Any) -> str:
    return "" if method == "get" or "dryRun" in query else f"{method} {path}"


def script_name(script: str) -> str:
    first = next((line for line in script.splitlines() if any(word in line for word in _CHANGES)), "")
    return f"psql {first[:100]}" if first else ""


def restic_name(*arguments: str, **_options: Any) -> str:
    return f"restic {arguments[0]} {' '.join(word for word in arguments if '=' in word)}"


if __name__ == "__main__":
    counted_steps = Steps()
    watch(counted_steps, Cluster, "_send", request_name)
    watch(counted_steps, PodPsql, "__call__", script_name)
    watch(counted_steps, Restic, "_write", restic_name)
    # A module reads its arguments from standard input only when its command line has none.
    runpy.run_module(f"ansible_collections.community.che.plugins.modules.{sys.argv.pop(1)}", run_name="__main__")
