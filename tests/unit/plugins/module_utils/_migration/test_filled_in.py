# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way home where the operator says of its own server what the CheCluster said of the one that is left."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CHE_CLUSTER_V1, CHE_CLUSTER_V2
from ansible_collections.community.che.plugins.module_utils._migration._places import JobPsql
from unit.che_objects import NAME
from unit.fake_api import FakeApi
from unit.plugins.module_utils._migration.moving import Databases, journal_of, move
from unit.plugins.module_utils._migration.test_updated import update

HOME: dict[str, Any] = {"to": "embedded", "database_host": None, "database": None, "credentials_secret": None}
FILLED_IN = {
    "org.eclipse.che/v1": {
        "chePostgresHostName": "postgres",
        "chePostgresPort": "5432",
        "chePostgresDb": "dbche",
        "chePostgresSecret": "postgres-credentials",
    },
    "org.eclipse.che/v2": {
        "postgresHostName": "postgres",
        "postgresPort": "5432",
        "postgresDb": "dbche",
        "credentialsSecretName": "postgres-credentials",
    },
}


def fill_in(api: FakeApi) -> None:
    """Do as the operator of v1 does, and for v2 the API server by the schema's defaults."""
    for kind in (CHE_CLUSTER_V1, CHE_CLUSTER_V2):
        found = api.at(kind, NAME, "che")
        if found:
            section = found["spec"].get("components", found["spec"]).setdefault("database", {})
            for name, value in FILLED_IN[kind.api_version].items():
                section.setdefault(name, value)


@pytest.mark.parametrize("is_updated", [False, True])
@pytest.mark.parametrize("commit", [False, True])
def test_a_server_at_the_usual_port_is_left_for_good(
    che: FakeApi, databases: Databases, monkeypatch: pytest.MonkeyPatch, is_updated: bool, commit: bool
) -> None:
    """The port and the database's name are what the operator's own server has, too."""
    monkeypatch.setattr(JobPsql, "__call__", lambda _psql, script: "15.1\n" if "server_version" in script else "t\n")
    fill_in(che)
    move(che, commit=True, database_port=5432, database="dbche")
    if is_updated:
        update(che)
    che.follow("patch", "/checlusters/", lambda _request: fill_in(che))
    assert move(che, run_id="r2", commit=commit, **HOME)["committed"] is commit
    if not commit:
        assert move(che, run_id="r3", state="aborted")["aborted"] == "r2"
    assert journal_of(che) is None


def test_an_abort_ends_where_nothing_was_said_before(che: FakeApi, databases: Databases) -> None:
    move(che, database_port=5432, database="dbche")
    che.follow("patch", "/checlusters/", lambda _request: fill_in(che))
    assert move(che, run_id="r2", state="aborted")["aborted"] == "r1"
    assert journal_of(che) is None
