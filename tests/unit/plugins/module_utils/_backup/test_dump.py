# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dumping: how the Job beside a database is set up, and whose words its failure is told in."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup import _dump
from ansible_collections.community.che.plugins.module_utils._backup._dump import (
    DATABASE_IMAGE,
    DumpWork,
    dump_databases,
    job_options,
    own_words,
)
from ansible_collections.community.che.plugins.module_utils._backup._installation import collect
from ansible_collections.community.che.plugins.module_utils._backup._request import JobChoices
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import JobFailed
from ansible_collections.community.che.plugins.module_utils._kube._kinds import POD
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from unit.che_objects import dump_log, error_log, install
from unit.fake_api import FakeApi, FakeClock
from unit.fake_backup import a_request
from unit.fake_restic import FakeRestic, a_repository

CHOICES = JobChoices("restic:1", None, (), None)


def a_deployment(**pod: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "db", "image": "postgres:15"}], **pod}
    return {"spec": {"template": {"spec": spec}}}


def test_a_job_takes_after_the_database_unless_told_otherwise(api: FakeApi, clock: FakeClock) -> None:
    deployment = a_deployment(imagePullSecrets=[{"name": "pull"}], securityContext={"runAsUser": 26})

    options = job_options(api.cluster, "che", deployment, "r1", CHOICES, Deadline(90))
    assert (options.database_image, options.image_pull_secrets, options.run_as_user) == ("postgres:15", ("pull",), 26)
    assert (options.namespace, options.run, options.deadline_seconds) == ("che", "r1", 90)

    chosen = JobChoices("restic:1", "mirror/postgres:15", ("mine",), 7, "mirror/rclone:1")
    options = job_options(api.cluster, "che", deployment, "r1", chosen, Deadline(90))
    assert (options.database_image, options.image_pull_secrets, options.run_as_user) == (
        "mirror/postgres:15",
        ("mine",),
        7,
    )
    assert (options.restic_image, options.rclone_image) == ("restic:1", "mirror/rclone:1")


def test_a_job_that_comes_too_late_still_has_a_valid_deadline(api: FakeApi, clock: FakeClock) -> None:
    assert job_options(api.cluster, "che", a_deployment(), "r1", CHOICES, Deadline(0)).deadline_seconds == 1


def test_a_job_for_an_external_server_takes_after_nothing_in_the_cluster(api: FakeApi, clock: FakeClock) -> None:
    options = job_options(api.cluster, "che", None, "r1", CHOICES, Deadline(90))
    assert (options.database_image, options.image_pull_secrets) == (DATABASE_IMAGE, ())
    assert options.run_as_user is not None and options.run_as_user > 0


def run(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, outcome: str | Exception, missing: tuple[str, ...] = ()
) -> list[Any]:
    install(api)
    seen: list[Any] = []

    def run_job(_cluster: Any, job: Any, secret: Any, _deadline: Any) -> str:
        seen.append((job, secret))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(_dump, "run_job", run_job)
    restic = FakeRestic()
    request, installation = a_request(missing=missing), collect(api.cluster, "che", None)
    work = DumpWork(api.cluster, installation, a_repository(restic), request, Deadline(60))
    return [dump_databases(work), *seen]


def test_every_database_is_dumped_and_read(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    (dumped,), (job, secret) = run(api, monkeypatch, dump_log("b" * 64, warnings=("grants are left out",)))

    assert (dumped.database.name, dumped.result.snapshot_id, dumped.result.bytes) == ("openvsx", "b" * 64, 100)
    assert dumped.result.warnings == ("grants are left out",)
    assert job["metadata"]["namespace"] == "che"
    environment = {item["name"]: item["value"] for item in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert environment["CHE_TAGS"] == "community.che,run=r1,part=database,name=openvsx"
    assert environment["PGHOST"] == "openvsx-database.che.svc"
    assert "s3cret-db" not in str(job)
    assert "s3cret-db" in str(secret)


@pytest.mark.parametrize(("missing", "host"), [(("che",), "10.1.2.3"), ((), "openvsx-database.che.svc")])
def test_a_server_that_is_not_ready_for_want_of_another_database_is_reached_past_its_service(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...], host: str
) -> None:
    status = {"podIP": "10.1.2.3", "containerStatuses": [{"state": {"running": {}}}]}
    api.add(POD, "p", "che", metadata={"labels": {"app": "db"}}, status=status)

    _dumped, (job, _secret) = run(api, monkeypatch, dump_log("b" * 64), missing)

    environment = {item["name"]: item["value"] for item in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert environment["PGHOST"] == host


def test_a_failure_is_told_in_the_script_s_words(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = JobFailed("The Job failed: BackoffLimitExceeded", "Job che/x", log=error_log("dump", "error: disk full"))

    with pytest.raises(JobFailed, match=r"disk full \(database openvsx\)") as caught:
        run(api, monkeypatch, failure)
    assert caught.value.next_step


def test_a_job_that_ends_well_but_without_a_result_is_a_failure_that_names_the_database(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CheError) as caught:
        run(api, monkeypatch, dump_log("b" * 64).rpartition('{"che_backup": "result"')[0])
    assert "openvsx" in str(caught.value)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", "The Job failed: x"),
        ("Segmentation fault", "it said last: Segmentation fault"),
        (error_log("connect", "wrong password"), "wrong password"),
        (error_log("dump", "first") + error_log("dump", "second"), "first"),
        ("noise\n" + error_log("dump", "the reason") + "more noise\n", "the reason"),
    ],
)
def test_the_words_of_a_failure(log: str, words: str) -> None:
    told = own_words(JobFailed("The Job failed: x", "Job che/j", log=log), "database dbche")

    assert words in str(told)
    assert told.next_step
    assert told.log == log


def test_what_to_do_is_what_fits_the_job_where_its_words_give_no_advice() -> None:
    log = error_log("load", "something else")
    assert (
        own_words(JobFailed("x", log=log), "database dbche", "Look at the backup.").next_step == "Look at the backup."
    )
    advised = own_words(JobFailed("x", log=error_log("load", "no space left on device")), "d", "Look at the backup.")
    assert "Make room" in advised.next_step


def test_the_words_of_a_failure_are_bounded() -> None:
    told = own_words(JobFailed("x", log="y" * 100_000), "database dbche")
    assert len(str(told)) < 1000
