# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where tests import the collection from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from tools.export_collection import CHECKOUT
from tools.link_farm import link_farm

RUNS = 8
ROUNDS = 50


def test_runs_that_begin_at_once_share_it(tmp_path: Path) -> None:
    """The first runs on a fresh machine are lanes beside each other."""
    begin = Barrier(RUNS)

    def run(cache: Path) -> Path:
        begin.wait()
        return link_farm(cache)

    with ThreadPoolExecutor(RUNS) as threads:
        for number in range(ROUNDS):
            cache = tmp_path / str(number)
            (farm,) = set(threads.map(run, [cache] * RUNS))
            assert (farm / "ansible_collections" / "community" / "che").readlink() == CHECKOUT
