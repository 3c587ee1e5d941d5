# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups and restores that are killed: run again they end well, aborted they leave what was there before.

Killed means SIGKILL, of the task's process after one of its steps or at a random moment, of a Job's pod, and of the
database. The judge is the stand-in's, which shares no code with the collection. `make soak` kills after every step.
"""

from __future__ import annotations

import random
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest
from integration.che_bed import BackupServer, Cluster, Running, installation, new_home, wait_until
from integration.restore_story import SECONDS, Story
from sampling import EXTENT, SEED

pytestmark = pytest.mark.integration

NAMESPACE = "it-kill"
SERVER_NAMESPACE = "it-kill-server"
CHUNKS = 6
RANDOM_MOMENTS = 20


@pytest.fixture(scope="module")
def story(
    request: pytest.FixtureRequest, che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    server = BackupServer.up(che_test_cluster, SERVER_NAMESPACE)
    home = new_home(che_test_cluster, NAMESPACE, "v1", server.repository("kill"), size_mb=4)
    home.configure()
    home.run("cluster_backup")
    told = Story(home, tmp_path_factory.mktemp("kill"), saved=home.proof())
    yield told
    counts = ", ".join(f"{count} {what}" for what, count in sorted(told.kills.items()))
    plugins = request.config.pluginmanager
    with plugins.getplugin("capturemanager").global_and_fixture_disabled():
        told_by = plugins.getplugin("terminalreporter")
        told_by.write_line(f"\nkilled: {sum(told.kills.values())} times ({counts}); seed {SEED}")
    for namespace in (NAMESPACE, SERVER_NAMESPACE):
        installation.destroy_namespace(che_test_cluster, namespace, wait=False)


@pytest.fixture(scope="module")
def steps(story: Story) -> list[str]:
    """The steps of a restore that nobody kills."""
    story.change()
    outcome = story.start().outcome(SECONDS)
    assert not outcome.failed, outcome.message
    assert story.home.differences(story.saved) == []
    story.is_changed = False
    found = story.log()
    assert len(found) > 30, found
    return found


def places(count: int, chunk: int) -> list[int]:
    """The steps of one chunk after which a process is killed: all of them under soak, else one."""
    found = list(range(chunk + 1, count + 1, CHUNKS))
    return found if EXTENT.whole else [random.Random(SEED + chunk).choice(found)]


def killed(running: Running) -> bool:
    """Wait for a process that kills itself. One may come to its end instead: not every run has as many steps."""
    running.process.communicate(timeout=SECONDS)
    assert running.process.returncode in (-9, 0), running.process.returncode
    return running.process.returncode == -9


def came_to_its_end(story: Story) -> None:
    """Judge a restore that was over before it could be killed."""
    assert story.differences(story.saved) == []
    story.is_changed = False


@pytest.mark.soak(keep=2)
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("way", ["restored", "aborted"])
def test_a_restore_that_is_killed_after_a_step(story: Story, steps: list[str], way: str, chunk: int) -> None:
    for place in places(len(steps), chunk):
        story.change()
        if killed(story.start(place)):
            story.end(way, "after a step")
        else:
            assert story.count() < place <= len(steps)
            came_to_its_end(story)


def hit(story: Story, place: int, strike: Callable[[Running], bool]) -> Running:
    """Start a restore and strike at it from a step on, until something was hit or the restore is at its end."""
    story.change()
    running = story.start()

    def reached() -> bool:
        return story.count() >= place or running.process.poll() is not None

    def struck() -> bool:
        return strike(running) or running.process.poll() is not None

    wait_until(reached, SECONDS, lambda: f"the restore does not get to step {place}")
    wait_until(struck, SECONDS, lambda: f"nothing to hit after step {place}")
    return running


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize("moment", range(RANDOM_MOMENTS))
def test_a_restore_that_is_killed_at_a_random_moment(story: Story, steps: list[str], moment: int) -> None:
    chance = random.Random(f"{SEED} {moment}")
    place, pause = chance.randint(1, len(steps) - 5), chance.uniform(0.0, 0.5)

    def kill(running: Running) -> bool:
        threading.Event().wait(pause)
        running.process.kill()
        return True

    while not killed(hit(story, place, kill)):
        came_to_its_end(story)
        place -= 5
    story.end(chance.choice(["restored", "aborted"]), "at a random moment")


VICTIMS = {"database": "app.kubernetes.io/component=postgres", "job": "job-name"}


def places_of(victim: str, steps: list[str]) -> list[int]:
    """The steps from which on a victim is there: the database from the load on, a Job from its creation on."""
    if victim == "job":
        return [number for number, step in enumerate(steps, 1) if step.startswith("post") and "/jobs" in step][:-1]
    first = next(number for number, step in enumerate(steps, 1) if "CREATE ROLE" in step)
    return list(range(first, len(steps) - 4))


def delete_pods(label: str) -> bool:
    """Delete pods without a word, as if their node were gone; whether there were any."""
    command = ["kubectl", "-n", NAMESPACE, "delete", "pod", "-l", label, "--grace-period=0", "--force"]
    command += ["--field-selector", "status.phase!=Succeeded"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return "deleted" in done.stdout


@pytest.mark.soak(keep=2)
@pytest.mark.parametrize("moment", range(6))
@pytest.mark.parametrize("victim", VICTIMS)
def test_a_restore_whose_database_or_job_is_killed(story: Story, steps: list[str], victim: str, moment: int) -> None:
    chance = random.Random(f"{SEED} {victim} {moment}")
    hits: list[bool] = []

    def strike(_running: Running) -> bool:
        hits.append(delete_pods(VICTIMS[victim]))
        return hits[-1]

    outcome = hit(story, chance.choice(places_of(victim, steps)), strike).outcome(SECONDS)
    assert any(hits), "nothing was killed"
    if outcome.failed:
        assert "Traceback" not in outcome.message
        story.end(chance.choice(["restored", "aborted"]), f"{victim} killed")
        return
    story.kills[f"{victim} killed"] += 1
    came_to_its_end(story)


@pytest.fixture(scope="module")
def backup_steps(story: Story) -> list[str]:
    outcome = story.start(module="cluster_backup").outcome(SECONDS)
    assert not outcome.failed, outcome.message
    return story.log()


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_backup_that_is_killed_after_a_step(story: Story, backup_steps: list[str], chunk: int) -> None:
    """It counts as a backup only when nothing is missing, and the next one works."""
    for place in places(len(backup_steps), chunk):
        before = {backup["id"] for backup in story.home.backups() if backup["state"] == "complete"}
        proof = story.home.proof()
        if not killed(story.start(place, module="cluster_backup")):
            assert len(story.log()) < place <= len(backup_steps)
            continue
        story.kills["backup, after a step"] += 1

        complete = {backup["id"] for backup in story.home.backups() if backup["state"] == "complete"}
        sealed = any("parts=" in step for step in story.log())
        assert len(complete - before) == (1 if sealed else 0), (place, backup_steps[place - 1])
        assert story.home.differences(proof) == []
        for job in story.home.jobs():
            # Kubernetes ends and removes it in its own time.
            assert {"activeDeadlineSeconds", "ttlSecondsAfterFinished"} <= set(job["spec"])
            story.home.cluster.delete(job)
        wait_until(lambda: story.home.left_behind() == [], 60, lambda: str(story.home.left_behind()))
        again = story.home.run("cluster_backup")
        details = story.home.backups(id=again["id"])
        assert details[0]["state"] == "complete"


def test_a_second_restore_is_refused_while_one_is_at_work(story: Story) -> None:
    """It is told who holds it, and the first one does not notice."""
    story.change()
    first = story.start()
    wait_until(
        lambda: story.home.cluster.find("v1", "ConfigMap", "che-restore-journal", NAMESPACE) is not None,
        SECONDS,
        lambda: "the first restore does not begin",
    )

    second = story.home.start("cluster_restore").outcome(SECONDS)

    assert second.failed
    assert f"is at work on this: restoring {NAMESPACE}" in second.message
    assert second.seconds < 60
    outcome = first.outcome(SECONDS)
    assert not outcome.failed, outcome.message
    assert story.differences(story.saved) == []
    story.is_changed = False
