# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drills beside a live installation: what they prove, that they leave nothing, and that what lives is left alone."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from integration.che_bed import BackupServer, Cluster, Home, Running, database, installation, new_home, wait_until
from integration.rbac_bed import GROUP, Atom, account, atoms, role, without
from integration.test_kill import killed

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("drill")]

NAMESPACE = "it-drill"
SERVER_NAMESPACE = "it-drill-server"
SECONDS = 300
DRILL_OF = f"community.che/drill-of={NAMESPACE}"
# A database of the administrator's, which is called nearly as those of drills are.
SOMEBODYS = "che-drill-a dbche"
RECORDS = ("ConfigMap/che-run-", "ConfigMap/che-drill-")


CHE, GIVEN, OWN = "restore_drill", "restore_drill_given_namespace", "restore_drill_own_namespace"
# What the run of a test does not come to, and why it stands in the role all the same.
NOT_REACHED = {
    CHE: {
        Atom("configmaps", "list"): "to find the oldest records; without it there is a warning, and they stay",
        Atom("configmaps", "delete"): "only when there are more records than are kept; without it there is a warning",
        Atom("checlusters", "update"): "where the operator allows one CheCluster only",
        Atom("chebackupserverconfigurations", "get"): "for a server by its name",
        Atom("events", "list"): "only to say why a pod does not start",
        Atom("leases", "update"): "where a killed drill has left one, and to renew it in a long drill",
        Atom("leases", "delete"): "without it the Lease runs out by itself, and keeps others waiting until then",
        Atom("configmaps", "patch"): "without it the record of the run is not renewed",
        Atom("pods/exec", "get"): "asked for by one version of Kubernetes or the other",
        Atom("pods/exec", "create"): "asked for by one version of Kubernetes or the other",
    },
    GIVEN: {
        Atom("persistentvolumeclaims", "create"): "where the backup holds a claim",
        Atom("secrets", "get"): "up to twenty Secrets are read one by one, more are listed",
        Atom("configmaps", "get"): "up to twenty ConfigMaps are read one by one, more are listed",
    },
}
_numbers = itertools.count()


def needed(file: str) -> list[Atom]:
    """What a run of the test comes to."""
    return sorted(atoms([file]) - set(NOT_REACHED[file]))


@dataclass
class Story:
    """One installation with one backup."""

    home: Home
    backup: str
    folder: Path

    def start(self, last_step: int = 0, **options: Any) -> Running:
        log = self.folder / "steps"
        log.unlink(missing_ok=True)
        environment = {"CHE_STEPS": str(log), "CHE_KILL_AT": str(last_step)}
        return self.home.start("restore_drill", through="integration.kill_at", environment=environment, **options)

    def log(self) -> list[str]:
        file = self.folder / "steps"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def alive(self) -> dict[str, Any]:
        """What lives and no drill may touch: objects by their versions, databases by their numbers, all by contents."""
        versions = {name: held for name, held in self.home.versions().items() if not name.startswith(RECORDS)}
        databases = self.home.sql("SELECT oid, datname, datdba, datacl, datconnlimit FROM pg_database ORDER BY 1;")
        roles = self.home.sql("SELECT oid, rolname, rolpassword FROM pg_authid ORDER BY 1;")
        return {"versions": versions, "databases": databases, "roles": roles}

    def left(self) -> list[str]:
        """What no drill may leave."""
        found = self.home.left_behind()
        found += [obj["metadata"]["name"] for obj in self.home.cluster.list_all("v1", "Namespace", "", DRILL_OF)]
        told = self.home.sql("SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles;")
        names = [line.strip() for line in told.splitlines()]
        assert SOMEBODYS in names
        found += [name for name in names if name.startswith("che-") and name != SOMEBODYS]
        leases = self.home.ours("Lease", "coordination.k8s.io/v1")
        return found + [obj["metadata"]["name"] for obj in leases if "drill" in obj["metadata"]["name"]]

    def record(self, run: str) -> dict[str, Any]:
        found = self.home.cluster.find("v1", "ConfigMap", f"che-drill-{run}", NAMESPACE)
        assert found is not None, run
        held: dict[str, Any] = json.loads(found["data"]["drill.json"])
        return held


