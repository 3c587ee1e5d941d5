# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores of an installation whose server runs, and has lost one of its databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from integration.che_bed import BackupServer, Cluster, installation, new_home
from integration.restore_story import Story

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("restores of missing databases")]

NAMESPACE = "it-restore-missing"
SERVER_NAMESPACE = "it-restore-missing-server"
DATABASES = "\\a \\t\nSELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1;"


@pytest.fixture(scope="module")
def story(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    server = BackupServer.up(che_test_cluster, SERVER_NAMESPACE)
    home = new_home(che_test_cluster, NAMESPACE, "v1-keycloak", server.repository("missing"), size_mb=1)
    home.configure()
    backup = home.run("cluster_backup")["id"]
    yield Story(home, tmp_path_factory.mktemp("missing"), backup, saved=home.proof())
    for namespace in (NAMESPACE, SERVER_NAMESPACE):
        installation.destroy_namespace(che_test_cluster, namespace, wait=False)


def drop(story: Story, database: str) -> None:
    story.home.sql(f"\\connect postgres\nDROP DATABASE {database} WITH (FORCE);")


def looked_at(told: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (held["name"], held["result"], held["object"])
        for held in told["plan"]["preflight"]
        if held["object"].startswith("database ")
    }


def test_one_that_somebody_has_dropped_is_made_anew(story: Story) -> None:
    drop(story, "dbche")

    told = story.home.run("cluster_restore", id=story.backup)

    assert looked_at(told) == {
        ("databases", "warned", "database dbche"),
        ("databases", "passed", "database keycloak"),
        ("safety backup", "warned", "database dbche"),
    }
    assert told["committed"]
    assert story.differences(story.saved) == []
    assert story.leftovers() == []
    (safety,) = story.home.backups(id=told["safety_backup_id"])
    assert sorted(part["name"] for part in safety["parts"] if part["kind"] == "database") == ["keycloak"]


def test_an_abort_leaves_nothing_of_one_that_was_missing(story: Story) -> None:
    drop(story, "keycloak")
    before = story.home.sql(DATABASES).split()
    story.home.run("cluster_restore", id=story.backup, commit=False)
    placeholder, *there = story.home.sql(DATABASES).split()
    assert (placeholder.startswith("che-replaced-"), there) == (True, ["dbche", "keycloak"])

    assert story.home.run("cluster_restore", state="aborted")["aborted"]

    assert story.home.sql(DATABASES).split() == before == ["dbche"]
    assert story.leftovers() == []
    story.home.run("cluster_restore", id=story.backup)
    assert story.differences(story.saved) == []
