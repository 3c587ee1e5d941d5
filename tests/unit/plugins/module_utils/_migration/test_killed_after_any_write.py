# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Migrations, aborts and commits that are killed after each of their writes, of one database and of two, on each way.

Run again they end in what was asked for, aborted in what there was, whole: both databases, who uses them, and what is
left on the servers. Nothing is ever destroyed that somebody may have written to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT
from unit.plugins.module_utils._migration.killed_bed import ROUTES, World, kills, make_world, run
from unit.plugins.module_utils._migration.killed_judge import arrived, ended, put_back
from unit.plugins.module_utils._migration.moving import journal_of

pytestmark = pytest.mark.usefixtures("clock")

Object = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """An installation that is moved.

    Args:
        way: One of ``ROUTES``.
        rolled: See ``World``: what has a database, as well.
        writers: See ``World``.
        lag: See ``World``.
    """

    way: str
    rolled: tuple[str, ...]
    writers: tuple[str, ...] = ()
    lag: int = 0

    def __str__(self) -> str:
        written = f", written to: {' '.join(self.writers)}" if self.writers else ""
        return f"{self.way}: {' then '.join(self.rolled)}{written}{f', lag {self.lag}' if self.lag else ''}"


ONE, BOTH, IDENTITY_FIRST = ("che",), ("che", "keycloak"), ("keycloak", "che")
CASES = [
    *(Case(way, rolled) for way in ROUTES for rolled in (ONE, BOTH, IDENTITY_FIRST)),
    *(Case(way, BOTH, (writer,), 3) for way in ROUTES for writer in BOTH),
    Case("away", ONE, ONE, 3),
    Case("back", IDENTITY_FIRST, BOTH, 6),
]

Make = Callable[[Case], tuple[World, Object]]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    def made(case: Case) -> tuple[World, Object]:
        world = make_world(monkeypatch, case.rolled, case.lag)
        if ROUTES[case.way].home:
            assert run(world, run_id="r0", commit=True) is not None
        world.writers = set(case.writers)
        return world, world.state

    return made


def on(world: World, case: Case, before: Object) -> list[str]:
    """Go on with a migration, and commit it; what is wrong then."""
    route = ROUTES[case.way]
    try:
        run(world, run_id="r2", **route.options)
        wrong = arrived(world, route, before)
        run(world, run_id="r3", commit=True, **route.options)
        return [*wrong, *ended(world, route)]
    except CheError as error:
        return [f"{error.what} ({error.on}) {error.next_step}"]


def back(world: World, case: Case, before: Object) -> list[str]:
    """Abort a migration; what is wrong then."""
    try:
        run(world, run_id="r4", state="aborted")
    except CheError as error:
        return [f"{error.what} ({error.on}) {error.next_step}"]
    return put_back(world, ROUTES[case.way], before)


@pytest.mark.soak(keep=4)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_migration_that_is_killed_after_any_write_ends_both_ways(make: Make, case: Case) -> None:
    (world, before), wrong = make(case), []
    for moment in kills(world, **ROUTES[case.way].options):
        left = world.state
        for end in (on, back):
            world.become(left)
            wrong += [(moment, end.__name__, found) for found in end(world, case, before)]
    assert wrong == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_abort_that_is_killed_after_any_write_ends_when_it_is_run_again(make: Make, case: Case) -> None:
    """That of a migration that waits."""
    world, before = make(case)
    assert run(world, **ROUTES[case.way].options) is not None
    assert killed_aborts(world, case, before) == []


def killed_aborts(world: World, case: Case, before: Object) -> list[tuple[str, str]]:
    """What is wrong after an abort that was killed and run again, by the moment."""
    return [
        (moment, found) for moment in kills(world, run_id="r3", state="aborted") for found in back(world, case, before)
    ]


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize("case", [Case("on", BOTH, ("keycloak",)), Case("back", IDENTITY_FIRST, BOTH, 6)], ids=str)
def test_so_does_that_of_a_migration_that_was_killed(make: Make, case: Case) -> None:
    """Right after something was done to a database, or to what uses one."""
    (world, before), wrong = make(case), []
    for first in kills(world, **ROUTES[case.way].options):
        left = world.state
        if journal_of(world.api) is not None and first.split()[1] not in ("post", "put", "delete"):
            wrong += [(first, *found) for found in killed_aborts(world, case, before)]
        world.become(left)
    assert wrong == []


@pytest.mark.soak(keep=3)
@pytest.mark.parametrize("end", [on, back])
@pytest.mark.parametrize("case", [*(Case(way, BOTH) for way in ROUTES), Case("on", BOTH, (), 6)], ids=str)
def test_an_identity_provider_that_is_away_for_a_moment_is_not_left_behind(
    make: Make, case: Case, end: Callable[..., list[str]]
) -> None:
    """Its database is one of those that were begun with."""
    (world, before), wrong = make(case), []
    for moment in kills(world, **ROUTES[case.way].options):
        journal = journal_of(world.api)
        if journal and journal.backup:
            world.api.objects.pop(DEPLOYMENT.path("che", "keycloak"))
            found = end(world, case, before)
            # Nobody can tell whether it had come to the target before, so that what is there may stay.
            wrong += [(moment, words) for words in found if not (journal.switched and " holds " in words)]
    assert wrong == []


@pytest.mark.parametrize("case", [Case(way, rolled) for way in ROUTES for rolled in (ONE, BOTH)], ids=str)
def test_a_commit_that_is_killed_after_any_write_is_gone_on_with(make: Make, case: Case) -> None:
    """There is no way back from it."""
    (world, _before), route, wrong = make(case), ROUTES[case.way], []
    assert run(world, **route.options) is not None
    for moment in kills(world, run_id="r2", commit=True, **route.options):
        begun = journal_of(world.api) is not None
        told = run(world, run_id="r3", commit=True, **route.options)
        assert told is not None
        wrong += [(moment, found) for found in ended(world, route)]
        wrong += [(moment, "told")] if (told["changed"], told["committed"]) != (begun, begun) else []
    assert wrong == []


@pytest.mark.parametrize("case", [Case(way, BOTH, BOTH) for way in ROUTES], ids=str)
def test_all_that_matters_is_written_where_it_is_killed(make: Make, case: Case) -> None:
    world, _before = make(case)
    assert run(world, **ROUTES[case.way].options) is not None
    writes = "; ".join(world.death.writes)
    for role in BOTH:
        for what in (f"load {role}: half", f"operator {role}"):
            assert what in writes
    for name in (world.at[role][1] for role in BOTH):
        assert case.way != "back" or f'psql ALTER DATABASE "{name}" ALLOW_CONNECTIONS true' in writes
    assert sum(what.startswith("close") for what in world.death.writes) == 2
