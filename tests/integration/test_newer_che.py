# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup of a Che with CheCluster v1 is restored over a newer Che that is at work, with a database or without.

The tests build on each other and run in their order. They change which versions of CheCluster the cluster serves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from integration.che_bed import BackupServer, Cluster, Home, installation, new_home, served
from sampling import sampled

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("newer_che")]

NAMESPACE = "it-newer-che"
SERVER_NAMESPACE = "it-newer-che-server"
# Of the stand-in: the last that had a database of its own, and one that has none.
WITH_DATABASE, WITHOUT = "v2-database", "v2"


@dataclass(frozen=True)
class Upgrade:
    """The newer installation as it was before the restore, and the backup of the older one."""

    home: Home
    backup: str
    before: dict[str, Any]

    @property
    def has_database(self) -> bool:
        return self.home.variant == WITH_DATABASE

    def che(self) -> dict[str, Any]:
        (found,) = self.home.cluster.list_all("org.eclipse.che/v2", "CheCluster", NAMESPACE)
        return found

    def tables(self, backup: str) -> dict[str, int]:
        """The rows of each table in a backup, but for the one that a newer Che adds to when it migrates its schema."""
        (held,) = self.home.backups(id=backup)
        return {name: rows for name, rows in held["tables"]["dbche"].items() if name != "public.schema_version"}


@pytest.fixture(scope="module", params=sampled([WITH_DATABASE, WITHOUT]))
def upgrade(request: pytest.FixtureRequest, che_test_cluster: Cluster) -> Iterator[Upgrade]:
    cluster = che_test_cluster
    server = BackupServer.up(cluster, SERVER_NAMESPACE)
    old = new_home(cluster, NAMESPACE, "v1", server.repository("newer"), size_mb=2)
    old.configure()
    backup = old.run("cluster_backup")["id"]
    new = new_home(cluster, NAMESPACE, request.param, old.repository)
    new.configure()
    yield Upgrade(new, backup, new.proof())
    for namespace in (NAMESPACE, SERVER_NAMESPACE):
        installation.destroy_namespace(cluster, namespace, wait=False)
    served.serve(cluster, ("v1",))
    installation.operator_up(cluster, ("v1",))


def test_the_plan_tells_what_becomes_of_each_field(upgrade: Upgrade) -> None:
    plan = upgrade.home.run("cluster_restore", check=True, id=upgrade.backup)["plan"]
    assert plan["blockers"] == []
    became = {note["path"]: note["became"] for note in plan["conversion"]}
    assert became["server.cheHost"] == "converted"
    (database,) = plan["databases"]
    assert database["action"] == ("restore" if upgrade.has_database else "leave")


def test_it_comes_back_and_can_be_taken_back(upgrade: Upgrade) -> None:
    result = upgrade.home.run("cluster_restore", id=upgrade.backup, commit=False)
    assert (result["changed"], result["committed"]) == (True, False)
    assert upgrade.che()["status"]["chePhase"] == "Active"
    assert upgrade.home.differences(upgrade.before) != []

    assert upgrade.home.run("cluster_restore", state="aborted")["changed"] is True
    assert upgrade.home.differences(upgrade.before) == []


def test_it_comes_back_for_good(upgrade: Upgrade) -> None:
    result = upgrade.home.run("cluster_restore", id=upgrade.backup)
    assert result["committed"] is True
    che = upgrade.che()
    assert (che["status"]["chePhase"], che["spec"]["networking"]["domain"]) == ("Active", "apps.source.example")
    assert ("database" in che["spec"]["components"]) is upgrade.has_database
    if upgrade.has_database:
        again = upgrade.home.run("cluster_backup")["id"]
        assert upgrade.tables(again) == upgrade.tables(upgrade.backup)
    else:
        assert any("db/dbche.sql" in str(words) for words in result["warnings"])


def test_a_second_time_nothing_is_changed_but_what_che_itself_has(upgrade: Upgrade) -> None:
    plan = upgrade.home.run("cluster_restore", check=True, id=upgrade.backup)["plan"]
    assert {found["action"] for found in plan["objects"]} == {"keep"}
    # Its schema is that of the newer Che by now.
    assert [found["action"] for found in plan["databases"]] == ["restore" if upgrade.has_database else "leave"]
    if not upgrade.has_database:
        result = upgrade.home.run("cluster_restore", id=upgrade.backup)
        assert (result["changed"], result["outage_seconds"]) == (False, 0.0)
