# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Jobs as they would be created: restricted, bounded, and without a secret outside the Secret."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._database._dump import dump_job, dump_path
from ansible_collections.community.che.plugins.module_utils._database._endpoint import Endpoint
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError
from ansible_collections.community.che.plugins.module_utils._database._job import JobOptions, JobPlan
from ansible_collections.community.che.plugins.module_utils._database._load import load_job
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._credentials import (
    SshKey,
    UserAndPassword,
)
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer
from unit.ssh_keys import private_key, public_key

ENDPOINT = Endpoint("postgres.che.svc", 5432, "dbche", "pgche", "database secret")
ACCESS = Access(
    RestServer("backup.example.org", "che"), "repository secret", UserAndPassword("che", "server secret"), "CERTIFICATE"
)
OPTIONS = JobOptions("che", "r1", "restic:1", "postgres:15", image_pull_secrets=("pull",), deadline_seconds=77)
SECRETS = ("database secret", "repository secret", "server secret", "CERTIFICATE")


def dump(endpoint: Endpoint = ENDPOINT, access: Access = ACCESS, options: JobOptions = OPTIONS) -> JobPlan:
    return dump_job(endpoint, access, ("community.che", "run=r1"), "che", options, "che")


SSH_KEY = private_key()
SFTP = Access(
    SftpServer("che", "sftp.example.org", "/srv/che", 2222, (public_key(),)), "repository secret", SshKey(SSH_KEY)
)
SFTP_OPTIONS = replace(OPTIONS, rclone_image="rclone:1")
PLANS = (
    dump(),
    load_job(ENDPOINT, ACCESS, "f" * 64, "/db/dbche.sql", OPTIONS, "che"),
    dump(access=SFTP, options=SFTP_OPTIONS),
)


def pod(plan: JobPlan) -> dict[str, Any]:
    found: dict[str, Any] = plan.job["spec"]["template"]["spec"]
    return found


def containers(plan: JobPlan) -> list[dict[str, Any]]:
    return [*pod(plan)["initContainers"], *pod(plan)["containers"]]


