# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make test` takes of what is too long for every run; `make soak` takes all."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import pytest
from tools.seed import chosen_seed

SEED = chosen_seed()

T = TypeVar("T")


class Item(Protocol):
    """A test as pytest has collected it."""

    @property
    def nodeid(self) -> str: ...

    def get_closest_marker(self, name: str) -> Any: ...


AnItem = TypeVar("AnItem", bound=Item)


@dataclass
class Extent:
    """Whether this run takes all; set before tests are collected."""

    whole: bool = False


EXTENT = Extent()


def sampled(values: Sequence[T], of: Sequence[T] = ()) -> Sequence[T]:
    """All values, or one of them: the same one for the same seed. For the parameters of fixtures.

    Args:
        values: What a whole run takes.
        of: What a sample is taken of, where other tests see to the rest in every run.
    """
    return values if EXTENT.whole else (random.Random(SEED).choice(of or values),)


def cases(found: Iterable[str], always: Collection[str]) -> list[Any]:
    """The cases of a soak test by their names, of which every run takes some, beside those that are drawn."""
    return [pytest.param(case, id=case, marks=[pytest.mark.always] if case in always else []) for case in found]


def left_out(items: Sequence[AnItem], seed: int = SEED) -> list[AnItem]:
    """The tests that a sample does without: some cases of each soak test, and all but one of the soak suites."""
    cases: dict[str, list[AnItem]] = defaultdict(list)
    suites: dict[str, list[AnItem]] = defaultdict(list)
    for item in items:
        suite = item.get_closest_marker("soak_suite")
        if suite:
            suites[suite.args[0]].append(item)
        if item.get_closest_marker("soak"):
            cases[item.nodeid.partition("[")[0]].append(item)
    chance = random.Random(seed)
    dropped = {item.nodeid for group in cases.values() for item in group}
    dropped -= {item.nodeid for _, group in sorted(cases.items()) for item in _kept(group, chance)}
    if suites:
        names = sorted(suites)
        # By the names too: groups of the same size would always take the one at the same place.
        taken = random.Random(f"{seed} {names}").choice(names)
        dropped |= {item.nodeid for name in names if name != taken for item in suites[name]}
    return [item for item in items if item.nodeid in dropped]


def _kept(group: list[AnItem], chance: random.Random) -> list[AnItem]:
    """The cases of a soak test that are kept: those that every run takes, and as many others as its marker says."""
    always = [item for item in group if item.get_closest_marker("always")]
    others = [item for item in group if item not in always]
    count = group[0].get_closest_marker("soak").kwargs.get("keep", 1)
    return always + chance.sample(others, min(len(others), count))
