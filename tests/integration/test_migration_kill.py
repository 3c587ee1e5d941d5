# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Migrations that are killed: run again they end well, aborted they leave Che where it was.

Killed means SIGKILL of the task's process right after one of its steps, the end by force of a Job's pod, and a crash of
one of the servers: the operator's own, whose pod goes too, or the other one. `make soak` kills the process after every
step on the ways away and back, with one database and with that of an identity provider besides; and after every fourth
step on the way from one database to another of the same server, where an identity provider's can't go.
"""

from __future__ import annotations

import random
import re
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from integration.che_bed import Cluster, Running, database, wait_until
from integration.in_time import in_time
from integration.killing import DATABASE as EMBEDDED
from integration.killing import JOB, SERVER, AfterSteps, AtRandom, Attack, kill_pods, there
from integration.migration_bed import DATABASE, Bed, migration_bed
from integration.restore_story import SECONDS
from sampling import EXTENT, SEED, sampled

pytestmark = pytest.mark.integration

CHUNKS = 6
# Of what is not the task's own process: so many times after one of so many steps, and so many random moments.
OTHERS, OTHERS_EVERY = 5, 30
ON = "che moved on"
JOURNAL = "che-migration-journal"
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
        every: Which of its steps a whole run takes: all, or so many in a row one.
        variant: Of the stand-in.
    """

    home: str
    there: str
    every: int = 1
    variant: str = "v1"

    def options(self, bed: Bed) -> Mapping[str, Any]:
        return {**bed.options, "database": self.there} if self.there else {"to": "embedded"}


ROUTES = {
    "away": Route("", DATABASE),
    # Both servers are as on the other ways.
    "on": Route(DATABASE, ON, every=4),
    "back": Route(DATABASE, ""),
    "both-away": Route("", DATABASE, variant="v1-keycloak"),
    "both-back": Route(DATABASE, "", variant="v1-keycloak"),
}


@dataclass
class Story:
    """One installation that is moved again and again."""

    bed: Bed
    folder: Path
    route: Route
    kills: int = 0
    steps: list[str] = field(default_factory=list)
    steps_back: list[str] = field(default_factory=list)
    #: The Jobs that only looked, of runs which were killed before anything could tell of them.
    looks: set[str] = field(default_factory=set)

    @property
    def options(self) -> Mapping[str, Any]:
        return self.route.options(self.bed)

    def start(
        self, last_step: int = 0, by: signal.Signals = signal.SIGKILL, counted: str = "", **options: Any
    ) -> Running:
        """Start the module, which notes its steps and sends itself a signal after one of those that are counted."""
        self.steps_file.unlink(missing_ok=True)
        environment = {
            "CHE_STEPS": str(self.steps_file),
            "CHE_KILL_AT": str(last_step),
            "CHE_KILL_BY": by.name,
            "CHE_KILL_COUNTS": counted,
        }
        return self.bed.home.start(
            "database_migration", through="integration.kill_at", environment=environment, **options
        )

    @property
    def steps_file(self) -> Path:
        return self.folder / "steps"

    def log(self) -> list[str]:
        return self.steps_file.read_text(encoding="utf-8").splitlines() if self.steps_file.exists() else []

    def count(self, counted: str) -> int:
        """The steps that a running module has done, of those that a regular expression fits."""
        return sum(re.search(counted, step) is not None for step in self.log())

    def attack(self, victim: str) -> Attack:
        """A migration in which somebody else than its own process is killed."""

        def kill(_running: Running) -> bool:
            if victim != SERVER:
                return kill_pods(victim, self.bed.home.namespace)
            self.bed.server.stop()
            self.bed.server.start()
            return True

        return Attack(victim, partial(self.start, **self.options), self.count, kill)

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
        self.note_looks()
        return f"killed after step {step}, {self.log()[-1]}"

    def settle(self) -> None:
        """A server that crashes has its sequences go on from what it has noted ahead, 32 values each, unless told."""
        if self.route.home:
            self.bed.server.sql("CHECKPOINT;")
        else:
            in_time(self._settle_embedded, "the database does not run")

    def _settle_embedded(self) -> None:
        database.psql(self.bed.home.cluster, self.bed.embedded, "CHECKPOINT;")

    def figures_in_time(self) -> dict[str, Any]:
        """What is in the databases in use, when there are pods again that tell."""
        return in_time(self.bed.figures, "no pod opens the databases")

    def end(self, told: str, **options: Any) -> None:
        outcome = self.bed.home.start("database_migration", **options).outcome(SECONDS)
        assert not outcome.failed, f"{told}: {outcome.message}"

    def require(self, place: str, figures: Mapping[str, Any], told: str, crashed: bool = False) -> None:
        """See to it that Che, and its identity provider, is at a place, with what was in its database.

        A server that has crashed under Che has emptied its unlogged tables.
        """
        bed = self.bed
        assert bed.place() == place, told
        in_use = bed.places_at(place)
        wait_until(lambda: bed.places_in_use() == in_use, 60, lambda: f"{told}: sessions in {bed.places_in_use()}")
        found = self.figures_in_time()
        figures, found = (logged(figures), logged(found)) if crashed else (figures, found)
        assert [(name, found[name]) for name in figures if found[name] != figures[name]] == [], told
        assert bed.server.sql("SELECT count(*) FROM pg_prepared_xacts;") == "0"

    def require_home(self, figures: Mapping[str, Any], told: str, crashed: bool = False) -> None:
        """See to it that all is as it was before a migration, and nothing is left of that."""
        self.require(self.route.home, figures, told, crashed)
        assert self.lasting() == [], told
        # Its operator may just start what uses them anew, for other authorities.
        in_time(self.bed.write, "no pod writes to the databases")

    def note_looks(self) -> None:
        """Before there is a journal nothing is changed, and nothing knows of a Job: Kubernetes removes it."""
        home = self.bed.home
        is_begun = home.cluster.find("v1", "ConfigMap", JOURNAL, home.namespace) is not None
        for job in home.jobs():
            name = job["metadata"]["name"]
            if name.startswith("che-probe-") or (name.startswith("che-sql-") and not is_begun):
                assert {"activeDeadlineSeconds", "ttlSecondsAfterFinished"} <= job["spec"].keys()
                self.looks.add(name)

    def lasting(self) -> list[str]:
        """What is left, but for the Jobs that only looked."""
        return [name for name in self.bed.left_behind() if not any(f"/{look}" in name for look in self.looks)]

    def go_home(self) -> None:
        """Bring Che back to where it was, whatever state it is in, and make the other database anew."""
        if self.lasting():
            self.bed.home.run("database_migration", state="aborted")
        assert self.bed.place() == self.route.home
        self.make_room(self.route)

    def make_room(self, route: Route) -> None:
        """Make the other database of a way anew."""
        if route.there:
            self.bed.make_database(route.there)
        else:
            database.psql(self.bed.home.cluster, self.bed.embedded, LEFT_EMBEDDED)


