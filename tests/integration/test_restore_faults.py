# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores through trouble: an API server that refuses, loses answers and goes away, a backup server on a bad line.

Whatever happens, what is called a success is the whole restored state, and what fails can be ended either way.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from integration.che_bed import Cluster, Home, Outcome, installation, new_home
from integration.faulty_api import READS, WRITES, Cut, FaultyApi, at_request, at_stream, now_and_then
from integration.restore_story import SECONDS, Story
from integration.s3_server import address_for_pods
from integration.server_places import Place, rest
from integration.weak_link import WeakLink
from sampling import SEED

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("restores past faults")]

NAMESPACE = "it-restore-faults"
AWAY_SECONDS = 30
# Of what a restore without trouble fetches: one more or less differs by the answers to its questions alone.
SURELY_FETCHED = 0.9
# An answer that ends well is longer, even that of a program that prints nothing.
SHORT_STREAM = 30


@pytest.fixture(scope="module")
def api() -> Iterator[FaultyApi]:
    relay = FaultyApi.before(Path(os.environ["KUBECONFIG"]))
    yield relay
    relay.close()


@pytest.fixture(scope="module")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def place(che_test_cluster: Cluster, server_folder: Path) -> Iterator[Place]:
    """A backup server behind a link that can be weak."""
    with rest(address_for_pods(che_test_cluster), server_folder) as found:
        yield found


@dataclass(frozen=True)
class Backup:
    """The backup that is restored.

    Args:
        id: Its id.
        packs: The files that hold its content, and nothing of safety backups; the largest one, the dump's, first.
    """

    id: str
    packs: Sequence[Path]


@pytest.fixture(scope="module")
def home(che_test_cluster: Cluster, place: Place) -> Iterator[Home]:
    made = new_home(che_test_cluster, NAMESPACE, "v1", place.by_url(place.password), size_mb=4)
    made.configure()
    yield made
    installation.destroy_namespace(che_test_cluster, NAMESPACE, wait=False)


@pytest.fixture(scope="module")
def backup(home: Home, server_folder: Path) -> Backup:
    made = home.run("cluster_backup")["id"]
    packs = [path for path in (server_folder / "data" / "che" / "data").rglob("*") if path.is_file()]
    return Backup(made, sorted(packs, key=lambda path: -path.stat().st_size))


@pytest.fixture(scope="module")
def story(home: Home, backup: Backup, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return Story(home, tmp_path_factory.mktemp("faults"), backup.id, saved=home.proof())


@dataclass(frozen=True)
class Quiet:
    """What a restore without trouble takes.

    Args:
        fetched: The bytes that come from the backup server.
        streams: How many programs it runs in pods.
    """

    fetched: int
    streams: int


@pytest.fixture(scope="module")
def quiet(story: Story, place: Place, api: FaultyApi) -> Quiet:
    link = place.link
    assert link is not None
    story.change()
    received, streams = link.received, api.streams
    outcome = story.home.start("cluster_restore", host=api.url, **story.asked()).outcome(SECONDS)
    restored(story, outcome)
    return Quiet(link.received - received, api.streams - streams)


def restored(story: Story, outcome: Outcome) -> None:
    """Judge a success."""
    assert not outcome.failed, f"{outcome.message} {outcome.result.get('stages')}"
    differences = story.differences(story.saved)
    assert differences == [], outcome.result.get("stages")
    story.is_changed = False
    left = story.leftovers()
    assert left == [], outcome.result.get("stages")


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
    story: Story, api: FaultyApi, quiet: Quiet, moment: int
) -> None:
    """Nobody knows then whether its statements were carried out."""
    chance = random.Random(f"{SEED} stream {moment}")
    number, length = chance.randint(1, quiet.streams), chance.randrange(SHORT_STREAM)
    api.fault = at_stream(number, Cut(length))

    way = chance.choice(["restored", "aborted"])
    failure = restored_through(story, api, f"stream {number} of {quiet.streams}, after {length} bytes", way)

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


def slow(link: WeakLink, _place: int) -> None:
    link.rate = 400_000


def cut(link: WeakLink, place: int) -> None:
    link.break_back_at = place


def spoil(link: WeakLink, place: int) -> None:
    link.spoil_at = place


def cut_for_good(link: WeakLink, place: int) -> None:
    link.stays_broken = True
    link.break_back_at = place


@dataclass(frozen=True)
class Line:
    """What may be wrong with a line.

    Args:
        weaken: Makes it so, from a byte on that comes from the server.
        happened: How often it has shown.
    """

    weaken: Callable[[WeakLink, int], None]
    happened: Callable[[WeakLink], int]


# Under TLS a byte that was spoilt on its way is a broken connection, and is seen as one.
LINES = {
    "slow": Line(slow, lambda link: link.waits),
    "cut": Line(cut, lambda link: link.breaks),
    "spoilt": Line(spoil, lambda link: link.spoiled),
    "lost": Line(cut_for_good, lambda link: link.breaks),
}


@pytest.mark.soak(keep=2)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", LINES)
def test_a_restore_over_a_bad_line_to_its_backup_server(
    story: Story, place: Place, quiet: Quiet, name: str, seed: int
) -> None:
    link, line = place.link, LINES[name]
    assert link is not None
    chance = random.Random(f"{SEED} {name} {seed}")
    story.change()
    before = line.happened(link)
    line.weaken(link, link.received + chance.randint(1, round(quiet.fetched * SURELY_FETCHED)))

    outcome = story.home.start("cluster_restore", **story.asked()).outcome(SECONDS)
    link.up()
    link.stays_broken = False

    assert line.happened(link) > before, "nothing went wrong, so that nothing was tried"
    if outcome.failed:
        assert name == "lost", outcome.message
        story.end(chance.choice(["restored", "aborted"]), f"line {name}")
        return
    restored(story, outcome)


@contextmanager
def spoilt(pack: Path, place: int) -> Iterator[None]:
    """A file of the repository with one byte of its content changed, for as long as the block lasts."""
    sound = pack.read_bytes()
    pack.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
    try:
        yield
    finally:
        pack.write_bytes(sound)


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize("safety_backup", [True, False])
@pytest.mark.parametrize("what", ["the dump", "everything"])
def test_a_backup_whose_content_is_spoilt_is_not_restored(
    story: Story, backup: Backup, what: str, safety_backup: bool
) -> None:
    story.change()
    with ExitStack() as spoiling:
        for pack in backup.packs if what == "everything" else backup.packs[:1]:
            # In its first blob, after what that is encrypted with; or in the midst of the data.
            spoiling.enter_context(spoilt(pack, 20 if what == "everything" else pack.stat().st_size // 2))
        outcome = story.home.start("cluster_restore", safety_backup=safety_backup, **story.asked()).outcome(SECONDS)

    assert outcome.failed
    # A safety backup that would consist of what is spoilt too, as that is there already, reads it back: its own stage.
    assert outcome.result["stage"] in ("plan", "stage", *(["dump"] if safety_backup else [])), outcome.message
    assert re.search("damaged|ciphertext verification failed", outcome.message), outcome.message
    assert outcome.result["stage"] != "stage" or "community.che.backup_verify" in outcome.message
    assert story.differences(story.changed) == []
    assert story.leftovers() == []
