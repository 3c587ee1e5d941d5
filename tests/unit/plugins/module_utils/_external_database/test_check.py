# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The look at a database: by a Job with the credentials of a Secret, which nobody gets to see."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup._dump import DATABASE_IMAGE
from ansible_collections.community.che.plugins.module_utils._errors import CheError, UsageError
from ansible_collections.community.che.plugins.module_utils._external_database import _check
from ansible_collections.community.che.plugins.module_utils._external_database._check import check_database
from ansible_collections.community.che.plugins.module_utils._external_database._request import CheckRequest
from ansible_collections.community.che.plugins.module_utils._kube._errors import JobFailed
from ansible_collections.community.che.plugins.module_utils._kube._kinds import SECRET
from unit.che_objects import encoded, error_log
from unit.fake_api import FakeApi
from unit.plugins.module_utils._external_database.external_bed import PARAMS, probe_log


@pytest.fixture
def jobs(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The Jobs that were run, each with its Secret; each finds a server that will do."""
    seen: list[Any] = []

    def run_job(_cluster: Any, job: Any, secret: Any, _deadline: Any) -> str:
        seen.append((job, secret))
        return probe_log()

    monkeypatch.setattr(_check, "run_job", run_job)
    api.add(SECRET, "db-login", "che", data=encoded(user="che", password="s3cret-db"))
    return seen


def request(check_mode: bool = False, **changes: Any) -> CheckRequest:
    return CheckRequest.read({**PARAMS, **changes}, check_mode)


def test_it_looks_as_che_would(api: FakeApi, jobs: list[Any]) -> None:
    result = check_database(api.cluster, request())

    ((job, secret),) = jobs
    container = job["spec"]["template"]["spec"]["containers"][0]
    environment = {item["name"]: item["value"] for item in container["env"]}
    assert (environment["PGHOST"], environment["PGPORT"], environment["PGUSER"]) == ("db.example", "6432", "che")
    assert environment["PGSSLMODE"] == "verify-full"
    assert secret["stringData"]["database-ca.crt"] == PARAMS["ca_certificate"]
    assert secret["stringData"]["pgpass"] == "*:*:*:*:s3cret-db\n"
    assert "s3cret" not in json.dumps(job)
    assert (container["image"], "initContainers" in job["spec"]["template"]["spec"]) == (DATABASE_IMAGE, True)
    assert job["spec"]["template"]["spec"]["initContainers"] == []
    assert (result["changed"], result["server"]["version"], result["warnings"]) == (False, "15.14", [])
    # 100 less 3 for superusers less 8 that are open, of which one is the Job's own.
    assert result["server"]["free_connections"] == 90
    assert result["server"]["latency_seconds"] == 0.001


def test_the_role_may_be_named_for_a_secret_that_holds_a_password_alone(api: FakeApi, jobs: list[Any]) -> None:
    api.add(SECRET, "kc", "che", data=encoded(password="s3cret-kc"))
    check_database(api.cluster, request(credentials_secret="kc", database_user="keycloak"))
    environment = {e["name"]: e["value"] for e in jobs[0][0]["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert environment["PGUSER"] == "keycloak"


def test_without_a_login_neither_a_secret_nor_a_password_is_needed(
    api: FakeApi, jobs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_job(_cluster: Any, job: Any, secret: Any, _deadline: Any) -> str:
        jobs.append((job, secret))
        return '{"che_backup":"result"}\n'

    monkeypatch.setattr(_check, "run_job", run_job)
    result = check_database(api.cluster, request(login=False, credentials_secret="none", database_user="new"))

    ((job, secret),) = jobs
    environment = {e["name"]: e["value"] for e in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert (environment["PGUSER"], environment["PGSSLMODE"]) == ("new", "verify-full")
    assert secret["stringData"]["pgpass"] == "*:*:*:*:\n"
    assert ([check["name"] for check in result["checks"]], result["server"]) == (["reachable"], {})
    with pytest.raises(UsageError, match="for which role"):
        request(login=False)


def test_check_mode_makes_no_job(api: FakeApi, jobs: list[Any]) -> None:
    result = check_database(api.cluster, request(check_mode=True))
    assert [check["result"] for check in result["checks"]] == ["unknown"]
    assert (jobs, api.written) == ([], [])


@pytest.mark.parametrize(
    ("found", "left"),
    [
        ({"mostOfRole": 5}, 5),
        ({"mostOfDatabase": 0}, 0),
        ({"superuser": True, "most": 8}, 1),
        ({"most": 20, "ownConnections": 5}, 10),
    ],
)
def test_the_least_of_all_limits_counts(
    api: FakeApi, jobs: list[Any], monkeypatch: pytest.MonkeyPatch, found: dict[str, Any], left: int
) -> None:
    monkeypatch.setattr(_check, "run_job", lambda *_arguments: probe_log(**found))
    with pytest.raises(CheError, match=f"{left} connections are free") as caught:
        check_database(api.cluster, request())
    assert caught.value.stage == "check"
    assert caught.value.facts["server"]["free_connections"] == left


def test_too_few_connections_deserve_a_word_where_che_works_with_the_database(api: FakeApi, jobs: list[Any]) -> None:
    with pytest.raises(CheError, match="91 are needed"):
        check_database(api.cluster, request(connections=91))
    (warning,) = check_database(api.cluster, request(connections=91, in_use=True))["warnings"]
    assert "91 are needed" in warning


def test_what_the_job_could_not_do_is_said_in_its_own_words(
    api: FakeApi, jobs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_job(*_arguments: Any) -> str:
        raise JobFailed("The Job failed", log=error_log("connect", "FATAL: password authentication failed"))

    monkeypatch.setattr(_check, "run_job", run_job)
    with pytest.raises(JobFailed, match="password authentication failed") as caught:
        check_database(api.cluster, request())
    assert (caught.value.stage, "dbche at db.example:6432" in caught.value.on) == ("connect", True)


def test_a_log_without_a_result_is_no_success(api: FakeApi, jobs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_check, "run_job", lambda *_arguments: probe_log().splitlines()[0] + "\n")
    with pytest.raises(CheError, match="ended without a result"):
        check_database(api.cluster, request())


def test_a_certificate_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="no certificate"):
        request(ca_certificate="corporate-ca.crt")


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"])
def test_a_private_key_beside_it_is_not_made_known(kind: str) -> None:
    """As in the file that a server or a proxy is set up with: the ConfigMap and the diff are read by many."""
    key = f"-----BEGIN {kind}-----\nMIIE\n-----END {kind}-----\n"
    with pytest.raises(UsageError, match="private key") as caught:
        request(ca_certificate=f"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n{key}")
    assert "MIIE" not in str(caught.value)
