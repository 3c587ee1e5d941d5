# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks as AWX runs them: they do their work, tell how far they are, and show no secret, however verbose."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.che_bed import Cluster
from runner.bed import Bed, backup_server, standin
from runner.harness import Job, Project
from runner.leaks import leaks_in, watched_command_lines

NAMESPACE = "runner-che"
SERVER_NAMESPACE = "runner-backup-server"
VERBOSE = "-vvv"

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    yield Bed.bring_up(NAMESPACE, SERVER_NAMESPACE)
    standin("down", "--namespace", NAMESPACE)
    backup_server("down", SERVER_NAMESPACE)


@pytest.fixture(scope="module")
def repository(bed: Bed, tmp_path_factory: pytest.TempPathFactory, collections: Path) -> Bed:
    """The bed with its repository made, the server configured, and one backup in it."""
    project = Project(tmp_path_factory.mktemp("first") / "private_data", collections)
    job = run(project, bed, "backup", bed.variables(che_initialize=True))
    assert job.status == "successful", job.output[-5000:]
    return bed


def run(
    project: Project, bed: Bed, playbook: str, variables: dict[str, Any], cmdline: str = VERBOSE, **environment: str
) -> Job:
    """Run one playbook; whatever becomes of it, no secret may be seen."""
    with watched_command_lines(bed.secrets) as shown:
        job = project.run(
            f"community.che.{playbook}", variables, environment={**bed.environment, **environment}, cmdline=cmdline
        )
    assert not leaks_in(job.artifacts, bed.secrets)
    assert not shown
    assert "Traceback" not in job.output
    assert not left_behind(job)
    return job


def left_behind(job: Job) -> list[Path]:
    """The results of background jobs that are still lying around."""
    names = set(re.findall(r"j\d+\.\d+", job.output))
    return [file for name in names for file in (Path.home() / ".ansible_async").glob(name)]


def messages(job: Job) -> list[str]:
    """Every line that was shown on purpose; a task may show several at once."""
    shown = [result["msg"] for result in job.results("ansible.builtin.debug") if "msg" in result]
    return [line for message in shown for line in ([message] if isinstance(message, str) else message)]


def failures(job: Job) -> list[str]:
    return [event["event_data"]["res"]["msg"] for event in job.events("runner_on_failed")]


def only_result(job: Job, module: str) -> dict[str, Any]:
    """What the one task of a module returned that was not run in the background."""
    (result,) = job.results(f"community.che.{module}")
    return result


def final_result(job: Job) -> dict[str, Any]:
    """What a background job returned at its end."""
    return next(result for result in reversed(job.results("ansible.builtin.async_status")) if "run_id" in result)


def test_a_backup_needs_only_a_namespace_once_the_server_is_configured(project: Project, repository: Bed) -> None:
    job = run(project, repository, "backup", {"che_namespace": repository.namespace})

    assert job.status == "successful", job.output[-5000:]
    result = final_result(job)
    assert len(result["id"]) == 64
    assert [stage["name"] for stage in result["stages"]] == ["connect", "collect", "dump", "seal"]
    assert any(f"Backup {result['id'][:8]} is complete" in message for message in messages(job))


def test_each_stage_is_shown_once(project: Project, repository: Bed) -> None:
    job = run(project, repository, "backup", {"che_namespace": repository.namespace}, cmdline="")

    assert job.status == "successful", job.output[-5000:]
    assert [message.partition(":")[0] for message in messages(job)[:-1]] == ["connect", "collect", "dump", "seal"]
    assert "dump: Dumping databases: dbche" in messages(job)


def test_check_mode_of_a_backup_makes_none(project: Project, repository: Bed) -> None:
    job = run(project, repository, "backup", repository.variables(), cmdline="--check --diff -vvv")

    assert job.status == "successful", job.output[-5000:]
    result = only_result(job, "cluster_backup")
    assert result["id"] == ""
    assert "CheCluster/eclipse-che" in result["saved"]
    assert any("A backup would hold" in message for message in messages(job))


def test_check_mode_foresees_a_new_repository(project: Project, repository: Bed) -> None:
    fresh = repository.variables(che_repository_url=f"{repository.url}-fresh", che_initialize=True)

    job = run(project, repository, "backup", fresh, cmdline="--check -vvv")

    assert job.status == "successful", job.output[-5000:]
    assert any("A new repository would be made" in message for message in messages(job))


def test_a_wrong_repository_password_is_told_before_anything_runs(project: Project, repository: Bed) -> None:
    job = run(project, repository, "backup", repository.variables(che_repository_password="s3cr3t-wrong"))

    assert job.status == "failed"
    assert any("repository password is wrong" in message for message in failures(job))
    assert not leaks_in(job.artifacts, ["s3cr3t-wrong"])


