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
from ansible_collections.community.che.plugins.module_utils._database._errors import ServerCrashed
from ansible_collections.community.che.plugins.module_utils._database._staging import Standing
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import WaitExpired
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore import _databases, _stager
from ansible_collections.community.che.plugins.module_utils._restore._databases import Restorer
from ansible_collections.community.che.plugins.module_utils._restore._stager import Stager
from ansible_collections.community.che.plugins.module_utils._run._journal import Journal
from unit.fake_api import FakeClock

NAMES = ("che", "vsx")
FACTS = Stager._facts
DONE = ("swap", "swap_back", "clean_up", "drop_replaced", "let_go_of_place")


@dataclass
class Calls:
    """What was done, in its order, and what the server has."""

    done: list[str] = field(default_factory=list)
    staged: set[str] = field(default_factory=set)
    replaced: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=lambda: set(NAMES))
    #: What has lost a part of it in a crash.
    emptied: set[str] = field(default_factory=set)
    #: What its server does not have, whatever is in its place.
    gone: set[str] = field(default_factory=set)
    fails: str = ""
    after: Callable[[str], None] = lambda _what: None
    content: Journal = field(default_factory=lambda: Journal("r1", "b", "r", "p", "d", "{}", "stage", "r1"))

    def do(self, what: str, name: str) -> None:
        self.done.append(f"{what} {name}")
        if what in ("swap", "swap_back"):
            self.open.discard(name)
        if what == "swap":
            self.replaced.add(name)
            self.staged.discard(name)
        if what == "hand_over":
            self.staged.add(name)
            self.emptied.discard(f"staged {name}")
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
        monkeypatch.setattr(_databases, name, lambda _psql, held, name=name, **_how: made.do(name, held))
    for name in ("require_users", "end_users"):
        monkeypatch.setattr(
            _databases, name, lambda _cluster, _where, roles, *_rest, name=name: made.do(name, " ".join(roles))
        )
    monkeypatch.setattr(_databases, "is_open", lambda _psql, name: name in made.open)
    monkeypatch.setattr(_databases, "open_database", lambda _psql, name: made.let_in(name))
    for room in (_databases, _stager):
        monkeypatch.setattr(room, "standing", lambda _psql, held: standing(made, held))
    monkeypatch.setattr(_stager, "hand_over", lambda _psql, held, *_rest: made.do("hand_over", held))
    monkeypatch.setattr(_stager, "as_saved", lambda facts, _saved: facts)
    monkeypatch.setattr(_stager, "_require_fitting", lambda _plan, _facts: None)
    monkeypatch.setattr(_stager, "emptied_tables", lambda _psql, name, *_rest: ["che.cache"] * (name in made.emptied))
    monkeypatch.setattr(Restorer, "_find", lambda _self, plan, _deadline=None: found(plan))
    monkeypatch.setattr(Stager, "_facts", lambda _self, _staged: None)
    monkeypatch.setattr(Stager, "end_jobs", lambda _self, staged: made.do("end_jobs", staged.names))
    monkeypatch.setattr(Stager, "_load", lambda _self, staged, _facts: made.do("load", staged.names))
    monkeypatch.setattr(Restorer, "_keep_password_in_step", lambda _self, staged: made.do("password", staged.names))
    return made


def standing(calls: Calls, name: str) -> Standing:
    return Standing(
        database=name not in calls.gone, staged=name in calls.staged, replaced=name in calls.replaced, role=False
    )


class Name(str):
    """A database's name, and that of the one that is loaded beside it."""

    @property
    def staged(self) -> str:
        return f"staged {self}"


def found(plan: Any) -> Any:
    name = plan.part.name
    return SimpleNamespace(
        plan=plan, psql=None, names=Name(name), database=SimpleNamespace(role=name, name=name, user=name), deployment={}
    )


