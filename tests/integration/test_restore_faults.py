# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores past an API server in trouble, which refuses, loses answers and goes away.

Whatever happens, what is called a success is the whole restored state, and what fails can be ended either way.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from integration.che_bed import Cluster
from integration.faulty_api import READS, WRITES, Cut, FaultyApi, at_request, at_stream, now_and_then
from integration.restore_faults_bed import backed_up, restored
from integration.restore_story import SECONDS, Story
from sampling import SEED

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("restores past faults")]

NAMESPACE = "it-restore-faults"
AWAY_SECONDS = 30
# An answer that ends well is longer, even that of a program that prints nothing.
SHORT_STREAM = 30


@pytest.fixture(scope="module")
def api() -> Iterator[FaultyApi]:
    relay = FaultyApi.before(Path(os.environ["KUBECONFIG"]))
    yield relay
    relay.close()


@pytest.fixture(scope="module")
def story(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with backed_up(che_test_cluster, NAMESPACE, tmp_path_factory.mktemp("bed")) as bed:
        yield bed.story


@pytest.fixture(scope="module")
def streams(story: Story, api: FaultyApi) -> int:
    """How many programs a restore without trouble runs in pods."""
    story.change()
    before = api.streams
    restored(story, story.home.start("cluster_restore", host=api.url, **story.asked()).outcome(SECONDS))
    return api.streams - before


def restored_through(story: Story, api: FaultyApi, what: str, way: str) -> str:
    """Restore through the relay; a failure is ended without it. Why it failed; empty for a success at once."""
    story.change()
    api.happened.clear()
    outcome = story.home.start("cluster_restore", host=api.url, **story.asked()).outcome(SECONDS)
    api.fault = lambda _method, _path: None
    assert sum(api.happened.values()), "nothing went wrong, so that nothing was tried"
    if outcome.failed:
        assert outcome.result.get("stage"), outcome.message
        print(f"{what}: {outcome.result['stage']}: {outcome.message} {dict(api.happened)}")
        if "Everything is as it was before the restore." in outcome.message:
            differences = story.differences(story.changed)
            assert differences == [], f"{differences} {outcome.message}"
        # Once the way back has begun there is no other, and this is what is told to do.
        story.end("aborted" if "Run the task with state: aborted to go on with that." in outcome.message else way, what)
        return outcome.message
    if not outcome.result["committed"]:
        # What is in no backup is kept until somebody was told, also when nobody could look whether there is anything.
        assert "could not be found out" in str(outcome.result["warnings"])
        story.end("restored", what)
        return ""
    restored(story, outcome)
    return ""


# Which requests are hit, and by what.
TROUBLES: dict[str, tuple[Sequence[str], list[Any]]] = {
    "writes: 429": (WRITES, [429]),
    "writes: 500 or 503": (WRITES, [500, 503]),
    "writes: 409": (WRITES, [409]),
    "writes: lost": (WRITES, ["lose"]),
    "writes: any": (WRITES, [409, 429, 500, "lose"]),
    "reads: 429": (READS, [429]),
    "reads: 500 or 503": (READS, [500, 503]),
    "reads: lost": (READS, ["lose"]),
    "all: 429, 500 or lost": (READS + WRITES, [429, 500, "lose"]),
}


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_restore_past_an_api_server_in_trouble(story: Story, api: FaultyApi, trouble: str, seed: int) -> None:
    methods, faults = TROUBLES[trouble]
    chance = random.Random(f"{SEED} {trouble} {seed}")
    api.fault = now_and_then(chance, faults, methods)

    failure = restored_through(story, api, trouble, chance.choice(["restored", "aborted"]))

    # To be told to wait or that a request failed, or no answer to a question, is nothing that a restore may fail for.
    assert failure == "" or (methods != READS and (409 in faults or "lose" in faults)), failure


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize("moment", range(6))
def test_a_restore_whose_connection_to_a_program_in_a_pod_breaks(
    story: Story, api: FaultyApi, streams: int, moment: int
) -> None:
    """Nobody knows then whether its statements were carried out."""
    chance = random.Random(f"{SEED} stream {moment}")
    number, length = chance.randint(1, streams), chance.randrange(SHORT_STREAM)
    api.fault = at_stream(number, Cut(length))

    way = chance.choice(["restored", "aborted"])
    failure = restored_through(story, api, f"stream {number} of {streams}, after {length} bytes", way)

    assert "Traceback" not in failure


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize(
    ("method", "path", "number"),
    [
        ("POST", "/leases", 1),
        # Of the safety backup, then of the load.
        ("POST", "/jobs", 1),
        ("POST", "/jobs", 2),
        ("POST", "/secrets", 1),
        ("POST", "/secrets", 2),
        ("DELETE", "/jobs/che-dump", 1),
        ("DELETE", "/leases/che-restore", 1),
    ],
)
def test_a_restore_that_loses_the_answer_to_one_write(
    story: Story, api: FaultyApi, method: str, path: str, number: int
) -> None:
    """Of what an installation would not show: it was carried out, and is neither done twice nor left behind."""
    api.fault = at_request(number, method, path, "lose")

    assert restored_through(story, api, f"{method} {path} {number}", "restored") == ""


def once_away(api: FaultyApi, method: str, path: str) -> Callable[[str, str], None]:
    """The API server goes away, once, when a request comes by."""

    def choose(asked: str, of: str) -> None:
        if asked == method and path in of and not api.happened["away"]:
            api.go_away(AWAY_SECONDS)

    return choose


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/configmaps"),
        ("POST", "/jobs"),
        ("GET", "/jobs/che-load"),
        ("PUT", "/configmaps/yaml-traps"),
        ("GET", "/exec"),
        ("GET", "/checlusters"),
        ("DELETE", "/configmaps/che-restore-journal"),
    ],
)
def test_a_restore_outlives_an_api_server_that_is_away_for_a_while(
    story: Story, api: FaultyApi, method: str, path: str
) -> None:
    api.fault = once_away(api, method, path)

    assert restored_through(story, api, f"away at {method} {path}", "aborted") == ""
