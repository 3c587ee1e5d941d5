# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Che's database moved to a server of somebody else's and back, with what is in it.

The tests build on each other and run in their order. The judge is the stand-in's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from che_standin.errors import StandinError
from integration import legacy_bed
from integration.che_bed import Cluster, database, installation, wait_until
from integration.migration_bed import DATABASE, WRITE, Bed, migration_bed

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def bed(che_test_cluster: Cluster) -> Iterator[Bed]:
    with migration_bed(che_test_cluster, "it-migration", size_mb=2) as found:
        yield found


def test_what_is_in_the_way_is_said_before_anything_is_made(bed: Bed) -> None:
    before = bed.home.versions()
    bed.server.sql("CREATE FUNCTION public.there() RETURNS int LANGUAGE sql AS 'SELECT 1';", DATABASE)
    outcome = bed.home.fail("database_migration", **bed.options)
    assert "it holds 1 tables, functions or other things already" in outcome.message
    assert outcome.result["stage"] == "check"
    bed.server.sql("DROP FUNCTION public.there();", DATABASE)

    outcome = bed.home.fail("database_migration", **{**bed.options, "credentials_secret": "none"})
    assert "The Secret with a database's credentials is missing" in outcome.message
    outcome = bed.home.fail("database_migration", to="external", database_host=bed.server.host)
    assert "option credentials_secret" in outcome.message

    assert bed.home.versions() == {**before, **bed.records()}


def test_beside_the_old_operator_s_snapshots_it_is_to_be_asked_for(bed: Bed) -> None:
    """That operator's restore takes the last snapshot, which would be the copy then."""
    access = legacy_bed.access_of(bed.home)
    snapshot = legacy_bed.back_up(access, {"che-cr.yaml": "kind: CheCluster\n"})
    before = bed.home.versions()
    outcome = bed.home.fail("database_migration", **bed.options)
    assert (outcome.result["stage"], "beside_legacy: true" in outcome.message) == ("check", True)
    assert bed.home.versions() == {**before, **bed.records()}
    assert [backup["id"] for backup in bed.home.backups()] == [snapshot]

    bed.home.run("database_migration", beside_legacy=True, **bed.options)
    # What has begun goes on, and back, without it.
    assert bed.home.run("database_migration", **bed.options)["resumed"] is True
    assert bed.home.run("database_migration", state="aborted")["changed"] is True
    wait_until(lambda: not bed.uses_external(), 60, lambda: "Che is still on the other server")
    legacy_bed.open_repository(access).restic.for_writing().forget_ids([snapshot])
    bed.make_database()


def test_check_mode_tells_what_would_be_done(bed: Bed) -> None:
    before = bed.home.versions()
    result = bed.home.run("database_migration", check=True, **bed.options)
    assert result["changed"] is True
    assert result["diff"]["after"]["database"]["chePostgresHostName"] == bed.server.host
    assert bed.home.versions() == before
    assert bed.home.run("database_migration", check=True, to="embedded")["changed"] is False


def test_it_moves_and_waits(bed: Bed) -> None:
    result = bed.home.run("database_migration", **bed.options)

    assert (result["changed"], result["committed"], result["copied_again"]) == (True, False, False)
    assert 0 < result["outage_seconds"] < 60
    assert result["verified"]["large_objects"] == bed.before["large_objects"]["count"]
    assert bed.uses_external()
    assert bed.figures() == bed.before
    # Both are PostgreSQL 15.
    assert [check["result"] for check in result["checks"] if check["name"] == "way back"] == ["passed"]
    assert bed.left_behind() == ["che-migration-journal", "che-migration-way-back"]
    assert bed.login.password not in json.dumps(result)
    (copy,) = bed.home.backups(id=result["id"])
    assert copy["state"] == "complete"


def test_as_long_as_it_waits_a_second_time_changes_nothing(bed: Bed) -> None:
    result = bed.home.run("database_migration", **bed.options)
    assert (result["changed"], result["resumed"], result["committed"]) == (False, True, False)
    outcome = bed.home.fail("database_migration", **{**bed.options, "database": "another"})
    assert "begun with other options" in outcome.message
    outcome = bed.home.fail("cluster_restore")
    assert "A migration of this installation is unfinished" in outcome.message


def test_what_was_left_can_only_be_read(bed: Bed) -> None:
    with pytest.raises(StandinError, match="read-only"):
        database.psql(bed.home.cluster, bed.embedded, WRITE)


def test_one_command_goes_back(bed: Bed) -> None:
    result = bed.home.run("database_migration", state="aborted")

    assert (result["changed"], bool(result["aborted"])) == (True, True)
    assert "keeps what Che wrote to it" in json.dumps(result["warnings"])
    wait_until(lambda: not bed.uses_external(), 60, lambda: "Che is still on the other server")
    assert bed.figures() == bed.before
    database.psql(bed.home.cluster, bed.embedded, WRITE)
    assert bed.left_behind() == []
    again = bed.home.run("database_migration", state="aborted")
    assert (again["changed"], again["aborted"]) == (False, "")


