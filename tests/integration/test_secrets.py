# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""No secret value shows anywhere while a backup and a restore run: not here, and not in the cluster.

tests/runner holds the same for what ansible-runner keeps.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.che_bed import BackupServer, Cluster, Home, installation, new_home
from integration.cluster_watch import Watch, secrets_of
from runner.leaks import leaks_in, watched_command_lines

pytestmark = pytest.mark.integration

NAMESPACE = "it-secrets"
SERVER_NAMESPACE = "it-secrets-server"
MARKER = "s3cr3t-standin"
PLAYBOOK_SECONDS = 400


@pytest.fixture(scope="module")
def home(che_test_cluster: Cluster) -> Iterator[Home]:
    server = BackupServer.up(che_test_cluster, SERVER_NAMESPACE)
    yield new_home(che_test_cluster, NAMESPACE, "v1", server.repository("secrets"))
    for namespace in (NAMESPACE, SERVER_NAMESPACE):
        installation.destroy_namespace(che_test_cluster, namespace, wait=False)


@dataclass(frozen=True)
class Seen:
    """All that could be seen of both runs.

    Args:
        folder: Files with it.
        watch: What the cluster showed.
        command_lines: Processes whose arguments held a secret.
        secrets: Every value that must not be in it.
    """

    folder: Path
    watch: Watch
    command_lines: list[str]
    secrets: dict[str, str]


@pytest.fixture(scope="module")
def seen(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Configure, back up, change the database and a Secret, restore: by the playbooks, at the highest verbosity."""
    folder, scratch = tmp_path_factory.mktemp("seen"), tmp_path_factory.mktemp("playbooks")
    secrets = {
        **secrets_of(home.cluster, NAMESPACE),
        "repository password": str(home.repository["repository_password"]),
        "server password": str(home.repository["server_password"]),
        "the mark of all secrets": MARKER,
    }
    watch = Watch(home.cluster, NAMESPACE, folder)
    with watch.watching(), watched_command_lines(secrets.values()) as command_lines:
        play(home, scratch, folder, "backup", che_initialize=True)
        home.sql("DELETE FROM che.audit;")
        lost = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "github-oauth-config", "namespace": NAMESPACE},
        }
        home.cluster.delete(lost)
        play(home, scratch, folder, "restore", "--diff")
    return Seen(folder, watch, command_lines, secrets)


def play(home: Home, scratch: Path, folder: Path, playbook: str, *options: str, **others: Any) -> None:
    """Run one of the playbooks and keep what it says."""
    repository = {f"che_{name}": value for name, value in home.repository.items()}
    variables = scratch / f"{playbook}.yml"
    variables.touch(mode=0o600)
    variables.write_text(yaml.safe_dump({"che_namespace": home.namespace, **repository, **others}), encoding="utf-8")
    ran = subprocess.run(
        ["ansible-playbook", "-vvv", *options, "-e", f"@{variables}", f"community.che.{playbook}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PLAYBOOK_SECONDS,
        env={**os.environ, "ANSIBLE_LOG_PATH": str(folder / f"{playbook}.log")},
    )
    (folder / f"{playbook}.stdout").write_text(ran.stdout, encoding="utf-8")
    (folder / f"{playbook}.stderr").write_text(ran.stderr, encoding="utf-8")
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-4000:]


def test_there_was_something_to_see(seen: Seen) -> None:
    """A scan of nothing finds nothing."""
    assert {name.split("-")[1] for name in seen.watch.seen("Job")} == {"dump", "load"}
    assert len(seen.watch.seen("Pod")) > len(seen.watch.seen("Job"))
    assert [name for name in seen.watch.seen("ConfigMap") if name.startswith("che-run-")]
    assert seen.watch.seen("Event")
    assert any('"che_backup":"result"' in log.read_text(encoding="utf-8") for log in seen.watch.logs())
    for playbook in ("backup", "restore"):
        assert "PLAY RECAP" in (seen.folder / f"{playbook}.stdout").read_text(encoding="utf-8")
    assert "invocation" in (seen.folder / "backup.stdout").read_text(encoding="utf-8")
    assert len(seen.secrets) > 8


def test_the_scan_finds_what_it_looks_for(seen: Seen, tmp_path: Path) -> None:
    for number, secret in enumerate(seen.secrets.values()):
        (tmp_path / str(number)).write_text(json.dumps({"said": f"x{secret}y"}), encoding="utf-8")
        assert leaks_in(tmp_path, [secret])
        (tmp_path / str(number)).unlink()


def test_no_secret_is_in_what_the_playbooks_say_and_the_cluster_shows(seen: Seen) -> None:
    assert leaks_in(seen.folder, seen.secrets.values()) == []


def test_no_secret_was_in_a_command_line(seen: Seen) -> None:
    assert seen.command_lines == []


def test_the_processes_in_our_jobs_were_seen_and_hold_no_secret_in_their_environment(seen: Seen) -> None:
    if not seen.watch.processes:
        pytest.skip("the cluster's processes are not visible from here: it does not run on this machine")
    programs = {name.partition("-")[2] for name in seen.watch.seen("process")}
    assert {"restic", "psql"} <= programs
    assert leaks_in(seen.folder / "process", seen.secrets.values()) == []


def test_jobs_name_their_secret_and_hold_none(seen: Seen) -> None:
    for job in seen.folder.glob("Job/*"):
        pod = json.loads(job.read_text(encoding="utf-8"))["spec"]["template"]["spec"]
        assert [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
        assert not [item for container in pod["containers"] for item in container["env"] if "valueFrom" in item]
        assert pod["automountServiceAccountToken"] is False
