# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The round trip on every kind of installation: what is restored is what was saved, by an independent judge.

The tests of one variant build on each other and run in their order.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from integration.che_bed import (
    ApiError,
    BackupServer,
    Cluster,
    Home,
    expectations,
    installation,
    manifests,
    new_home,
)
from sampling import sampled

pytestmark = [pytest.mark.integration, pytest.mark.soak]

SERVER_NAMESPACE = "it-round-trip-server"
DATABASES = {
    "v1": ["dbche"],
    "v1-keycloak": ["dbche", "keycloak"],
    "v2-database": ["dbche"],
    "v2": [],
    "v2-openvsx": ["openvsx"],
}
SECOND_BACKUP = 0.05

# What users and time do to a database between a backup and a restore: rows, large objects and sequences.
CHE_CHANGES = """
    DELETE FROM che.audit;
    UPDATE che.account SET name = name || ' changed';
    SELECT lo_unlink(object) FROM che.attachment WHERE id = 3;
    SELECT setval('che.never_used', 4711);
    SET ROLE pgche;
    CREATE TABLE che.added (id int);
"""
CHANGES = {
    **dict.fromkeys(("v1", "v1-keycloak", "v2-database"), CHE_CHANGES),
    "v2-openvsx": """
        SET ROLE openvsx;
        UPDATE public.extension SET name = name || ' changed';
        CREATE TABLE public.added (id int);
    """,
}


@dataclass
class Story:
    """One installation and what has happened to it so far."""

    home: Home
    server: BackupServer
    first: dict[str, Any] = field(default_factory=dict)
    proof: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def server(che_test_cluster: Cluster) -> Iterator[BackupServer]:
    yield BackupServer.up(che_test_cluster, SERVER_NAMESPACE)
    installation.destroy_namespace(che_test_cluster, SERVER_NAMESPACE, wait=False)


# The demo, molecule's scenario and the playbooks' tests go there and back with v1 in every run.
@pytest.fixture(scope="module", params=sampled(manifests.VARIANTS, of=manifests.VARIANTS[1:]))
def story(request: pytest.FixtureRequest, che_test_cluster: Cluster, server: BackupServer) -> Iterator[Story]:
    """A new installation with its first backup."""
    variant = request.param
    namespace = f"it-round-trip-{variant}"
    home = new_home(che_test_cluster, namespace, variant, server.repository(variant), size_mb=4)
    assert home.configure()["backup_server"]["initialized"] is True
    told = Story(home, server)
    told.first = home.run("cluster_backup")
    add_unrelated(home)
    told.proof = home.proof()
    yield told
    installation.destroy_namespace(che_test_cluster, namespace)


def add_unrelated(home: Home) -> None:
    """What was added since the backup and has nothing to do with it."""
    obj = config_map(home, "added-since")
    home.cluster.apply({**obj, "data": {"mine": "kept"}})


def config_map(home: Home, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": home.namespace}}


def test_a_backup_holds_what_belongs_to_the_installation(story: Story) -> None:
    expected = expectations.expectations(story.home.variant)["saved"]
    saved = [name for name in story.first["saved"] if not name.startswith("Namespace/")]

    assert saved == expected
    assert [part["name"] for part in story.first["parts"] if part["kind"] == "database"] == DATABASES[
        story.home.variant
    ]
    assert [stage["name"] for stage in story.first["stages"]] == ["connect", "collect", "dump", "seal"]
    (backup,) = story.home.backups()
    assert (backup["state"], backup["id"]) == ("complete", story.first["id"])


def test_its_rows_and_large_objects_are_those_that_the_judge_counts(story: Story) -> None:
    databases = story.proof["databases"]
    judged = {f"{table['schema']}.{table['name']}": table["rows"] for held in databases for table in held["tables"]}

    (details,) = story.home.backups(id=story.first["id"])

    counted = {name: rows for tables in details["tables"].values() for name, rows in tables.items()}
    assert counted.items() <= judged.items()
    # The judge counts what a materialised view shows as well; a dump only says how to make that anew.
    assert set(judged) - set(counted) <= {"che.workspaces_per_owner"}
    assert story.first["counts"]["rows"] == sum(counted.values())
    assert story.first["counts"]["large_objects"] == sum(held["large_objects"]["count"] for held in databases)


def test_the_second_backup_of_unchanged_data_adds_little(story: Story) -> None:
    second = story.home.run("cluster_backup")

    assert second["changed"] is True
    assert second["sizes"]["added"] < SECOND_BACKUP * story.first["sizes"]["added"], (
        second["sizes"],
        story.first["sizes"],
    )
    assert story.home.differences(story.proof) == []


def test_nothing_is_left_of_a_backup_but_its_record(story: Story) -> None:
    assert story.home.left_behind() == []
    labels = [obj["metadata"]["labels"] for obj in story.home.ours("ConfigMap")]
    assert {label.get("community.che/record", "server") for label in labels} <= {"backup", "server"}


def test_configuring_the_same_server_again_changes_nothing(story: Story) -> None:
    before = story.home.versions()

    again = story.home.configure()

    assert (again["changed"], again["backup_server"]["initialized"]) == (False, False)
    assert story.home.versions() == before


def test_restoring_what_is_there_changes_nothing(story: Story) -> None:
    before = without_records(story.home.versions())

    result = story.home.run("cluster_restore", diff=True)

    assert (result["changed"], result["diff"], result["safety_backup_id"]) == (False, [], "")
    assert {step["action"] for step in result["plan"]["objects"]} == {"keep"}
    assert {item["action"] for item in result["plan"]["databases"]} <= {"keep"}
    assert without_records(story.home.versions()) == before


def without_records(versions: dict[str, str]) -> dict[str, str]:
    return {name: version for name, version in versions.items() if not name.startswith("ConfigMap/che-run-")}


def change(story: Story) -> None:
    """A key added to a ConfigMap, a Secret deleted, a label, and rows, sequences and large objects."""
    home = story.home
    home.cluster.merge(
        config_map(home, "che-logback"), {"data": {"added": "x"}, "metadata": {"labels": {"added": "x"}}}
    )
    lost = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "github-oauth-config", "namespace": home.namespace},
    }
    assert home.cluster.delete(lost)
    if home.variant in CHANGES:
        home.sql(CHANGES[home.variant])


