# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as ``--diff`` prints it above the diffs: what they do not show, as what stays, sizes, versions and checks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

_TITLE = "Plan"
_MIB = 2**20

Told = Mapping[str, Any]


def printed(plan: Told) -> dict[str, Any]:
    """The entry of a task's ``diff`` that shows the plan as a whole.

    Args:
        plan: The plan as the task returns it, which holds no secrets.
    """
    # What an object or a dump is called comes from the backup: it must not speak to the terminal.
    lines = ["".join(char if char.isprintable() else "?" for char in line) for line in _lines(plan)]
    return {"before_header": _TITLE, "after_header": _TITLE, "prepared": "\n".join([*lines, "", ""])}


def _lines(plan: Told) -> Iterator[str]:
    yield f"plan of the restore of backup {plan['backup'][:8]}"
    by_action: dict[str, list[str]] = defaultdict(list)
    for step in plan["objects"]:
        by_action[step["action"]].append(f"{step['kind']}/{step['name']}")
    for action in ("create", "change", "keep", "leave"):
        yield from _names(action, by_action[action])
    yield from _names("left alone, as the backup has none", plan["left_alone"])
    yield from _names("not chosen", plan["left_out"])
    yield from map(_database, plan["databases"])
    for change in plan["adaptations"]:
        values = f"{change['before'] or '(not set)'} -> {change['after'] or '(not set)'}"
        yield f"adapted: {change['object']}, {change['path']}: {values} ({change['why']})"
    for note in plan["conversion"]:
        yield f"conversion: {note['path']}: {note['became']} {note['to']}".rstrip()
    yield from (f"unproven: {sentence}" for sentence in plan["unproven"])
    for check in plan["preflight"]:
        on = f" ({check['object']})" if check["object"] else ""
        lift = f". {check['lift']}" if check["lift"] else ""
        yield f"{check['result']}: {check['name']}: {check['message']}{on}{lift}"


def _names(what: str, names: list[str]) -> Iterator[str]:
    if names:
        yield f"{what} ({len(names)}): {', '.join(names)}"


def _database(item: Told) -> str:
    saved, live = _figures(item["rows"], item["saved_version"]), _figures(item["live_rows"], item["live_version"])
    size = f"a dump of {item['bytes'] / _MIB:.1f} MiB"
    note = f". {item['note']}" if item["note"] else ""
    return f"{item['action']} Database/{item['name']}: {saved}, {size}; here {live}{note}"


def _figures(rows: int, version: str) -> str:
    return f"{'unknown' if rows < 0 else rows} rows, PostgreSQL {version or 'unknown'}"
