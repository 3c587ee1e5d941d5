# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores that bring back what opens a database, and restores after the loss of the CheCluster alone.

A Secret and its database may part: the password was changed, the rows were not. And what the operator made may outlive
its CheCluster.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from integration.che_bed import BackupServer, Cluster, installation, new_home, pods
from integration.restore_story import CHANGES, Story

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("restores of logins")]

NAMESPACE = "it-restore-logins"
SERVER_NAMESPACE = "it-restore-logins-server"
# What Che itself does when it starts anew, with the password that it was given.
CHE_LOGIN = "psql -qXAtw -c 'SELECT 1'"


@pytest.fixture(scope="module")
def story(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    server = BackupServer.up(che_test_cluster, SERVER_NAMESPACE)
    home = new_home(che_test_cluster, NAMESPACE, "v1", server.repository("logins"), size_mb=1)
    home.configure()
    backup = home.run("cluster_backup")["id"]
    yield Story(home, tmp_path_factory.mktemp("logins"), backup, saved=home.proof())
    for namespace in (NAMESPACE, SERVER_NAMESPACE):
        installation.destroy_namespace(che_test_cluster, namespace, wait=False)


def rotate(story: Story) -> dict[str, Any]:
    """Change the password of Che's role as an administrator does, and return what is there then."""
    password = "s3cr3t-standin-rotated"
    home = story.home
    home.sql(f"ALTER ROLE pgche PASSWORD '{password}';")
    secret = home.cluster.find("v1", "Secret", "postgres-credentials", NAMESPACE)
    assert secret is not None
    home.cluster.merge(secret, {"data": {"password": base64.b64encode(password.encode()).decode()}})
    return home.proof()


def che_gets_in(story: Story) -> bool:
    """Whether Che's pod has a password that opens the database."""
    pod = pods.await_ready(story.home.cluster, NAMESPACE, "app.kubernetes.io/component=che")
    return pods.run(story.home.cluster, pod, CHE_LOGIN).strip() == "1"


@pytest.mark.parametrize(
    "options", [{}, {"parts": ["installation"]}, {"names": ["Secret/postgres-credentials"]}], ids=str
)
def test_a_server_learns_the_password_that_comes_back_without_its_rows(story: Story, options: dict[str, Any]) -> None:
    rotate(story)
    assert story.differences(story.saved) != []

    told = story.home.run("cluster_restore", id=story.backup, **options)

    (login,) = [check for check in told["plan"]["preflight"] if check["name"] == "logins"]
    assert (login["result"], login["object"]) == ("passed", "database dbche")
    assert [item["action"] for item in told["plan"]["databases"]] == ["leave" if options else "keep"]
    assert story.differences(story.saved) == []
    assert che_gets_in(story)
    assert story.leftovers() == []


def test_an_abort_has_the_newer_password_open_it_again(story: Story) -> None:
    rotated = rotate(story)
    story.home.run("cluster_restore", id=story.backup, commit=False)
    assert story.differences(story.saved) == []

    story.home.run("cluster_restore", state="aborted")

    assert story.differences(rotated) == []
    assert che_gets_in(story)
    story.home.run("cluster_restore", id=story.backup)
    assert story.differences(story.saved) == []


def test_what_outlives_its_checluster_is_not_replaced_before_it_is_saved(story: Story) -> None:
    home = story.home
    home.sql(CHANGES)
    (che,) = home.cluster.list_all("org.eclipse.che/v1", "CheCluster", NAMESPACE)
    path = f"/apis/org.eclipse.che/v1/namespaces/{NAMESPACE}/checlusters/{che['metadata']['name']}"
    home.cluster.request("DELETE", path, query={"propagationPolicy": "Orphan"})
    home.cluster.wait_gone(che, 60)

    outcome = home.fail("cluster_restore", id=story.backup)
    assert outcome.result["stage"] == "check"
    assert "of which no backup can be made without a CheCluster" in outcome.message
    assert f"names: CheCluster/{che['metadata']['name']}" in outcome.message
    home.run("cluster_restore", id=story.backup, names=[f"CheCluster/{che['metadata']['name']}"])
    installation.wait_ready(home.cluster, NAMESPACE)

    told = home.run("cluster_restore", id=story.backup)

    assert story.differences(story.saved) == []
    (safety,) = home.backups(id=told["safety_backup_id"])
    assert (sorted(part["kind"] for part in safety["parts"]), safety["state"]) == (
        ["database", "installation"],
        "complete",
    )
