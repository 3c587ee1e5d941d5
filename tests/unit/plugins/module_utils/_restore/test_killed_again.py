# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done after a restore was killed is killed too, or meets trouble, or finds pods of Che that started since."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from unit.plugins.module_utils._restore.killed_bed import V1, V2
from unit.plugins.module_utils._restore.killed_cases import (
    ALL,
    NO_SAFETY,
    WAITING,
    Case,
    Make,
    differences,
    ended,
    kills,
    restored,
    run,
    troubled,
)
from unit.plugins.module_utils._restore.restore_bed import data_of

pytestmark = pytest.mark.usefixtures("clock")

# Of all pairs of moments one in so many.
_SAMPLE = 20
BOTH = Case(V1, "che", ALL)
ABORTED = [
    BOTH,
    Case(V1, "che keycloak", "missing"),
    Case(V1, "", "lost checluster", NO_SAFETY),
    Case(V2, "openvsx", "login"),
]


def test_a_rerun_that_is_killed_too_ends_both_ways(make: Make) -> None:
    world, wrong = make(BOTH), []
    for number, first in enumerate(kills(world)):
        left, begun = world.state, data_of(world.api, "che-restore-journal")
        for at in range(1 + number % _SAMPLE, 200, _SAMPLE) if begun else ():
            world.become(left)
            if run(world, at, run_id="r8") is not None:
                break
            second, twice = world.death.writes[-1], world.state
            for state in ("restored", "aborted"):
                world.become(twice)
                found = ended(world, state)
                wrong += [(first, second, state, found)] if found else []
        world.become(left)
    assert wrong == []


@pytest.mark.parametrize("case", ABORTED, ids=str)
def test_a_restore_after_an_abort_that_was_killed_is_done_or_refused(make: Make, case: Case) -> None:
    """Refused once the way back has begun: that can be ended then, and nothing is changed before."""
    world, wrong = make(case), []
    run(world, **{**dict(case.options), "commit": False})
    for moment in kills(world, state="aborted", run_id="r3"):
        before, journal = world.content(), data_of(world.api, "che-restore-journal")
        try:
            run(world, run_id="r4")
        except CheError as refused:
            assert journal["phase"] == "abort" and "aborted" in refused.next_step, moment
            assert world.content() == before
            found = ended(world, "aborted")
        else:
            found = differences(world, restored(world))
        wrong += [(moment, found)] if found else []
    assert wrong == []


@pytest.mark.parametrize("trouble", ["lost", 500], ids=str)
@pytest.mark.parametrize("case", ABORTED, ids=str)
def test_an_abort_of_which_any_write_meets_trouble_does_not_fail(make: Make, case: Case, trouble: str | int) -> None:
    world, wrong = make(case), []
    run(world, **{**dict(case.options), "commit": False})
    for moment in troubled(world, trouble, state="aborted", run_id="r3"):
        found = differences(world, world.before)
        wrong += [(moment, found)] if found else []
    assert wrong == []


@pytest.mark.parametrize("case", [Case(V1, "che", "login", WAITING), Case(V2, "", "login")], ids=str)
def test_pods_that_start_while_a_restore_is_interrupted_know_the_right_password_in_the_end(
    make: Make, case: Case
) -> None:
    world, wrong = make(case), []
    for moment in kills(world, **dict(case.options)):
        left = world.state
        for state in ("restored", "aborted"):
            world.become(left)
            world.start_all_anew()
            found = ended(world, state)
            wrong += [(moment, state, found)] if found else []
    assert wrong == []
