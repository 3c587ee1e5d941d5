# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CheCluster that others write while a migration has not ended: a GitOps tool, or an administrator by hand."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._external import external_settings
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CHE_CLUSTER_V1, DEPLOYMENT
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import OpenMigration
from unit.che_objects import NAME
from unit.fake_api import FakeApi, Request
from unit.plugins.module_utils._migration.moving import Databases, asked, is_away, journal_of, move, phase_of, refused


def back() -> dict[str, Any]:
    """What the CheCluster said before."""
    names = ("chePostgresHostName", "chePostgresPort", "chePostgresDb", "chePostgresSecret")
    properties = {"customCheProperties": None}
    return {"database": {"externalDb": False, **dict.fromkeys(names)}, "server": properties}


def ahead(che: FakeApi, host: str) -> None:
    """Have somebody else bring Che to another server as soon as its databases are closed."""

    def write_it(_request: Request) -> None:
        if phase_of(che) == "cut over" and not is_away(che):
            wanted = asked(database_host=host).external
            assert wanted is not None
            write(che, external_settings("org.eclipse.che/v1", wanted.database))

    che.follow("put", OpenMigration.NAME, write_it)


def write(che: FakeApi, spec: dict[str, Any]) -> None:
    """Its operator takes it over."""
    che.cluster.merge(CHE_CLUSTER_V1, NAME, "che", {"spec": spec})


def test_what_che_wrote_stays_also_where_somebody_else_has_brought_it_back(che: FakeApi, databases: Databases) -> None:
    move(che)
    write(che, back())
    move(che, run_id="r2", state="aborted")
    assert databases.done[-1] == "take out, filled, used"
    assert (is_away(che), journal_of(che)) == (False, None)


def test_what_che_wrote_stays_also_where_its_deployment_was_made_anew(che: FakeApi, databases: Databases) -> None:
    move(che)
    deployment = che.at(DEPLOYMENT, "che", "che")
    assert deployment is not None
    deployment["metadata"]["generation"] = 1
    move(che, run_id="r2", state="aborted")
    assert databases.done[-1] == "take out, filled, used"
    assert (is_away(che), journal_of(che)) == (False, None)


@pytest.mark.parametrize("commit", [True, False])
def test_what_che_was_taken_away_from_again_is_not_committed(che: FakeApi, databases: Databases, commit: bool) -> None:
    """Nor is it called moved."""
    move(che)
    write(che, back())
    error = refused(che, run_id="r2", commit=commit)
    assert "Somebody has changed meanwhile" in error.what
    assert (phase_of(che), databases.done[-1]) == ("migrated", "look again")
    assert move(che, run_id="r3", state="aborted")["aborted"] == "r1"


def test_what_came_there_ahead_of_time_comes_back_and_what_it_wrote_stays(che: FakeApi, databases: Databases) -> None:
    """The new settings came into the repository of a GitOps tool too early."""
    databases.fails = "close to pgche"
    ahead(che, "db.example")
    error = refused(che)
    assert error.next_step == "Mend it. Che uses the databases that it used before."
    assert databases.done[-2:] == ["reopen", "take out, filled, used"]
    assert (is_away(che), journal_of(che)) == (False, None)


def test_nothing_is_taken_out_before_it_is_known_where_che_is(che: FakeApi, databases: Databases) -> None:
    databases.fails = "close to pgche"
    ahead(che, "elsewhere.example")
    error = refused(che)
    assert "could not be put back: Somebody has changed meanwhile" in error.next_step
    assert databases.done[-1] == "reopen"

    databases.fails = ""
    write(che, back())
    move(che, run_id="r2", state="aborted")
    assert (databases.done[-1], journal_of(che)) == ("take out, filled, unused", None)
