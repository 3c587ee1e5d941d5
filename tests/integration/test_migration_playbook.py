# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documented playbook that moves an installation with an identity provider: both databases, there, back and on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.che_bed import (
    BackupServer,
    Cluster,
    Home,
    database,
    home_with_identity,
    installation,
    proof,
    wait_until,
)
from integration.external_postgres import ExternalPostgres, external_postgres
from integration.external_role_bed import HOSTILE_PASSWORD, Bed, Played, bed_in
from integration.in_time import in_time

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("playbooks that migrate")]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "database_migration.md"
NAMESPACE = "it-migration-playbook"
SERVER_NAMESPACE = f"{NAMESPACE}-server"


@dataclass(frozen=True)
class Story:
    """An installation, and the play that moves its databases."""

    bed: Bed
    before: list[dict[str, Any]]

    def play(self, *arguments: str, **changes: str) -> Played:
        """Run the documented play, with the test's own places; it must succeed."""
        played = self.try_to_play(*arguments, **changes)
        assert not played.failed, played.said[-4000:]
        return played

    def try_to_play(self, *arguments: str, **changes: str) -> Played:
        """Run the documented play, with the test's own places."""
        section = PAGE.read_text(encoding="utf-8").partition("## In one run\n")[2]
        (play,) = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])
        (role,) = play["roles"]
        bed = self.bed
        role |= {
            "external_postgresql_namespace": NAMESPACE,
            "external_postgresql_host": bed.server.host,
            "external_postgresql_ca_path": str(bed.server.ca_file),
        }
        # The judge looks at who owns what, too.
        others = {"port": bed.server.port, "user": "pgche", "latency_ms": 5000, "login_user": bed.administrator.role}
        variables = {f"external_postgresql_{name}": value for name, value in {**others, **changes}.items()}
        variables["vault_postgres_password"] = bed.administrator.password
        play["vars"] = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        (bed.folder / "migrate.yml").write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")
        return bed.play_file(str(bed.folder / "migrate.yml"), arguments, variables)

    def figures(self) -> list[dict[str, Any]]:
        return figures_of(self.bed.home)

    def figures_in_time(self) -> list[dict[str, Any]]:
        """The same, from pods that start anew in between: Che's operator has them do so for other authorities."""
        return in_time(self.figures, "Che and its identity provider have no pods that stay")


def figures_of(home: Home) -> list[dict[str, Any]]:
    """What is in the databases that Che and its identity provider use, wherever these are."""
    found = [proof.figures(home.cluster, holder) for holder in database.find(home.cluster, home.namespace)]
    assert [item["deployment"] for item in found] == ["postgres", "keycloak"]
    return [{key: item[key] for key in ("tables", "sequences", "large_objects")} for item in found]


@pytest.fixture(scope="module")
def story(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    cluster, folder = che_test_cluster, tmp_path_factory.mktemp("che")
    backup_server = BackupServer.up(cluster, SERVER_NAMESPACE)
    with bed_in(cluster, NAMESPACE, folder, rights=()) as bed:
        home_with_identity(cluster, NAMESPACE, {}, size_mb=1)
        bed.home.run("backup_server", initialize=True, **backup_server.repository("playbook"))
        yield Story(bed, figures_of(bed.home))
    installation.destroy_namespace(cluster, SERVER_NAMESPACE, wait=False)


def test_check_mode_changes_nothing(story: Story) -> None:
    before, there = story.bed.home.versions(), story.bed.state()
    played = story.play("--check", "--diff")
    assert "chePostgresHostName" in played.said
    assert (story.bed.home.versions(), story.bed.state()) == (before, there)


def test_both_databases_move_and_stages_are_shown(story: Story) -> None:
    played = story.play()

    assert story.figures() == story.before
    assert re.findall(r"(?:copy|stage|cut over|switch|verify): [A-Z]", played.told)
    assert "The databases have moved; Che could not write for" in played.told
    assert "That waits for the commit" in played.told
    assert story.play().changed == 0


def test_the_documented_way_back(story: Story) -> None:
    (command,) = re.findall(r"^ansible-playbook (community\.che\.abort_migration) ", PAGE.read_text(), re.MULTILINE)
    played = story.bed.play_file(command, (), {"che_namespace": NAMESPACE})
    assert "is aborted: Che uses the databases from before" in played.told
    assert story.figures() == story.before
    assert story.bed.play_file(command, (), {"che_namespace": NAMESPACE}).changed == 0


def test_the_documented_commit(story: Story) -> None:
    for name in ("dbche", "keycloak"):
        story.bed.server.sql(f"DROP DATABASE {name} WITH (FORCE);")

    played = story.play("-e", "external_postgresql_commit=true")

    assert "There is no way back any more" in played.told
    assert story.figures() == story.before
    assert story.play("-e", "external_postgresql_commit=true").changed == 0


def test_the_same_database_in_other_words_is_no_move(story: Story) -> None:
    """What moved the databases is still among the variables."""
    before = story.figures()
    played = story.play(tls="require")
    assert "The databases have moved" not in played.told
    changes = {"tls": "require", "identity_password": "s3cr3t-another"}
    story.play(**changes)
    assert story.bed.held("che-identity-database") == {"password": "s3cr3t-another"}
    assert story.figures() == before
    assert story.play(**changes).changed == 0


@pytest.mark.parametrize(
    ("option", "secret"), [("password", "credentials_secret"), ("identity_password", "identity_secret")]
)
def test_what_opens_a_database_that_is_to_be_moved_stays(story: Story, option: str, secret: str) -> None:
    before, there = story.bed.home.versions(), story.bed.state()
    played = story.try_to_play(**{"database": "elsewhere", option: "somebody else"})
    assert played.failed
    assert f"Name another one with external_postgresql_{secret}." in played.told
    assert (story.bed.home.versions(), story.bed.state()) == (before, there)


@pytest.fixture(scope="module")
def other(story: Story) -> Iterator[ExternalPostgres]:
    with external_postgres(story.bed.server.host) as server:
        yield server


def test_both_go_on_to_another_server(story: Story, other: ExternalPostgres) -> None:
    """The identity provider's password is one that nobody would have thought of."""
    before, administrator = story.figures_in_time(), other.make_administrator()
    there = {
        "host": other.host,
        "port": other.port,
        "ca_path": str(other.ca_file),
        "login_user": administrator.role,
        "login_password": administrator.password,
        "credentials_secret": "che-credentials-on",
        "identity_secret": "che-identity-on",
        "identity_password": HOSTILE_PASSWORD,
    }

    story.play("-e", "external_postgresql_commit=true", **there)

    assert story.figures_in_time() == before
    assert story.bed.held("che-identity-on") == {"password": HOSTILE_PASSWORD}
    wait_until(lambda: (places(story.bed.server), places(other)) == ("", "dbche, keycloak"), 60, other.logged)
    assert story.play("-e", "external_postgresql_commit=true", **there).changed == 0


def test_both_come_home(story: Story, other: ExternalPostgres) -> None:
    before = story.figures_in_time()

    assert story.bed.home.run("database_migration", to="embedded", commit=True)["committed"] is True

    assert story.figures_in_time() == before
    wait_until(lambda: places(other) == "", 60, other.logged)


def places(server: ExternalPostgres) -> str:
    """The databases of a server in which Che and its identity provider have sessions."""
    sessions = "SELECT string_agg(DISTINCT datname, ', ') FROM pg_stat_activity WHERE usename IN ('pgche', 'keycloak');"
    return server.sql(sessions)
