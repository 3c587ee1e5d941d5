# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Che of the last generation that had a database, CheCluster v2: moved, brought back, and moved for good."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from integration.che_bed import Cluster, wait_until
from integration.migration_bed import Bed, migration_bed

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def bed(che_test_cluster: Cluster) -> Iterator[Bed]:
    with migration_bed(che_test_cluster, "it-migration-v2", size_mb=1, variant="v2-database") as found:
        yield found


def test_it_moves_and_goes_back(bed: Bed) -> None:
    result = bed.home.run("database_migration", **bed.options)
    assert (result["changed"], result["committed"]) == (True, False)
    assert result["diff"]["after"]["components"]["database"]["externalDb"] is True
    assert (bed.uses_external(), bed.figures() == bed.before) == (True, True)

    bed.home.run("database_migration", state="aborted")

    wait_until(lambda: not bed.uses_external(), 60, lambda: "Che is still on the other server")
    assert bed.figures() == bed.before
    assert bed.left_behind() == []


def test_it_moves_for_good_and_comes_home(bed: Bed) -> None:
    bed.make_database()
    assert bed.home.run("database_migration", commit=True, **bed.options)["committed"] is True
    assert (bed.uses_external(), bed.figures() == bed.before) == (True, True)
    assert bed.home.run("database_migration", commit=True, **bed.options)["changed"] is False

    assert bed.home.run("database_migration", to="embedded", commit=True)["committed"] is True

    wait_until(lambda: not bed.uses_external(), 60, lambda: "Che is still on the other server")
    assert bed.figures() == bed.before
