# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What proves the backup of a database on another server: a drill its objects, a migration and its abort the rest.

The tests build on each other and run in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from integration.che_bed import Cluster, wait_until
from integration.migration_bed import DATABASE, Bed, migration_bed

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("drills of a database elsewhere")]

SPARE = "spare"


@pytest.fixture(scope="module")
def bed(che_test_cluster: Cluster) -> Iterator[Bed]:
    """Che on another server, and a backup of that."""
    with migration_bed(che_test_cluster, "it-external-drill", size_mb=2) as found:
        found.home.run("database_migration", commit=True, **found.options)
        found.home.run("cluster_backup", database="external")
        yield found


def test_a_drill_proves_the_objects_only_and_says_so(bed: Bed) -> None:
    result = replace(bed.home, auth={}).run("restore_drill")

    assert (result["verdict"], result["verified"]["databases"]) == ("objects only", 0)
    (why,) = (entry["why"] for entry in result["not_verified"] if entry["what"].startswith("database "))
    assert why == "Che's operator runs no server for it here"


def test_a_migration_proves_the_dump_and_its_abort_brings_che_back(bed: Bed) -> None:
    bed.make_database(SPARE)
    before = bed.figures()

    moved = bed.home.run("database_migration", id="latest", **{**bed.options, "database": SPARE})

    assert (bed.place(), moved["committed"]) == (SPARE, False)
    assert bed.figures() == before

    bed.home.run("database_migration", state="aborted")

    wait_until(lambda: bed.places_in_use() == DATABASE, 60, bed.server.logged)
    assert (bed.place(), bed.figures(), bed.left_behind()) == (DATABASE, before, [])
    bed.server.sql(f"DROP DATABASE {SPARE};")
