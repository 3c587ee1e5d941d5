# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that are hit half-way, and tasks that can't work: what is told, what is left, and that the next run works."""

from __future__ import annotations

import base64
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._repository._url import parse_repository_url
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import part_tags
from integration.che_bed import (
    BackupServer,
    Cluster,
    Home,
    Outcome,
    Running,
    installation,
    new_home,
    pods,
    server,
    wait_until,
)
from integration.frozen_dump import LOAD, frozen

pytestmark = pytest.mark.integration

NAMESPACE = "it-faults"
SERVER_NAMESPACE = "it-faults-server"
LOST_SERVER_NAMESPACE = "it-faults-lost-server"
SMALL_SERVER_NAMESPACE = "it-faults-small-server"
DATABASE_MB = 24
SMALL_SERVER_BYTES = 6_000_000
# A backup server that does not answer any more is given two minutes in a Job.
LOST_SERVER_SECONDS = 240
# What a task may take to tell that it can't begin.
BOUNDED_SECONDS = 60


@pytest.fixture(scope="module")
def backup_server(che_test_cluster: Cluster) -> Iterator[BackupServer]:
    yield BackupServer.up(che_test_cluster, SERVER_NAMESPACE)
    installation.destroy_namespace(che_test_cluster, SERVER_NAMESPACE, wait=False)


@pytest.fixture(scope="module")
def home(che_test_cluster: Cluster, backup_server: BackupServer) -> Iterator[Home]:
    """An installation with a configured server and one complete backup."""
    made = new_home(che_test_cluster, NAMESPACE, "v1", backup_server.repository("faults"), size_mb=DATABASE_MB)
    made.configure()
    made.run("cluster_backup", run_id="the-good-one")
    yield made
    installation.destroy_namespace(che_test_cluster, NAMESPACE, wait=False)


@pytest.fixture(scope="module", autouse=True)
def slow_cases(che_test_cluster: Cluster, home: Home) -> Iterator[dict[str, Outcome | Running]]:
    """Two backups whose servers fail them; they take their time beside the other tests."""
    small = BackupServer.up(che_test_cluster, SMALL_SERVER_NAMESPACE, max_size=SMALL_SERVER_BYTES)
    lost = BackupServer.up(che_test_cluster, LOST_SERVER_NAMESPACE)
    repositories = {"full": small.repository("full"), "lost": lost.repository("lost")}
    for name, repository in repositories.items():
        home.run("backup_server", name=name, initialize=True, **repository)
    running: dict[str, Outcome | Running] = {"lost": home.start("cluster_backup", run_id="lost", backup_server="lost")}
    with frozen(home):
        server.stop(che_test_cluster, LOST_SERVER_NAMESPACE)
    running["full"] = home.start("cluster_backup", run_id="full", backup_server="full")
    with frozen(home):
        pass
    yield running
    for namespace in (SMALL_SERVER_NAMESPACE, LOST_SERVER_NAMESPACE):
        installation.destroy_namespace(che_test_cluster, namespace, wait=False)


def ended(cases: dict[str, Outcome | Running], name: str) -> Outcome:
    case = cases[name]
    if isinstance(case, Running):
        case = cases[name] = case.outcome(LOST_SERVER_SECONDS + 120)
    return case


def assert_told(outcome: Outcome, stage: str, *words: str) -> None:
    """A failed task names the stage, what happened, and what to do next; in sentences."""
    assert outcome.failed
    assert outcome.message.startswith(f"{stage}: "), outcome.message
    assert outcome.result["stage"] == stage
    for word in words:
        assert word.lower() in outcome.message.lower(), outcome.message
    assert outcome.message.rstrip().endswith((".", ")", "true")), outcome.message
    assert len(outcome.message) < 1500
    assert "s3cr3t-standin" not in outcome.message


def left_of(home: Home, run_id: str) -> list[str]:
    return [name for name in home.left_behind() if run_id in name]


def state_of(home: Home, run_id: str, **options: Any) -> str:
    states = {backup["run_id"]: backup["state"] for backup in home.backups(**options)}
    return states.get(run_id, "none")


