# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups on an SFTP server, by the modules and from Jobs: configure, back up twice, list, restore, and what can fail.

The tests of the first half build on each other and run in their order.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.community.che.plugins.module_utils._repository._host_keys import fingerprint
from integration.che_bed import Cluster, Home, installation, new_home
from integration.cluster_watch import Watch
from integration.s3_server import address_for_pods
from integration.sftp_server import SftpServerProcess, make_key
from runner.leaks import leaks_in, watched_command_lines

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("sftp")]

NAMESPACE = "it-sftp"
NAME = "eclipse-che-backup-server-config"
REPOSITORY_PASSWORD = "s3cr3t-standin-repository"
CHANGES = "DELETE FROM che.audit; UPDATE che.account SET name = name || ' changed';"
BOUND_SECONDS = 60
PAGE = Path(__file__).resolve().parents[2] / "docs" / "backup_server_sftp.md"
VARIABLES = (
    *("BACKUP_REPOSITORY_URL", "BACKUP_REPOSITORY_PASSWORD", "BACKUP_SERVER_CONFIG_NAME"),
    *("REST_SERVER_USERNAME", "REST_SERVER_PASSWORD", "SSH_KEY_FILE", "SSH_KEY"),
)


@dataclass(frozen=True)
class Servers:
    """A server that the cluster's pods reach, and one that lets nobody write to the same folder."""

    server: SftpServerProcess
    read_only: SftpServerProcess
    folder: Path


