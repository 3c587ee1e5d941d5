# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much to keep: restic's own policies, as a task names them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ansible_collections.community.che.plugins.module_utils._errors import UsageError

COUNTS = ("keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly")
SPANS = (
    "keep_within",
    "keep_within_hourly",
    "keep_within_daily",
    "keep_within_weekly",
    "keep_within_monthly",
    "keep_within_yearly",
)
# https://restic.readthedocs.io/en/stable/060_forget.html: years, months, days and hours, in any combination.
_SPAN = re.compile(r"(?:[0-9]{1,5}[ymdh])+")
_AGE = re.compile(r"([0-9]{1,5})([mhd])")
_AGE_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_ALL = -1


@dataclass(frozen=True)
class KeepPolicy:
    """What to keep, as restic's options."""

    options: tuple[str, ...]

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> KeepPolicy:
        """Read it from a module's parameters.

        Raises:
            UsageError: Nothing is to be kept, or a value is not one of restic's.
        """
        given = {name: str(params[name]) for name in (*COUNTS, *SPANS) if params.get(name) is not None}
        for name, value in given.items():
            _require_sense(name, value)
        if not given:
            raise UsageError(
                "No policy is given: nothing says which backups to keep",
                next_step="Give at least one of keep_last, keep_daily, keep_within and their siblings.",
            )
        return cls(tuple(f"--{name.replace('_', '-')}={_as_restic_says(value)}" for name, value in given.items()))


def _require_sense(name: str, value: str) -> None:
    if name in SPANS:
        if not _SPAN.fullmatch(value):
            raise UsageError("This is not a time span", f"{name}: {value!a}", "Write it as in 2y5m7d3h.")
    elif int(value) < 1 and int(value) != _ALL:
        raise UsageError(
            "This is not a number of backups to keep", f"{name}: {value}", "Give 1 or more, or -1 for all."
        )


def _as_restic_says(value: str) -> str:
    return "unlimited" if value == str(_ALL) else value


def read_age(name: str, text: str) -> timedelta:
    """An age as a task writes it, such as ``36h``.

    Raises:
        UsageError: It is not one.
    """
    found = _AGE.fullmatch(text)
    if not found:
        raise UsageError("This is not an age", f"{name}: {text!a}", "Write it as in 30m, 36h or 2d.")
    return timedelta(**{_AGE_UNITS[found[2]]: int(found[1])})
