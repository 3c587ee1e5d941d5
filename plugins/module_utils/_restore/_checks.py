# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was looked at before a restore changes anything, and what came of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._errors import CheError

_PATH = re.compile(r"[\w.\[\]]+: ")

PASSED = "passed"
BLOCKED = "blocked"
WARNED = "warned"
WAITS = "waits"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Args:
        name: What was looked at, for example ``quota``.
        result: ``passed``; ``blocked``, which keeps the restore from beginning; ``warned``; ``waits`` for what the
            restore itself makes or asks for; ``unknown`` where the credentials or the cluster do not let one see.
        message: What was found, as a sentence without its full stop.
        on: The object it was found on.
        lift: How a blocker is lifted, as full sentences.
    """

    name: str
    result: str
    message: str
    on: str = ""
    lift: str = ""

    @property
    def sentence(self) -> str:
        """All of it in words."""
        on = f" ({self.on})" if self.on else ""
        # The API server begins its messages with a field's path.
        begins = self.message[:1] if _PATH.match(self.message) else self.message[:1].upper()
        return f"{begins}{self.message[1:]}{on}. {self.lift}".strip()

    def shown(self) -> dict[str, Any]:
        """As a task returns it."""
        # A key that YAML takes for true would be hard to write.
        return {"object" if name == "on" else name: value for name, value in asdict(self).items()}


def parted(sentences: str) -> tuple[str, str]:
    """What is wrong, as a sentence without its full stop, and what to do about it."""
    what, _stop, lift = sentences.partition(". ")
    return what.rstrip("."), lift


def blockers(checks: Iterable[Check]) -> list[Check]:
    """What keeps a restore from beginning."""
    return [check for check in checks if check.result == BLOCKED]


def require_none_blocked(checks: Sequence[Check]) -> None:
    """Refuse to begin.

    Raises:
        CheError: Something blocks; it names all of it, and how each is lifted.
    """
    found = blockers(checks)
    if not found:
        return
    first, *others = found
    if not others:
        raise CheError(first.message, first.on, first.lift)
    told = " ".join(f"({number}) {check.sentence}" for number, check in enumerate(found, 1))
    raise CheError(f"{len(found)} things keep it from beginning", next_step=told)
