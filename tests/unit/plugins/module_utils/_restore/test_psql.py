# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""psql in a database's pod: the right pod, the script by standard input, and an end that psql sees."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._exec import ExecFailed
from ansible_collections.community.che.plugins.module_utils._kube._kinds import POD
from ansible_collections.community.che.plugins.module_utils._restore import _psql
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from unit.che_objects import deployment_spec
from unit.fake_api import FakeApi, FakeClock

DEPLOYMENT = {"metadata": {"name": "postgres", "namespace": "che"}, "spec": deployment_spec()}
READY = {"conditions": [{"type": "Ready", "status": "True"}]}
NOT_READY = {"conditions": [{"type": "Ready", "status": "False"}]}
# Its operator's probe opens the database, which is closed.
STARTING = {**NOT_READY, "containerStatuses": [{"state": {"running": {}}}, {"state": {"running": {}}}]}
SPEC = {"containers": [{"name": "db"}, {"name": "sidecar"}]}


def a_pod(api: FakeApi, name: str, status: dict[str, Any], **metadata: Any) -> None:
    api.add(POD, name, "che", metadata={"labels": {"app": "db"}, **metadata}, spec=SPEC, status=status)


def run(api: FakeApi, monkeypatch: pytest.MonkeyPatch, script: str = "SELECT 1;") -> tuple[str, dict[str, Any]]:
    seen: dict[str, Any] = {}

    def exec_script(_cluster: Any, pod: str, namespace: str, **options: Any) -> str:
        seen.update(options, pod=pod, namespace=namespace)
        return "1\n"

    monkeypatch.setattr(_psql, "exec_script", exec_script)
    return PodPsql(api.cluster, DEPLOYMENT)(script), seen


