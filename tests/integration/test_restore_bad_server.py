# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores from a backup server in trouble: on a bad line, or with content that is spoilt.

Whatever happens, what is called a success is the whole restored state, and what fails can be ended either way.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from integration.che_bed import Cluster
from integration.restore_faults_bed import Bed, backed_up, restored
from integration.restore_story import SECONDS
from integration.weak_link import WeakLink
from sampling import SEED

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("restores from a bad server")]

NAMESPACE = "it-restore-bad-server"
# Of what a restore without trouble fetches: one more or less differs by the answers to its questions alone.
SURELY_FETCHED = 0.9


@pytest.fixture(scope="module")
def bed(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with backed_up(che_test_cluster, NAMESPACE, tmp_path_factory.mktemp("bed")) as made:
        yield made


@pytest.fixture(scope="module")
def fetched(bed: Bed) -> int:
    """The bytes that a restore without trouble gets from the backup server."""
    story, before = bed.story, bed.link.received
    story.change()
    restored(story, story.home.start("cluster_restore", **story.asked()).outcome(SECONDS))
    return bed.link.received - before


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


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", LINES)
def test_a_restore_over_a_bad_line_to_its_backup_server(bed: Bed, fetched: int, name: str, seed: int) -> None:
    story, link, line = bed.story, bed.link, LINES[name]
    chance = random.Random(f"{SEED} {name} {seed}")
    story.change()
    before = line.happened(link)
    line.weaken(link, link.received + chance.randint(1, round(fetched * SURELY_FETCHED)))

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
def test_a_backup_whose_content_is_spoilt_is_not_restored(bed: Bed, what: str, safety_backup: bool) -> None:
    story = bed.story
    story.change()
    with ExitStack() as spoiling:
        for pack in bed.packs if what == "everything" else bed.packs[:1]:
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
