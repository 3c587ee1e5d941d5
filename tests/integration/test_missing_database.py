# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database that its server does not have, restored to it on a real server, and taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.community.che.plugins.module_utils._database import _missing, _staging, _swap
from ansible_collections.community.che.plugins.module_utils._database._errors import SwapFailed
from ansible_collections.community.che.plugins.module_utils._database._facts import read_facts
from integration.database_bed import OWNER, DatabaseBed, database_bed

DATABASE = "dropped"


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseBed]:
    with database_bed(tmp_path_factory.mktemp("bed")) as bed:
        yield bed


@pytest.fixture
def names(bed: DatabaseBed) -> Iterator[_staging.StagedNames]:
    """A database that is loaded, and handed over, for one that is missing."""
    names = _staging.names_for(DATABASE, "r1")
    for _time in range(2):
        facts = _missing.hold_place(bed.postgres.psql, names, OWNER)
    _staging.prepare(bed.postgres.psql, names, facts, 3600)
    _staging.hand_over(bed.postgres.psql, names, facts, OWNER)
    yield names
    for name in (names.database, names.staged, names.replaced):
        bed.postgres.psql(_staging.drop_database(name))


def standing(bed: DatabaseBed, names: _staging.StagedNames) -> set[str]:
    now = _staging.standing(bed.postgres.psql, names)
    return {what for what in ("database", "staged", "replaced") if getattr(now, what)}


def test_what_a_server_lacks_is_seen_with_the_role_that_it_would_belong_to(bed: DatabaseBed) -> None:
    psql = bed.postgres.psql
    bed.create("there")
    superuser = psql("SELECT pg_get_userbyid(10)").strip()

    assert _missing.find_missing(psql, "there", OWNER) is None
    found = [_missing.find_missing(psql, "no'where", user) for user in (OWNER, superuser, "nobody")]

    assert [(held.has_role, held.is_superuser) for held in found if held] == [
        (True, False),
        (True, True),
        (False, False),
    ]
    assert {held.server_version for held in found if held} == {int(psql("SHOW server_version_num"))}


def test_it_becomes_what_a_new_one_on_its_server_is(bed: DatabaseBed, names: _staging.StagedNames) -> None:
    bed.create("likewise")
    placed = _missing.hold_place(bed.postgres.psql, names, OWNER)
    _swap.swap(bed.postgres.psql, names)
    _swap.open_database(bed.postgres.psql, DATABASE)

    made, new = (read_facts(bed.postgres.psql, name, OWNER) for name in (DATABASE, "likewise"))

    assert made is not None
    assert new is not None
    shared = ("encoding", "collate", "ctype", "tablespace", "owner", "public_owner", "ordinary_extensions")
    for what in (*shared, "properties"):
        assert getattr(made, what) == getattr(new, what), what
    for what in shared:
        assert getattr(placed, what) == getattr(new, what), what


def test_it_is_put_in_place_and_committed(bed: DatabaseBed, names: _staging.StagedNames) -> None:
    psql = bed.postgres.psql
    assert standing(bed, names) == {"staged", "replaced"}

    assert _swap.swap(psql, names).changed
    assert not _swap.swap(psql, names).changed
    assert not _swap.is_open(psql, DATABASE)
    _swap.open_database(psql, DATABASE)
    assert standing(bed, names) == {"database", "replaced"}
    _swap.drop_replaced(psql, names)

    assert standing(bed, names) == {"database"}


@pytest.mark.parametrize("swapped", [True, False])
def test_on_the_way_back_it_is_missing_again(bed: DatabaseBed, names: _staging.StagedNames, swapped: bool) -> None:
    psql = bed.postgres.psql
    if swapped:
        _swap.swap(psql, names)
        _swap.open_database(psql, DATABASE)

    assert _swap.swap_back(psql, names, was_missing=True).changed is swapped
    assert not _swap.swap_back(psql, names, was_missing=True).changed
    assert standing(bed, names) == {"staged", "replaced"}
    for _time in range(2):
        _staging.clean_up(psql, names)
        _missing.let_go_of_place(psql, names)

    assert standing(bed, names) == set()
    assert not _swap.swap_back(psql, names, was_missing=True).changed


def test_one_that_somebody_makes_meanwhile_is_neither_replaced_nor_removed(
    bed: DatabaseBed, names: _staging.StagedNames
) -> None:
    psql = bed.postgres.psql
    bed.create(DATABASE, "CREATE TABLE theirs ();")

    with pytest.raises(SwapFailed, match="There is a replaced database of this run already"):
        _swap.swap(psql, names)
    assert not _swap.swap_back(psql, names, was_missing=True).changed
    _staging.clean_up(psql, names)
    _missing.let_go_of_place(psql, names)

    assert psql("SELECT count(*) FROM theirs", DATABASE).strip() == "0"
