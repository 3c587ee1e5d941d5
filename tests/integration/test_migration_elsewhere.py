# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Che's database moved from one server of somebody else's to another one, whose authority is another one too.

The tests build on each other and run in their order. The judge is the stand-in's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
from che_standin import database
from integration.che_bed import Cluster, wait_until
from integration.external_postgres import ExternalPostgres, external_postgres
from integration.in_time import in_time
from integration.migration_bed import DATABASE, SESSIONS, WRITE, Bed, migration_bed

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("from one server to another")]

SECRET = "other-credentials"
TRUSTED = "external-postgres-ca"


@dataclass(frozen=True)
class Story:
    """Che on one server, and another one that it may go to."""

    bed: Bed
    other: ExternalPostgres

    @property
    def options(self) -> dict[str, Any]:
        place = {"database_host": self.other.host, "database_port": self.other.port, "database": "dbche"}
        return {**self.bed.options, **place, "credentials_secret": SECRET, "ca_certificate": self.other.authority}

    def uses_other(self) -> bool:
        return self.other.sql(SESSIONS) != "0"

    def trusted(self) -> str:
        found = self.bed.home.cluster.find("v1", "ConfigMap", TRUSTED, self.bed.home.namespace)
        assert found is not None
        return str(found["data"][f"{TRUSTED}.crt"])

    def write(self) -> dict[str, Any]:
        """Write through Che's pod, which starts anew whenever Che is told of other authorities; what is there then."""
        return in_time(self._write, "Che has no pod that stays")

    def _write(self) -> dict[str, Any]:
        holder, *_others = database.find(self.bed.home.cluster, self.bed.home.namespace)
        database.psql(self.bed.home.cluster, holder, WRITE)
        return self.bed.figures()


@pytest.fixture(scope="module")
def story(che_test_cluster: Cluster) -> Iterator[Story]:
    with ExitStack() as stack:
        bed = stack.enter_context(migration_bed(che_test_cluster, "it-migration-elsewhere", size_mb=2))
        other = stack.enter_context(external_postgres(bed.server.host))
        login = other.make_login("pgche")
        other.sql(f"CREATE DATABASE dbche OWNER {login.role};")
        # Who stores them has other rights than who migrates.
        administrator = replace(bed.home, auth={})
        credentials = {"credentials_secret": SECRET, "database_user": login.role, "database_password": login.password}
        administrator.run("external_database_credentials", **credentials)
        bed.home.run("database_migration", commit=True, **bed.options)
        yield Story(bed, other)


def test_it_moves_and_one_command_goes_back(story: Story) -> None:
    bed = story.bed
    result = bed.home.run("database_migration", **story.options)

    assert (result["changed"], result["committed"], result["copied_again"]) == (True, False, False)
    assert (story.uses_other(), bed.figures() == bed.before) == (True, True)
    assert [authority in story.trusted() for authority in (bed.server.authority, story.other.authority)] == [True, True]
    # What was left can only be read.
    read_only = "SELECT count(*) FROM pg_db_role_setting WHERE setconfig::text LIKE '%read_only=on%';"
    assert bed.server.sql(read_only) != "0"

    bed.home.run("database_migration", state="aborted")

    wait_until(bed.uses_external, 60, bed.server.logged)
    assert (story.uses_other(), bed.figures() == bed.before, bed.left_behind()) == (False, True, [])
    assert (story.trusted(), bed.server.sql(read_only)) == (bed.server.authority, "0")
    story.write()


def test_what_came_into_the_database_meanwhile_is_not_lost(story: Story) -> None:
    """It was empty when it was looked at, minutes before it is loaded into."""
    bed, other = story.bed, story.other
    other.sql("DROP DATABASE dbche WITH (FORCE); CREATE DATABASE dbche OWNER pgche;")
    running = bed.home.start("database_migration", **story.options)
    wait_until(
        lambda: any("che-dump" in pod["metadata"]["name"] for pod in bed.home.ours("Pod")), 120, lambda: "no dump"
    )
    other.sql("CREATE TABLE theirs (id int); INSERT INTO theirs VALUES (1);", "dbche")

    outcome = running.outcome()

    assert outcome.failed
    assert "It is not empty" in outcome.message
    assert outcome.message.endswith("Che uses the databases that it used before.")
    assert other.sql("SELECT count(*) FROM theirs;", "dbche") == "1"
    # Che may be starting anew for the authorities that were trusted before.
    wait_until(bed.uses_external, 60, bed.server.logged)
    assert bed.left_behind() == []
    other.sql("DROP TABLE theirs;", "dbche")


def test_it_moves_for_good_with_what_was_written_since(story: Story) -> None:
    bed = story.bed
    before = story.write()

    result = bed.home.run("database_migration", commit=True, **story.options)

    assert (result["committed"], story.uses_other(), bed.figures() == before) == (True, True, True)
    assert bed.server.sql(SESSIONS) == "0"
    assert story.bed.login.password not in json.dumps(result)
    assert bed.server.sql("SELECT count(*) > 0 FROM che.audit;", DATABASE) == "t"
    assert bed.home.run("database_migration", commit=True, **story.options)["changed"] is False
