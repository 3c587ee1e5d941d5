# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of the benchmarks: what is judged, and that the page in the docs shows what is measured now."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from benchmarks import dump, load, moves, objects, outage, plans, writes
from benchmarks.__main__ import MOVES, OUTAGES, PARTS
from benchmarks.jobs import Measured
from benchmarks.table import HEAD, PAGE, Row, sections_of

# A section that was measured before its benchmark was changed says so until it is measured again.
OLDER = "By an older version of these benchmarks, with other rows and limits."
SHOWN = sections_of(PAGE.read_text(encoding="utf-8"))

CLOSED = "2026-11-22T10:00:01.250Z"


def restored(seconds: float = 4.0, whole: float = 5.5) -> dict[str, Any]:
    """What the module returns, as far as it is looked at: it writes objects before it closes a database."""
    stages = [
        {"name": "stage", "started": "2026-11-22T09:59:00.000Z", "seconds": 59.0},
        {"name": "cut over", "started": "2026-11-22T10:00:00.000Z", "seconds": seconds},
        {"name": "verify", "started": "2026-11-22T10:00:04.010Z", "seconds": 3.0},
    ]
    return {"stages": stages, "outage_seconds": whole}


def test_an_outage_is_told_in_its_parts() -> None:
    parts = outage.parts_of(restored(), CLOSED)

    assert parts == {outage.OUTAGE: 5.5, outage.OWN_WORK: 2.75, outage.CHE_START: 2.75}


@pytest.mark.parametrize(("seconds", "whole", "closed"), [(1.0, 5.5, CLOSED), (4.0, 2.0, CLOSED), (4.0, 5.5, "")])
def test_times_that_do_not_fit_are_not_measured(seconds: float, whole: float, closed: str) -> None:
    with pytest.raises(AssertionError, match="closed at"):
        outage.parts_of(restored(seconds, whole), closed)


def outages(large: dict[str, float]) -> list[Row]:
    small = {outage.OUTAGE: 4.0, outage.OWN_WORK: 2.5, outage.CHE_START: 0.7, outage.SWAP: 0.012}
    found = []
    for megabytes, seconds in ((10, small), (1000, {**small, **large})):
        found.append(outage.Measured(Mock(), megabytes, {what: [99.0, one, 0.0] for what, one in seconds.items()}))
    return list(outage._rows(found))


def broken(rows: list[Row]) -> list[str]:
    return [row.what.partition(": ")[2].partition(", against")[0] for row in rows if row.broken]


def test_che_s_own_start_and_moments_break_no_floor() -> None:
    assert not broken(outages({outage.CHE_START: 2.0, outage.OUTAGE: 5.3, outage.SWAP: 0.03}))


@pytest.mark.parametrize(
    ("what", "seconds"), [(outage.OUTAGE, 4.0 + 3.3), (outage.OWN_WORK, 2.5 + 3.3), (outage.SWAP, 0.012 + 3.3)]
)
def test_to_count_the_whole_database_would_break_the_floor_of_the_outage(what: str, seconds: float) -> None:
    assert broken(outages({what: seconds})) == [what]


def moved(large: dict[str, float]) -> list[Row]:
    small = {moves.OUTAGE: 5.0, moves.CLOSING: 0.6, "switch": 4.4, "copy": 13.0, "stage": 16.0}
    found = []
    for megabytes, seconds in ((3, small), (300, {**small, **large})):
        found.append(moves.Measured(Mock(), megabytes, {what: [99.0, one, 0.0] for what, one in seconds.items()}))
    return list(moves._rows(found))


def test_a_move_s_outage_may_vary_as_its_operator_does_and_may_not_grow() -> None:
    assert not broken(moved({"switch": 8.5, moves.OUTAGE: 9.2, "copy": 29.0, "stage": 26.0}))
    # It was read from end to end; it was copied once more.
    assert broken(moved({moves.CLOSING: 0.6 + 1.0})) == [moves.STAGES[moves.CLOSING]]
    assert broken(moved({moves.OUTAGE: 5.0 + 29.0 + 26.0})) == [moves.OUTAGE]


def names_of(part: str) -> list[str]:
    """The rows that a part writes."""
    measured = Measured(dict.fromkeys(("dump", "figures", "read_back", "load", "analyze"), 1.0), 1.0)
    in_seconds = {"create": [1.0], "write": [1.0], "find": [1.0], "seconds": [1.0], "memory": [1.0]}
    once = {what: seconds[0] for what, seconds in in_seconds.items()}
    whats = (outage.OUTAGE, outage.OWN_WORK, outage.CHE_START, outage.SWAP)
    stages = (moves.OUTAGE, *moves.STAGES, *moves.COPIES)
    rows = {
        "database": [*dump._rows(measured, measured, 500), *load._rows(measured, measured, 500)],
        "objects": [
            *objects._rows(once, once, 1000),
            *(Row(what, 1.0) for what in plans.names(1000)),
            *writes._rows({"ours": [once], "bare": [once]}, 1000),
        ],
        "outages": outage._rows([outage.Measured(Mock(), size, {what: [1.0] for what in whats}) for size in OUTAGES]),
        "moves": moves._rows([moves.Measured(Mock(), size, {what: [1.0] for what in stages}) for size in MOVES]),
    }
    return [row.what for row in rows[part]]


@pytest.mark.parametrize("part", ["database", "objects", "outages", "moves"])
def test_the_page_has_the_rows_that_are_measured(part: str) -> None:
    title, _measure, note = PARTS[part]
    text = SHOWN[title]
    if OLDER in text:
        return
    assert note.strip() in text
    _head, _line, *lines = [line for line in text.splitlines() if line.startswith("|")]
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines] == names_of(part)
    assert ": broken" not in text


def test_the_page_is_as_it_would_be_written() -> None:
    assert PAGE.read_text(encoding="utf-8").startswith(HEAD)
    assert list(SHOWN) == [title for title, _measure, _note in PARTS.values()]
    assert max(OUTAGES) == 1000