def test_a_run_that_leaves_no_record_fails_soon_with_its_own_message(project: Project, repository: Bed) -> None:
    job = run(project, repository, "backup", {"che_namespace": "runner-missing"})

    assert job.status == "failed"
    # Without a server one would be set up, but not for a namespace without Che.
    assert any("there is no checluster" in message.lower() for message in failures(job))


def test_a_failing_run_shows_its_stages_and_its_next_step(project: Project, repository: Bed) -> None:
    job = run(project, repository, "restore", repository.variables(che_backup_id="0123456789abcdef"))

    assert job.status == "failed"
    assert any(message.startswith("plan: ") and "No backup has this id" in message for message in failures(job))
    assert any(message.startswith("plan: ") for message in messages(job))


def test_secrets_may_come_from_the_environment_in_a_terminal(repository: Bed, collections: Path) -> None:
    """Not under ansible-runner: it writes the environment that it was given among the artifacts."""
    given = {
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "BACKUP_REPOSITORY_URL": repository.url,
        "BACKUP_REPOSITORY_PASSWORD": repository.repository_password,
        "REST_SERVER_USERNAME": repository.server_username,
        "REST_SERVER_PASSWORD": repository.server_password,
    }
    command = ["ansible-playbook", "community.che.configure_backup_server", VERBOSE]
    variables = [f"--extra-vars=che_namespace={repository.namespace} che_server_ca_path={repository.ca_path}"]

    with watched_command_lines(repository.secrets) as shown:
        ran = subprocess.run(
            [*command, *variables], env={**os.environ, **given}, capture_output=True, text=True, check=False
        )

    output = ran.stdout + ran.stderr
    assert not shown
    assert not [number for number, secret in enumerate(repository.secrets) if secret in output]
    assert ran.returncode == 0, output[-5000:]
    assert re.search(r"changed=0 .* failed=0 ", output)


def test_check_mode_of_a_restore_is_the_plan(project: Project, repository: Bed) -> None:
    job = run(project, repository, "restore", {"che_namespace": repository.namespace}, cmdline="--check --diff -vvv")

    assert job.status == "successful", job.output[-5000:]
    result = only_result(job, "cluster_restore")
    assert {step["action"] for step in result["plan"]["objects"]} == {"keep"}
    assert any("A restore would change" in message for message in messages(job))


def test_what_blocks_a_restore_is_printed(project: Project, repository: Bed) -> None:
    elsewhere = repository.variables(che_namespace="runner-elsewhere")

    job = run(project, repository, "restore", elsewhere, cmdline="--check")

    assert job.status == "successful", job.output[-5000:]
    shown = messages(job)
    assert "It would not begin. What keeps it from that:" in shown
    assert any(line.startswith("- mapping: ") and "mappings.namespace" in line for line in shown)


def test_a_restore_that_is_not_committed_waits_and_is_aborted(
    project: Project, repository: Bed, tmp_path: Path
) -> None:
    before = tmp_path / "before.json"
    standin("proof", "--namespace", repository.namespace, "--output", str(before))
    variables = {"che_namespace": repository.namespace, "restore_names": ["ConfigMap/che-logback"]}
    metadata = {"name": "che-logback", "namespace": repository.namespace}
    logback = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    cluster = Cluster()
    cluster.merge(logback, {"data": {"added": "x"}})

    job = run(project, repository, "restore", {**variables, "restore_commit": False, "che_safety_backup": False})

    assert job.status == "successful", job.output[-5000:]
    assert any("is restored: 1 of 3 objects and databases changed" in line for line in messages(job))
    assert any("waits for the commit" in line for line in messages(job))

    job = run(project, repository, "abort_restore", {"che_namespace": repository.namespace})

    assert job.status == "successful", job.output[-5000:]
    assert any("is aborted: what was there before it is back" in line for line in messages(job))
    cluster.merge(logback, {"data": {"added": None}})
    after = tmp_path / "after.json"
    standin("proof", "--namespace", repository.namespace, "--output", str(after))
    standin("compare", "--only-differences", str(before), str(after))


def test_without_an_unfinished_restore_an_abort_says_so(project: Project, repository: Bed) -> None:
    job = run(project, repository, "abort_restore", {"che_namespace": repository.namespace}, cmdline="--check")

    assert job.status == "successful", job.output[-5000:]
    assert "There is no unfinished restore." in messages(job)


@pytest.mark.soak(keep=0)
def test_a_lost_installation_comes_back(project: Project, repository: Bed, tmp_path: Path) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    standin("proof", "--namespace", repository.namespace, "--output", str(before))
    standin("destroy-namespace", "--namespace", repository.namespace)

    job = run(project, repository, "restore", repository.variables())

    assert job.status == "successful", job.output[-5000:]
    assert any("is restored" in message for message in messages(job))
    standin("proof", "--namespace", repository.namespace, "--output", str(after))
    standin("compare", "--only-differences", str(before), str(after))
    # The server was lost with its namespace and is configured again.
    assert only_result(job, "backup_server")["changed"] is True
    assert json.loads(before.read_text(encoding="utf-8"))["databases"]
