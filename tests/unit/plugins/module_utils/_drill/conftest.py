# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An installation, a backup of it, and its databases' server."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._database._load import LoadResult
from ansible_collections.community.che.plugins.module_utils._drill import _databases, _drill, _removal
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CLAIM, SECRET
from ansible_collections.community.che.plugins.module_utils._restore import _loading, _space
from unit.che_objects import encoded, install
from unit.fake_api import FakeApi, FakeClock
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic, a_repository
from unit.plugins.module_utils._drill.drill_bed import MOUNTED, Server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    there = Server()
    for room, name, stand_in in (
        (_loading, "prepare", there.prepare),
        (_loading, "run_job", there.run_job),
        (_loading, "parse_load_log", lambda _log: LoadResult(there.figures, {}, True)),
        (_space, "free_bytes", there.free_bytes),
        (_databases, "hand_over", lambda *_arguments: there.do("hand over")),
        (_databases, "clean_up", lambda *_arguments: there.do("drop")),
        (_databases, "read_facts", there.facts),
        (_databases, "as_saved", lambda facts, _saved: facts),
    ):
        monkeypatch.setattr(room, name, stand_in)
    monkeypatch.setattr(_removal, "jobs_with_sessions", lambda _psql: there.sessions)
    monkeypatch.setattr(_removal, "end_sessions_of_jobs", lambda _psql, jobs: there.do(f"end {' '.join(jobs)}"))
    monkeypatch.setattr(_removal, "drop_scratches", lambda _psql: there.scratches)
    return there


@pytest.fixture
def restic(monkeypatch: pytest.MonkeyPatch) -> FakeRestic:
    fake = FakeRestic()
    made = FakeApi()
    install(made)
    made.add(CLAIM, "shared", "che", metadata={"labels": MOUNTED}, spec={"resources": {}})
    made.add(SECRET, "mounted", "che", metadata={"labels": MOUNTED}, data=encoded(token="s3cret-token"))
    make_backup(fake, made)
    monkeypatch.setattr(_drill, "open_repository", lambda *_args, **_options: a_repository(fake))
    return fake


@pytest.fixture
def che(api: FakeApi, restic: FakeRestic, server: Server, clock: FakeClock) -> FakeApi:
    """The live installation."""
    install(api)
    # As a namespace controller does.
    api.follow("delete", r"/namespaces/[^/]+$", lambda request: empty(api, request.path))
    api.requests.clear()
    return api


def empty(api: FakeApi, path: str) -> None:
    for held in [held for held in api.objects if held.startswith(f"{path}/")]:
        del api.objects[held]
