# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tags of our snapshots: how a part finds its run, and a seal the number of its parts.

Tags are written with the snapshot and never changed: restic's ``tag`` would give the snapshot a new id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

OURS = "community.che"
_SEAL = "seal"
_SAFETY = "safety"
_PLAN = "plan"


@dataclass(frozen=True)
class Tags:
    """What the tags of one of our snapshots say.

    Args:
        run: The run that wrote it.
        part: The kind of part; empty for a seal.
        name: The part's name, for example a database's; empty for a part that needs none.
        is_seal: Whether it is a seal.
        parts: How many parts the seal seals; ``None`` when that can't be read.
        is_safety: Whether it is the seal of what a restore saved before it changed anything.
    """

    run: str
    part: str = ""
    name: str = ""
    is_seal: bool = False
    parts: int | None = None
    is_safety: bool = False


def part_tags(run: str, part: str, name: str = "") -> tuple[str, ...]:
    """Return the tags of a part. The name is quoted as in a URL: restic takes a comma as the start of another tag."""
    tags = (OURS, f"run={run}", f"part={part}")
    return (*tags, f"name={quote(name, safe='')}") if name else tags


def seal_tags(run: str, parts: int, safety: bool = False) -> tuple[str, ...]:
    """Return the tags of the seal of so many parts, of a safety backup if it is one."""
    tags = (OURS, f"run={run}", _SEAL, f"parts={parts}")
    return (*tags, _SAFETY) if safety else tags


def plan_tags(restore: str) -> tuple[str, ...]:
    """Return the tags of the plan of a restore, which is no part of any backup."""
    return (OURS, f"run={restore}", _PLAN)


def restore_of(tags: Sequence[str]) -> str:
    """Return the name of the restore whose plan a snapshot with these tags holds; empty when it holds none."""
    values = dict(tag.partition("=")[::2] for tag in tags)
    return values.get("run", "") if OURS in values and _PLAN in values else ""


def read_tags(tags: Sequence[str]) -> Tags | None:
    """Return what the tags of a snapshot say, or ``None`` when it is neither a part nor a seal of ours."""
    values = dict(tag.partition("=")[::2] for tag in tags)
    is_ours = OURS in values and values.get("run") and (_SEAL in values or values.get("part"))
    if not is_ours:
        return None
    parts = values.get("parts", "")
    return Tags(
        run=values["run"],
        part=values.get("part", ""),
        name=unquote(values.get("name", "")),
        is_seal=_SEAL in values,
        parts=int(parts) if parts.isascii() and parts.isdigit() and len(parts) < 10 else None,
        is_safety=_SEAL in values and _SAFETY in values,
    )
