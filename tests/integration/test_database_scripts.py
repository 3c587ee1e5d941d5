# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scripts that the dump's and the load's Jobs run, against a real PostgreSQL, restic and rest-server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.community.che.plugins.module_utils._database._compare import compare, sequences_ahead
from ansible_collections.community.che.plugins.module_utils._database._dump import parse_dump_log
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from integration.database_bed import DIFFICULT, SECRETS, TAGS, DatabaseBed, database_bed
from integration.job_process import SHELLS, wrapper


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseBed]:
    with database_bed(tmp_path_factory.mktemp("bed")) as bed:
        yield bed


@pytest.fixture(scope="module")
def difficult(bed: DatabaseBed) -> str:
    return bed.create("dbche", DIFFICULT)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_difficult_database_comes_back_equal(bed: DatabaseBed, difficult: str, shell: str) -> None:
    bed.shell = shell
    dumped = bed.dump(difficult)
    with bed.staged(difficult, "r1") as (_names, endpoint):
        loaded = bed.load(endpoint, dumped.snapshot_id, difficult)
    assert compare(dumped.figures, loaded.figures) == []
    assert sequences_ahead(dumped.figures, loaded.figures) == []
    assert loaded.restricted
    assert dumped.warnings == ()
    assert len(dumped.figures.tables) == 20
    assert dumped.figures.large_objects.count == 3
