# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The databases' way back: the order of the swaps, and what is taken back when it breaks.

The SQL itself is proven on real servers by the integration tests.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore import _databases
from ansible_collections.community.che.plugins.module_utils._restore._databases import Restorer
from unit.fake_api import FakeClock

Calls = list[str]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What is done to which database, in its order."""
    done: Calls = []
    for name in ("swap", "swap_back", "clean_up", "drop_replaced"):
        monkeypatch.setattr(_databases, name, lambda _psql, database, name=name: done.append(f"{name} {database}"))
    monkeypatch.setattr(_databases, "restart", lambda _cluster, _namespace, role: done.append(f"restart {role}"))
    monkeypatch.setattr(Restorer, "_keep_password_in_step", lambda self, staged: None)
    return done


@pytest.fixture
def restorer(calls: Calls, clock: FakeClock) -> Restorer:
    """A restorer that has staged two databases."""
    request: Any = SimpleNamespace(namespace="che")
    nothing: Any = None
    made = Restorer(nothing, request, nothing, [], fetched=nothing, deadline=Deadline(60))
    for name in ("che", "vsx"):
        database = SimpleNamespace(role=name, name=name)
        staged: Any = SimpleNamespace(psql=nothing, names=name, database=database, swapped=False)
        made._staged.append(staged)
    return made


def failing(*_args: Any) -> None:
    raise CheError("The server of the database is gone")


def test_all_are_swapped_before_anything_is_restarted(restorer: Restorer, calls: Calls) -> None:
    with restorer.cleaning_up(), restorer.swapping_back():
        restorer.cut_over()
    restorer.commit()

    assert calls == ["swap che", "swap vsx", "restart che", "restart vsx", "drop_replaced che", "drop_replaced vsx"]


def test_a_failure_before_the_swap_cleans_up(restorer: Restorer, calls: Calls) -> None:
    with pytest.raises(CheError), restorer.cleaning_up():
        raise CheError("The load failed")

    assert calls == ["clean_up che", "clean_up vsx"]


def test_a_swap_that_fails_half_way_is_undone(
    restorer: Restorer, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swap(_psql: Any, name: str) -> None:
        if name == "vsx":
            raise CheError("The swap failed")
        calls.append(f"swap {name}")

    monkeypatch.setattr(_databases, "swap", swap)

    with pytest.raises(CheError, match="The swap failed"), restorer.cleaning_up(), restorer.swapping_back():
        restorer.cut_over()

    assert calls == ["swap che", "swap_back che", "restart che", "clean_up che", "clean_up vsx"]


def test_a_failure_after_the_swap_keeps_the_replaced_databases(restorer: Restorer, calls: Calls) -> None:
    with pytest.raises(CheError, match="not ready"), restorer.cleaning_up():
        with restorer.swapping_back():
            restorer.cut_over()
        raise CheError("Che is not ready")

    assert not [call for call in calls if call.startswith(("swap_back", "clean_up", "drop"))]


@pytest.mark.parametrize("broken", ["clean_up", "swap_back"])
def test_what_went_wrong_first_is_what_is_told(
    restorer: Restorer, calls: Calls, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """A server that is gone can't be cleaned up either, and that is not the news."""
    monkeypatch.setattr(_databases, broken, failing)

    with pytest.raises(CheError, match="The load failed"), restorer.cleaning_up(), restorer.swapping_back():
        for staged in restorer._staged:
            staged.swapped = broken == "swap_back"
        raise CheError("The load failed")


def test_one_database_that_cannot_be_taken_back_does_not_keep_the_other(
    restorer: Restorer, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clean_up(_psql: Any, name: str) -> None:
        calls.append(f"clean_up {name}")
        if name == "che":
            failing()

    monkeypatch.setattr(_databases, "clean_up", clean_up)

    with pytest.raises(CheError, match="The load failed"), restorer.cleaning_up():
        raise CheError("The load failed")

    assert calls == ["clean_up che", "clean_up vsx"]


def test_what_could_not_be_taken_back_is_told_as_well(
    restorer: Restorer, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_databases, "clean_up", failing)

    with pytest.raises(CheError) as caught, restorer.cleaning_up():
        raise CheError("The load failed", next_step="Mend it.")

    assert "Mend it." in caught.value.next_step
    assert "The server of the database is gone" in str(caught.value)


def test_the_outage_is_counted_from_the_first_swap(restorer: Restorer, calls: Calls) -> None:
    assert restorer.outage_seconds == 0.0
    restorer.cut_over()
    assert restorer.outage_seconds >= 0.0
    assert restorer._closed_at is not None
