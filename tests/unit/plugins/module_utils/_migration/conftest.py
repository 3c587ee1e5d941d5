# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Che 7.42 on its operator's own server, and another server that it may go to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    DEPLOYMENT,
    NAMESPACE,
    POD,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._migration import _migrate, _phases, _plan, _source, _work
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from unit.che_objects import NAME, PART_OF, available, deployment_spec, encoded
from unit.fake_api import FakeApi, FakeClock, Request
from unit.fake_restic import FakeRestic, a_repository
from unit.plugins.module_utils._migration.moving import OLD, Databases

READY = {"cheClusterRunning": "Available", "cheVersion": "7.42.0"}


@pytest.fixture
def databases(monkeypatch: pytest.MonkeyPatch) -> Databases:
    there = Databases()
    monkeypatch.setattr(_source, "mark", there.marked)
    monkeypatch.setattr(_source, "close_for_writing", there.close)
    monkeypatch.setattr(_source, "open_for_writing", there.reopen)
    for module in (_source, _phases):
        monkeypatch.setattr(module, "live_figures", there.count)
    monkeypatch.setattr(_phases, "back_up", there.back_up)
    monkeypatch.setattr(_phases, "fetch", lambda *_arguments: SimpleNamespace(databases=(there.part(),)))
    monkeypatch.setattr(_phases, "resolve", lambda *_arguments: SimpleNamespace(id=OLD))
    monkeypatch.setattr(_work, "Target", there.target)
    for module in (_migrate, _phases):
        monkeypatch.setattr(module, "open_repository", lambda *_arguments, **_options: a_repository(FakeRestic()))
    return there


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was looked at; all of it will do."""
    seen: list[str] = []

    def check(_cluster: Any, request: Any) -> dict[str, Any]:
        seen.append(f"{request.user} {request.database.secret} in {request.database.name}")
        assert request.needs.empty
        return {"checks": [{"name": "tls"}], "warnings": ["A word."], "server": {"version": "15.14"}}

    monkeypatch.setattr(_plan, "check_database", check)
    monkeypatch.setattr(PodPsql, "__call__", lambda _self, script: "13.4\n" if "server_version" in script else "")
    return seen


@pytest.fixture
def che(api: FakeApi, clock: FakeClock, databases: Databases, looked: list[str]) -> FakeApi:
    """Its operator takes every change of the spec over, and does nothing where nothing has changed."""
    api.kinds = (CHE_CLUSTER_V1,)
    api.add(NAMESPACE, "che")
    spec = {"database": {"externalDb": False, "pvcClaimSize": "1Gi"}}
    api.add(CHE_CLUSTER_V1, NAME, "che", spec=spec, status=READY)
    labels: dict[str, Any] = {"labels": PART_OF, "generation": 1}
    for name in ("che", "postgres"):
        api.add(DEPLOYMENT, name, "che", metadata=dict(labels), spec=deployment_spec(), status=available())
    # All Deployments select it, which makes no difference here.
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    api.add(POD, "che-1", "che", metadata={"labels": {"app": "db"}}, status=ready)
    api.add(SECRET, "postgres-credentials", "che", data=encoded(user="pgche", password="s3cret-own"))
    api.add(SECRET, "db-login", "che", data=encoded(user="away", password="s3cret-away"))

    def roll(_request: Request) -> None:
        found = api.at(CHE_CLUSTER_V1, NAME, "che")
        deployment = api.at(DEPLOYMENT, "che", "che")
        assert found is not None and deployment is not None
        if found["spec"] != deployment["metadata"].get("made of", spec):
            deployment["metadata"]["made of"] = found["spec"]
            deployment["metadata"]["generation"] += 1
            deployment["status"]["observedGeneration"] += 1

    api.follow("patch", "/checlusters/", roll)
    return api
