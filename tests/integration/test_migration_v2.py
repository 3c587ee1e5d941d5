# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Che of the last generation that had a database, CheCluster v2: moved, brought back, and told of another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from integration.che_bed import Cluster, installation, wait_until
from integration.migration_bed import DATABASE, SECRET, Bed, migration_bed

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("migration_v2")]


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


def test_it_is_configured_without_what_it_has(bed: Bed) -> None:
    bed.make_database()
    # Who migrates may not write this.
    administrator = replace(bed.home, auth={})

    result = administrator.run("external_database", leave_data=True, **bed.options)

    assert result["changed"] is True
    (che,) = bed.home.cluster.list_all("org.eclipse.che/v2", "CheCluster", bed.home.namespace)
    written = che["spec"]["components"]["database"]
    assert {key: written[key] for key in ("externalDb", "postgresHostName", "postgresPort", "postgresDb")} == {
        "externalDb": True,
        "postgresHostName": bed.server.host,
        "postgresPort": str(bed.server.port),
        "postgresDb": DATABASE,
    }
    assert written["credentialsSecretName"] == SECRET
    assert (bed.uses_external(), installation.is_ready(che)) == (True, True)
    assert administrator.run("external_database", **bed.options)["changed"] is False
    assert administrator.run("external_database", leave_data=True, **bed.options)["changed"] is False
