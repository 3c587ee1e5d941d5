# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a database is as it was when it was copied."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._migration import _source
from ansible_collections.community.che.plugins.module_utils._migration._source import (
    State,
    figures_digest,
    is_as,
    read_states,
    states_text,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures, SequenceFigures
from unit.plugins.module_utils._migration.moving import COUNTED, OTHERS

SAME, OTHER = figures_digest(COUNTED), figures_digest(OTHERS)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every place that was counted; it holds ``COUNTED``."""
    seen: list[Any] = []

    def count(place: Any) -> DatabaseFigures:
        seen.append(place)
        return COUNTED

    monkeypatch.setattr(_source, "live_figures", count)
    monkeypatch.setattr(_source, "schema_mark", lambda *_arguments: "s1")
    return seen


@pytest.mark.parametrize(
    ("then", "now", "same", "reads"),
    [
        (State("m1", SAME), "m1", True, False),
        (State("m1"), "m1", True, False),
        # What was written before and counted late.
        (State("m1", SAME), "m2", True, True),
        (State("m1", OTHER), "m2", False, True),
        (State("m1"), "m2", False, False),
        # An old server gives no mark: two that are empty prove nothing.
        (State("", SAME), "", True, True),
        (State("", OTHER), "", False, True),
        (State(""), "", False, False),
        (State("", SAME), "m1", True, True),
        (State("m1", OTHER), "", False, True),
    ],
)
def test_its_mark_or_its_figures_tell(counted: list[Any], then: State, now: str, same: bool, reads: bool) -> None:
    place: Any = SimpleNamespace(psql=str, database=SimpleNamespace(name="dbche"))
    assert is_as(place, replace(then, schema="s1"), now) is same
    assert counted == ([place] if reads else [])


def test_what_it_is_made_of_tells_without_its_figures(counted: list[Any]) -> None:
    place: Any = SimpleNamespace(psql=str, database=SimpleNamespace(name="dbche"))
    assert is_as(place, State("m1", SAME, "s0"), "m2") is False
    assert counted == []


def test_the_order_of_what_was_counted_tells_nothing() -> None:
    two = replace(
        COUNTED,
        tables=(*COUNTED.tables, replace(COUNTED.tables[0], name="another")),
        sequences=(*COUNTED.sequences, SequenceFigures("public", "another", 1, False, 1)),
    )
    turned = replace(two, tables=two.tables[::-1], sequences=two.sequences[::-1])
    assert figures_digest(turned) == figures_digest(two) != SAME


@pytest.mark.parametrize(
    "changes", [{"collate": "de_DE"}, {"dump_sha256": "b" * 64}, {"dump_bytes": 1}, {"server_version": "16.1"}]
)
def test_what_two_servers_may_differ_in_tells_nothing(changes: dict[str, Any]) -> None:
    assert figures_digest(replace(COUNTED, **changes)) == SAME


@pytest.mark.parametrize(
    "changed",
    [
        replace(COUNTED, tables=()),
        replace(COUNTED, tables=(replace(COUNTED.tables[0], rows=4),)),
        replace(COUNTED, tables=(replace(COUNTED.tables[0], checksum="c9"),)),
        replace(COUNTED, sequences=(replace(COUNTED.sequences[0], last_value=5),)),
        replace(COUNTED, sequences=(replace(COUNTED.sequences[0], is_called=False),)),
        replace(COUNTED, large_objects=replace(COUNTED.large_objects, count=2)),
        replace(COUNTED, large_objects=replace(COUNTED.large_objects, checksum="c9")),
    ],
    ids=str,
)
def test_all_that_is_in_it_tells(changed: DatabaseFigures) -> None:
    assert figures_digest(changed) != SAME


def test_what_is_kept_is_read_again() -> None:
    states = {"che": State("m1", SAME), "keycloak": State("")}
    assert read_states(states_text(states)) == states