def test_check_mode_tells_the_plan_and_changes_nothing_at_all(story: Story) -> None:
    change(story)
    changed, before = story.home.proof(), story.home.versions()

    result = story.home.run("cluster_restore", check=True, diff=True)

    assert result["changed"] is True
    actions = {f"{step['kind']}/{step['name']}": step["action"] for step in result["plan"]["objects"]}
    assert {name for name, action in actions.items() if action == "change"} == {"ConfigMap/che-logback"}
    assert {name for name, action in actions.items() if action == "create"} == {"Secret/github-oauth-config"}
    titles = {entry["before_header"] for entry in result["diff"]}
    assert {"ConfigMap/che-logback", "Secret/github-oauth-config"} <= titles
    # The main one is changed, and no other.
    expected = ["restore", "keep"][: len(DATABASES[story.home.variant])]
    assert [item["action"] for item in result["plan"]["databases"]] == expected
    assert story.home.versions() == before
    assert story.home.differences(changed) == []
    assert "s3cr3t-standin" not in str(result)


def test_a_restore_brings_back_what_was_changed_and_leaves_what_was_added(story: Story) -> None:
    result = story.home.run("cluster_restore", id=story.first["id"])

    assert result["changed"] is True
    assert len(result["safety_backup_id"]) == 64
    assert story.home.differences(story.proof) == []
    added = story.home.cluster.find("v1", "ConfigMap", "added-since", story.home.namespace)
    assert added is not None and added["data"] == {"mine": "kept"}
    logback = story.home.cluster.find("v1", "ConfigMap", "che-logback", story.home.namespace)
    assert logback is not None and "added" not in logback["data"] and "added" not in logback["metadata"]["labels"]
    databases = story.proof["databases"]
    assert result["verified"]["tables"] == story.first["counts"]["tables"]
    assert result["verified"]["sequences"] == sum(len(held["sequences"]) for held in databases)
    assert result["verified"]["large_objects"] == sum(held["large_objects"]["count"] for held in databases)


def test_nothing_is_left_of_a_restore_but_records(story: Story) -> None:
    assert story.home.left_behind() == []


def test_the_safety_backup_holds_what_was_there_before(story: Story) -> None:
    safety, *older = story.home.backups()

    assert (safety["state"], safety["run_id"].endswith("-safety")) == ("complete", True)
    assert {backup["id"] for backup in older} >= {story.first["id"]}
    (details,) = story.home.backups(id=safety["id"])
    assert "Secret/github-oauth-config" not in details["objects"]
    added = [name for tables in details["tables"].values() for name in tables if name.endswith(".added")]
    assert len(added) == (story.home.variant in CHANGES)


def test_the_same_restore_again_changes_nothing(story: Story) -> None:
    backups, before = len(story.home.backups()), without_records(story.home.versions())

    result = story.home.run("cluster_restore", id=story.first["id"])

    assert (result["changed"], result["safety_backup_id"]) == (False, "")
    assert len(story.home.backups()) == backups
    assert without_records(story.home.versions()) == before


def test_the_namespace_enforces_the_restricted_standard_on_our_jobs(story: Story) -> None:
    """Everything above ran under it; here is the proof that it was in force."""
    namespace = story.home.cluster.find("v1", "Namespace", story.home.namespace)
    assert namespace is not None
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    plain = {"containers": [{"name": "x", "image": "docker.io/library/busybox:1.36"}]}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x", "namespace": story.home.namespace},
        "spec": plain,
    }
    with pytest.raises(ApiError, match='violates PodSecurity "restricted'):
        story.home.cluster.create_if_missing(copy.deepcopy(pod))


def test_a_destroyed_namespace_comes_back_from_its_backup_alone(story: Story) -> None:
    home = story.home
    installation.destroy_namespace(home.cluster, home.namespace)

    result = home.run("cluster_restore", id=story.first["id"], **home.repository)

    assert (result["changed"], result["safety_backup_id"]) == (True, "")
    assert home.differences(story.proof) == []
    assert home.left_behind() == []


def test_what_came_back_can_be_backed_up_again(story: Story) -> None:
    """The server's configuration went with the namespace: configure, back up, and restore without a difference."""
    assert story.home.configure()["backup_server"]["initialized"] is False

    result = story.home.run("cluster_backup")

    assert result["saved"] == story.first["saved"]
    assert story.home.run("cluster_restore", check=True)["changed"] is False
