# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one family of errors that reaches a user: what failed, at which stage, on which object, and what to do next."""

from __future__ import annotations

from typing import Any


class Halt(BaseException):
    """Why a task ends before its work is done, in words for its user.

    Only what takes back or tells, and then ends as well, catches this: the boundary, a way back, what adds the stage.

    Args:
        what: What failed, as a sentence without its full stop. Never holds a secret.
        on: The object it failed on, for example ``Secret eclipse-che/che-tls``.
        next_step: What the reader can do about it, as one or more full sentences.
        stage: The stage of the run, for example ``dump``; filled in by the use case.
    """

    def __init__(self, what: str, on: str = "", next_step: str = "", stage: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.on = on
        self.next_step = next_step
        self.stage = stage
        #: What a failed task returns beside its message, for example the run's id and stages.
        self.facts: dict[str, Any] = {}

    def __str__(self) -> str:
        prefix = f"{self.stage}: " if self.stage else ""
        subject = f" ({self.on})" if self.on else ""
        advice = f" {self.next_step}" if self.next_step else ""
        return f"{prefix}{self.what}{subject}.{advice}"


class CheError(Halt, Exception):
    """A failure that a user can act on.

    Rooms raise subclasses of it; use cases add the stage; ``_module`` turns it into ``fail_json``.
    """


class Interrupted(Halt):
    """The task was told to stop; what it had begun is taken back on the way out.

    No failure of what was under way just then, so that whoever can do without that does not go on without it.
    """


def printable(text: str) -> str:
    """Return a text that does nothing to a terminal: characters that can't be seen are written as their escapes.

    Names of tables, files and objects come out of backups, and land in messages.
    """
    return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text)


class UsageError(CheError):
    """The options contradict each other, or one of them can't be understood."""
