# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom a test kills beside the module's own process, and when: right after a step, or at a random moment."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import pytest
from che_standin.errors import StandinError
from integration.che_bed import Running, wait_until
from integration.restore_story import SECONDS
from sampling import EXTENT, SEED

CHUNKS = 6
RANDOM_MOMENTS = 20
# A random moment is within so many seconds after a step: longer than most steps take.
_PAUSE_SECONDS = 3.0
# How long a process that was stopped for it waits for somebody to kill.
_APPEAR_SECONDS = 15
PROCESS, DATABASE, JOB, SERVER = "process", "database", "job", "server"
# How often somebody is looked for to kill.
_ATTEMPTS = 5
_LABELS = {DATABASE: "app.kubernetes.io/component=postgres", JOB: "job-name"}


def places(numbers: Sequence[int], chunk: int, chunks: int = CHUNKS) -> Sequence[int]:
    """Of these numbers of steps those of one chunk under soak, else any one of them."""
    return numbers[chunk::chunks] if EXTENT.whole else [random.Random(f"{SEED} {chunk}").choice(numbers)]


# A step, and how many seconds after it; None: right after it.
Moment = tuple[int, Optional[float]]


@dataclass(frozen=True)
class AfterSteps:
    """Right after each step of a chunk."""

    chunk: int = 0
    chunks: int = 1

    def __str__(self) -> str:
        return f"after steps {self.chunk}"

    def moments(self, numbers: Sequence[int], _chance: random.Random) -> list[Moment]:
        return [(number, None) for number in places(numbers, self.chunk, self.chunks)]


@dataclass(frozen=True)
class AtRandom:
    """At a random moment after one of the steps."""

    number: int

    def __str__(self) -> str:
        return f"moment {self.number}"

    def moments(self, numbers: Sequence[int], chance: random.Random) -> list[Moment]:
        return [(chance.choice(numbers), chance.uniform(0.0, _PAUSE_SECONDS))]


_MOMENTS = [*map(AtRandom, range(RANDOM_MOMENTS))]
WHEN = {
    PROCESS: _MOMENTS,
    DATABASE: [*(AfterSteps(chunk, CHUNKS) for chunk in range(CHUNKS)), *_MOMENTS],
    # There are few steps while there is one.
    JOB: [AfterSteps(), *_MOMENTS],
}


def kills(*victims: str) -> list[tuple[str, AfterSteps | AtRandom]]:
    """Each of these victims with each time at which it is killed."""
    return [(victim, when) for victim in victims for when in WHEN[victim]]


# After which steps each is there to be killed, as a regular expression: a Job's pod when there is a new Job. How many
# other steps come before these differs from run to run.
_THERE = {PROCESS: "", DATABASE: "", SERVER: "", JOB: "^post .*/jobs$"}


def there(victim: str, steps: Sequence[str]) -> list[int]:
    """The numbers of the steps after which a victim is there to be killed, among steps of this kind."""
    return list(range(1, 1 + sum(re.search(_THERE[victim], step) is not None for step in steps)))


def earlier(numbers: Sequence[int], than: int) -> int:
    """A step some way before another one, as not every run has as many."""
    return max((number for number in numbers if number <= than - 5), default=numbers[0])


@dataclass(frozen=True)
class Attack:
    """Somebody who is killed while a module works.

    Args:
        victim: Who; see ``there`` for when it is there to be killed.
        start: Starts the module, which sends itself the signal ``by`` after so many of the steps that are ``counted``.
        count: How many of the counted steps it has done.
        kill: Kills the victim of the running module, and says whether there was any.
    """

    victim: str
    start: Callable[..., Running]
    count: Callable[[str], int]
    kill: Callable[[Running], bool]

    def surely(self, numbers: Sequence[int], moment: Moment, over: Callable[[], None]) -> Running:
        """Start the module and kill; earlier than wanted when it is over by then, of which ``over`` is told."""
        place, pause = moment
        for _attempt in range(_ATTEMPTS):
            running, hit = self.strike(place, pause)
            if hit:
                return running
            outcome = running.outcome(SECONDS)
            assert not outcome.failed, outcome.message
            over()
            place = earlier(numbers, place)
        pytest.fail(f"there was no {self.victim} to kill", pytrace=False)

    def strike(self, place: int, pause: float | None) -> tuple[Running, bool]:
        """Start the module and kill once.

        Args:
            place: After which step of those that ``there`` has counted.
            pause: How many seconds after that; None: right after it, while the module stands still.

        Returns:
            The module, and whether anything was hit: it may have come to its end before.
        """
        kind = _THERE[self.victim]
        running = self.start(place if pause is None else 0, by=signal.SIGSTOP, counted=kind)

        def is_over() -> bool:
            return running.process.poll() is not None

        def reached() -> bool:
            return is_over() or (_stands_still(running) if pause is None else self.count(kind) >= place)

        wait_until(reached, SECONDS, lambda: f"the module does not get to step {place}")
        threading.Event().wait(pause or 0.0)
        hits: list[bool] = []

        def struck() -> bool:
            hits.append(not is_over() and self.kill(running))
            return hits[-1] or is_over()

        with suppress(StandinError):
            wait_until(struck, _APPEAR_SECONDS if pause is None else SECONDS, lambda: f"no {self.victim} to kill")
        if pause is None and not is_over():
            running.process.send_signal(signal.SIGCONT)
        return running, hits[-1]


def kill_process(running: Running) -> bool:
    """Kill the task's own process."""
    running.process.kill()
    return True


def kill_pods(victim: str, namespace: str) -> bool:
    """End the victim's pods by force; whether there were any.

    A pod that is deleted by force still has a moment, in which PostgreSQL shuts down. So all of its processes are
    killed before: a server whose processes die recovers from its log.
    """
    if victim == DATABASE:
        crash = ["kubectl", "-n", namespace, "exec", "deploy/postgres", "--", "sh", "-c", "kill -9 -1"]
        subprocess.run(crash, check=False, capture_output=True, timeout=60)
    command = ["kubectl", "-n", namespace, "delete", "pod", "-l", _LABELS[victim], "--grace-period=0", "--force"]
    command += ["--field-selector", "status.phase!=Succeeded,status.phase!=Failed"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return "deleted" in done.stdout


def _stands_still(running: Running) -> bool:
    try:
        state = Path(f"/proc/{running.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state == "T"
