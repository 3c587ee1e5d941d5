# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which differences between two databases are differences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._database._compare import compare, sequences_ahead
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import (
    LargeObjectFigures,
    SequenceFigures,
    TableFigures,
)
from unit.che_objects import FIGURES

TABLES = (TableFigures("public", "a", 3, "md5:1"), TableFigures("other", "a", 0, "md5:0"))
SEQUENCES = (SequenceFigures("public", "s", 10, False, 1),)
SAVED = replace(FIGURES, tables=TABLES, sequences=SEQUENCES)


def test_equal() -> None:
    assert compare(SAVED, SAVED) == []
    assert sequences_ahead(SAVED, SAVED) == []


@pytest.mark.parametrize(
    "change",
    [
        {"tables": TABLES[::-1]},
        {"server_version": "16.1"},
        {"dump_sha256": "", "dump_bytes": 1},
        {"sequences": (SequenceFigures("public", "s", 10, True, 1),)},
        {"sequences": (SequenceFigures("public", "s", 11, False, 1),)},
    ],
)
def test_no_difference(change: dict[str, Any]) -> None:
    assert compare(SAVED, replace(SAVED, **change)) == []


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"tables": TABLES[:1]}, "table other.a is missing"),
        ({"tables": (*TABLES, TableFigures("public", "b", 0, "md5:0"))}, "table public.b was not in the backup"),
        ({"tables": (replace(TABLES[0], rows=2), TABLES[1])}, "table public.a had 3 rows and has 2"),
        ({"tables": (replace(TABLES[0], checksum="x"), TABLES[1])}, "table public.a has other contents in its 3 rows"),
        ({"sequences": ()}, "sequence public.s is missing"),
        (
            {"sequences": (SequenceFigures("public", "s", 9, True, 1),)},
            "sequence public.s was at 10 and is behind, at 9",
        ),
        ({"large_objects": LargeObjectFigures(0, "c2")}, "there were 1 large objects and there are 0"),
        ({"large_objects": LargeObjectFigures(1, "c3")}, "the 1 large objects have other contents"),
        ({"encoding": "LATIN1"}, "the database's encoding was UTF8 and is LATIN1"),
        ({"collate": "de_DE"}, "the database's collate was C and is de_DE"),
        ({"ctype": "de_DE"}, "the database's ctype was C and is de_DE"),
    ],
)
def test_difference(change: dict[str, Any], difference: str) -> None:
    assert compare(SAVED, replace(SAVED, **change)) == [difference]


def test_called_once_is_further_than_not_called() -> None:
    called = replace(SAVED, sequences=(SequenceFigures("public", "s", 10, True, 1),))
    assert compare(called, SAVED) == ["sequence public.s was at 10 and is behind, at 10"]
    assert sequences_ahead(SAVED, called) == ["public.s"]


@pytest.mark.parametrize(("then", "now", "behind"), [(-10, -7, True), (-10, -13, False), (-10, -10, False)])
def test_a_sequence_that_counts_down_is_behind_when_it_is_higher(then: int, now: int, behind: bool) -> None:
    expected = replace(SAVED, sequences=(SequenceFigures("public", "s", then, True, -3),))
    actual = replace(SAVED, sequences=(SequenceFigures("public", "s", now, True, -3),))
    assert bool(compare(expected, actual)) is behind


def test_a_sequence_that_goes_by_another_step_is_another() -> None:
    other = replace(SAVED, sequences=(SequenceFigures("public", "s", 10, False, 2),))
    assert compare(SAVED, other) == ["sequence public.s went by 1 and goes by 2"]
