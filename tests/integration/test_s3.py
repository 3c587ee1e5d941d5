# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups in a bucket on S3, by the modules and from Jobs: configure, back up twice, list, restore, and what can fail.

The tests of the first half build on each other and run in their order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from integration.che_bed import Cluster, Home, installation, new_home
from integration.cluster_watch import Watch
from integration.s3_server import (
    ACCESS_KEY_ID,
    BUCKET,
    SECRET_ACCESS_KEY,
    STRANGER_ID,
    STRANGER_SECRET,
    Certificates,
    S3ServerProcess,
    address_for_pods,
    make_certificates,
)
from runner.leaks import leaks_in, watched_command_lines

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("s3")]

NAMESPACE = "it-s3"
REPOSITORY_PASSWORD = "s3cr3t-standin-repository"
CHANGES = "DELETE FROM che.audit; UPDATE che.account SET name = name || ' changed';"
BOUND_SECONDS = 60
VARIABLES = (
    *("BACKUP_REPOSITORY_URL", "BACKUP_REPOSITORY_PASSWORD", "BACKUP_SERVER_CONFIG_NAME"),
    *("REST_SERVER_USERNAME", "REST_SERVER_PASSWORD"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
)


@dataclass(frozen=True)
class Servers:
    """A server that the cluster's pods reach, and one that lets nobody write to the same buckets."""

    server: S3ServerProcess
    read_only: S3ServerProcess
    certificates: Certificates


@pytest.fixture(scope="module")
def servers(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("s3")
    host = address_for_pods(che_test_cluster)
    certificates = make_certificates(folder, host)
    made = Servers(
        S3ServerProcess(folder, certificates, host),
        S3ServerProcess(folder, certificates, host, "--readonly"),
        certificates,
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
        "s3_access_key_id": ACCESS_KEY_ID,
        "s3_secret_access_key": SECRET_ACCESS_KEY,
        "server_ca_content": servers.certificates.authority,
    }
    yield new_home(che_test_cluster, NAMESPACE, "v1", repository)
    installation.destroy_namespace(che_test_cluster, NAMESPACE, wait=False)


@pytest.fixture(autouse=True)
def without_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the shell of whoever runs this holds."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")


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


@pytest.fixture(scope="module")
def seen(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Configure, back up twice, change the database, look at the plan, and restore the first backup."""
    folder = tmp_path_factory.mktemp("seen")
    watch = Watch(home.cluster, NAMESPACE, folder)
    with watch.watching(), watched_command_lines([SECRET_ACCESS_KEY, REPOSITORY_PASSWORD]) as command_lines:
        told = Seen(folder, watch, command_lines)
        told.results["configure"] = home.configure()
        told.results["again"] = home.configure()
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


def test_the_server_is_stored_in_the_old_operator_s_kind(seen: Seen, home: Home, servers: Servers) -> None:
    name = "eclipse-che-backup-server-config"
    stored = home.cluster.find("org.eclipse.che/v1", "CheBackupServerConfiguration", name, NAMESPACE)
    keys = home.cluster.find("v1", "Secret", f"{name}-credentials", NAMESPACE)

    assert seen.results["configure"]["backup_server"]["initialized"] is True
    assert seen.results["again"]["changed"] is False
    assert stored is not None and keys is not None
    assert stored["spec"] == {
        "awss3": {
            "protocol": "https",
            "hostname": servers.server.host,
            "port": servers.server.port,
            "repositoryPath": f"{BUCKET}/che",
            "repositoryPasswordSecretRef": f"{name}-repository-password",
            "awsAccessKeySecretRef": f"{name}-credentials",
        }
    }
    assert sorted(keys["data"]) == ["awsAccessKeyId", "awsSecretAccessKey"]
    (told,) = seen.results["info"]["backup_servers"]
    assert (told["kind"], told["repository"]) == ("awss3", f"{servers.server.url}che")


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


def test_no_secret_shows_in_results_jobs_and_config_maps(seen: Seen, tmp_path: Path) -> None:
    secrets = [SECRET_ACCESS_KEY, REPOSITORY_PASSWORD]
    (tmp_path / "scan").write_text(f"x{SECRET_ACCESS_KEY}y", encoding="utf-8")

    assert leaks_in(tmp_path, secrets), "the scan does not find what it looks for"
    assert {name.split("-")[1] for name in seen.watch.seen("Job")} == {"dump", "load"}
    assert leaks_in(seen.folder, secrets) == []
    assert seen.command_lines == []
    for job in seen.folder.glob("Job/*"):
        pod = json.loads(job.read_text(encoding="utf-8"))["spec"]["template"]["spec"]
        names = {item["name"]: item.get("value") for container in pod["containers"] for item in container["env"]}
        assert names["AWS_SHARED_CREDENTIALS_FILE"] == "/run/che-backup/s3-keys"
        assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} & set(names)


def test_the_variables_do_what_the_options_do(
    seen: Seen, home: Home, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKUP_REPOSITORY_URL", f"{servers.server.url}che")
    monkeypatch.setenv("BACKUP_REPOSITORY_PASSWORD", REPOSITORY_PASSWORD)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
    monkeypatch.setenv("REST_SERVER_PASSWORD", "of another kind of server")

    found = home.backups(server_ca_content=servers.certificates.authority)

    assert seen.results["second"]["id"] in {backup["id"] for backup in found}


def test_a_profile_opens_the_server_for_a_run(
    seen: Seen, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shared = tmp_path / "credentials"
    shared.write_text(
        f"[backups]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(shared))
    said = {name: value for name, value in home.repository.items() if name not in KEYS}

    assert home.backups(**said, s3_profile="backups")
    assert "profile missing" in home.fail("cluster_backup_info", **said, s3_profile="missing").message


KEYS = ("s3_access_key_id", "s3_secret_access_key")


def fault(home: Home, servers: Servers, name: str) -> Mapping[str, Any]:
    """The options of a task that meets one fault."""
    changes: dict[str, dict[str, Any]] = {
        "wrong secret": {"s3_secret_access_key": "s3cr3t-standin-wrong"},
        "unknown key": {"s3_access_key_id": "NOBODY"},
        "no permission": {"s3_access_key_id": STRANGER_ID, "s3_secret_access_key": STRANGER_SECRET},
        "missing bucket": {"repository_url": servers.server.url.replace(BUCKET, "no-such-bucket") + "che"},
        "unknown authority": {"server_ca_content": None},
        "wrong region": {"s3_region": "us-west-2"},
        "read-only": {
            "repository_url": f"{servers.server.url}che".replace(str(servers.server.port), str(servers.read_only.port))
        },
        "nothing listens": {"repository_url": f"s3:https://{servers.server.host}:1/{BUCKET}/che"},
        "no keys": dict.fromkeys(KEYS),
    }
    return {key: value for key, value in {**home.repository, **changes[name]}.items() if value is not None}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wrong secret", "does not fit the access key id"),
        ("unknown key", "does not know the access key id"),
        ("no permission", "may not list the bucket"),
        ("missing bucket", "There is no such bucket"),
        ("unknown authority", "authority that is unknown here"),
        ("wrong region", "Give s3_region: eu-west-1"),
        ("read-only", "forbids"),
        ("nothing listens", "refuses the connection"),
        ("no keys", "s3_access_key_id"),
    ],
)
def test_a_fault_is_named_soon_and_leaves_no_complete_backup(
    seen: Seen, home: Home, servers: Servers, name: str, words: str
) -> None:
    complete = {backup["id"] for backup in home.backups() if backup["state"] == "complete"}

    outcome = home.fail("cluster_backup", **fault(home, servers, name))

    assert words in outcome.message
    assert outcome.run_seconds < BOUND_SECONDS if "stages" in outcome.result else outcome.seconds < BOUND_SECONDS
    assert not leaks_of(outcome.result)
    assert {backup["id"] for backup in home.backups() if backup["state"] == "complete"} == complete
    assert home.left_behind() == []
    assert servers.server.buckets() == [BUCKET]


def leaks_of(result: Mapping[str, Any]) -> list[str]:
    text = json.dumps(result)
    return [secret for secret in (SECRET_ACCESS_KEY, STRANGER_SECRET, REPOSITORY_PASSWORD) if secret in text]


def test_a_missing_bucket_is_not_made_by_initialize(home: Home, servers: Servers) -> None:
    outcome = home.fail("backup_server", **fault(home, servers, "missing bucket"), name="missing", initialize=True)

    assert "Make it at the S3 server" in outcome.message
    assert servers.server.buckets() == [BUCKET]


def test_temporary_keys_are_never_stored(home: Home) -> None:
    before = home.versions()

    outcome = home.fail("backup_server", **home.repository, name="temporary", s3_session_token="s3cr3t-token")

    assert "never stored" in outcome.message
    assert "s3cr3t-token" not in json.dumps(outcome.result)
    assert home.versions() == before


def test_credentials_of_another_kind_of_server_are_refused(home: Home) -> None:
    said = {name: value for name, value in home.repository.items() if name not in KEYS}

    outcome = home.fail("cluster_backup", **said, server_username="che", server_password="s3cr3t-rest")

    assert "server_username is not for a server of kind awss3" in outcome.message


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
    assert not leaks_of(outcome.result)
    assert home.run("cluster_backup")["id"]
    assert home.left_behind() == []
