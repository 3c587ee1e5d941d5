# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A snapshot of the old operator, restored whole onto the installation that it was made of.

The stand-in's own database is dumped as that operator had it dumped, by ``pg_dump`` without options in its pod, so that
the dump names owners; the objects are written as that operator wrote them, without apiVersion and kind, with uid and
owners. The tests run in their order.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from che_standin.compare import schema_difference
from integration.che_bed import BackupServer, Cluster, Home, installation, new_home, wait_until
from integration.legacy_bed import access_of, back_up, make_repository
from integration.restore_story import CHANGES, SECONDS, Story

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("snapshots of the old operator")]

NAMESPACE = "it-legacy"
SERVER_NAMESPACE = "it-legacy-server"
DATABASE = "dbche"
BUNDLES = "app.kubernetes.io/part-of=che.eclipse.org,app.kubernetes.io/component=ca-bundle"
# What that operator removed from what it saved.
REMOVED = ("resourceVersion", "finalizers", "managedFields")


def written(obj: dict[str, Any], head: bool = False) -> str:
    """An object as that operator wrote it; only its CheCluster has a head of apiVersion and kind."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in REMOVED}
    kept = obj if head else {key: value for key, value in obj.items() if key not in ("apiVersion", "kind")}
    return yaml.safe_dump({**kept, "metadata": metadata}, allow_unicode=True)


def dumped(home: Home) -> bytes:
    """The database as that operator had it dumped. What Python's client gets of a pod it decodes, kubectl does not."""
    argv = ["kubectl", "-n", home.namespace, "exec", "deployment/postgres", "--", "pg_dump", DATABASE]
    return subprocess.run(argv, check=True, capture_output=True, timeout=120).stdout


def files_of(home: Home) -> dict[str, str | bytes]:
    """What that operator saved: the CheCluster, the database, its Secret, and the ConfigMaps with certificates."""
    cluster, namespace = home.cluster, home.namespace
    (che,) = cluster.list_all("org.eclipse.che/v1", "CheCluster", namespace)
    credentials = cluster.find("v1", "Secret", "postgres-credentials", namespace)
    assert credentials is not None
    bundles = cluster.list_all("v1", "ConfigMap", namespace, BUNDLES)
    assert "ca-certs-corporate" in {bundle["metadata"]["name"] for bundle in bundles}
    dump = dumped(home)
    assert b" OWNER TO pgche;" in dump
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    info = {
        "metadataFileVersion": "v1",
        "creationDate": f"{stamp}.131415161 +0000 UTC m=+81.202122232",
        "cheVersion": "7.42.0",
        "infrastructure": "Kubernetes",
        "appsDomain": che["spec"]["k8s"]["ingressDomain"],
        "namespace": namespace,
    }
    return {
        "che-cr.yaml": written(che, head=True),
        "backup-info.yaml": yaml.safe_dump(info),
        "secrets/postgres-credentials.yaml": written(credentials),
        **{f"configmaps/{bundle['metadata']['name']}.yaml": written(bundle) for bundle in bundles},
        f"db/{DATABASE}.sql": dump,
    }


@dataclass
class Past(Story):
    """An installation and the snapshot that the old operator has of it."""

    def change(self) -> None:
        """What users and an administrator do afterwards, to what that operator saves; always in the same way."""
        if self.is_changed:
            return
        self.home.sql(CHANGES)
        cluster, namespace = self.home.cluster, self.home.namespace
        (che,) = cluster.list_all("org.eclipse.che/v1", "CheCluster", namespace)
        version = self.derived_version()
        cluster.merge(che, {"spec": {"server": {"proxyPort": "9999", "customCheProperties": {"ADDED": "since"}}}})
        lost = cluster.find("v1", "ConfigMap", "ca-certs-corporate", namespace)
        assert lost is not None
        cluster.delete(lost)
        wait_until(lambda: self.derived_version() != version, SECONDS, lambda: "the operator does nothing about it")
        installation.wait_ready(cluster, namespace)
        self.is_changed = True
        self.changed = self.changed or self.home.proof()

    def derived_version(self) -> str:
        """That of what the operator writes last when a CheCluster has changed."""
        found = self.home.cluster.find("v1", "ConfigMap", "self-signed-certificate", self.home.namespace)
        return "" if found is None else str(found["metadata"]["resourceVersion"])

    def restore(self, **options: Any) -> dict[str, Any]:
        return self.home.run("cluster_restore", id=self.backup[:8], **options)


