# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Migrations that are killed: run again they end well, aborted they leave Che where it was.

Killed means SIGKILL of the task's process, right after one of its steps. `make soak` kills after every step.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from integration.che_bed import Cluster, Running, database, wait_until
from integration.migration_bed import WRITE, Bed, migration_bed
from integration.restore_story import SECONDS
from sampling import EXTENT, SEED

pytestmark = pytest.mark.integration

CHUNKS = 6


@dataclass
class Story:
    """One installation that is moved again and again."""

    bed: Bed
    folder: Path
    kills: int = 0
    steps: list[str] = field(default_factory=list)

    def start(self, last_step: int = 0, **options: Any) -> Running:
        log = self.folder / "steps"
        log.unlink(missing_ok=True)
        environment = {"CHE_STEPS": str(log), "CHE_KILL_AT": str(last_step)}
        return self.bed.home.start(
            "database_migration", through="integration.kill_at", environment=environment, **options
        )

    def log(self) -> list[str]:
        return (self.folder / "steps").read_text(encoding="utf-8").splitlines()

    def go_home(self) -> None:
        """Bring Che back to where it was, whatever state it is in, and make the other database anew."""
        if self.bed.left_behind():
            self.bed.home.run("database_migration", state="aborted")
        assert not self.bed.is_external()
        self.bed.make_database()


@pytest.fixture(scope="module")
def story(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with migration_bed(che_test_cluster, "it-migration-kill", size_mb=2) as bed:
        told = Story(bed, tmp_path_factory.mktemp("kill"))
        outcome = told.start(**bed.options).outcome(SECONDS)
        assert not outcome.failed, outcome.message
        told.steps = told.log()
        assert len(told.steps) > 30, told.steps
        told.go_home()
        yield told


def places(count: int, chunk: int) -> list[int]:
    """The steps of one chunk after which a process is killed: all of them under soak, else one."""
    found = list(range(chunk + 1, count + 1, CHUNKS))
    return found if EXTENT.whole else [random.Random(SEED + chunk).choice(found)]


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("way", ["migrated", "aborted"])
def test_a_migration_that_is_killed_after_a_step(story: Story, way: str, chunk: int) -> None:
    bed = story.bed
    for place in places(len(story.steps), chunk):
        before = bed.figures()
        running = story.start(place, **bed.options)
        running.process.communicate(timeout=SECONDS)
        assert running.process.returncode in (-9, 0)
        story.kills += 1
        told = f"killed after step {place}, {story.log()[-1]}, then {way}"

        options = bed.options if way == "migrated" else {"state": "aborted"}
        outcome = bed.home.start("database_migration", **options).outcome(SECONDS)

        assert not outcome.failed, f"{told}: {outcome.message}"
        assert bed.is_external() == (way == "migrated"), told
        wait_until(lambda way=way: bed.uses_external() == (way == "migrated"), 60, lambda told=told: told)
        assert bed.figures() == before, told
        if way == "migrated":
            assert bed.server.sql("SELECT count(*) FROM pg_prepared_xacts;") == "0"
        else:
            # Che can write where it was, and nothing is left.
            assert bed.left_behind() == [], told
            database.psql(bed.home.cluster, bed.embedded, WRITE)
        story.go_home()