@pytest.fixture(scope="module")
def story(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    server = BackupServer.up(che_test_cluster, SERVER_NAMESPACE)
    home = new_home(che_test_cluster, NAMESPACE, "v1", server.repository("drill"), size_mb=4)
    home.configure()
    made = home.run("cluster_backup")
    home.sql(f'CREATE DATABASE "{SOMEBODYS}";')
    yield Story(home, made["id"], tmp_path_factory.mktemp("drill"))
    for namespace in (NAMESPACE, SERVER_NAMESPACE):
        installation.destroy_namespace(che_test_cluster, namespace, wait=False)


@pytest.fixture(scope="module")
def steps(story: Story) -> list[str]:
    """The steps of a drill that nobody kills."""
    outcome = story.start().outcome(SECONDS)
    assert not outcome.failed, outcome.message
    return story.log()


def test_a_good_backup_passes_and_what_lives_is_not_touched(story: Story) -> None:
    proof, before = story.home.proof(), story.alive()

    result = story.home.run("restore_drill", run_id="good")

    assert (result["verdict"], result["backup"], result["changed"]) == ("passed", story.backup, True)
    verified = result["verified"]
    assert verified["objects"] > 5 and verified["objects_validated"] > verified["objects"]
    assert verified["databases"] >= 1 and verified["tables"] > 3 and verified["rows"] > 100
    assert verified["sequences"] > 0 and verified["large_objects"] > 0
    assert 0 < result["recovery_time_seconds"] < result["duration"]
    assert result["recovery_point_age_seconds"] > 0
    assert any(item["what"].startswith("CheCluster/") for item in result["not_verified"])
    assert not [item for item in result["not_verified"] if item["what"].startswith("database")]
    record = story.record("good")
    assert record["verdict"] == "passed"
    assert {key: record[key] for key in ("backup", "verified", "recovery_time_seconds")} == {
        key: result[key] for key in ("backup", "verified", "recovery_time_seconds")
    }
    assert story.left() == []
    assert story.home.differences(proof) == []
    assert story.alive() == before


def test_check_mode_writes_nothing(story: Story) -> None:
    before, records = story.alive(), story.home.versions()

    result = story.home.run("restore_drill", check=True)

    assert (result["verdict"], result["record"]) == ("", "")
    assert {item["action"] for item in result["plan"]["databases"]} == {"load"}
    assert (story.alive(), story.home.versions(), story.left()) == (before, records, [])


def test_a_given_namespace_and_the_documented_roles_suffice(story: Story, given: str) -> None:
    """Only what was stored there is removed."""
    cluster = story.home.cluster

    result = as_account(story.home, given).run("restore_drill", scratch_namespace=given)

    assert result["verdict"] == "passed"
    names = {obj["metadata"]["name"] for obj in cluster.list_all("v1", "ConfigMap", given)}
    assert names - {"kube-root-ca.crt"} == {"somebody-elses"}
    assert cluster.list_all("v1", "Secret", given) == []
    assert story.left() == []


def as_account(home: Home, scratch: str, lacking: tuple[str, Atom] | None = None) -> Home:
    """The same installation with the documented rights alone: in Che's namespace, and in a given one or the cluster."""
    file, atom = lacking or ("", None)
    name = f"driller-{next(_numbers)}"
    auth = account(home.cluster, NAMESPACE, name, (CHE,), atom if file == CHE else None)
    other = role(GIVEN if scratch else OWN)
    kind, metadata = other["kind"], {"name": f"it-drill-{name}", **({"namespace": scratch} if scratch else {})}
    rules = without(other["rules"], atom if file != CHE else None)
    home.cluster.apply({**other, "metadata": metadata, "rules": rules})
    binding = {
        "apiVersion": f"{GROUP}/v1",
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}],
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": metadata["name"]},
    }
    home.cluster.apply(binding)
    return replace(home, auth=auth)