def assert_taken_back(home: Home, run_id: str) -> None:
    """Of a failed run nothing is left but its record, and no complete backup."""
    assert left_of(home, run_id) == []
    assert state_of(home, run_id, backup_server=home_server()) != "complete"
    run = home.run("cluster_backup_info", run_id=run_id)["run"]
    assert (run["state"], bool(run["message"]), bool(run["finished"])) == ("Failed", True, True)


def home_server() -> str:
    return "eclipse-che-backup-server-config"


def in_job_pod(home: Home, run_id: str, script: str) -> None:
    pods.run(home.cluster, home.await_pod(run_id), script)


# Images of databases have no pkill.
KILL = """
for exe in /proc/[0-9]*/exe; do
    case $(readlink "$exe") in */{program}) kill -9 "$(basename "$(dirname "$exe")")" ;; esac
done
"""


def kill_pg_dump(home: Home, run_id: str, _backend: str) -> None:
    in_job_pod(home, run_id, KILL.format(program="pg_dump"))


def kill_restic(home: Home, run_id: str, _backend: str) -> None:
    in_job_pod(home, run_id, KILL.format(program="restic"))


def delete_pod(home: Home, run_id: str, _backend: str) -> None:
    home.cluster.delete(home.await_pod(run_id))


def delete_job(home: Home, run_id: str, _backend: str) -> None:
    (job,) = [job for job in home.jobs() if job["metadata"]["labels"]["community.che/run"] == run_id]
    home.cluster.delete(job)


def end_session(home: Home, _run_id: str, backend: str) -> None:
    assert "t" in home.sql(f"SELECT pg_terminate_backend({backend}) AS ended;")


HITS: dict[str, Callable[[Home, str, str], None]] = {
    "pg-dump-killed": kill_pg_dump,
    "restic-killed": kill_restic,
    "pod-deleted": delete_pod,
    "job-deleted": delete_job,
    "session-ended": end_session,
}


@pytest.mark.soak
@pytest.mark.parametrize("hit", HITS)
def test_a_dump_that_is_hit_half_way_leaves_nothing(home: Home, hit: str) -> None:
    running = home.start("cluster_backup", run_id=hit, backup_server=home_server())
    with frozen(home) as backend:
        HITS[hit](home, hit, backend)
    outcome = running.outcome()

    assert_told(outcome, "dump")
    assert outcome.run_seconds < BOUNDED_SECONDS + 60
    assert_taken_back(home, hit)


def test_a_task_that_is_stopped_takes_its_job_along(home: Home) -> None:
    running = home.start("cluster_backup", run_id="stopped", backup_server=home_server())
    with frozen(home):
        began = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        outcome = running.outcome(60)
        assert time.monotonic() - began < 20

    assert_told(outcome, "dump", "signal 15")
    wait_until(lambda: left_of(home, "stopped") == [], 30, lambda: str(left_of(home, "stopped")))
    assert_taken_back(home, "stopped")


def test_a_job_whose_image_cannot_be_pulled_says_so(home: Home) -> None:
    outcome = home.fail(
        "cluster_backup",
        run_id="no-image",
        backup_server=home_server(),
        restic_image="registry.invalid/restic:0",
        timeout=20,
    )

    assert_told(outcome, "dump")
    assert_taken_back(home, "no-image")


@pytest.fixture
def broken_secret(home: Home) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Changes the database's Secret, and puts it back."""
    secret = home.cluster.find("v1", "Secret", "postgres-credentials", home.namespace)
    assert secret is not None

    def set_data(data: dict[str, Any]) -> None:
        home.cluster.merge(secret, {"data": data})

    yield set_data
    set_data(secret["data"])


@pytest.mark.soak
@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"password": None}, "key password"),
        ({"password": base64.b64encode(b"\xff\xfe").decode()}, "not text"),
        ({"password": ""}, "key password"),
    ],
)
def test_an_unreadable_secret_is_named_with_its_key(
    home: Home, broken_secret: Callable[[dict[str, Any]], None], data: dict[str, Any], words: str
) -> None:
    broken_secret(data)

    outcome = home.fail("cluster_backup", run_id="unreadable", backup_server=home_server())
    home.cluster.delete(record(home, "unreadable"))

    assert_told(outcome, "collect", words, f"Secret {NAMESPACE}/postgres-credentials")
    assert left_of(home, "unreadable") == []