@pytest.fixture(scope="module")
def servers(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("sftp")
    host = address_for_pods(che_test_cluster)
    made = Servers(
        SftpServerProcess(folder, host), SftpServerProcess(folder, host, name="read-only", read_only=True), folder
    )
    for process in (made.server, made.read_only):
        process.start()
    try:
        yield made
    finally:
        for process in (made.server, made.read_only):
            process.stop()


@pytest.fixture(scope="module")
def home(che_test_cluster: Cluster, servers: Servers) -> Iterator[Home]:
    repository = {
        "repository_url": f"{servers.server.url}che",
        "repository_password": REPOSITORY_PASSWORD,
        "ssh_key": servers.server.private_key,
        "ssh_host_key": list(servers.server.host_keys),
    }
    yield new_home(che_test_cluster, NAMESPACE, "v1", repository)
    installation.destroy_namespace(che_test_cluster, NAMESPACE, wait=False)


@pytest.fixture(autouse=True)
def without_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the shell of whoever runs this holds."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def without(home: Home, *names: str, **more: Any) -> dict[str, Any]:
    """The options that say all of the server, but for some."""
    return {**{name: value for name, value in home.repository.items() if name not in names}, **more}


@dataclass
class Seen:
    """All that could be seen of the runs.

    Args:
        folder: What the cluster showed and the modules said, as files.
        watch: The watch over the cluster.
        command_lines: Processes whose arguments held a secret.
        results: What each module returned, in the order of the runs.
    """

    folder: Path
    watch: Watch
    command_lines: list[str]
    results: dict[str, dict[str, Any]] = field(default_factory=dict)


def secrets_of(servers: Servers) -> list[str]:
    """The repository password, and a line of the key that no other key has."""
    return [REPOSITORY_PASSWORD, servers.server.private_key.splitlines()[2]]


@pytest.fixture(scope="module")
def seen(home: Home, servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Configure by learning the host key, back up twice, change the database, plan, and restore the first backup."""
    folder = tmp_path_factory.mktemp("seen")
    watch = Watch(home.cluster, NAMESPACE, folder)
    with watch.watching(), watched_command_lines(secrets_of(servers)) as command_lines:
        told = Seen(folder, watch, command_lines)
        unpinned = without(home, "ssh_host_key", initialize=True)
        told.results["unpinned"] = home.fail("backup_server", **unpinned).result
        told.results["configure"] = home.run("backup_server", **unpinned, ssh_learn_host_key=True)
        told.results["again"] = home.run("backup_server", **unpinned, ssh_learn_host_key=True)
        told.results["info"] = home.run("backup_server_info")
        told.results["first"] = home.run("cluster_backup")
        told.results["proof"] = home.proof()
        told.results["second"] = home.run("cluster_backup")
        home.sql(CHANGES)
        told.results["versions"] = home.versions()
        told.results["plan"] = home.run("cluster_restore", check=True, diff=True, id=told.results["first"]["id"])
        told.results["versions after"] = home.versions()
        told.results["restore"] = home.run("cluster_restore", id=told.results["first"]["id"])
    said = {name: result for name, result in told.results.items() if name != "proof"}
    (folder / "results.json").write_text(json.dumps(said), encoding="utf-8")
    return told


def test_a_host_key_that_nobody_knows_is_told_with_both_remedies(seen: Seen, servers: Servers) -> None:
    message = seen.results["unpinned"]["msg"]

    assert all(fingerprint(key) in message for key in servers.server.host_keys)
    assert "ssh_host_key" in message and "ssh_learn_host_key: true" in message


def test_the_server_is_stored_in_the_old_operator_s_kind_with_the_learned_keys(
    seen: Seen, home: Home, servers: Servers
) -> None:
    stored = home.cluster.find("org.eclipse.che/v1", "CheBackupServerConfiguration", NAME, NAMESPACE)
    key = home.cluster.find("v1", "Secret", f"{NAME}-credentials", NAMESPACE)
    fingerprints = [fingerprint(key) for key in servers.server.host_keys]

    assert seen.results["configure"]["backup_server"] == {
        "name": NAME,
        "repository": f"{servers.server.url}che",
        "stored_as": "CheBackupServerConfiguration",
        "initialized": True,
        "host_key_fingerprints": fingerprints,
        "host_key_learned": True,
    }
    assert seen.results["again"]["changed"] is False
    assert seen.results["again"]["backup_server"]["host_key_learned"] is False
    assert stored is not None and key is not None
    assert stored["spec"] == {
        "sftp": {
            "username": servers.server.username,
            "hostname": servers.server.host,
            "port": servers.server.port,
            "repositoryPath": "che",
            "repositoryPasswordSecretRef": f"{NAME}-repository-password",
            "sshKeySecretRef": f"{NAME}-credentials",
        }
    }
    assert stored["metadata"]["annotations"]["community.che/sftp-host-keys"].splitlines() == list(
        servers.server.host_keys
    )
    assert list(key["data"]) == ["ssh-privatekey"]
    (told,) = seen.results["info"]["backup_servers"]
    assert (told["kind"], told["host_key_fingerprints"]) == ("sftp", fingerprints)


def test_both_backups_are_complete_and_the_second_adds_little(seen: Seen, home: Home) -> None:
    first, second = seen.results["first"], seen.results["second"]

    assert [part["name"] for part in first["parts"] if part["kind"] == "database"] == ["dbche"]
    assert second["sizes"]["added"] < first["sizes"]["added"] / 4
    listed = {backup["id"]: backup["state"] for backup in home.backups()}
    assert {listed[first["id"]], listed[second["id"]]} == {"complete"}


def test_the_plan_changes_nothing_and_names_the_database(seen: Seen) -> None:
    before, after = seen.results["versions"], seen.results["versions after"]

    assert before == after
    assert "dbche" in json.dumps(seen.results["plan"]["plan"])


def test_the_restored_installation_is_what_was_saved(seen: Seen, home: Home) -> None:
    assert seen.results["restore"]["changed"] is True
    assert home.differences(seen.results["proof"]) == []
    assert home.left_behind() == []


def test_no_secret_shows_in_results_jobs_and_config_maps(seen: Seen, servers: Servers, tmp_path: Path) -> None:
    secrets = secrets_of(servers)
    (tmp_path / "scan").write_text(f"x{secrets[1]}y", encoding="utf-8")

    assert leaks_in(tmp_path, secrets), "the scan does not find what it looks for"
    assert {name.split("-")[1] for name in seen.watch.seen("Job")} == {"dump", "load"}
    assert leaks_in(seen.folder, secrets) == []
    assert seen.command_lines == []


def test_both_jobs_have_brought_rclone_and_run_one_container(seen: Seen) -> None:
    jobs = [json.loads(path.read_text(encoding="utf-8")) for path in seen.folder.glob("Job/*")]

    assert jobs
    for job in jobs:
        pod = job["spec"]["template"]["spec"]
        assert [container["name"] for container in pod["initContainers"]] == ["restic", "rclone"]
        assert pod["initContainers"][1]["image"] == "docker.io/rclone/rclone:1.76.0"
        (main,) = pod["containers"]
        names = {item["name"]: item["value"] for item in main["env"]}
        assert names["CHE_RESTIC_OPTIONS"] == "-o rclone.program=/tools/rclone"


def test_a_section_in_parts_means_the_same_server(seen: Seen, home: Home, servers: Servers) -> None:
    section = {
        "username": servers.server.username,
        "hostname": servers.server.host,
        "port": servers.server.port,
        "repository_path": f"{servers.server.home}/che",
    }

    found = home.backups(**without(home, "repository_url"), sftp=section)

    assert seen.results["second"]["id"] in {backup["id"] for backup in found}


@pytest.mark.parametrize("variable", ["SSH_KEY", "SSH_KEY_FILE"])
def test_the_variables_do_what_the_options_do(
    seen: Seen, home: Home, servers: Servers, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    key = servers.server.private_key
    monkeypatch.setenv("BACKUP_REPOSITORY_URL", f"{servers.server.url}che")
    monkeypatch.setenv("BACKUP_REPOSITORY_PASSWORD", REPOSITORY_PASSWORD)
    monkeypatch.setenv(variable, key if variable == "SSH_KEY" else str(servers.folder / "client"))
    monkeypatch.setenv("REST_SERVER_PASSWORD", "of another kind of server")

    found = home.backups(ssh_host_key=home.repository["ssh_host_key"])

    assert seen.results["second"]["id"] in {backup["id"] for backup in found}


def test_a_secret_with_one_key_of_any_name_opens_the_server(seen: Seen, home: Home, servers: Servers) -> None:
    home.cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "by-hand", "namespace": NAMESPACE},
            "stringData": {"id_backup": servers.server.private_key},
        }
    )

    assert home.backups(**without(home, "ssh_key"), server_credentials_secret="by-hand")


def fault(home: Home, servers: Servers, name: str) -> Mapping[str, Any]:
    """The options of a task that meets one fault."""
    strangers = servers.folder / "strangers"
    if not strangers.exists():
        make_key(strangers)
        make_key(servers.folder / "protected", passphrase="s3cr3t-standin-passphrase")
    url = str(home.repository["repository_url"])
    read_only = {
        "repository_url": url.replace(str(servers.server.port), str(servers.read_only.port)),
        "ssh_host_key": list(servers.read_only.host_keys),
    }
    changes: dict[str, dict[str, Any]] = {
        "wrong key": {"ssh_key": strangers.read_text(encoding="ascii")},
        "key with a passphrase": {"ssh_key": (servers.folder / "protected").read_text(encoding="ascii")},
        "no key": {"ssh_key": None},
        "changed host key": {"ssh_host_key": [Path(f"{strangers}.pub").read_text(encoding="ascii")]},
        "host key not known": {"ssh_host_key": None},
        "password in the URL": {"repository_url": url.replace("@", ":s3cr3t-standin@")},
        "no folder": {"repository_url": url.replace("/che", "/no/such/folder")},
        "no repository": {"repository_url": url.replace("/che", "/another")},
        "read-only": read_only,
        "nothing listens": {"repository_url": url.replace(str(servers.server.port), "1")},
        "certificate": {"server_ca_content": "x"},
    }
    return {key: value for key, value in {**home.repository, **changes[name]}.items() if value is not None}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wrong key", "does not accept the SSH key"),
        ("key with a passphrase", "A passphrase protects the SSH key"),
        ("no key", "ssh_key_path"),
        ("changed host key", "Nothing was sent to it"),
        ("host key not known", "ssh_learn_host_key: true"),
        ("password in the URL", "The URL has a password"),
        ("no folder", "has no such folder"),
        ("no repository", "initialize: true"),
        ("read-only", "SFTP server"),
        ("nothing listens", "refuses the connection"),
        ("certificate", "is not for a server of kind sftp"),
    ],
)
def test_a_fault_is_named_soon_and_leaves_no_complete_backup(
    seen: Seen, home: Home, servers: Servers, name: str, words: str
) -> None:
    complete = {backup["id"] for backup in home.backups() if backup["state"] == "complete"}

    outcome = home.fail("cluster_backup", **fault(home, servers, name))

    assert words in outcome.message
    assert outcome.seconds < BOUND_SECONDS
    shown = json.dumps(outcome.result)
    assert not [secret for secret in [*secrets_of(servers), "s3cr3t-standin"] if secret in shown]
    assert {backup["id"] for backup in home.backups() if backup["state"] == "complete"} == complete
    assert home.left_behind() == []
    assert sorted(path.name for path in servers.server.home.iterdir()) == ["che"]


def test_a_changed_host_key_stops_everything_until_the_new_one_is_given(
    seen: Seen, home: Home, servers: Servers
) -> None:
    """Also where the task would learn a key: what is known is never replaced unasked."""
    server = servers.server
    before = seen.watch and server.log()
    server.stop()
    server.change_host_keys()
    server.start()

    for module, options in (
        ("cluster_backup", {}),
        ("cluster_backup_info", {}),
        ("cluster_restore", {}),
        ("backup_server", {**without(home, "ssh_host_key"), "ssh_learn_host_key": True}),
    ):
        assert "another host key" in home.fail(module, **options).message
    assert "Accepted publickey" not in server.log()[len(before) :]

    pinned = home.run("backup_server", ssh_host_key=list(server.host_keys))
    assert pinned["backup_server"]["host_key_fingerprints"] == [fingerprint(key) for key in server.host_keys]
    assert home.run("cluster_backup")["id"]


def test_a_server_that_is_lost_while_a_backup_runs_is_named_soon(seen: Seen, home: Home, servers: Servers) -> None:
    """And the next backup is fine."""
    running = home.start("cluster_backup", run_id="lost-server")
    home.await_pod("lost-server")
    servers.server.stop()
    try:
        outcome = running.outcome()
    finally:
        servers.server.start()

    assert outcome.failed
    assert outcome.seconds < 240
    shown = json.dumps(outcome.result)
    assert not [secret for secret in secrets_of(servers) if secret in shown]
    assert home.run("cluster_backup")["id"]
    assert home.left_behind() == []


def test_the_documented_playbook_works(home: Home, servers: Servers, tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    text = text.replace("sftp://che@backups.example.com:2222/che-backups", f"{servers.server.url}documented")
    play = yaml.safe_load(text)[0]
    module = play["tasks"][0]["community.che.backup_server"]
    module.update(namespace=NAMESPACE, name="documented")
    values = {
        "vault_repository_password": REPOSITORY_PASSWORD,
        "vault_ssh_key": servers.server.private_key,
        "backups_host_key": servers.server.host_keys[0],
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    }
    (tmp_path / "vault.yml").write_text(yaml.safe_dump(values), encoding="utf-8")
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")

    ran = subprocess.run(
        ["ansible-playbook", "-vvv", "-e", "@vault.yml", "play.yml"],
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false", "ANSIBLE_LOCALHOST_WARNING": "false"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-4000:]
    assert (servers.server.home / "documented" / "config").is_file()
    assert not [secret for secret in secrets_of(servers) if secret in ran.stdout + ran.stderr]
