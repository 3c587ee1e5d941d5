# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many independent requests at once, over the one authenticated client, with every outcome accounted for.

A request waits for the API server and its storage most of the time, so that threads help although Python runs one of
them at a time. ``Cluster.request`` may be called by several: it keeps nothing between calls, and the client below gives
each a connection of its own. Its pool keeps five idle ones for each processor, which is enough also where there is one:
workers that take a connection back at once leave hardly any idle.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

WORKERS = 8


@dataclass(frozen=True)
class Outcomes(Generic[T]):
    """What became of calls that were carried out together. Look at ``error``, or ask for the results by ``require``.

    Args:
        results: What each call that was done returned, by its place in the order; calls that failed, or were not begun
            any more, are not in it.
        errors: What each call that failed raised, by its place.
        interruption: What ended the caller's own waiting, for example a signal; None when nothing did.
    """

    results: dict[int, T]
    errors: dict[int, BaseException]
    interruption: BaseException | None = None

    @property
    def error(self) -> BaseException | None:
        """The interruption; else, of the errors, that of the call which comes first in the order; None without any."""
        return self.interruption or (self.errors[min(self.errors)] if self.errors else None)

    def require(self) -> list[T]:
        """The results in the order of their calls.

        Raises:
            BaseException: What ``error`` is, where there is one.
        """
        if self.error is not None:
            raise self.error
        return [self.results[place] for place in sorted(self.results)]


def run_all(calls: Sequence[Callable[[], T]], workers: int = WORKERS) -> Outcomes[T]:
    """Carry calls out, several at a time, and begin them in their order.

    After the first error no further call is begun; those that are under way are waited for, so that nothing is left
    behind and it is known of every call whether it was done. A call that was cut off, by its limit of time or a lost
    connection, has failed here, and may yet have been done by the server.

    Args:
        calls: What to do. They must not depend on one another.
        workers: How many at a time.

    Returns:
        What became of each. Nothing is raised, so that nothing is hidden: also an interruption is in what is returned.
    """
    work = _Work(calls)
    count = max(1, min(workers, len(calls)))
    # A second interruption ends the process, whatever is under way then.
    helpers = [threading.Thread(name=f"bulk-{number}", target=work.carry_out, daemon=True) for number in range(count)]
    interruption = None
    try:
        for helper in helpers:
            helper.start()
        _await(helpers)
    except BaseException as error:
        interruption = error
        work.stop()
        _await(helpers)
    return Outcomes(work.results, work.errors, interruption)


def _await(helpers: Sequence[threading.Thread]) -> None:
    for helper in helpers:
        if helper.ident is not None:
            helper.join()


class _Work(Generic[T]):
    """Calls that are handed out one by one."""

    def __init__(self, calls: Sequence[Callable[[], T]]) -> None:
        self._left = iter(enumerate(calls))
        self._lock = threading.Lock()
        self._stopped = False
        self.results: dict[int, T] = {}
        self.errors: dict[int, BaseException] = {}

    def stop(self) -> None:
        """Hand no more out."""
        with self._lock:
            self._stopped = True

    def carry_out(self) -> None:
        """Do what is left, until nothing is, or something has failed."""
        for place, call in iter(self._next, None):
            try:
                self.results[place] = call()
            except BaseException as error:
                self.errors[place] = error
                self.stop()

    def _next(self) -> tuple[int, Callable[[], T]] | None:
        with self._lock:
            return None if self._stopped else next(self._left, None)
