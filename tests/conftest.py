# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the checkout importable as ``ansible_collections.community.che``, and samples the soak tests."""

from __future__ import annotations

import sys

import pytest
import sampling
from tools.export_collection import cache_folder
from tools.link_farm import link_farm

sys.path.insert(0, str(link_farm(cache_folder())))


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
