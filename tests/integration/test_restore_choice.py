# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores of a part, of what is missing, by a plan that was looked at, and in a namespace with a quota."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from integration.che_bed import BackupServer, Cluster, installation, new_home, wait_until
from integration.restore_story import Story

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("choices of a restore")]

NAMESPACE = "it-restore-choice"
SERVER_NAMESPACE = "it-restore-choice-server"
# Of what ``Story.change`` changes: one that it changes, and one that it deletes.
CHANGED, LOST = "yaml-traps", "editor-definition-custom"
QUOTA: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "small", "namespace": NAMESPACE},
    "spec": {"hard": {"requests.memory": "1Mi"}},
}


@pytest.fixture(scope="module")
def story(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    server = BackupServer.up(che_test_cluster, SERVER_NAMESPACE)
    home = new_home(che_test_cluster, NAMESPACE, "v1", server.repository("choice"), size_mb=1)
    labelled(che_test_cluster, CHANGED)
    home.configure()
    backup = home.run("cluster_backup")["id"]
    told = Story(home, tmp_path_factory.mktemp("choice"), backup, saved=home.proof())
    told.change()
    yield told
    for namespace in (NAMESPACE, SERVER_NAMESPACE):
        installation.destroy_namespace(che_test_cluster, namespace, wait=False)


def labelled(cluster: Cluster, name: str) -> None:
    """Give a ConfigMap a label of the user's own."""
    found = cluster.find("v1", "ConfigMap", name, NAMESPACE)
    assert found is not None
    cluster.merge(found, {"metadata": {"labels": {"team": "trap"}}})


def data_of(story: Story, name: str) -> dict[str, str] | None:
    """What a ConfigMap holds; None where it is not there."""
    found = story.home.cluster.find("v1", "ConfigMap", name, NAMESPACE)
    return None if found is None else dict(found.get("data") or {})


def planned(story: Story, **options: Any) -> dict[str, Any]:
    plan: dict[str, Any] = story.home.run("cluster_restore", check=True, **options)["plan"]
    return plan


def blocking(plan: dict[str, Any]) -> str:
    return "\n".join(f"{found['object']}: {found['message']}. {found['lift']}" for found in plan["blockers"])


def test_what_is_there_and_differs_is_refused_when_that_is_asked_for(story: Story) -> None:
    before = story.home.versions()
    outcome = story.home.fail("cluster_restore", id=story.backup, existing="fail")
    assert f"ConfigMap {CHANGED}" in outcome.message
    assert "replace or keep" in outcome.message
    assert {name: held for name, held in story.home.versions().items() if name in before} == before


def is_counted(story: Story) -> bool:
    """Whether the cluster goes by the quota already."""
    found = story.home.cluster.find("v1", "ResourceQuota", QUOTA["metadata"]["name"], NAMESPACE)
    return bool((found or {}).get("status", {}).get("hard"))


def test_a_quota_without_room_for_the_job_of_a_database_blocks(story: Story) -> None:
    story.home.cluster.apply(QUOTA)
    try:
        wait_until(lambda: is_counted(story), 60, lambda: "the quota has no status")
        plan = planned(story, id=story.backup)
        assert "ResourceQuota it-restore-choice/small: It allows 1Mi requests.memory" in blocking(plan)
    finally:
        story.home.cluster.delete(QUOTA)
    assert planned(story, id=story.backup)["blockers"] == []


def test_a_plan_is_refused_once_the_cluster_has_moved(story: Story) -> None:
    plan = planned(story, id=story.backup)
    found = story.home.cluster.find("v1", "ConfigMap", CHANGED, NAMESPACE)
    assert found is not None
    story.home.cluster.merge(found, {"data": {"added-since": "once more"}})
    before = story.home.versions()

    outcome = story.home.fail("cluster_restore", plan=plan)

    assert f"The cluster has moved since the plan: ConfigMap/{CHANGED}" in outcome.message
    assert {name: held for name, held in story.home.versions().items() if name in before} == before


def test_only_what_carries_a_label_comes_back(story: Story) -> None:
    result = story.home.run("cluster_restore", id=story.backup, label_selectors=["team=trap"])
    assert result["changed"] is True
    assert "added-since" not in (data_of(story, CHANGED) or {})
    assert data_of(story, LOST) is None


def test_only_what_is_missing_comes_back(story: Story) -> None:
    secret = story.home.cluster.find("v1", "Secret", "shared-npm-token", NAMESPACE)
    result = story.home.run("cluster_restore", id=story.backup, parts=["installation"], existing="keep")
    assert result["changed"] is True
    assert data_of(story, LOST)
    assert story.home.cluster.find("v1", "Secret", "shared-npm-token", NAMESPACE) == secret


def test_the_rest_comes_back_by_a_plan_that_was_looked_at(story: Story) -> None:
    plan = planned(story, id=story.backup)
    assert plan["blockers"] == []
    result = story.home.run("cluster_restore", plan=plan)
    assert result["committed"] is True
    assert story.differences(story.saved) == []
    assert story.leftovers() == []


def test_what_is_being_deleted_is_restored_once_it_is_gone(story: Story) -> None:
    cluster = story.home.cluster
    found = cluster.find("v1", "ConfigMap", CHANGED, NAMESPACE)
    assert found is not None
    cluster.merge(found, {"metadata": {"finalizers": ["example.org/held"]}})
    cluster.delete(found)

    outcome = story.home.fail("cluster_restore", id=story.backup)
    assert "It is being deleted and waits for the finalizer example.org/held" in outcome.message
    assert f"ConfigMap {CHANGED}" in outcome.message

    cluster.merge(found, {"metadata": {"finalizers": None}})
    wait_until(lambda: data_of(story, CHANGED) is None, 60, lambda: "it is not gone")
    assert story.home.run("cluster_restore", id=story.backup)["changed"] is True
    assert story.differences(story.saved) == []
