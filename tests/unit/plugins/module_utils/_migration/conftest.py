# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Che 7.42 on its operator's own server, and another server that it may go to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT
from ansible_collections.community.che.plugins.module_utils._migration import (
    _backups,
    _migrate,
    _phases,
    _plan,
    _source,
    _work,
)
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from unit.fake_api import FakeApi, FakeClock, Request
from unit.fake_restic import FakeRestic, a_repository
from unit.plugins.module_utils._migration.moving import OLD, Databases, holding, install, spec_of


@pytest.fixture
def databases(monkeypatch: pytest.MonkeyPatch) -> Databases:
    there = Databases()
    monkeypatch.setattr(_source, "mark", there.marked)
    monkeypatch.setattr(_source, "schema_mark", there.made_of)
    monkeypatch.setattr(_source, "close_for_writing", there.close)
    monkeypatch.setattr(_source, "open_for_writing", there.reopen)
    for module in (_source, _phases):
        monkeypatch.setattr(module, "live_figures", there.count)
    monkeypatch.setattr(_phases, "back_up", there.back_up)
    monkeypatch.setattr(_backups, "fetch", lambda *_arguments: holding(there.part()))
    monkeypatch.setattr(_backups, "resolve", lambda *_arguments: SimpleNamespace(id=OLD))
    monkeypatch.setattr(_work, "Target", there.target)
    for module in (_migrate, _backups):
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
    install(api)

    def roll(_request: Request) -> None:
        for name in ("che", "keycloak"):
            deployment = api.at(DEPLOYMENT, name, "che")
            if deployment and deployment["metadata"]["made of"] != spec_of(api):
                deployment["metadata"]["made of"] = spec_of(api)
                deployment["metadata"]["generation"] += 1
                deployment["status"]["observedGeneration"] += 1

    api.follow("patch", "/checlusters/", roll)
    return api
