# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a usual run takes of the long tests: the same for one commit, and nothing is left out for ever."""

from __future__ import annotations

import importlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sampling import left_out
from tools.seed import CHECKOUT, VARIABLE, WITHOUT_COMMIT, chosen_seed

SEEDS = range(200)


@dataclass
class Collected:
    """A test as pytest has collected it."""

    nodeid: str
    marks: dict[str, pytest.Mark] = field(default_factory=dict)

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        return self.marks.get(name)


def cases(test: str, count: int, *marks: pytest.MarkDecorator, always: int = 0) -> list[Collected]:
    """The cases of one test, of which the first ones are marked ``always``."""
    own = {decorator.mark.name: decorator.mark for decorator in marks}
    every = {**own, "always": pytest.mark.always.mark}
    return [Collected(f"{test}[{number}]", every if number < always else own) for number in range(count)]


def taken(items: list[Collected], seed: int) -> set[str]:
    return {item.nodeid for item in items} - {item.nodeid for item in left_out(items, seed)}


def test_what_is_not_marked_is_always_taken() -> None:
    assert left_out(cases("test_short", 5), 1) == []


@pytest.mark.parametrize(("keep", "always"), [(1, 0), (3, 0), (0, 0), (2, 2), (0, 1), (99, 0)])
def test_of_a_soak_test_so_many_cases_are_taken_as_it_says(keep: int, always: int) -> None:
    items = cases("test_long", 9, pytest.mark.soak(keep=keep), always=always)
    for seed in SEEDS:
        found = taken(items, seed)
        assert len(found) == min(9, keep + always)
        assert {item.nodeid for item in items[:always]} <= found


def test_every_case_has_its_turn_and_the_same_seed_draws_the_same() -> None:
    items = cases("test_long", 9, pytest.mark.soak(keep=2)) + cases("test_other", 4, pytest.mark.soak)
    drawn = [taken(items, seed) for seed in SEEDS]
    assert drawn == [taken(items, seed) for seed in SEEDS]
    assert set.union(*drawn) == {item.nodeid for item in items}


def suites(*names: str) -> list[Collected]:
    return [case for name in names for case in cases(name, 2, pytest.mark.soak_suite(name))]


def test_of_the_suites_one_is_taken_whole_and_each_has_its_turn() -> None:
    names = ["a", "b", "c", "d", "e"]
    drawn = [taken(suites(*names), seed) for seed in SEEDS]
    assert {frozenset(found) for found in drawn} == {frozenset({f"{name}[0]", f"{name}[1]"}) for name in names}
    # Another group of as many does not take the one at the same place each time.
    others = [taken(suites("f", "g", "h", "i", "j"), seed) for seed in SEEDS]
    assert len({frozenset(one | other) for one, other in zip(drawn, others)}) > len(names)


def test_a_soak_test_of_a_suite_that_is_not_taken_is_left_out() -> None:
    items = suites("a") + cases("b", 3, pytest.mark.soak_suite("b"), pytest.mark.soak)
    counts = {frozenset(item.partition("[")[0] for item in found): len(found) for found in _drawn(items)}
    assert counts == {frozenset("a"): 2, frozenset("b"): 1}


def _drawn(items: list[Collected]) -> list[set[str]]:
    return [taken(items, seed) for seed in SEEDS]


@pytest.fixture
def without_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def git(tmp_path: Path, without_variable: None) -> Callable[..., str]:
    """A checkout of its own."""

    def run(*arguments: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    run("init", "-q")
    return run


def test_each_commit_has_a_seed_of_its_own(git: Callable[..., str], tmp_path: Path) -> None:
    assert chosen_seed(tmp_path) == WITHOUT_COMMIT
    seeds = []
    for number in range(3):
        git("commit", "-q", "--allow-empty", "-m", f"number {number}")
        seeds.append(chosen_seed(tmp_path))
        assert chosen_seed(tmp_path) == seeds[-1] == int(git("rev-parse", "HEAD")[:8], 16)
    assert len({*seeds, WITHOUT_COMMIT}) == 4


def test_a_copy_without_git_has_a_constant_one(
    without_variable: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert chosen_seed() == WITHOUT_COMMIT


def test_the_variable_counts_more_and_every_step_is_given_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(CHECKOUT / "tests" / "tools"))
    environment = importlib.import_module("environment")
    monkeypatch.setattr(environment, "export", lambda: CHECKOUT)
    monkeypatch.setenv(VARIABLE, "7")
    assert chosen_seed() == 7
    assert environment.base_environment()[VARIABLE] == "7"
    monkeypatch.delenv(VARIABLE)
    assert environment.base_environment()[VARIABLE] == str(chosen_seed())
