# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The databases' way there and back: in which order, what is noted when, and what is done again after an interruption.

The SQL itself is proven on real servers by the integration tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._database._staging import Standing
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import WaitExpired
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore import _databases
from ansible_collections.community.che.plugins.module_utils._restore._databases import Restorer
from ansible_collections.community.che.plugins.module_utils._run._journal import Journal
from unit.fake_api import FakeClock

NAMES = ("che", "vsx")
FACTS = Restorer._facts
DONE = ("swap", "swap_back", "clean_up", "drop_replaced", "hand_over")


@dataclass
class Calls:
    """What was done, in its order, and what the server has."""

    done: list[str] = field(default_factory=list)
    staged: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=lambda: set(NAMES))
    fails: str = ""
    after: Callable[[str], None] = lambda _what: None
    content: Journal = field(default_factory=lambda: Journal("r1", "b", "r", "p", "d", "{}", "stage", "r1"))

    def do(self, what: str, name: str) -> None:
        self.done.append(f"{what} {name}")
        if what in ("swap", "swap_back"):
            self.open.discard(name)
        if self.fails == f"{what} {name}":
            raise CheError("The server of the database is gone")
        if what != "open":
            self.after(f"{what} {name}")

    def let_in(self, name: str) -> None:
        self.do("open", name)
        self.open.add(name)
        self.after(f"open {name}")

    def note(self, **changes: Any) -> None:
        self.content = replace(self.content, **changes)
        self.done.append(f"note {' '.join(sorted(changes))}")
        self.after(self.done[-1])


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> Calls:
    made = Calls()
    for name in DONE:
        monkeypatch.setattr(_databases, name, lambda _psql, held, *_rest, name=name: made.do(name, held))
    for name in ("require_users", "end_users"):
        monkeypatch.setattr(
            _databases, name, lambda _cluster, _where, roles, *_rest, name=name: made.do(name, " ".join(roles))
        )
    monkeypatch.setattr(_databases, "is_open", lambda _psql, name: name in made.open)
    monkeypatch.setattr(_databases, "open_database", lambda _psql, name: made.let_in(name))
    monkeypatch.setattr(_databases, "standing", lambda _psql, held: standing(held in made.staged))
    monkeypatch.setattr(_databases, "as_saved", lambda facts, _saved: facts)
    monkeypatch.setattr(_databases, "_require_fitting", lambda _plan, _facts: None)
    monkeypatch.setattr(Restorer, "_find", lambda _self, plan, _deadline=None: found(plan))
    monkeypatch.setattr(Restorer, "_facts", lambda _self, _staged: None)
    monkeypatch.setattr(Restorer, "_end_jobs", lambda _self, staged: made.do("end_jobs", staged.names))
    monkeypatch.setattr(Restorer, "_load", lambda _self, staged, _facts: made.do("load", staged.names))
    monkeypatch.setattr(Restorer, "_keep_password_in_step", lambda _self, staged: made.do("password", staged.names))
    return made


def standing(staged: bool) -> Standing:
    return Standing(database=True, staged=staged, replaced=False, role=False)


def found(plan: Any) -> Any:
    name = plan.part.name
    return SimpleNamespace(
        plan=plan, psql=None, names=name, database=SimpleNamespace(role=name, name=name, user=name), deployment={}
    )


@pytest.fixture
def restorer(calls: Calls) -> Restorer:
    """A restorer of two databases."""
    databases = [SimpleNamespace(restores=True, part=SimpleNamespace(name=name), saved=None) for name in NAMES]
    plan: Any = SimpleNamespace(objects=(), databases=databases, installation_exists=True)
    request: Any = SimpleNamespace(namespace="che", jobs=None)
    anything: Any = calls
    nothing: Any = None
    return Restorer(nothing, request, nothing, plan, journal=anything, deadline=Deadline(60))


def test_each_is_loaded_once_no_earlier_job_is_at_work(restorer: Restorer, calls: Calls) -> None:
    restorer.stage()

    each = ("end_jobs {}", "load {}", "hand_over {}")
    assert calls.done == [step.format(name) for name in NAMES for step in each]


def test_what_was_loaded_before_an_interruption_is_not_loaded_again(restorer: Restorer, calls: Calls) -> None:
    calls.staged = {"che"}

    restorer.stage()

    assert [step for step in calls.done if step.startswith("load")] == ["load vsx"]


CUT_OVER = [
    "require_users che vsx",
    "note closed_at",
    *("password che", "swap che", "password vsx", "swap vsx"),
    *("end_users che vsx", "note opened", "open che", "open vsx"),
]


def test_a_database_is_opened_only_when_nothing_is_left_of_what_used_the_old_ones(
    restorer: Restorer, calls: Calls
) -> None:
    restorer.cut_over()
    restorer.commit()

    assert calls.done == [*CUT_OVER, "drop_replaced che", "drop_replaced vsx"]


def test_nothing_is_closed_while_it_is_not_known_what_uses_it(restorer: Restorer, calls: Calls) -> None:
    calls.fails = "require_users che vsx"

    with pytest.raises(CheError):
        restorer.cut_over()

    assert calls.done == ["require_users che vsx"]


