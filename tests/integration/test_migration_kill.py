# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Migrations that are killed: run again they end well, aborted they leave Che where it was.

Killed means SIGKILL of the task's process, right after one of its steps. `make soak` kills after every step, and
on each way that a database can go.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from integration.che_bed import Cluster, Running, database, wait_until
from integration.migration_bed import DATABASE, WRITE, Bed, migration_bed
from integration.restore_story import SECONDS
from sampling import EXTENT, SEED, sampled

pytestmark = pytest.mark.integration

CHUNKS = 6
ON = "che moved on"
# What was left is closed for writing.
LEFT_EMBEDDED = """
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE;
SELECT format('DROP DATABASE %I', datname) FROM pg_database WHERE datname LIKE 'che-staged-%' \\gexec
"""


@dataclass(frozen=True)
class Route:
    """Where Che is and where it goes: databases on the other server, or empty for the server of its operator's own.

    Args:
        home: Where it is.
        there: Where it goes.
        every: Which of its steps a whole run takes: most are the same on each route.
    """

    home: str
    there: str
    every: int = 1

    def options(self, bed: Bed) -> Mapping[str, Any]:
        return {**bed.options, "database": self.there} if self.there else {"to": "embedded"}


ROUTES = {"away": Route("", DATABASE), "on": Route(DATABASE, ON, every=4), "back": Route(DATABASE, "", every=4)}


@dataclass
class Story:
    """One installation that is moved again and again."""

    bed: Bed
    folder: Path
    route: Route
    kills: int = 0
    steps: list[str] = field(default_factory=list)
    steps_back: list[str] = field(default_factory=list)

    @property
    def options(self) -> Mapping[str, Any]:
        return self.route.options(self.bed)

    def start(self, last_step: int = 0, **options: Any) -> Running:
        log = self.folder / "steps"
        log.unlink(missing_ok=True)
        environment = {"CHE_STEPS": str(log), "CHE_KILL_AT": str(last_step)}
        return self.bed.home.start(
            "database_migration", through="integration.kill_at", environment=environment, **options
        )

    def log(self) -> list[str]:
        return (self.folder / "steps").read_text(encoding="utf-8").splitlines()

    def learn(self, **options: Any) -> list[str]:
        """The steps of a task that nobody kills."""
        outcome = self.start(**options).outcome(SECONDS)
        assert not outcome.failed, outcome.message
        return self.log()

    def kill(self, step: int, **options: Any) -> str:
        """Start a task that is killed after a step, and say so; it may have been its last one."""
        running = self.start(step, **options)
        running.process.communicate(timeout=SECONDS)
        assert running.process.returncode in (-9, 0)
        self.kills += 1
        return f"killed after step {step}, {self.log()[-1]}"

    def end(self, told: str, **options: Any) -> None:
        outcome = self.bed.home.start("database_migration", **options).outcome(SECONDS)
        assert not outcome.failed, f"{told}: {outcome.message}"

    def require(self, place: str, figures: Mapping[str, Any], told: str) -> None:
        """See to it that Che is at a place, with what was in its database, and can write to it."""
        bed = self.bed
        assert bed.place() == place, told
        wait_until(lambda: bed.place_in_use() == place, 60, lambda: f"{told}: sessions in {bed.place_in_use()}")
        assert bed.figures() == figures, told
        assert bed.server.sql("SELECT count(*) FROM pg_prepared_xacts;") == "0"

    def require_home(self, figures: Mapping[str, Any], told: str) -> None:
        """See to it that all is as it was before a migration, and nothing is left of that."""
        self.require(self.route.home, figures, told)
        assert self.lasting() == [], told
        holder, *_others = database.find(self.bed.home.cluster, self.bed.home.namespace)
        database.psql(self.bed.home.cluster, holder, WRITE)

    def lasting(self) -> list[str]:
        """What is left, but for the Job of a first look: nothing knows of that yet, and Kubernetes removes it."""
        looks = [job for job in self.bed.home.jobs() if job["metadata"]["name"].startswith("che-probe-")]
        for job in looks:
            assert {"activeDeadlineSeconds", "ttlSecondsAfterFinished"} <= job["spec"].keys()
        return [name for name in self.bed.left_behind() if not looks or "/che-probe-" not in name]

    def go_home(self) -> None:
        """Bring Che back to where it was, whatever state it is in, and make the other database anew."""
        if self.lasting():
            self.bed.home.run("database_migration", state="aborted")
        assert self.bed.place() == self.route.home
        if self.route.there:
            self.bed.make_database(self.route.there)
        else:
            database.psql(self.bed.home.cluster, self.bed.embedded, LEFT_EMBEDDED)


@pytest.fixture(scope="module", params=sampled(list(ROUTES)))
def story(
    request: pytest.FixtureRequest, che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    with migration_bed(che_test_cluster, f"it-migration-kill-{request.param}", size_mb=2) as bed:
        told = Story(bed, tmp_path_factory.mktemp("kill"), ROUTES[request.param])
        if told.route.home:
            bed.home.run("database_migration", commit=True, **bed.options)
        told.go_home()
        told.steps = told.learn(**told.options)
        assert len(told.steps) > 30, told.steps
        told.steps_back = told.learn(state="aborted")
        assert len(told.steps_back) > 5, told.steps_back
        told.go_home()
        yield told
        print(f"{told.kills} kills on the way {request.param}, each of which ended well")


def places(route: Route, count: int, chunk: int) -> list[int]:
    """The steps of one chunk after which a process is killed: those of the route under soak, else one."""
    found = list(range(SEED % route.every + 1, count + 1, route.every))[chunk::CHUNKS]
    return found if EXTENT.whole else [random.Random(SEED + chunk).choice(found or [count])]


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("way", ["migrated", "aborted"])
def test_a_migration_that_is_killed_after_a_step(story: Story, way: str, chunk: int) -> None:
    for place in places(story.route, len(story.steps), chunk):
        before = story.bed.figures()
        told = story.kill(place, **story.options)
        if way == "migrated":
            story.end(f"{told}, then gone on with", **story.options)
            story.require(story.route.there, before, told)
        else:
            story.end(f"{told}, then aborted", state="aborted")
            story.require_home(before, told)
        story.go_home()


@pytest.mark.soak(keep=0)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_an_abort_that_is_killed_after_a_step(story: Story, chunk: int) -> None:
    for place in places(story.route, len(story.steps_back), chunk):
        before = story.bed.figures()
        story.end("to be aborted", **story.options)
        told = story.kill(place, state="aborted")
        story.end(f"abort {told}", state="aborted")
        story.require_home(before, told)
        story.go_home()
