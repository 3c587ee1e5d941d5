# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""When the server of a database counts as there: also when nothing but the restore itself keeps it from being ready."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._databases import Database
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import WaitExpired
from ansible_collections.community.che.plugins.module_utils._kube._exec import ExecFailed
from ansible_collections.community.che.plugins.module_utils._kube._lease import LeaseLost
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore import _staged
from ansible_collections.community.che.plugins.module_utils._restore._staged import Servers, Staged
from unit.che_objects import NAME, available, deployment_spec
from unit.fake_api import FakeApi, FakeClock

DATABASE = Database("che", "dbche", "postgres", "postgres", 5432, "postgres-credentials", "pgche", "pass")
PLAN: Any = SimpleNamespace(part=SimpleNamespace(role="che", name="dbche"))
GONE = CheError("The database server has no pod that is ready")


def find(
    api: FakeApi,
    monkeypatch: pytest.MonkeyPatch,
    status: dict[str, Any],
    any_closed: bool,
    answer: str | Exception,
    turned_back: bool = False,
) -> Staged:
    """Look for a server whose Deployment has this status and whose pod answers so."""
    deployment = {"metadata": {"name": "postgres", "uid": "u"}, "spec": deployment_spec(), "status": status}

    class Psql:
        def __init__(self, _cluster: Any, _deployment: Any, _name: str, any_closed: bool) -> None:
            self.any_closed = any_closed

        def __call__(self, _script: str) -> str:
            assert self.any_closed
            if isinstance(answer, Exception):
                raise answer
            return answer

        def end_earlier(self) -> None:
            pass

    monkeypatch.setattr(_staged, "PodPsql", Psql)
    monkeypatch.setattr(_staged, "live_databases", lambda *_arguments: [(DATABASE, deployment)])
    servers = Servers(api.cluster, "che", [], NAME, "r1", any_closed=lambda: any_closed)
    if turned_back:
        servers.turn_back()
    return servers.find(PLAN, Deadline(5))


@pytest.mark.parametrize("any_closed", [True, False])
def test_one_that_is_available_is_there(
    api: FakeApi, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, any_closed: bool
) -> None:
    assert find(api, monkeypatch, available(), any_closed, GONE).database == DATABASE


def test_one_that_started_anew_while_its_database_is_closed_is_there_too(
    api: FakeApi, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find(api, monkeypatch, {}, True, "1\n").database == DATABASE


def test_on_the_way_back_any_will_do_that_runs(api: FakeApi, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may have dropped the database that its probe opens."""
    assert find(api, monkeypatch, {}, False, "1\n", turned_back=True).database == DATABASE


@pytest.mark.parametrize(("any_closed", "answer"), [(False, "1\n"), (True, GONE)], ids=["being made", "gone"])
def test_any_other_is_waited_for(
    api: FakeApi, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, any_closed: bool, answer: str | Exception
) -> None:
    with pytest.raises(WaitExpired, match="the server of the database dbche"):
        find(api, monkeypatch, {}, any_closed, answer)


def test_a_process_that_has_lost_its_lease_does_not_wait(
    api: FakeApi, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LeaseLost):
        find(api, monkeypatch, {}, True, LeaseLost("Another process is at it"))


def test_the_way_back_ends_a_script_of_the_same_run_too(
    api: FakeApi, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only the connection of its exec has broken, psql goes on in the pod."""
    deployment = {"metadata": {"name": "postgres", "uid": "u"}, "spec": deployment_spec(), "status": available()}
    ended: list[str] = []
    psql = SimpleNamespace(end_earlier=lambda: ended.append("ended"))
    monkeypatch.setattr(_staged, "PodPsql", lambda *_arguments, **_options: psql)
    monkeypatch.setattr(_staged, "live_databases", lambda *_arguments: [(DATABASE, deployment)])
    servers = Servers(api.cluster, "che", [], NAME, "r1")

    for _time in range(2):
        servers.find(PLAN, Deadline(5))
    assert len(ended) == 1
    servers.turn_back()
    servers.find(PLAN, Deadline(5))
    assert len(ended) == 2


@pytest.mark.parametrize(("failures", "comes_back"), [(3, True), (100, False)])
def test_one_that_has_crashed_is_waited_for_until_it_answers_again(
    api: FakeApi, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, failures: int, comes_back: bool
) -> None:
    """Its Deployment counts as available still."""
    deployment = {"metadata": {"name": "postgres", "uid": "u"}, "spec": deployment_spec(), "status": available()}
    asked: list[str] = []

    def end_earlier() -> None:
        asked.append("end")
        if len(asked) <= failures:
            raise ExecFailed("the database system is in recovery mode")

    monkeypatch.setattr(_staged, "PodPsql", lambda *_arguments, **_options: SimpleNamespace(end_earlier=end_earlier))
    monkeypatch.setattr(_staged, "live_databases", lambda *_arguments: [(DATABASE, deployment)])
    servers = Servers(api.cluster, "che", [], NAME, "r1")

    if comes_back:
        servers.find(PLAN, Deadline(600))
        assert len(asked) == failures + 1
    else:
        with pytest.raises(ExecFailed, match="in recovery mode"):
            servers.find(PLAN, Deadline(600))
        assert 50 < len(asked) < 70