@pytest.mark.parametrize("killed_at", CUT_OVER)
def test_a_cut_over_that_was_interrupted_is_ended(
    restorer: Restorer, calls: Calls, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    """What was opened stays open and is not restarted again; what was not is opened after the pods have ended."""
    there: set[str] = set()
    monkeypatch.setattr(_databases, "swap", lambda _psql, name: None if name in there else swap_once(name))

    def swap_once(name: str) -> None:
        there.add(name)
        calls.do("swap", name)

    def kill(what: str) -> None:
        if what == killed_at:
            raise KeyboardInterrupt

    calls.after = kill
    with pytest.raises(KeyboardInterrupt):
        restorer.cut_over()
    calls.after = lambda _what: None
    left = sorted(set(NAMES) - calls.open)
    opened = killed_at in ("open che", "open vsx")
    before = len(calls.done)

    restorer.cut_over()

    again = calls.done[before:]
    assert calls.open == set(NAMES) == there
    restarted = [step for step in again if step.startswith("end_users")]
    expected = left if opened else list(NAMES)
    assert restarted == ([f"end_users {' '.join(expected)}"] if expected else [])
    assert [step for step in again if step.startswith("open")] == [f"open {name}" for name in expected]


def test_the_outage_counts_from_the_first_time(restorer: Restorer, calls: Calls) -> None:
    assert restorer.outage_seconds == 0.0
    calls.content = replace(calls.content, closed_at="2026-01-01T00:00:00Z")

    restorer.cut_over()

    assert calls.content.closed_at == "2026-01-01T00:00:00Z"
    assert restorer.outage_seconds > 0.0


def test_the_way_back_ends_jobs_first_and_leaves_nothing(restorer: Restorer, calls: Calls) -> None:
    assert restorer.swap_back() == []
    restorer.clean_up()

    each = [f"{step} {name}" for name in NAMES for step in ("end_jobs", "swap_back")]
    opened = [f"open {name}" for name in NAMES]
    assert calls.done == [*each, *opened, *(f"clean_up {name}" for name in NAMES)]


def test_what_used_a_restored_database_is_gone_before_the_one_from_before_is_opened(
    restorer: Restorer, calls: Calls
) -> None:
    calls.note(opened=True)

    restorer.swap_back()

    assert calls.done[-3:] == ["end_users che vsx", "open che", "open vsx"]


def test_a_way_back_on_which_a_pod_does_not_end_keeps_the_databases_closed(restorer: Restorer, calls: Calls) -> None:
    calls.note(opened=True)
    calls.fails = "end_users che vsx"

    with pytest.raises(CheError):
        restorer.swap_back()

    assert calls.open == set()


def test_one_that_cannot_come_back_does_not_keep_the_other(restorer: Restorer, calls: Calls) -> None:
    calls.fails = "swap_back che"

    with pytest.raises(CheError, match="The server of the database is gone"):
        restorer.swap_back()

    assert calls.done[-2:] == ["swap_back vsx", "open vsx"]


def test_a_way_back_without_the_replaced_database_is_no_success(restorer: Restorer, calls: Calls) -> None:
    """A commit was under way, or somebody has dropped it: what is in its place is the restored one."""
    calls.note(closed_at="2026-01-01T00:00:00Z")
    calls.staged = {"vsx"}

    with pytest.raises(CheError, match="the one from before is gone"):
        restorer.swap_back()
    assert "swap_back che" not in calls.done


def test_a_way_back_that_was_interrupted_while_it_cleaned_up_is_ended(restorer: Restorer, calls: Calls) -> None:
    calls.note(closed_at="2026-01-01T00:00:00Z")
    calls.staged, calls.fails = set(NAMES), "clean_up vsx"
    restorer.swap_back()
    with pytest.raises(CheError):
        restorer.clean_up()
    calls.staged, calls.fails = {"vsx"}, ""

    assert restorer.swap_back() == []
    restorer.clean_up()
    assert calls.done[-1] == "clean_up vsx"


def out_of_reach(_self: Restorer, _plan: Any, _deadline: Any = None) -> Any:
    raise WaitExpired("Gave up waiting for the server")


def test_a_server_that_is_down_is_a_warning_only_while_nothing_was_swapped(
    restorer: Restorer, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Restorer, "_find", out_of_reach)
    assert len(restorer.swap_back()) == len(NAMES)

    calls.note(closed_at="2026-01-01T00:00:00Z")
    with pytest.raises(WaitExpired):
        restorer.swap_back()


@pytest.mark.parametrize("swapped", [False, True])
def test_passwords_are_put_back_only_after_a_swap(restorer: Restorer, calls: Calls, swapped: bool) -> None:
    calls.content = replace(calls.content, closed_at="2026-01-01T00:00:00Z" if swapped else "")

    restorer.open_with_own_secrets()

    assert bool(calls.done) is swapped


def test_there_is_a_way_back_until_a_replaced_database_is_removed(restorer: Restorer, calls: Calls) -> None:
    assert restorer.can_swap_back()
    calls.note(closed_at="2026-01-01T00:00:00Z")
    assert not restorer.can_swap_back()
    calls.staged = set(NAMES)
    assert restorer.can_swap_back()


def test_a_database_is_waited_for_on_a_server_that_has_only_just_come_up(
    restorer: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its operator makes it a moment later."""
    facts = SimpleNamespace(obstacles=())
    answers = [None, None, facts]
    monkeypatch.setattr(_databases, "read_facts", lambda _psql, _name: answers.pop(0))
    assert FACTS(restorer, found(restorer._plans[0])) is facts

    monkeypatch.setattr(_databases, "read_facts", lambda _psql, _name: None)
    with pytest.raises(WaitExpired, match="the database to be made"):
        FACTS(restorer, found(restorer._plans[0]))
