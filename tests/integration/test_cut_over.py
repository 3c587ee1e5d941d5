# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Che that writes all the time, and does not end when it is told to: nothing of it comes into the other database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from integration.che_bed import BackupServer, Cluster, installation, new_home, pods, wait_until
from integration.restore_story import Story

pytestmark = pytest.mark.integration

NAMESPACE = "it-cut-over"
SERVER_NAMESPACE = "it-cut-over-server"
SERVER_POD = "app.kubernetes.io/component=che"
# A server process with its own idea of what is in its database.
WRITER = """
setsid sh -c 'trap "" TERM; while :; do
    psql -qX -c "INSERT INTO public.schema_version SELECT gen_random_uuid(), \\$\\$@WORD@\\$\\$"; done' \
    >/dev/null 2>&1 </dev/null &
"""


@pytest.fixture(scope="module")
def story(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    server = BackupServer.up(che_test_cluster, SERVER_NAMESPACE)
    home = new_home(che_test_cluster, NAMESPACE, "v1", server.repository("cut-over"))
    home.configure()
    backup = home.run("cluster_backup")["id"]
    yield Story(home, tmp_path_factory.mktemp("cut-over"), backup, saved=home.proof())
    for namespace in (NAMESPACE, SERVER_NAMESPACE):
        installation.destroy_namespace(che_test_cluster, namespace, wait=False)


def rows(story: Story, word: str) -> int:
    told = story.home.sql(f"SELECT 'rows:' || count(*) FROM public.schema_version WHERE description = '{word}';")
    return int(told.partition("rows:")[2].split()[0])


def keep_writing(story: Story, word: str) -> str:
    """Have Che's server write until it is gone; the uid of its pod."""
    cluster = story.home.cluster
    pod = pods.await_ready(cluster, NAMESPACE, SERVER_POD)
    pods.run(cluster, pod, WRITER.replace("@WORD@", word))
    wait_until(lambda: rows(story, word) > 3, 60, lambda: "it does not write")
    return str(pod["metadata"]["uid"])


def running(story: Story) -> set[str]:
    return {pod["metadata"]["uid"] for pod in story.home.cluster.list_all("v1", "Pod", NAMESPACE, SERVER_POD)}


def replaced(story: Story) -> list[str]:
    names = story.home.sql("SELECT datname FROM pg_database;").split()
    return [name for name in names if name.startswith("che-replaced-")]


def warnings(result: dict[str, Any]) -> list[str]:
    """Of a module that no Ansible has called."""
    return [str(warning) for warning in result.get("warnings", [])]


def test_what_is_written_until_the_last_moment_is_neither_lost_nor_in_the_restored_database(story: Story) -> None:
    story.change()
    old = keep_writing(story, "old")

    first = story.home.run("cluster_restore")

    assert old not in running(story)
    assert rows(story, "old") == 0
    # It was written to between the safety backup and the swap.
    (warning,) = [words for words in warnings(first) if "is in no backup" in words]
    (kept,) = replaced(story)
    assert (first["committed"], kept in warning, "public.schema_version" in warning) == (False, True, True)

    second = story.home.run("cluster_restore")

    assert (second["committed"], warnings(second), replaced(story)) == (True, [], [])
    assert story.differences(story.saved) == []
    assert story.leftovers() == []
    story.is_changed = False


def test_what_used_the_restored_database_does_not_write_to_the_one_that_comes_back(story: Story) -> None:
    story.change()
    before = story.home.proof()
    waiting = story.home.run("cluster_restore", commit=False)
    assert (waiting["committed"], warnings(waiting)) == (False, [])
    restored = keep_writing(story, "restored")

    aborted = story.home.run("cluster_restore", state="aborted")

    # Its own outage: Che was ready with what was restored.
    assert 0 < aborted["outage_seconds"] < aborted["duration"]
    assert restored not in running(story)
    assert rows(story, "restored") == 0
    assert story.differences(before) == []
    assert story.leftovers() == []
