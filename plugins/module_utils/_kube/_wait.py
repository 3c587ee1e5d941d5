# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting with a limit: the one place where this collection sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from ansible_collections.community.che.plugins.module_utils._kube._errors import WaitExpired

T = TypeVar("T")


class Deadline:
    """A point in time after which waiting ends."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left; never negative."""
        return max(0.0, self._end - time.monotonic())

    @property
    def expired(self) -> bool:
        return self.left <= 0

    def extend(self, seconds: float) -> None:
        """See to it that so many seconds are left, if there were fewer."""
        self._end = max(self._end, time.monotonic() + seconds)

    def pause(self, seconds: float) -> None:
        """Let some time pass before the next look, but not beyond the deadline."""
        time.sleep(min(seconds, self.left))


def wait_for(
    look: Callable[[], T | None],
    deadline: Deadline,
    what: str,
    *,
    on: str = "",
    next_step: str = "",
    describe: Callable[[], str] | None = None,
) -> T:
    """Look until there is something to return.

    Args:
        look: Returns None as long as there is nothing yet.
        deadline: When to give up.
        what: What is being waited for, for the error message.
        on: The object that is being looked at.
        next_step: What the reader of the error can do.
        describe: Says, at the end of the wait, what the state was.

    Raises:
        WaitExpired: The deadline passed first.
    """
    interval = 0.2
    while True:
        found = look()
        if found is not None:
            return found
        if deadline.expired:
            state = f": {describe()}" if describe else ""
            raise WaitExpired(f"Gave up waiting for {what}{state}", on, next_step)
        deadline.pause(interval)
        interval = min(interval * 1.5, 3.0)