@pytest.fixture
def given(story: Story) -> Iterator[str]:
    """A namespace that is there already, with something of somebody else's in it."""
    name = f"{NAMESPACE}-given-{next(_numbers)}"
    story.home.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    metadata = {"name": "somebody-elses", "namespace": name}
    story.home.cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": "value"}})
    yield name
    installation.destroy_namespace(story.home.cluster, name, wait=False)


@pytest.fixture
def _no_cluster_roles_left(story: Story) -> Iterator[None]:
    yield
    for kind in ("ClusterRoleBinding", "ClusterRole"):
        for obj in story.home.cluster.list_all(f"{GROUP}/v1", kind, ""):
            if obj["metadata"]["name"].startswith("it-drill-"):
                story.home.cluster.delete(obj)


@pytest.mark.usefixtures("_no_cluster_roles_left")
def test_the_documented_roles_suffice_with_a_namespace_of_its_own(story: Story) -> None:
    assert as_account(story.home, "").run("restore_drill")["verdict"] == "passed"
    assert story.left() == []


@pytest.mark.soak
@pytest.mark.parametrize("lacking", [(file, atom) for file in (CHE, GIVEN) for atom in needed(file)], ids=str)
def test_a_drill_needs_every_verb(story: Story, given: str, lacking: tuple[str, Atom]) -> None:
    outcome = as_account(story.home, given, lacking).start("restore_drill", scratch_namespace=given).outcome(SECONDS)

    assert outcome.failed, f"it works without {lacking}: take it out of docs/rbac"
    assert "forbidden" in outcome.message.lower() or "not allowed" in outcome.message, outcome.message


