# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares two proofs and prints a table. Pure: no cluster."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .proof import DERIVED, SAVED

Object = Mapping[str, Any]

SAME = "same"
LEFT_OUT = "left out"  # absent afterwards, and rightly so
DIFFERS = "DIFFERS"
MISSING = "MISSING"
UNEXPECTED = "UNEXPECTED"
BAD = {DIFFERS, MISSING, UNEXPECTED}


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: Kind of thing, such as ``Secret`` or ``table``.
        name: Its name.
        before: Its figure before, empty if it was not there.
        after: Its figure after.
        verdict: One of the constants of this module.
    """

    what: str
    name: str
    before: str
    after: str
    verdict: str


def compare(before: Object, after: Object) -> list[Row]:
    """A row for everything that either proof names."""
    rows = _objects(before["objects"], after["objects"])
    old = {d["deployment"]: d for d in before["databases"]}
    new = {d["deployment"]: d for d in after["databases"]}
    for name in sorted(old | new):
        if name in old and name in new:
            rows += _database(name, old[name], new[name])
        else:
            rows.append(
                Row("database server", name, str(name in old), str(name in new), MISSING if name in old else UNEXPECTED)
            )
    return rows


def schema_difference(before: Object, after: Object) -> list[str]:
    """A unified diff of the schemas of databases that both proofs have."""
    new = {d["deployment"]: d["schema"] for d in after["databases"]}
    lines: list[str] = []
    for old in before["databases"]:
        name = old["deployment"]
        lines += difflib.unified_diff(
            old["schema"], new.get(name, []), f"{name} before", f"{name} after", lineterm="", n=1
        )
    return lines


def render(rows: list[Row], only_differences: bool = False) -> str:
    """The table, with a last line that sums up."""
    shown = [row for row in rows if row.verdict in BAD or not only_differences]
    cells = [("WHAT", "NAME", "BEFORE", "AFTER", "")] + [(r.what, r.name, r.before, r.after, r.verdict) for r in shown]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, [*widths, 0])).rstrip() for line in cells]
    bad = sum(row.verdict in BAD for row in rows)
    same = sum(row.verdict == SAME for row in rows)
    left_out = sum(row.verdict == LEFT_OUT for row in rows)
    lines.append(f"{len(rows)} compared: {same} the same, {left_out} rightly left out, {bad} different")
    return "\n".join(lines)


def _objects(before: list[Object], after: list[Object]) -> list[Row]:
    old = {(o["kind"], o["name"]): o for o in before}
    new = {(o["kind"], o["name"]): o for o in after}
    order = sorted(old | new, key=lambda key: (key[0] not in ("Namespace", "CheCluster"), key))
    return [_object(kind, name, old.get((kind, name)), new.get((kind, name))) for kind, name in order]


def _object(kind: str, name: str, before: Object | None, after: Object | None) -> Row:
    treatment = (before or after or {})["class"]
    figures = [obj["digest"][:12] if obj else "" for obj in (before, after)]
    what = kind if treatment == SAVED else f"{kind} ({treatment})"
    return Row(what, name, figures[0], figures[1], _object_verdict(treatment, before, after))


def _object_verdict(treatment: str, before: Object | None, after: Object | None) -> str:
    """Saved objects must be equal. Derived ones are made anew, so only an absence counts.

    Others may be gone, with a namespace that was destroyed, but nobody may have changed or invented them.
    """
    if before is None:
        return SAME if treatment == DERIVED else UNEXPECTED
    if after is None:
        return MISSING if treatment in (SAVED, DERIVED) else LEFT_OUT
    if treatment == DERIVED or before["digest"] == after["digest"]:
        return SAME
    return DIFFERS


def _database(deployment: str, before: Object, after: Object) -> list[Row]:
    name = before["properties"]["name"]
    properties = [before["properties"], after["properties"]]
    rows = [
        _value(f"{deployment}: {key}", name, *(side.get(key) for side in properties))
        for key in dict.fromkeys([*properties[0], *properties[1]])
    ]
    # What else is on somebody else's server is theirs.
    if not (before.get("external") or after.get("external")):
        rows += [_value(f"{deployment}: {key}", name, before[key], after[key]) for key in ("other_databases", "roles")]
    rows.append(_login(deployment, before, after))
    rows.append(_value(f"{deployment}: schema", name, _short(before["schema"]), _short(after["schema"])))
    rows += _figures(f"{deployment}: table", before["tables"], after["tables"], _table_figure)
    rows += _figures(f"{deployment}: sequence", before["sequences"], after["sequences"], _sequence_figure)
    return [
        *rows,
        _value(
            f"{deployment}: large objects",
            name,
            _lob_figure(before["large_objects"]),
            _lob_figure(after["large_objects"]),
        ),
    ]


def _login(deployment: str, before: Object, after: Object) -> Row:
    # A password that never worked is no better for being equal.
    verdict = SAME if before["login_works"] and after["login_works"] else DIFFERS
    name = before["properties"]["owner"]
    return Row(f"{deployment}: login", name, _text(before["login_works"]), _text(after["login_works"]), verdict)


def _figures(what: str, before: list[Object], after: list[Object], figure: Any) -> list[Row]:
    old = {f"{item['schema']}.{item['name']}": figure(item) for item in before}
    new = {f"{item['schema']}.{item['name']}": figure(item) for item in after}
    return [_presence(what, name, old.get(name, ""), new.get(name, "")) for name in sorted(old | new)]


def _presence(what: str, name: str, before: str, after: str) -> Row:
    verdict = SAME if before == after else MISSING if not after else UNEXPECTED if not before else DIFFERS
    return Row(what, name, before, after, verdict)


def _value(what: str, name: str, before: Any, after: Any) -> Row:
    return Row(what, name, _text(before), _text(after), SAME if before == after else DIFFERS)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _short(lines: list[str]) -> str:
    return f"{len(lines)} lines {hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:12]}"


def _table_figure(table: Object) -> str:
    return f"{table['rows']} rows {table['checksum'][:12]}"


def _sequence_figure(sequence: Object) -> str:
    return f"{sequence['last_value']}{'' if sequence['is_called'] else ' (not called)'}"


def _lob_figure(figures: Object) -> str:
    return f"{figures['count']} of {figures['bytes']} bytes {figures['checksum'][:12]}"
