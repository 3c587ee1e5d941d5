# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is looked at through pods, while these may be starting anew."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from che_standin.errors import StandinError
from integration.che_bed import wait_until

T = TypeVar("T")
_SECONDS = 120


def in_time(look: Callable[[], T], missing: str) -> T:
    """What a look at a running installation returns, as soon as there is a pod that it succeeds through.

    Args:
        look: Looks, and raises ``StandinError`` where there is no such pod.
        missing: What is missing if there never is one.
    """
    found: list[T] = []

    def looked() -> bool:
        with suppress(StandinError):
            found.append(look())
        return bool(found)

    wait_until(looked, _SECONDS, lambda: missing)
    return found[0]