@pytest.fixture
def restorer(calls: Calls) -> Restorer:
    """A restorer of two databases."""
    databases = [
        SimpleNamespace(restores=True, part=SimpleNamespace(name=name), saved="counted", missing=False)
        for name in NAMES
    ]
    plan: Any = SimpleNamespace(objects=(), che_cluster="", databases=databases, installation_exists=True)
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
    calls.staged = set(NAMES)
    restorer.cut_over()
    restorer.commit()

    assert calls.done == [*CUT_OVER, "drop_replaced che", "drop_replaced vsx"]


def test_a_server_that_is_not_ready_any_more_opens_its_database_all_the_same(
    restorer: Restorer, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its probe opens the closed database, and fails while a pod of before, on a lost node say, is waited for."""
    seen: list[bool] = []

    def find(_self: Restorer, plan: Any, _deadline: Any = None) -> Any:
        staged = found(plan)
        staged.psql = SimpleNamespace(any_closed=bool(calls.content.closed_at))
        return staged

    monkeypatch.setattr(Restorer, "_find", find)
    monkeypatch.setattr(_databases, "is_open", lambda held, _name: bool(seen.append(held.any_closed)))
    monkeypatch.setattr(_databases, "open_database", lambda held, _name: seen.append(held.any_closed))

    restorer.cut_over()

    assert seen == [True] * 4


def test_a_commit_asks_for_nothing_of_a_server_that_was_made_anew(restorer: Restorer, calls: Calls) -> None:
    """That a database is lost was told before; its operator need not make it again, and the restore ends."""
    calls.staged = set(NAMES)
    restorer.cut_over()
    calls.replaced = {"vsx"}

    restorer.commit()

    assert calls.done == [*CUT_OVER, "drop_replaced vsx"]


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
    calls.staged = set(NAMES)
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


def test_what_a_crash_has_emptied_is_loaded_again_before_anything_is_closed(restorer: Restorer, calls: Calls) -> None:
    calls.staged, calls.emptied = set(NAMES), {"staged vsx"}

    restorer.cut_over()

    assert calls.done == [CUT_OVER[0], "end_jobs vsx", "load vsx", "hand_over vsx", *CUT_OVER[1:]]


def test_what_a_crash_has_emptied_since_is_no_restored_database(restorer: Restorer, calls: Calls) -> None:
    calls.staged = set(NAMES)
    calls.after = lambda what: calls.emptied.add("vsx") if what == "swap vsx" else None

    with pytest.raises(ServerCrashed, match=r"The unlogged tables che\.cache are empty"):
        restorer.cut_over()

    # So that it can be put back.
    assert calls.replaced == set(NAMES)


def test_the_outage_counts_from_the_first_time(restorer: Restorer, calls: Calls) -> None:
    assert restorer.outage_seconds == 0.0
    calls.content = replace(calls.content, closed_at="2026-01-01T00:00:00Z")

    restorer.cut_over()

    assert calls.content.closed_at == "2026-01-01T00:00:00Z"
    assert restorer.outage_seconds > 0.0


@pytest.mark.parametrize("closed_at", ["", "2026-01-01T00:00:00Z"])
def test_a_way_back_notes_since_when_che_is_away_before_it_closes_anything(
    restorer: Restorer, calls: Calls, closed_at: str
) -> None:
    calls.content = replace(calls.content, closed_at=closed_at, phase="abort")
    calls.staged = set(NAMES)

    restorer.swap_back()

    noted = [what for what in calls.done if what == "note away_since" or what.startswith("swap_back")]
    assert noted == ["note away_since"] * bool(closed_at) + [f"swap_back {name}" for name in NAMES]
    first = calls.content.away_since
    restorer.swap_back()
    assert calls.content.away_since == first


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


@pytest.mark.parametrize(
    ("safety", "then"), [("5afe" * 16, "the safety backup 5afe5afe"), ("", "a backup, as no safety backup was made")]
)
def test_a_way_back_without_the_replaced_database_is_no_success(
    restorer: Restorer, calls: Calls, safety: str, then: str
) -> None:
    """A commit was under way, or somebody has dropped it: what is in its place is the restored one."""
    calls.note(closed_at="2026-01-01T00:00:00Z", safety_backup=safety)
    calls.staged = {"vsx"}

    with pytest.raises(CheError, match="the one from before is gone") as caught:
        restorer.swap_back()
    assert "swap_back che" not in calls.done
    # No other restore begins beside the journal.
    assert "kubectl delete configmap che-restore-journal -n che" in caught.value.next_step
    assert then in caught.value.next_step


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


@pytest.mark.parametrize("loaded", [set(), {"che"}], ids=["before the load", "after the load"])
def test_a_way_back_ends_though_somebody_has_dropped_a_database(
    restorer: Restorer, calls: Calls, loaded: set[str]
) -> None:
    """Nothing was closed yet, so that there is nothing to put in its place; what was made is removed all the same."""
    calls.gone, calls.staged = {"che"}, loaded
    calls.open.discard("che")

    (warning,) = restorer.swap_back()
    restorer.clean_up()

    assert warning.startswith("There is no database che on its server any more")
    assert calls.done == ["end_jobs che", "end_jobs vsx", "swap_back vsx", "open vsx", "clean_up che", "clean_up vsx"]
    assert not restorer.are_all_back


def test_one_that_the_operator_has_not_made_yet_is_no_loss(restorer: Restorer, calls: Calls) -> None:
    restorer._is_there, calls.gone = False, {"che"}
    assert restorer.swap_back() == []


def test_one_that_was_missing_is_so_again_without_a_word(restorer: Restorer, calls: Calls) -> None:
    restorer._plans[0].missing = True
    calls.note(closed_at="2026-01-01T00:00:00Z", opened=True)
    calls.gone, calls.replaced = {"che"}, set(NAMES)

    assert restorer.swap_back() == []
    restorer.clean_up()

    assert calls.done[-6:] == [
        "end_users che vsx",
        "open vsx",
        "note closed_at opened",
        "clean_up che",
        "let_go_of_place che",
        "clean_up vsx",
    ]
    assert not restorer.are_all_back


def test_one_that_was_missing_is_neither_marked_nor_held_against_a_backup(restorer: Restorer, calls: Calls) -> None:
    for plan in restorer._plans:
        plan.missing = True

    assert (restorer.marks(), restorer.unsaved({}, lambda _role: None)) == ({}, [])


def test_one_that_was_made_since_the_plan_is_not_replaced(restorer: Restorer, calls: Calls) -> None:
    """Even where it looks as if it had been swapped: what stands for it has the replaced one's name."""
    restorer._plans[0].missing = True
    calls.replaced = {"che"}

    with pytest.raises(CheError, match="It was made meanwhile"):
        restorer.stage()

    assert calls.done == []


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
    restorer._stager._may_come = True
    monkeypatch.setattr(_stager, "read_facts", lambda *_arguments: answers.pop(0))
    assert FACTS(restorer._stager, found(restorer._plans[0])) is facts

    monkeypatch.setattr(_stager, "read_facts", lambda *_arguments: None)
    with pytest.raises(WaitExpired, match="the database to be made"):
        FACTS(restorer._stager, found(restorer._plans[0]))


def test_one_that_is_gone_from_a_server_that_runs_is_not_waited_for(
    restorer: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Any] = [None]
    monkeypatch.setattr(_stager, "read_facts", lambda *_arguments: answers.pop(0))
    with pytest.raises(CheError, match="has no such database any more"):
        FACTS(restorer._stager, found(restorer._plans[0]))


def test_a_place_is_held_for_one_that_was_missing(restorer: Restorer, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = SimpleNamespace(obstacles=())
    monkeypatch.setattr(_stager, "hold_place", lambda _psql, names, user: facts if names == user == "che" else None)
    restorer._plans[0].missing = True
    assert FACTS(restorer._stager, found(restorer._plans[0])) is facts
