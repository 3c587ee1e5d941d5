# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores and aborts that are killed after each of their writes, where the CheCluster and passwords differ; restores
of which one write to the API server meets trouble.

Run again they end in what was saved, aborted in what there was, whole: every object, every database, the passwords that
the server knows, and those that Che's pods have begun with.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._choice import Choice
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from unit.plugins.module_utils._restore.killed_bed import V1, V2
from unit.plugins.module_utils._restore.killed_cases import (
    ALL,
    NO_SAFETY,
    WAITING,
    Case,
    Make,
    differences,
    ended,
    killed_aborts,
    kills,
    restored,
    run,
    troubled,
)
from unit.plugins.module_utils._restore.restore_bed import data_of

pytestmark = pytest.mark.usefixtures("clock")

KEEP = ("existing", "keep")
MOVED = ("mappings", Mappings(namespace="che"))


def only(**chosen: Any) -> tuple[str, Choice]:
    return "choice", Choice(**chosen)


CASES = [
    Case(V1, "", "checluster"),
    Case(V1, "", "login", WAITING),
    Case(V1, "che", ALL),
    Case(V1, "che", ALL, WAITING),
    Case(V1, "che keycloak", "login"),
    Case(V1, "che", "missing"),
    Case(V1, "che", "missing", WAITING),
    Case(V1, "che keycloak", "missing"),
    Case(V1, "", "lost namespace"),
    Case(V1, "", "lost checluster", NO_SAFETY),
    Case(V2, "", ALL),
    Case(V2, "openvsx", ALL, WAITING),
    Case(V2, "", "lost namespace", WAITING),
    Case(V1, "", ALL, (KEEP,)),
    Case(V1, "", ALL, (only(kinds=("Secret",)),)),
    Case(V1, "che keycloak", ALL, (only(parts=("database",)),)),
    Case(V1, "", "lost checluster", (only(parts=("installation",)), *NO_SAFETY)),
    Case(V2, "openvsx", ALL, (MOVED,)),
]
ALL_OF_ALL = [case for case in CASES if not case.options]


@pytest.mark.soak(keep=4)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_restore_that_is_killed_after_any_write_ends_both_ways(make: Make, case: Case) -> None:
    world, wrong = make(case), []
    for moment in kills(world, **{**dict(case.options), **world.options}):
        left = world.state
        for state in ("restored", "aborted"):
            world.become(left)
            found = ended(world, state)
            wrong += [(moment, state, found)] if found else []
    assert wrong == []


@pytest.mark.parametrize("case", [case for case in CASES if case.changed != "checluster"], ids=str)
def test_an_abort_that_is_killed_after_any_write_ends_when_it_is_run_again(make: Make, case: Case) -> None:
    world = make(case)
    run(world, **{**dict(case.options), **world.options, "commit": False})
    assert killed_aborts(world) == []


@pytest.mark.soak(keep=4)
@pytest.mark.parametrize("trouble", ["lost", 409, 500], ids=str)
@pytest.mark.parametrize("case", ALL_OF_ALL, ids=str)
def test_a_restore_of_which_any_write_meets_trouble_does_not_fail(make: Make, case: Case, trouble: str | int) -> None:
    """Its answer is lost; it is called a conflict, though it is about no version or the right one; it is not done."""
    world, wrong = make(case), []
    for moment in troubled(world, trouble):
        found = differences(world, restored(world))
        wrong += [(moment, found)] if found else []
        # Not before it has been judged.
        wrong += [(moment, path) for path in world.api.objects if "/leases/" in path]
    assert wrong == []


def test_so_does_that_of_a_restore_that_was_killed(make: Make) -> None:
    world, wrong = make(Case(V1, "che", ALL)), []
    for first in kills(world, commit=False):
        left = world.state
        if data_of(world.api, "che-restore-journal") and "/che-run-" not in first:
            wrong += [(first, *found) for found in killed_aborts(world)]
        world.become(left)
    assert wrong == []


def test_all_that_matters_is_written_where_it_is_killed(make: Make) -> None:
    """One database is restored and one stays; one gets its other password by the CheCluster, one by a Secret."""
    world = make(Case(V1, "che", ALL))
    assert run(world, commit=False) is not None
    writes = " ".join(world.death.writes)
    for what in (
        "put /apis/org.eclipse.che/v1/namespaces/che/checlusters",
        "put /api/v1/namespaces/che/secrets/keycloak-",
    ):
        assert what in writes
    for user in ("pgche", "keycloak"):
        assert f'psql ALTER ROLE "{user}"' in writes
    assert data_of(world.api, "che-restore-journal")["logins"] == "keycloak"
    assert run(world, run_id="r3", state="aborted") is not None
    assert world.content() == world.before
