# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the checkout importable as ``ansible_collections.community.che``, and samples the soak tests."""

from __future__ import annotations

import hashlib
import os
import random
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import sampling

CHECKOUT = Path(__file__).resolve().parents[1]


def link_farm() -> Path:
    """A folder in which the checkout stands where Python looks for a collection.

    A link and not a copy, so that failures and breakpoints name the file that one edits.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "community.che"
    farm = cache / "farm" / hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]
    link = farm / "ansible_collections" / "community" / "che"
    if not link.is_symlink():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(CHECKOUT)
    return farm


sys.path.insert(0, str(link_farm()))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run every case of the soak tests instead of a seeded sample")
    parser.addoption("--restic", metavar="NAME", help="run the integration tests with this program as their restic")


def pytest_configure(config: pytest.Config) -> None:
    sampling.EXTENT.whole = config.getoption("--soak")


def pytest_report_header() -> str:
    return f"sample of the soak tests: CHE_TEST_SEED={sampling.SEED}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without --soak, keep some cases of each soak test and one of the soak suites: the same ones for the same seed."""
    if config.getoption("--soak"):
        return
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    suites: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        suite = item.get_closest_marker("soak_suite")
        if suite:
            suites[suite.args[0]].append(item)
        if item.get_closest_marker("soak"):
            cases[item.nodeid.partition("[")[0]].append(item)
    chosen = random.Random(sampling.SEED)
    kept = {item.nodeid for _, group in sorted(cases.items()) for item in chosen.sample(group, _kept_of(group))}
    dropped = [item for group in cases.values() for item in group if item.nodeid not in kept]
    if suites:
        suite_kept = random.Random(sampling.SEED).choice(sorted(suites))
        dropped += [
            item for name, group in suites.items() if name != suite_kept for item in group if item not in dropped
        ]
    items[:] = [item for item in items if item not in dropped]
    config.hook.pytest_deselected(items=dropped)


def _kept_of(group: list[pytest.Item]) -> int:
    """How many cases of a soak test are kept: one, unless its nearest marker says ``keep``."""
    marker = group[0].get_closest_marker("soak")
    return min(len(group), marker.kwargs.get("keep", 1) if marker else 1)
