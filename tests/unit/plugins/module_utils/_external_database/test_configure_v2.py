# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CheCluster v2 of the time when it had a database: written in its own words, once."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._external_database import _configure
from ansible_collections.community.che.plugins.module_utils._external_database._configure import configure
from ansible_collections.community.che.plugins.module_utils._external_database._request import ConfigureRequest
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CHE_CLUSTER_V2, DEPLOYMENT
from unit.che_objects import NAME, available
from unit.fake_api import FakeApi, FakeClock, Request
from unit.plugins.module_utils._external_database.external_bed import PARAMS

SPEC = {
    "components": {
        "cheServer": {"extraProperties": {"OTHER": "stays"}},
        "database": {"externalDb": False, "pvc": {"claimSize": "1Gi"}},
    }
}


@pytest.fixture
def che(api: FakeApi, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    """A ready Che 7.61 on its own database, whose operator takes every change over; any other database will do."""
    found = {"changed": False, "checks": [], "server": {}, "warnings": []}
    monkeypatch.setattr(_configure, "check_database", lambda *_arguments: found)
    api.kinds = (CHE_CLUSTER_V2,)
    api.add(CHE_CLUSTER_V2, NAME, "che", spec=SPEC, status={"chePhase": "Active", "cheVersion": "7.61.0"})
    spec = {"replicas": 1, "selector": {"matchLabels": {"component": "che"}}, "template": {"spec": {}}}
    api.add(DEPLOYMENT, "che", "che", metadata={"generation": 1}, spec=spec, status=available())

    def roll(_request: Request) -> None:
        deployment = api.at(DEPLOYMENT, "che", "che")
        assert deployment is not None
        deployment["metadata"]["generation"] += 1
        deployment["status"]["observedGeneration"] += 1

    api.follow("patch", "/checlusters/", roll)
    return api


def run(api: FakeApi) -> dict[str, Any]:
    params = {**PARAMS, "leave_data": True}
    return configure(api.cluster, ConfigureRequest.read(params, check_mode=False))


def test_it_is_written_once_and_the_rest_stays(che: FakeApi) -> None:
    assert run(che)["changed"] is True

    found = che.at(CHE_CLUSTER_V2, NAME, "che")
    assert found is not None
    components = found["spec"]["components"]
    assert components["database"] == {
        "externalDb": True,
        "postgresHostName": "db.example",
        "postgresPort": "6432",
        "postgresDb": "dbche",
        "credentialsSecretName": "db-login",
        "pvc": {"claimSize": "1Gi"},
    }
    properties = components["cheServer"]["extraProperties"]
    assert properties["OTHER"] == "stays"
    assert "sslmode=verify-full" in properties["CHE_JDBC_URL"]
    assert set(found["spec"]) == {"components"}
    written = len(che.written)
    assert (run(che)["changed"], len(che.written)) == (False, written)
