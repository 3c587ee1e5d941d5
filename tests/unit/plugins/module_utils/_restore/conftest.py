# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An installation, a backup of it, and the databases' side of a restore."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup import _back_up, _dump
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._restore import _abort, _phases, _planning, _restore
from ansible_collections.community.che.plugins.module_utils._server._last_used import make_default
from ansible_collections.community.che.plugins.module_utils._server._stored import StoredServer, to_object
from unit.che_objects import dump_log, install
from unit.fake_api import FakeApi, FakeClock
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic, a_repository
from unit.plugins.module_utils._restore.killed_bed import World
from unit.plugins.module_utils._restore.killed_cases import Case, Make, made
from unit.plugins.module_utils._restore.restore_bed import Databases


@pytest.fixture
def restic(monkeypatch: pytest.MonkeyPatch) -> FakeRestic:
    fake = FakeRestic()
    make_backup(fake)
    monkeypatch.setattr(_back_up, "open_repository", lambda *_args, **_options: a_repository(fake))
    for module in (_restore, _abort):
        monkeypatch.setattr(module, "open_repository", lambda *_args, **_options: a_repository(fake))

    def run_job(_cluster: Any, job: Any, _secret: Any, _deadline: Any) -> str:
        environment = {item["name"]: item["value"] for item in job["spec"]["template"]["spec"]["containers"][0]["env"]}
        return dump_log(fake.save({"db/openvsx.sql": b"y" * 100}, environment["CHE_TAGS"].split(",")).snapshot_id)

    monkeypatch.setattr(_dump, "run_job", run_job)
    return fake


@pytest.fixture
def databases(monkeypatch: pytest.MonkeyPatch) -> Databases:
    there = Databases()
    monkeypatch.setattr(_planning, "plan_databases", there.plan)
    for module in (_phases, _abort):
        monkeypatch.setattr(module, "Restorer", there.restorer)
    return there


@pytest.fixture
def che(api: FakeApi, restic: FakeRestic, databases: Databases, clock: FakeClock) -> FakeApi:
    """The installation as it was backed up."""
    install(api)
    api.requests.clear()
    return api


@pytest.fixture
def two_servers(api: FakeApi) -> FakeApi:
    """``main``, which the restore names, and another one that was used last."""
    install(api)
    api.cluster.create(to_object(StoredServer("main", RestServer("main.example"), "password"), "che"))
    api.cluster.create(to_object(StoredServer("other", RestServer("other.example"), "password"), "che"))
    make_default(api.cluster, "che", "other", RestServer("other.example"))
    return api


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, restic: FakeRestic) -> Make:
    """Makes what a restore that is killed begins with."""

    def make_one(case: Case) -> World:
        return made(monkeypatch, restic, case)

    return make_one