def record(home: Home, run_id: str) -> dict[str, Any]:
    metadata = {"name": f"che-run-{run_id}", "namespace": home.namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def test_a_password_that_the_database_does_not_know_is_told_by_the_job(
    home: Home, broken_secret: Callable[[dict[str, Any]], None]
) -> None:
    broken_secret({"password": base64.b64encode(b"s3cr3t-standin-wrong").decode()})

    outcome = home.fail("cluster_backup", run_id="wrong-password", backup_server=home_server())

    assert_told(outcome, "dump", "password authentication failed")
    assert_taken_back(home, "wrong-password")


def test_after_all_that_the_next_backup_works_and_can_be_restored(home: Home) -> None:
    before = home.proof()

    result = home.run("cluster_backup", backup_server=home_server())

    assert state_of(home, result["run_id"], backup_server=home_server()) == "complete"
    assert home.differences(before) == []
    assert home.run("cluster_restore", check=True, backup_server=home_server())["changed"] is False


WRONG: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "repository password": ({"repository_password": "s3cr3t-standin-wrong"}, ("repository password is wrong",)),
    "server password": ({"server_password": "s3cr3t-standin-wrong"}, ("user name", "password")),
    "unknown host": ({"repository_url": "rest:https://backups.invalid:8000/x"}, ("backups.invalid",)),
    "closed port": ({"repository_url": "rest:https://127.0.0.1:9/x"}, ("127.0.0.1:9",)),
    "silent host": ({"repository_url": "rest:https://192.0.2.1:8000/x"}, ("192.0.2.1",)),
    "no repository there": ({"repository_url": "elsewhere"}, ("initialize: true",)),
    "certificate of nobody": ({"server_ca_path": None}, ("certificate",)),
    "plain HTTP": ({"repository_url": "http"}, ("http",)),
    "malformed URL": ({"repository_url": "https://host/x"}, ("rest:",)),
}


@pytest.mark.soak(keep=4)
@pytest.mark.parametrize(
    ("module", "wrong"),
    [
        *(("cluster_backup", wrong) for wrong in WRONG),
        *((module, "repository password") for module in ("backup_server", "cluster_restore", "cluster_backup_info")),
    ],
)
def test_what_leads_nowhere_is_told_soon_and_changes_nothing(
    home: Home, backup_server: BackupServer, module: str, wrong: str
) -> None:
    options, words = WRONG[wrong]
    options = {**home.repository, **options}
    if options["repository_url"] == "elsewhere":
        options["repository_url"] = f"rest:{backup_server.url}elsewhere"
    if options["repository_url"] == "http":
        options["repository_url"] = f"rest:{backup_server.url.replace('https', 'http')}faults"
    before = versions_of_everything(home)

    outcome = home.fail(module, **options)

    assert outcome.seconds < BOUNDED_SECONDS
    for word in words:
        assert word.lower() in outcome.message.lower(), outcome.message
    assert "s3cr3t-standin" not in str(outcome.result)
    assert versions_of_everything(home) == before


# What the slow cases take away in their own time, and what every run keeps as its record.
_PASSING = ("/che-dump-lost-", "/che-dump-full-", "/che-run-")


def versions_of_everything(home: Home) -> dict[str, str]:
    return {
        name: version for name, version in home.versions().items() if not any(passing in name for passing in _PASSING)
    }


