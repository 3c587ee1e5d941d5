# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores through trouble: an API server that refuses, loses answers and goes away, a backup server on a bad line.

Whatever happens, what is called a success is the whole restored state, and what fails can be ended either way.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.che_bed import Cluster, installation, new_home
from integration.faulty_api import FaultyApi, now_and_then
from integration.restore_story import SECONDS, Story
from integration.s3_server import address_for_pods
from integration.server_places import Place, rest
from integration.weak_link import WeakLink
from sampling import SEED

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("restores past faults")]

NAMESPACE = "it-restore-faults"
AWAY_SECONDS = 30
# What a restore fetches at least.
DUMP_BYTES = 4_000_000


@pytest.fixture(scope="module")
def api() -> Iterator[FaultyApi]:
    relay = FaultyApi.before(Path(os.environ["KUBECONFIG"]))
    yield relay
    relay.close()


@pytest.fixture(scope="module")
def place(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A backup server behind a link that can be weak."""
    with rest(address_for_pods(che_test_cluster), tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture(scope="module")
def story(che_test_cluster: Cluster, place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    home = new_home(che_test_cluster, NAMESPACE, "v1", place.by_url(place.password), size_mb=4)
    home.configure()
    home.run("cluster_backup")
    yield Story(home, tmp_path_factory.mktemp("faults"), saved=home.proof())
    installation.destroy_namespace(che_test_cluster, NAMESPACE, wait=False)


def restored_through(story: Story, api: FaultyApi, what: str, way: str) -> str:
    """Restore through the relay; a failure is ended without it. Why it failed; empty for a success at once."""
    story.change()
    api.happened.clear()
    outcome = story.home.start("cluster_restore", host=api.url).outcome(SECONDS)
    api.fault = lambda _method, _path: None
    assert api.happened, "nothing went wrong, so that nothing was tried"
    if outcome.failed:
        assert outcome.result.get("stage"), outcome.message
        if "Everything is as it was before the restore." in outcome.message:
            assert story.differences(story.changed) == [], outcome.message
        story.end(way, what)
        return outcome.message
    assert story.differences(story.saved) == []
    story.is_changed = False
    return ""


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("faults", [[429], [500, 503], [409], ["lose"], [409, 429, 500, "lose"]], ids=str)
def test_a_restore_past_an_api_server_in_trouble(story: Story, api: FaultyApi, faults: list[Any], seed: int) -> None:
    chance = random.Random(f"{SEED} {faults} {seed}")
    api.fault = now_and_then(chance, faults)

    failure = restored_through(story, api, f"faults {faults}", chance.choice(["restored", "aborted"]))

    # To be told to wait, or that a request failed, is nothing that a restore should fail for.
    assert failure == "" or 409 in faults or "lose" in faults


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


def slow(link: WeakLink, _chance: random.Random) -> None:
    link.rate = 400_000


def cut(link: WeakLink, chance: random.Random) -> None:
    link.break_back_at = link.received + chance.randint(1, DUMP_BYTES)


def spoil(link: WeakLink, chance: random.Random) -> None:
    link.spoil_at = link.received + chance.randint(1, DUMP_BYTES)


def cut_for_good(link: WeakLink, chance: random.Random) -> None:
    link.stays_broken = True
    link.break_at = link.sent + chance.randint(1, 200_000)


LINES: dict[str, Callable[[WeakLink, random.Random], None]] = {
    "slow": slow,
    "cut": cut,
    "spoilt": spoil,
    "lost": cut_for_good,
}


@pytest.mark.soak(keep=2)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("line", LINES)
def test_a_restore_over_a_bad_line_to_its_backup_server(story: Story, place: Place, line: str, seed: int) -> None:
    link = place.link
    assert link is not None
    chance = random.Random(f"{SEED} {line} {seed}")
    story.change()
    LINES[line](link, chance)

    outcome = story.home.start("cluster_restore").outcome(SECONDS)
    link.up()
    link.stays_broken = False

    if outcome.failed:
        assert line == "lost", outcome.message
        story.end(chance.choice(["restored", "aborted"]), f"line {line}")
        return
    assert story.differences(story.saved) == []
    story.is_changed = False