def play(folder: Path, **variables: Any) -> subprocess.CompletedProcess[str]:
    """Run the playbook as a scheduler does."""
    given = {"che_namespace": NAMESPACE, "che_drill_record": str(folder / "drill.json"), **variables}
    (folder / "che.yml").write_text(json.dumps(given), encoding="utf-8")
    ran = subprocess.run(
        ["ansible-playbook", "community.che.restore_drill", "-e", f"@{folder / 'che.yml'}"],
        env={**os.environ, "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false", "ANSIBLE_LOCALHOST_WARNING": "false"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert "s3cr3t-standin" not in ran.stdout + ran.stderr
    return ran


def test_the_playbook_shows_the_stages_and_leaves_a_record_on_the_controller(story: Story, tmp_path: Path) -> None:
    ran = play(tmp_path)

    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-4000:]
    print(ran.stdout)
    assert "fetch: Downloading backup from backup server" in ran.stdout
    assert f"Backup {story.backup[:8]} of " in ran.stdout and ": passed. It took " in ran.stdout
    text = (tmp_path / "drill.json").read_text(encoding="utf-8")
    print(text)
    held = json.loads(text)
    assert (held["verdict"], held["backup"]) == ("passed", story.backup)
    system = story.home.cluster.find("v1", "Namespace", "kube-system")
    assert system is not None
    assert (held["backup_namespace"], held["backup_cluster_id"]) == (NAMESPACE, system["metadata"]["uid"])
    assert not [item for item in held["not_verified"] if item["what"].startswith(("namespace", "cluster"))]
    in_cluster = story.record(held["run_id"])
    assert {key: held[key] for key in in_cluster} == in_cluster


@contextmanager
def no_role_can_be_created(home: Home) -> Iterator[None]:
    """A drill waits at its first step in the database server and lives, for a minute and a half at most."""
    holder, *_others = database.find(home.cluster, NAMESPACE)
    locked = "relation = 'pg_authid'::regclass AND mode = 'ShareRowExclusiveLock'"
    command = ["kubectl", "-n", NAMESPACE, "exec", f"deploy/{holder.deployment}", "--", "psql", "-qX", "-c"]
    lock = "BEGIN; LOCK TABLE pg_authid IN SHARE ROW EXCLUSIVE MODE; SELECT pg_sleep(90)"
    with subprocess.Popen([*command, lock], stderr=subprocess.PIPE, text=True) as held:
        wait_until(
            lambda: "held" in home.sql(f"SELECT 'held' FROM pg_locks WHERE {locked};"),
            30,
            lambda: "the table of roles was not locked",
        )
        try:
            yield
        finally:
            home.sql(f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE {locked};")
            _output, told = held.communicate()
            assert "terminating connection" in told, told


def test_of_two_at_once_one_is_refused_and_says_who_is_at_it(story: Story) -> None:
    # The second one waits to see the first one renew its Lease, and goes on if that ends before.
    with no_role_can_be_created(story.home):
        first = story.start(run_id="first")
        wait_until(lambda: any("leases" in step for step in story.log()), 60, lambda: "no Lease was taken")
        second = story.home.fail("restore_drill", run_id="second")
    outcome = first.outcome(SECONDS)

    assert not outcome.failed, outcome.message
    assert "is at work on this" in second.message and "run first" in second.message
    assert story.left() == []


def test_a_drill_that_is_told_to_stop_leaves_nothing(story: Story, steps: list[str]) -> None:
    proof = story.home.proof()
    running = story.start(run_id="stopped")
    wait_until(lambda: any("jobs" in step for step in story.log()), SECONDS, lambda: str(story.log()))
    running.process.terminate()
    outcome = running.outcome(SECONDS)

    assert outcome.failed and "stopped by signal 15" in outcome.message
    assert outcome.result["verdict"] == "failed"
    assert story.record("stopped")["verdict"] == "failed"
    assert story.left() == []
    assert story.home.differences(proof) == []


@pytest.mark.parametrize("place", ["namespaces/", "CREATE ROLE", "/jobs"])
def test_the_next_drill_removes_what_one_that_was_killed_has_left(story: Story, steps: list[str], place: str) -> None:
    proof = story.home.proof()
    number = (
        next(number for number, step in enumerate(steps, 1) if place in step and "it-drill-drill-" in step)
        if (place == "namespaces/")
        else next(number for number, step in enumerate(steps, 1) if place in step)
    )

    killed(story.start(number))
    assert story.left() != []
    result = story.home.run("restore_drill")

    assert result["verdict"] == "passed"
    assert result["leftovers_removed"] != []
    assert story.left() == []
    assert story.home.differences(proof) == []


def test_a_backup_that_is_damaged_on_its_server_fails_the_drill(story: Story, tmp_path: Path) -> None:
    """The last test: it damages the repository."""
    proof, before = story.home.proof(), story.alive()
    damage_largest_pack()

    outcome = story.home.fail("restore_drill", run_id="damaged")
    print(outcome.message)

    result = outcome.result
    assert result["verdict"] == "failed"
    assert result["error"]["stage"] == result["stage"] == "databases", outcome.message
    assert result["error"]["what"] in outcome.message
    assert result["recovery_time_seconds"] is None
    assert story.record("damaged")["error"] == result["error"]
    ran = play(tmp_path)
    assert ran.returncode != 0 and result["error"]["what"] in ran.stdout, ran.stdout[-4000:]
    assert json.loads((tmp_path / "drill.json").read_text(encoding="utf-8"))["verdict"] == "failed"
    assert story.left() == []
    assert story.home.differences(proof) == []
    assert story.alive() == before


def damage_largest_pack() -> None:
    """Overwrite some bytes in the middle of the pack that holds most of the dump."""
    script = (
        "set -e; pack=$(find /data/drill/data -type f | xargs ls -S | head -1); chmod u+w $pack; "
        "dd if=/dev/zero of=$pack bs=1024 seek=64 count=64 conv=notrunc"
    )
    pod = ("deployment/backup-server", "--", "sh", "-c", script)
    subprocess.run(["kubectl", "-n", SERVER_NAMESPACE, "exec", *pod], check=True, capture_output=True, timeout=60)