@pytest.fixture(scope="module")
def incomplete(home: Home, backup_server: BackupServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a part whose run never came to its seal."""
    folder = tmp_path_factory.mktemp("part")
    (folder / "che-cr.yaml").write_text("kind: CheCluster\n", encoding="utf-8")
    access = Access(
        parse_repository_url(home.repository["repository_url"]).server,
        home.repository["repository_password"],
        UserAndPassword(backup_server.username, backup_server.password),
        Path(backup_server.ca_path).read_text(encoding="ascii"),
    )
    summary = Restic(access).backup_folder(folder, part_tags("killed", "installation"), host=home.namespace)
    assert state_of(home, "killed", backup_server=home_server()) == "incomplete"
    return summary.snapshot_id


@pytest.mark.soak(keep=2)
@pytest.mark.parametrize("wanted", ["00000000", "not-an-id", "", "incomplete"])
def test_a_backup_that_cannot_be_restored_is_refused_and_nothing_changes(
    home: Home, request: pytest.FixtureRequest, wanted: str
) -> None:
    backup_id = request.getfixturevalue("incomplete") if wanted == "incomplete" else wanted
    before = versions_of_everything(home)

    outcome = home.fail("cluster_restore", id=backup_id, backup_server=home_server())

    assert_told(outcome, "plan")
    assert outcome.seconds < BOUNDED_SECONDS
    assert versions_of_everything(home) == before


def test_a_full_disk_at_the_server_is_told(home: Home, slow_cases: dict[str, Outcome | Running]) -> None:
    outcome = ended(slow_cases, "full")

    assert_told(outcome, "dump", "room")
    assert left_of(home, "full") == []
    assert state_of(home, "full", backup_server="full") != "complete"


def test_a_server_that_is_stopped_half_way_is_told_in_bounded_time(
    home: Home, slow_cases: dict[str, Outcome | Running]
) -> None:
    outcome = ended(slow_cases, "lost")
    server.start(home.cluster, LOST_SERVER_NAMESPACE)

    assert_told(outcome, "dump", "backup server")
    assert outcome.run_seconds < LOST_SERVER_SECONDS
    assert left_of(home, "lost") == []
    assert state_of(home, "lost", backup_server="lost") != "complete"


# From here on no dump may hang on a lost server: DROP DATABASE waits until every session of the server has looked up,
# and one that writes to a client which does not read never does.


def test_a_restore_that_is_stopped_half_way_leaves_the_database_as_it_was(home: Home) -> None:
    home.sql("DELETE FROM che.audit;")
    before = home.proof()
    running = home.start("cluster_restore", run_id="stopped-restore", backup_server=home_server())
    with frozen(home, LOAD):
        running.process.send_signal(signal.SIGTERM)
    outcome = running.outcome(90)

    assert_told(outcome, "stage", "signal 15")
    wait_until(lambda: left_of(home, "stopped-restore") == [], 30, lambda: str(left_of(home, "stopped-restore")))
    assert home.differences(before) == []
    assert databases_of(home) == ["dbche", "postgres", "template0", "template1"]


def databases_of(home: Home) -> list[str]:
    return values(home, "SELECT datname FROM pg_database ORDER BY 1;")


def values(home: Home, query: str) -> list[str]:
    """The one column of a query."""
    return home.sql(f"\\pset tuples_only on\n\\pset format unaligned\n{query}\n").split()


def test_the_same_restore_works_when_it_is_run_again(home: Home) -> None:
    """The newest complete backup is by now what the first run saved of the state to get away from."""
    result = home.run("cluster_restore", safety_backup=False, backup_server=home_server())

    assert result["changed"] is True
    assert values(home, "SELECT count(*) > 0 FROM che.audit;") == ["t"]
    assert databases_of(home) == ["dbche", "postgres", "template0", "template1"]
    assert home.left_behind() == []


@pytest.mark.parametrize("name", ["lost"])
def test_the_next_run_on_a_server_that_came_back_works(home: Home, name: str) -> None:
    result = home.run("cluster_backup", backup_server=name)
    assert state_of(home, result["run_id"], backup_server=name) == "complete"


def test_a_home_of_another_name_is_not_touched(home: Home) -> None:
    """A task names what it can't find, and makes none of it."""
    missing = replace(home, namespace="it-faults-nowhere")

    outcome = missing.fail("cluster_backup", **home.repository)

    assert "it-faults-nowhere" in outcome.message
    assert home.cluster.find("v1", "Namespace", "it-faults-nowhere") is None