@pytest.mark.parametrize("plan", PLANS)
def test_restricted_pod_security(plan: JobPlan) -> None:
    assert pod(plan)["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    for container in containers(plan):
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        assert container["imagePullPolicy"] == "IfNotPresent"
        assert container["resources"]["limits"]
        assert container["resources"]["requests"]
    assert pod(plan)["automountServiceAccountToken"] is False
    assert all(set(volume) <= {"name", "emptyDir", "secret"} for volume in pod(plan)["volumes"])


@pytest.mark.parametrize("plan", PLANS)
def test_bounded_in_time_and_tries(plan: JobPlan) -> None:
    spec = plan.job["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (0, 77, 600)
    assert pod(plan)["restartPolicy"] == "Never"


@pytest.mark.parametrize("plan", PLANS[:2])
def test_secrets_are_in_the_secret_alone(plan: JobPlan) -> None:
    job, secret = json.dumps(plan.job), json.dumps(plan.secret)
    for value in SECRETS:
        assert value not in job
        assert value in secret or value.replace(" ", "%20") in secret
        assert value not in repr(plan)
    assert plan.secret["metadata"] == plan.job["metadata"]
    (mounted,) = [volume for volume in pod(plan)["volumes"] if "secret" in volume]
    assert mounted["secret"]["secretName"] == plan.secret["metadata"]["name"]


@pytest.mark.parametrize("plan", PLANS)
def test_labels_say_whose_it_is(plan: JobPlan) -> None:
    labels = {
        "app.kubernetes.io/managed-by": "community.che",
        "app.kubernetes.io/part-of": "backup.che.eclipse.org",
        "community.che/run": "r1",
    }
    assert plan.job["metadata"]["labels"] == labels
    assert plan.job["spec"]["template"]["metadata"]["labels"] == labels


def test_labels_of_the_caller_do_not_take_the_place_of_ours() -> None:
    plan = dump(options=replace(OPTIONS, labels={"team": "che", "community.che/run": "other"}))
    assert plan.job["metadata"]["labels"]["team"] == "che"
    assert plan.job["metadata"]["labels"]["community.che/run"] == "r1"


def test_names_differ_by_database_and_kind_and_fit_a_label() -> None:
    long = replace(OPTIONS, run="r" * 63)
    names = {
        plan.job["metadata"]["name"]
        for plan in (*PLANS[:2], dump(replace(ENDPOINT, database="keycloak")), dump(options=long))
    }
    assert len(names) == 4
    assert all(len(name) <= 63 for name in names)


def test_a_job_for_an_sftp_server_brings_rclone_beside_restic() -> None:
    """restic starts it and talks to it over a pipe: no port, no password, no container that outlives another."""
    plan = dump(access=SFTP, options=SFTP_OPTIONS)
    restic, rclone = pod(plan)["initContainers"]
    (main,) = pod(plan)["containers"]
    environment = {entry["name"]: entry["value"] for entry in main["env"]}
    files = plan.secret["stringData"]

    assert (restic["image"], rclone["image"]) == ("restic:1", "rclone:1")
    assert rclone["command"] == ["cp", "/usr/local/bin/rclone", "/tools/rclone"]
    assert not any("restartPolicy" in container for container in containers(plan))
    assert environment["CHE_RESTIC_OPTIONS"] == "-o rclone.program=/tools/rclone"
    assert environment["RCLONE_CONFIG"] == "/run/che-backup/rclone.conf"
    assert (files["ssh-key"], files["repository"]) == (SSH_KEY, "rclone:server:/srv/che")
    assert "sftp.example.org" in files["known-hosts"]
    for value in ("database secret", "repository secret", SSH_KEY.splitlines()[1]):
        assert value not in json.dumps(plan.job)
        assert value not in repr(plan)


def test_a_job_for_another_server_has_no_rclone() -> None:
    plan = dump(options=SFTP_OPTIONS)
    assert [container["name"] for container in pod(plan)["initContainers"]] == ["restic"]
    assert "rclone" not in json.dumps([plan.job, plan.secret])


def test_user_and_pull_secrets_are_passed_on() -> None:
    plan = dump(options=replace(OPTIONS, run_as_user=26))
    assert pod(plan)["securityContext"]["runAsUser"] == 26
    assert pod(plan)["imagePullSecrets"] == [{"name": "pull"}]
    assert "imagePullSecrets" not in pod(dump(options=replace(OPTIONS, image_pull_secrets=())))


def test_kubernetes_expands_nothing_in_a_name() -> None:
    plan = dump(replace(ENDPOINT, database="$(HOME) $$"))
    environment = {entry["name"]: entry["value"] for entry in pod(plan)["containers"][0]["env"]}
    assert environment["PGDATABASE"] == "$$(HOME) $$$$"


def test_no_certificate_no_file() -> None:
    plan = dump(access=replace(ACCESS, ca_certificate=None))
    assert "ca.crt" not in plan.secret["stringData"]
    assert "RESTIC_CACERT" not in json.dumps(plan.job)


@pytest.mark.parametrize(
    ("password", "line"),
    [("plain", "*:*:*:*:plain\n"), ("a:b\\c", "*:*:*:*:a\\:b\\\\c\n"), ("", "*:*:*:*:\n")],
)
def test_password_file(password: str, line: str) -> None:
    assert replace(ENDPOINT, password=password).password_file() == line


@pytest.mark.parametrize("password", ["a\nb", "a\rb", "a\0b"])
def test_password_that_no_password_file_holds(password: str) -> None:
    with pytest.raises(DatabaseError, match="line break") as caught:
        replace(ENDPOINT, password=password).password_file()
    assert password not in str(caught.value)


def test_an_endpoint_does_not_show_its_password() -> None:
    assert "secret" not in repr(ENDPOINT)


@pytest.mark.parametrize(
    ("database", "path"),
    [("dbche", "/db/dbche.sql"), ("a/b", "/db/a%2Fb.sql"), ("..", "/db/...sql"), ("ü", "/db/%C3%BC.sql")],
)
def test_dump_path(database: str, path: str) -> None:
    assert dump_path(database) == path
