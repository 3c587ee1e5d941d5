# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the checkout importable as ``ansible_collections.community.che``, and samples the soak tests."""

from __future__ import annotations

import hashlib
import os
import sys
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
    return f"sample of the soak tests: CHE_TEST_SEED={sampling.SEED} draws the same again"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without --soak, keep some cases of each soak test and one of the soak suites: the same ones for the same seed."""
    if config.getoption("--soak"):
        return
    dropped = sampling.left_out(items)
    items[:] = [item for item in items if item not in dropped]
    config.hook.pytest_deselected(items=dropped)
