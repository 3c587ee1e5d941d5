# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""psql in a database's pod: the right pod, the script by standard input, and an end that psql sees."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import POD
from ansible_collections.community.che.plugins.module_utils._restore import _psql
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from unit.che_objects import deployment_spec
from unit.fake_api import FakeApi

DEPLOYMENT = {"metadata": {"name": "postgres", "namespace": "che"}, "spec": deployment_spec()}
READY = {"conditions": [{"type": "Ready", "status": "True"}]}
NOT_READY = {"conditions": [{"type": "Ready", "status": "False"}]}
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