def test_what_is_written_while_it_is_copied_comes_along(bed: Bed) -> None:
    bed.make_database()
    bed.before = bed.figures()
    running = bed.home.start("database_migration", commit=True, **bed.options)
    loading = "job-name"
    wait_until(lambda: any("che-load" in pod["metadata"]["name"] for pod in bed.home.ours("Pod")), 120, lambda: loading)
    database.psql(bed.home.cluster, bed.embedded, WRITE)
    after = bed.figures()
    assert after != bed.before

    outcome = running.outcome()

    assert not outcome.failed, outcome.message
    assert (outcome.result["copied_again"], outcome.result["committed"]) == (True, True)
    assert bed.uses_external()
    assert bed.figures() == after
    assert bed.left_behind() == []
    again = bed.home.run("database_migration", commit=True, **bed.options)
    assert again["changed"] is False


def test_a_backup_is_restored_there_into_a_database_of_its_own(bed: Bed) -> None:
    backup = bed.home.run("cluster_backup", database="external")
    before = bed.figures()
    holder, *_others = database.find(bed.home.cluster, bed.home.namespace)
    database.psql(bed.home.cluster, holder, "DELETE FROM che.audit;")
    outcome = bed.home.fail("database_migration", id=backup["id"], **bed.options)
    assert "one that is in use is not restored over" in outcome.message
    bed.server.sql(f'DROP DATABASE IF EXISTS restored; CREATE DATABASE restored OWNER "{bed.login.role}";')

    result = bed.home.run("database_migration", id=backup["id"], commit=True, **{**bed.options, "database": "restored"})

    assert (result["changed"], result["committed"], result["id"]) == (True, True, backup["id"])
    (safety,) = bed.home.backups(id=result["safety_backup_id"])
    assert safety["state"] == "complete"
    assert bed.figures() == before
    assert bed.server.sql("SELECT count(*) FROM che.audit;", DATABASE) == "0"


def test_a_lost_database_is_restored_without_it(bed: Bed) -> None:
    backup = bed.home.run("cluster_backup", database="external")
    before = bed.figures()
    bed.server.sql("DROP DATABASE restored WITH (FORCE);")
    bed.make_database()
    outcome = bed.home.fail("database_migration", id="latest", **bed.options)
    assert 'database "restored" does not exist' in outcome.message
    assert bed.left_behind() == []

    result = bed.home.run("database_migration", id="latest", safety_backup=False, commit=True, **bed.options)

    assert (result["id"], result["safety_backup_id"]) == (backup["id"], "")
    assert "could not be closed" in json.dumps(result["warnings"])
    assert bed.figures() == before


def test_it_comes_back_with_what_was_written_since(bed: Bed) -> None:
    holder, *_others = database.find(bed.home.cluster, bed.home.namespace)
    database.psql(bed.home.cluster, holder, WRITE)
    before = bed.figures()

    result = bed.home.run("database_migration", to="embedded", commit=True)

    assert (result["changed"], result["committed"]) == (True, True)
    wait_until(lambda: not bed.uses_external(), 60, lambda: "Che is still on the other server")
    assert bed.figures() == before
    names = database.psql(bed.home.cluster, bed.embedded, "SELECT datname FROM pg_database;", "-At").split()
    assert [name for name in names if name.startswith("che-")] == []
    database.psql(bed.home.cluster, bed.embedded, WRITE)
    assert bed.left_behind() == []
    assert installation.is_ready(bed.che())


@pytest.mark.soak(keep=0)
def test_hundreds_of_megabytes_arrive_whole(che_test_cluster: Cluster) -> None:
    with migration_bed(che_test_cluster, "it-migration-large", size_mb=300) as large:
        result = large.home.run("database_migration", commit=True, **large.options)

        assert (result["committed"], result["copied_again"]) == (True, False)
        assert large.figures() == large.before
        assert int(large.server.sql("SELECT pg_database_size(current_database());", DATABASE)) > 200_000_000


@pytest.mark.soak(keep=0)
def test_a_disk_that_is_too_small_leaves_all_as_it_was(che_test_cluster: Cluster) -> None:
    with migration_bed(che_test_cluster, "it-migration-full", size_mb=40, megabytes=64) as full:
        outcome = full.home.fail("database_migration", **full.options)

        assert "No space left on device" in outcome.message
        assert "Make room on the disk of the database's server" in outcome.message
        assert outcome.message.endswith("Che uses the databases that it used before.")
        assert outcome.result["stage"] == "stage"
        assert (full.left_behind(), full.is_external()) == ([], False)
        assert full.figures() == full.before
        database.psql(full.home.cluster, full.embedded, WRITE)
        tables = full.server.sql("SELECT count(*) FROM pg_tables WHERE schemaname !~ '^(pg_|info)';", DATABASE)
        assert tables == "0"