def test_a_ready_pod_of_the_deployment_is_asked(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    a_pod(api, "a-leaving", READY, deletionTimestamp="2026-01-01T00:00:00Z")
    a_pod(api, "b-starting", NOT_READY)
    a_pod(api, "c-new", {})
    a_pod(api, "d-ready", READY)
    api.add(POD, "another", "che", spec=SPEC, status=READY)

    answer, seen = run(api, monkeypatch)

    assert answer == "1\n"
    assert (seen["pod"], seen["namespace"], seen["container"]) == ("d-ready", "che", "db")


def test_the_script_is_not_in_the_command_and_ends_psql(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    a_pod(api, "p", READY)

    _, seen = run(api, monkeypatch, "ALTER ROLE che PASSWORD 'SCRAM-x';")

    assert seen["script"] == "ALTER ROLE che PASSWORD 'SCRAM-x';\n\\q\n"
    assert "SCRAM" not in " ".join(seen["command"])
    assert "ON_ERROR_STOP=1" in seen["command"][-1]
    assert 0 < seen["seconds"] <= 600


def test_a_server_without_a_ready_pod_is_named(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    a_pod(api, "p", NOT_READY)
    with pytest.raises(CheError, match="Deployment che/postgres"):
        run(api, monkeypatch)


@pytest.mark.parametrize(
    ("status", "any_closed", "asked"),
    [(STARTING, True, True), (STARTING, False, False), (NOT_READY, True, False)],
    ids=["closed", "just being made", "not started"],
)
def test_a_pod_that_only_runs_will_do_where_a_database_is_closed(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, status: dict[str, Any], any_closed: bool, asked: bool
) -> None:
    a_pod(api, "p", status)
    monkeypatch.setattr(_psql, "exec_script", lambda *_arguments, **_options: "1\n")
    psql = PodPsql(api.cluster, DEPLOYMENT, any_closed=any_closed)
    if asked:
        assert psql("SELECT 1;") == "1\n"
    else:
        with pytest.raises(CheError, match="no pod that is ready"):
            psql("SELECT 1;")


@pytest.mark.parametrize(
    ("status", "any_closed", "address"),
    [(STARTING, True, "10.1.2.3"), (STARTING, False, ""), (READY, True, ""), (NOT_READY, True, "")],
    ids=["past its service", "none wanted", "ready", "not started"],
)
def test_where_no_service_leads_to_the_server_its_pod_is_named(
    api: FakeApi, status: dict[str, Any], any_closed: bool, address: str
) -> None:
    """A Service has no pod that is not ready, and a Job is to reach the server all the same."""
    a_pod(api, "p", {**status, "podIP": "10.1.2.3"})
    assert PodPsql(api.cluster, DEPLOYMENT, any_closed=any_closed).pod_address() == address


@pytest.mark.parametrize(
    ("later", "any_closed", "took"),
    [(READY, False, 3), (READY, True, 3), (STARTING, True, 10)],
    ids=["ready", "ready in time", "one that only runs"],
)
def test_a_pod_that_is_being_replaced_is_waited_for(
    api: FakeApi,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    later: dict[str, Any],
    any_closed: bool,
    took: int,
) -> None:
    """One that runs may be about to be ready; a while later it will do, where its probe can't succeed."""
    began, passes = clock.now, clock.sleep

    def sleep(seconds: float) -> None:
        passes(seconds)
        if clock.now >= began + 3:
            a_pod(api, "p", later)

    monkeypatch.setattr(clock, "sleep", sleep)
    monkeypatch.setattr(_psql, "exec_script", lambda *_arguments, **_options: "1\n")

    assert PodPsql(api.cluster, DEPLOYMENT, any_closed=any_closed, patience=60)("SELECT 1;") == "1\n"

    assert clock.now - began == pytest.approx(took, abs=1)


def test_a_server_that_does_not_come_back_is_not_waited_for_for_ever(api: FakeApi, clock: FakeClock) -> None:
    began = clock.now
    with pytest.raises(CheError, match="no pod that is ready"):
        PodPsql(api.cluster, DEPLOYMENT, any_closed=True, patience=60)("SELECT 1;")
    assert clock.now - began == pytest.approx(60, abs=1)


def test_what_a_killed_run_has_left_at_work_is_ended_by_its_name(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    a_pod(api, "p", READY)
    seen: dict[str, Any] = {}

    def exec_script(_cluster: Any, _pod: str, _namespace: str, **options: Any) -> str:
        seen.update(options)
        return ""

    monkeypatch.setattr(_psql, "exec_script", exec_script)
    PodPsql(api.cluster, DEPLOYMENT, "che-restore-r1").end_earlier()

    assert "PGAPPNAME=che-restore-r1;" in seen["command"][-1]
    assert "application_name = 'che-restore-r1' AND pid <> pg_backend_pid()" in seen["script"]


def test_what_does_not_end_is_not_gone_on_beside(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may still rename databases."""
    a_pod(api, "p", READY)

    def exec_script(_cluster: Any, _pod: str, _namespace: str, **options: Any) -> str:
        (told,) = re.findall("RAISE EXCEPTION '(.*)';", options["script"])
        raise ExecFailed(f"/bin/sh failed in the pod: ERROR:  {told}", "Pod che/p")

    monkeypatch.setattr(_psql, "exec_script", exec_script)
    with pytest.raises(CheError) as caught:
        PodPsql(api.cluster, DEPLOYMENT, "che-restore-r1").end_earlier()

    assert "did not end within 30 s" in caught.value.what
    assert caught.value.on == "Deployment che/postgres"
    assert "application_name che-restore-r1" in caught.value.next_step
    assert "run the task again" in caught.value.next_step


def test_any_other_failure_is_told_as_it_is(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    a_pod(api, "p", READY)
    failure = ExecFailed("The connection broke", "Pod che/p")

    def exec_script(*_arguments: Any, **_options: Any) -> str:
        raise failure

    monkeypatch.setattr(_psql, "exec_script", exec_script)
    with pytest.raises(ExecFailed) as caught:
        PodPsql(api.cluster, DEPLOYMENT).end_earlier()
    assert caught.value is failure