@pytest.fixture(scope="module", params=sampled(list(ROUTES)))
def story(
    request: pytest.FixtureRequest, che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    route = ROUTES[request.param]
    with migration_bed(che_test_cluster, f"it-migration-kill-{request.param}", size_mb=2, variant=route.variant) as bed:
        told = Story(bed, tmp_path_factory.mktemp("kill"), route)
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


def logged(figures: Mapping[str, Any]) -> dict[str, Any]:
    """All but the stand-in's unlogged table."""
    return {**figures, "tables": [table for table in figures["tables"] if table["name"] != "unlogged_cache"]}


def places(route: Route, count: int, chunk: int) -> list[int]:
    """The steps of one chunk after which a process is killed: those of the route under soak, else one."""
    found = list(range(SEED % route.every + 1, count + 1, route.every))[chunk::CHUNKS]
    return found if EXTENT.whole else [random.Random(SEED + chunk).choice(found or [count])]


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("way", ["migrated", "aborted"])
def test_a_migration_that_is_killed_after_a_step(story: Story, way: str, chunk: int) -> None:
    for place in places(story.route, len(story.steps), chunk):
        before = story.figures_in_time()
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
        before = story.figures_in_time()
        story.end("to be aborted", **story.options)
        told = story.kill(place, state="aborted")
        story.end(f"abort {told}", state="aborted")
        story.require_home(before, told)
        story.go_home()


def victims() -> list[tuple[str, AfterSteps | AtRandom]]:
    """Who else is killed, and when: each of these takes as long as a migration and its way back."""
    spread = [AfterSteps(chunk, OTHERS_EVERY) for chunk in range(0, OTHERS_EVERY, OTHERS_EVERY // OTHERS)]
    after = {EMBEDDED: spread, SERVER: spread, JOB: [AfterSteps()]}
    moments = [AtRandom(number) for number in range(OTHERS)]
    return [(victim, when) for victim, steps in after.items() for when in (*steps, *moments)]


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize(("victim", "when"), victims(), ids=str)
def test_a_migration_in_which_somebody_else_is_killed(story: Story, victim: str, when: AfterSteps | AtRandom) -> None:
    chance = random.Random(f"{SEED} {victim} {when}")
    numbers = there(victim, story.steps)
    for moment in when.moments(numbers, chance):
        story.settle()
        before = story.figures_in_time()
        running = story.attack(victim).surely(numbers, moment, partial(came_to_its_end, story, before))
        told = f"{victim} killed {when}, step {moment[0]}: {story.log()[-1]}"
        at_home, at_there = (crashes(victim, place) for place in (story.route.home, story.route.there))
        is_under_che = at_home or (at_there and "/checlusters/" in "".join(story.log()))
        outcome = running.outcome(SECONDS)
        story.kills += 1
        only_back = any(words in outcome.message for words in ("could not be put back", "unlogged tables"))
        if not outcome.failed:
            story.require(story.route.there, before, told, is_under_che)
        elif chance.choice(["migrated", "aborted"]) == "migrated" and not only_back:
            story.end(f"{told}, {outcome.message}, then gone on with", **story.options)
            story.require(story.route.there, before, told, is_under_che)
        else:
            story.end(f"{told}, {outcome.message}, then aborted", state="aborted")
            story.require_home(before, told, at_home)
        story.go_home()


def crashes(victim: str, place: str) -> bool:
    """Whether the server of a place of Che's crashes when this one is killed."""
    return victim == (SERVER if place else EMBEDDED)


def came_to_its_end(story: Story, before: Mapping[str, Any]) -> None:
    """Judge a migration that was over before anybody could be killed, and see to it that there is something to move."""
    story.require(story.route.there, before, "came to its end")
    story.go_home()


@pytest.mark.soak(keep=0)
def test_a_commit_that_is_killed_after_a_step(story: Story) -> None:
    """Committed once more, Che is there for good; the way home is a migration of its own."""
    there_now = {**story.options, "commit": True}
    for place in count(1):
        before = story.figures_in_time()
        story.end("to be committed", **story.options)
        told = story.kill(place, **there_now)
        is_over = story.count("") < place
        story.end(f"commit {told}", **there_now)
        story.require(story.route.there, before, told)
        assert story.lasting() == [], told
        back = replace(story.route, home=story.route.there, there=story.route.home)
        story.make_room(back)
        story.end("home again", **back.options(story.bed), commit=True)
        story.make_room(story.route)
        if is_over:
            assert place > 5
            return
