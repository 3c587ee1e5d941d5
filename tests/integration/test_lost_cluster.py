# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything is lost: the namespace, the CheCluster's kind and the operator. And Che is a newer one when it comes back.

The tests build on each other and run in their order. They change which versions of CheCluster the cluster serves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from integration.che_bed import BackupServer, Cluster, Home, installation, new_home, served

pytestmark = pytest.mark.integration

NAMESPACE = "it-lost-cluster"
SERVER_NAMESPACE = "it-lost-cluster-server"


@dataclass(frozen=True)
class Loss:
    """An installation that is lost, and what it was."""

    home: Home
    before: dict[str, Any]

    def names(self, kind: str) -> set[str]:
        return {obj["metadata"]["name"] for obj in self.home.cluster.list_all("v1", kind, NAMESPACE)}


@pytest.fixture(scope="module")
def loss(che_test_cluster: Cluster) -> Iterator[Loss]:
    cluster = che_test_cluster
    server = BackupServer.up(cluster, SERVER_NAMESPACE)
    home = new_home(cluster, NAMESPACE, "v1", server.repository("lost"), size_mb=2)
    home.configure()
    home.run("cluster_backup")
    before = home.proof()
    installation.destroy_namespace(cluster, NAMESPACE)
    installation.operator_down(cluster)
    yield Loss(home, before)
    for namespace in (NAMESPACE, SERVER_NAMESPACE):
        installation.destroy_namespace(cluster, namespace, wait=False)
    served.serve(cluster, ("v1",))
    installation.operator_up(cluster, ("v1",))


def test_the_plan_says_which_operator_is_missing(loss: Loss) -> None:
    plan = loss.home.run("cluster_restore", check=True, **loss.home.repository)["plan"]

    (operator,) = [check for check in plan["preflight"] if check["name"] == "operator"]
    assert operator["result"] == "waits"
    assert "7.42.0" in operator["lift"]
    assert plan["blockers"] == []


def test_it_restores_what_it_can_and_says_how_to_go_on(loss: Loss) -> None:
    outcome = loss.home.fail("cluster_restore", **loss.home.repository)

    assert outcome.result["stage"] == "stage"
    assert "The backup was made of Che 7.42.0. Install its operator" in outcome.message
    assert "Run the task again to go on from there" in outcome.message
    assert {"che-tls", "postgres-credentials", "github-oauth-config"} <= loss.names("Secret")
    assert "che-restore-journal" in loss.names("ConfigMap")
    assert served.now(loss.home.cluster) == ()


def test_it_goes_on_once_the_operator_is_there(loss: Loss) -> None:
    served.serve(loss.home.cluster, ("v1",))
    installation.operator_up(loss.home.cluster, ("v1",))
    installation.await_operator(loss.home.cluster)

    result = loss.home.run("cluster_restore", **loss.home.repository)

    assert (result["resumed"], result["committed"]) == (True, True)
    assert loss.home.differences(loss.before) == []
    assert "che-restore-journal" not in loss.names("ConfigMap")


def test_what_it_created_is_taken_back_by_an_abort(loss: Loss) -> None:
    installation.destroy_namespace(loss.home.cluster, NAMESPACE)
    installation.operator_down(loss.home.cluster)
    loss.home.fail("cluster_restore", **loss.home.repository)

    result = loss.home.run("cluster_restore", state="aborted", **loss.home.repository)

    assert result["changed"] is True
    assert loss.home.cluster.find("v1", "Namespace", NAMESPACE) is None


def test_a_newer_che_gets_it_converted_and_the_dump_it_has_no_place_for_is_kept(loss: Loss) -> None:
    served.serve(loss.home.cluster, ("v2",))
    installation.operator_up(loss.home.cluster, ("v2",))
    installation.await_operator(loss.home.cluster)
    plan = loss.home.run("cluster_restore", check=True, **loss.home.repository)["plan"]
    assert plan["blockers"] == []
    became = {note["path"]: note["became"] for note in plan["conversion"]}
    assert became["server.cheHost"] == "converted"
    (database,) = plan["databases"]
    assert (database["action"], "db/dbche.sql" in database["note"]) == ("leave", True)

    result = loss.home.run("cluster_restore", **loss.home.repository)

    (che,) = loss.home.cluster.list_all("org.eclipse.che/v2", "CheCluster", NAMESPACE)
    assert che["spec"]["networking"]["domain"] == "apps.source.example"
    assert che["status"]["chePhase"] == "Active"
    assert {"che-tls", "github-oauth-config"} <= loss.names("Secret")
    assert any("db/dbche.sql" in str(words) for words in result["warnings"])


def test_a_second_time_nothing_is_changed(loss: Loss) -> None:
    result = loss.home.run("cluster_restore", **loss.home.repository)
    assert (result["changed"], result["outage_seconds"]) == (False, 0.0)
