# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups and restores that are killed: run again they end well, aborted they leave what was there before.

Killed means SIGKILL of the task's process or of the database server's processes, whose pod goes too, and the end by
force of a Job's pod. It is done after one of the steps or at a random moment. The judge is the stand-in's, which shares
no code with the collection. `make soak` kills after every step.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any

import pytest
from integration.che_bed import BackupServer, Cluster, Running, installation, new_home, wait_until
from integration.killing import (
    CHUNKS,
    DATABASE,
    JOB,
    PROCESS,
    RANDOM_MOMENTS,
    WHEN,
    AfterSteps,
    AtRandom,
    Attack,
    kill_pods,
    kill_process,
    kills,
    places,
    there,
)
from integration.restore_story import SECONDS, Story
from sampling import SEED

pytestmark = pytest.mark.integration

NAMESPACE = "it-kill"
SERVER_NAMESPACE = "it-kill-server"
# Those of an abort that has everything to put back.
ABORT_STEPS = 20
RESTORE, BACKUP = "cluster_restore", "cluster_backup"


@pytest.fixture(scope="module")
def story(
    request: pytest.FixtureRequest, che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    server = BackupServer.up(che_test_cluster, SERVER_NAMESPACE)
    home = new_home(che_test_cluster, NAMESPACE, "v1", server.repository("kill"), size_mb=4)
    home.configure()
    backup = home.run("cluster_backup")["id"]
    told = Story(home, tmp_path_factory.mktemp("kill"), backup, saved=home.proof())
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


def killed(running: Running) -> bool:
    """Wait for a process that kills itself. One may come to its end instead: not every run has as many steps."""
    running.process.communicate(timeout=SECONDS)
    assert running.process.returncode in (-9, 0), running.process.returncode
    return running.process.returncode == -9


def came_to_its_end(story: Story) -> None:
    """Judge a restore that has come to its end all the same."""
    story.refill("restored")
    assert story.differences(story.saved) == []
    story.is_changed = False


def commit_what_waits(story: Story, result: dict[str, Any]) -> None:
    """Commit a restore that waits, as it must have said: the database that it has replaced is not what was saved of it.

    It could not be looked at, or has lost its unlogged table since.
    """
    if result["committed"]:
        return
    assert re.search("could not be found out|unlogged_cache", str(result["warnings"]))
    assert story.home.run("cluster_restore", **story.asked())["committed"] is True


def once_more(story: Story) -> None:
    """Judge a restore that was over before anybody could be killed, and have something to restore again."""
    came_to_its_end(story)
    story.change()


def attack(story: Story, victim: str, module: str) -> Attack:
    def kill(running: Running) -> bool:
        if victim == PROCESS:
            return kill_process(running)
        hit = kill_pods(victim, NAMESPACE)
        if hit and victim == DATABASE:
            story.note_crash()
        return hit

    return Attack(victim, partial(story.start, module=module), story.count, kill)


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("way", ["restored", "aborted"])
def test_a_restore_that_is_killed_after_a_step(story: Story, steps: list[str], way: str, chunk: int) -> None:
    for place in places(there(PROCESS, steps), chunk):
        story.change()
        if killed(story.start(place)):
            story.end(way, "after a step")
        else:
            assert story.count() < place <= len(steps)
            came_to_its_end(story)


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize("when", WHEN[PROCESS], ids=str)
def test_a_restore_that_is_killed_at_a_random_moment(story: Story, steps: list[str], when: AtRandom) -> None:
    chance = random.Random(f"{SEED} {when}")
    numbers = there(PROCESS, steps)
    for moment in when.moments(numbers, chance):
        story.change()
        while not killed(attack(story, PROCESS, RESTORE).surely(numbers, moment, lambda: once_more(story))):
            once_more(story)
        story.end(chance.choice(["restored", "aborted"]), "at a random moment")


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize(("victim", "when"), kills(DATABASE, JOB), ids=str)
def test_a_restore_whose_database_or_job_is_killed(
    story: Story, steps: list[str], victim: str, when: AfterSteps | AtRandom
) -> None:
    chance = random.Random(f"{SEED} {victim} {when}")
    numbers = there(victim, steps)
    for moment in when.moments(numbers, chance):
        story.change()
        outcome = attack(story, victim, RESTORE).surely(numbers, moment, lambda: once_more(story)).outcome(SECONDS)
        if outcome.failed:
            way = chance.choice(["restored", "aborted"])
            only_back = "could not be put back" in outcome.message
            story.end("aborted" if only_back else way, f"{victim} killed", outcome.message)
        else:
            story.kills[f"{victim} killed"] += 1
            commit_what_waits(story, outcome.result)
            came_to_its_end(story)


def undoable(steps: Sequence[str]) -> list[int]:
    """The steps from the first note in the journal on until Che is started with what was restored."""
    noted = next(number for number, step in enumerate(steps, 1) if step.endswith("/che-restore-journal"))
    return list(range(noted, max(number for number, step in enumerate(steps, 1) if "/pods/" in step) + 1))


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize("moment", range(RANDOM_MOMENTS))
def test_an_abort_that_is_killed(story: Story, steps: list[str], moment: int) -> None:
    """Aborted once more, it ends in the whole of what was there before."""
    chance = random.Random(f"{SEED} abort {moment}")
    place, most = chance.choice(undoable(steps)), ABORT_STEPS
    while True:
        story.change()
        assert killed(story.start(place))
        if killed(story.start(chance.randint(1, most), state="aborted")):
            break
        # It had not so many steps.
        most = story.count()
        assert story.differences(story.changed) == []
    story.kills["restore that is aborted"] += 1
    story.end("aborted", "abort")
    assert story.is_changed, "the restore had ended"


@pytest.fixture(scope="module")
def backup_steps(story: Story) -> list[str]:
    outcome = story.start(module=BACKUP).outcome(SECONDS)
    assert not outcome.failed, outcome.message
    return story.log()


def complete(story: Story) -> set[str]:
    """The ids of the complete backups."""
    return {backup["id"] for backup in story.home.backups() if backup["state"] == "complete"}


def add_complete(story: Story, known: set[str]) -> None:
    known |= complete(story)


def content(story: Story, backup: str) -> dict[str, Any]:
    """What a backup holds."""
    (details,) = story.home.backups(id=backup)
    assert details["state"] == "complete"
    return {name: details[name] for name in ("objects", "tables")}


def next_one_works(story: Story) -> str:
    """Make a backup; its id. Nothing that a killed one has left may be in its way."""
    for job in story.home.jobs():
        # Kubernetes ends and removes it in its own time.
        assert {"activeDeadlineSeconds", "ttlSecondsAfterFinished"} <= set(job["spec"])
        story.home.cluster.delete(job)
    wait_until(lambda: story.home.left_behind() == [], 60, lambda: str(story.home.left_behind()))
    return str(story.home.run(BACKUP)["id"])


def judge(story: Story, before: set[str], proof: dict[str, Any], new: Collection[int]) -> None:
    """What was killed changed nothing, the next one works, and what counts as a backup lacks nothing.

    Args:
        story: What was backed up.
        before: The complete backups before.
        proof: What was there before.
        new: How many complete backups it may have made.
    """
    story.refill("aborted")
    assert story.differences(proof) == []
    again = next_one_works(story)
    made = complete(story) - before - {again}
    assert len(made) in new, story.log()[-1]
    for backup in made:
        assert content(story, backup) == content(story, again)


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_backup_that_is_killed_after_a_step(story: Story, backup_steps: list[str], chunk: int) -> None:
    for place in places(there(PROCESS, backup_steps), chunk):
        before, proof = complete(story), story.home.proof()
        if not killed(story.start(place, BACKUP)):
            assert story.count() < place <= len(backup_steps)
            continue
        story.kills["backup, after a step"] += 1
        sealed = any("parts=" in step for step in story.log())
        judge(story, before, proof, [1 if sealed else 0])


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize(("victim", "when"), kills(PROCESS, DATABASE, JOB), ids=str)
def test_a_backup_in_which_somebody_is_killed(
    story: Story, backup_steps: list[str], victim: str, when: AfterSteps | AtRandom
) -> None:
    numbers = there(victim, backup_steps)
    for moment in when.moments(numbers, random.Random(f"{SEED} backup {victim} {when}")):
        before, proof = complete(story), story.home.proof()
        running = attack(story, victim, BACKUP).surely(numbers, moment, partial(add_complete, story, before))
        story.kills[f"backup, {victim} killed"] += 1
        if victim == PROCESS:
            killed(running)
            # It may have been about to seal.
            judge(story, before, proof, [0, 1])
            continue
        outcome = running.outcome(SECONDS)
        assert story.home.jobs() == []
        judge(story, before, proof, [0 if outcome.failed else 1])


def test_a_second_restore_is_refused_while_one_is_at_work(story: Story) -> None:
    """It is told who holds it, and the first one does not notice."""
    story.change()
    first = story.start()
    wait_until(
        lambda: story.home.cluster.find("v1", "ConfigMap", "che-restore-journal", NAMESPACE) is not None,
        SECONDS,
        lambda: "the first restore does not begin",
    )

    second = story.home.start("cluster_restore", **story.asked()).outcome(SECONDS)

    assert second.failed
    assert f"is at work on this: restoring {NAMESPACE}" in second.message
    assert second.seconds < 60
    outcome = first.outcome(SECONDS)
    assert not outcome.failed, outcome.message
    assert story.differences(story.saved) == []
    story.is_changed = False