@pytest.fixture(scope="module")
def past(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    server = BackupServer.up(che_test_cluster, SERVER_NAMESPACE)
    home = new_home(che_test_cluster, NAMESPACE, "v1", server.repository("che"), size_mb=2)
    access = access_of(home)
    make_repository(access)
    snapshot = back_up(access, files_of(home))
    home.configure(initialize=False)
    yield Past(home, tmp_path_factory.mktemp("legacy"), snapshot, saved=home.proof())
    for namespace in (NAMESPACE, SERVER_NAMESPACE):
        installation.destroy_namespace(che_test_cluster, namespace, wait=False)


def test_it_is_listed_as_what_it_is_and_never_the_latest(past: Past) -> None:
    (listed,) = past.home.backups()
    assert (listed["id"], listed["state"]) == (past.backup, "legacy")
    outcome = past.home.fail("cluster_restore")
    assert outcome.result["stage"] == "plan"
    assert "no complete backup" in outcome.message


def test_the_plan_says_what_can_not_be_proven_and_changes_nothing(past: Past) -> None:
    past.change()
    versions = past.home.versions()

    told = past.restore(check=True, diff=True)

    assert told["changed"] is True
    plan = told["plan"]
    unproven = "\n".join(plan["unproven"])
    assert "wrote no manifest" in unproven
    assert f"Nothing was counted in the database {DATABASE}" in unproven
    assert "its dump was read and is whole" in unproven
    assert "The CheCluster names the Secret proxy-credentials, which is not in the backup." in unproven
    assert "ConfigMap ca-certs of the backup is not restored" in unproven
    assert {f"{step['kind']}/{step['name']}": step["action"] for step in plan["objects"]} == {
        "CheCluster/eclipse-che": "change",
        "ConfigMap/ca-certs-corporate": "create",
        f"Namespace/{NAMESPACE}": "keep",
        "Secret/postgres-credentials": "keep",
    }
    assert [(item["name"], item["action"]) for item in plan["databases"]] == [(DATABASE, "restore")]
    assert {"Secret/github-oauth-config", "ConfigMap/yaml-traps"} <= set(plan["left_alone"])
    assert plan["blockers"] == []
    assert past.home.versions() == versions
    assert past.differences(past.changed) == []


def test_it_can_be_looked_at_and_taken_back(past: Past) -> None:
    past.change()

    told = past.restore(commit=False)
    assert told["committed"] is False
    different = past.differences(past.saved)
    assert len(different) == 1 and "other_databases" in different[0] and "che-replaced-" in different[0]

    told = past.home.run("cluster_restore", state="aborted")
    assert told["aborted"]
    assert past.differences(past.changed) == []
    assert past.leftovers() == []


def test_it_comes_back_whole(past: Past) -> None:
    past.change()

    told = past.restore()

    past.is_changed = False
    assert (told["changed"], told["committed"], told["id"]) == (True, True, past.backup)
    assert told["verified"]["objects"] == 3
    # Nothing was counted when it was saved.
    assert told["verified"]["tables"] == 0
    assert told["safety_backup_id"]
    assert any("can't be proven" in str(warning) for warning in told["warnings"])
    assert installation.is_ready(installation.wait_ready(past.home.cluster, NAMESPACE))
    assert past.differences(past.saved) == []
    assert past.leftovers() == []


def test_it_stays_what_it_was_beside_our_own(past: Past) -> None:
    """The restore has made a safety backup in the same repository, which is not the latest either."""
    states = {listed["id"]: listed["state"] for listed in past.home.backups()}
    assert states.pop(past.backup) == "legacy"
    assert set(states.values()) == {"complete"}
    assert "no complete backup but safety backups" in past.home.fail("cluster_restore").message

    ours = past.home.run("cluster_backup", beside_legacy=True)
    assert past.home.run("cluster_restore", check=True)["id"] == ours["id"]


def test_it_comes_back_after_everything_else_is_lost(past: Past) -> None:
    """Its database's server is made anew by the operator, from the Secret that was saved.

    Only what that operator saved of no database comes back as a new one has it, see ``unproven``.
    """
    home = past.home
    installation.destroy_namespace(home.cluster, NAMESPACE)

    told = past.restore(**home.repository)

    assert told["committed"] is True
    after = home.proof()
    lost = [line for line in schema_difference(past.saved, after) if line[:1] in "-+" and line[1:2] not in "-+"]
    assert lost and all("DEFAULT PRIVILEGES" in line for line in lost), lost
    assert contents(after) == contents(past.saved)
    kept = {"CheCluster/eclipse-che", "ConfigMap/ca-certs-corporate", "Secret/postgres-credentials"}
    assert digests(after, kept) == digests(past.saved, kept)


def contents(taken: dict[str, Any]) -> list[Any]:
    """What is in the databases."""
    kept = ("tables", "sequences", "large_objects", "login_works", "roles")
    return [{key: held[key] for key in kept} for held in taken["databases"]]


def digests(taken: dict[str, Any], names: set[str]) -> dict[str, str]:
    found = {f"{obj['kind']}/{obj['name']}": obj["digest"] for obj in taken["objects"]}
    return {name: found[name] for name in names}
