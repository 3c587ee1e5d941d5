# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same life of a repository on every kind of backup server, and every way to name one.

The tests of one kind build on each other and run in their order.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.che_bed import Cluster, Home, installation, new_home
from integration.cluster_watch import Watch
from integration.s3_server import address_for_pods
from integration.server_places import KINDS, PLACES, Place, stored_by_hand
from integration.weak_link import WeakLink
from runner.harness import Project
from runner.leaks import leaks_in, watched_command_lines
from sampling import sampled

pytestmark = [pytest.mark.integration, pytest.mark.soak, pytest.mark.soak_suite("server_kinds")]

NAMESPACE = "it-kinds"
DATABASE_MB = 16
# Each kind has tests of its own that run every time.
LIVES = sampled(KINDS)
CHANGES = "DELETE FROM che.audit; UPDATE che.account SET name = name || ' changed';"
VARIABLES = (
    *("BACKUP_REPOSITORY_URL", "BACKUP_REPOSITORY_PASSWORD", "BACKUP_SERVER_CONFIG_NAME"),
    *("REST_SERVER_USERNAME", "REST_SERVER_PASSWORD", "SSH_KEY", "SSH_KEY_FILE"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
)
NEW_PASSWORD = "s3cr3t-standin-new-password"


@dataclass
class Life:
    """An installation, the place of its backups, and what has happened so far.

    Args:
        home: The installation.
        place: Where its backups go.
        folder: What could be seen, as files.
        results: What each step returned.
        command_lines: Processes whose arguments held a secret.
        project: What ansible-runner ran, among it what it keeps.
    """

    home: Home
    place: Place
    folder: Path
    project: Project
    results: dict[str, Any] = field(default_factory=dict)
    command_lines: list[str] = field(default_factory=list)

    def run(self, step: str, module: str, **options: Any) -> Any:
        self.results[step] = self.home.run(module, **options)
        return self.results[step]

    @property
    def listed(self) -> list[str]:
        """The ids of all backups, the newest first."""
        return [backup["id"] for backup in self.results["list"]["backups"]]

    @property
    def named(self) -> dict[str, str]:
        return {"backup_server": self.place.name}


@pytest.fixture(scope="module", params=LIVES)
def place(
    request: pytest.FixtureRequest, che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    with PLACES[request.param](address_for_pods(che_test_cluster), tmp_path_factory.mktemp(request.param)) as place:
        yield place


@pytest.fixture(scope="module")
def life(che_test_cluster: Cluster, place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """Configure, back up twice, verify, retain, change the password, lose something, restore."""
    home = new_home(che_test_cluster, NAMESPACE, "v1", {}, size_mb=DATABASE_MB)
    folder = tmp_path_factory.mktemp("seen")
    project = Project(tmp_path_factory.mktemp("project"), Path(os.environ["ANSIBLE_COLLECTIONS_PATH"]))
    life = Life(home, place, folder, project)
    watch = Watch(home.cluster, NAMESPACE, folder)
    hidden = [*place.secrets, place.password, NEW_PASSWORD]
    with watch.watching(), watched_command_lines(hidden) as life.command_lines:
        live(life)
    (folder / "results.json").write_text(json.dumps(life.results), encoding="utf-8")
    yield life
    installation.destroy_namespace(che_test_cluster, NAMESPACE, wait=False)


def live(life: Life) -> None:
    place, named = life.place, life.named
    configured = place.configured()
    if place.kind != "internal":
        configured["initialize"] = True
    life.run("configure", "backup_server", **configured)
    life.run("configure again", "backup_server", **configured)
    life.run("first", "cluster_backup", **named)
    life.run("second", "cluster_backup", **named)
    life.run("verify", "backup_verify", id="all", **named)
    life.run("retention", "backup_retention", keep_last=1, prune=True, **named)
    # The stand-in has a Secret of the internal server's name, as the old operator made it.
    password = {"new_password": NEW_PASSWORD, "change_named_secret": place.kind == "internal", **named}
    life.run("password", "backup_password", **password)
    life.run("password again", "backup_password", **password)
    life.run("verify again", "backup_verify", id="all", **named)
    play(life)
    life.run("list", "cluster_backup_info", **named)


def play(life: Life) -> None:
    """The playbooks, as verbose as can be, with the credentials as a job's extra variables."""
    environment = {"KUBECONFIG": os.environ["KUBECONFIG"]}
    variables: dict[str, Any] = {"namespace": NAMESPACE, "backup_server": life.place.name}
    if life.place.url:
        variables |= life.place.by_url(NEW_PASSWORD)
    che = {f"che_{name}": value for name, value in variables.items()}
    for playbook in ("configure_backup_server", "backup"):
        job = life.project.run(f"community.che.{playbook}", che, environment, "-vvv")
        assert job.status == "successful", job.output[-5000:]


@pytest.fixture(autouse=True)
def without_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the shell of whoever runs this holds."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_configuring_it_twice_changes_nothing(life: Life) -> None:
    assert life.results["configure"]["changed"] is True
    assert life.results["configure again"]["changed"] is False


def test_the_second_backup_adds_next_to_nothing(life: Life) -> None:
    first, second = life.results["first"]["sizes"], life.results["second"]["sizes"]
    assert 0 < second["added"] < first["added"] / 20


def test_both_backups_are_sound(life: Life) -> None:
    verdicts = [backup["verdict"] for backup in life.results["verify"]["backups"]]
    assert verdicts == ["sound", "sound"]


def test_retention_keeps_the_newest(life: Life) -> None:
    assert [backup["id"] for backup in life.results["retention"]["removed"]] == [life.results["first"]["id"]]
    _played, *others = life.listed
    assert others == [life.results["second"]["id"]]


def test_the_new_password_opens_what_the_old_one_made(life: Life) -> None:
    assert life.results["password"]["changed"] is True
    assert life.results["password again"]["changed"] is False
    assert [backup["verdict"] for backup in life.results["verify again"]["backups"]] == ["sound"]


def test_no_secret_shows_anywhere(life: Life, tmp_path: Path) -> None:
    hidden = [*life.place.secrets, life.place.password, NEW_PASSWORD]
    (tmp_path / "scan").write_text(f"x{hidden[0]}y", encoding="utf-8")
    assert leaks_in(tmp_path, hidden), "the scan does not find what it looks for"
    assert list(life.folder.glob("Job/*")), "no Job was seen"
    assert leaks_in(life.folder, hidden) == []
    assert len(list(life.project.folder.glob("artifacts/*/stdout"))) == 2
    assert leaks_in(life.project.folder / "artifacts", hidden) == []
    assert life.command_lines == []


def test_every_way_to_name_it_leads_to_the_same_backups(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    home, place = life.home, life.place
    expected = life.listed

    def listed(**options: Any) -> list[str]:
        return [backup["id"] for backup in home.backups(**options)]

    assert listed() == expected
    assert listed(**life.named) == expected
    monkeypatch.setenv("BACKUP_SERVER_CONFIG_NAME", place.name)
    assert listed() == expected
    monkeypatch.delenv("BACKUP_SERVER_CONFIG_NAME")
    if place.kind == "internal":
        return
    assert listed(**place.by_url(NEW_PASSWORD)) == expected
    assert listed(**place.by_parts(NEW_PASSWORD)) == expected
    assert listed(backup_server=stored_by_hand(home, place, NEW_PASSWORD)) == expected
    for name, value in {
        **place.variables,
        "BACKUP_REPOSITORY_URL": place.url,
        "BACKUP_REPOSITORY_PASSWORD": NEW_PASSWORD,
    }.items():
        monkeypatch.setenv(name, value)
    assert listed(**place.public) == expected


def test_a_recovery_kit_leads_to_the_same_backups(life: Life, tmp_path: Path) -> None:
    wanted = {"dest": str(tmp_path / "kit.yml"), **life.named}
    if life.place.kind == "internal":
        assert "lost with its cluster" in life.home.fail("recovery_kit", **wanted).message
        return
    kit = yaml.safe_load(base64.b64decode(life.home.run("recovery_kit", **wanted)["kit"]))
    options = {name.removeprefix("che_"): value for name, value in kit.items() if name.startswith("che_")}

    verified = life.home.run("backup_verify", id="all", **options)

    assert [backup["verdict"] for backup in verified["backups"]] == ["sound", "sound"]
    assert [backup["id"] for backup in kit["recovery_kit"]["backups"]] == life.listed


def test_what_was_lost_comes_back(life: Life) -> None:
    home = life.home
    before = home.proof()
    home.sql(CHANGES)
    secret = home.cluster.find("v1", "Secret", "github-oauth-config", NAMESPACE)
    assert secret is not None
    home.cluster.delete(secret)

    result = home.run("cluster_restore", id=life.results["second"]["id"], **life.named)

    assert result["changed"] is True
    assert home.differences(before) == []
    assert home.left_behind() == []
    assert home.run("cluster_restore", id=life.results["second"]["id"], **life.named)["changed"] is False


# From here on the link to the server is weak. What every kind of server has in common is told here, as a server that
# is lost or slow looks the same to all: the faults of one kind alone are in the tests of that kind.

# Enough that restic has sent a pack of its 16 MiB, and is in the middle of the next.
BREAK_AT = 12_000_000
LOST_SECONDS = 240
BOUND_SECONDS = 60


@pytest.fixture
def link(life: Life) -> Iterator[WeakLink]:
    """The link, over which everything passes again after the test; and rows in the database that no backup has."""
    link = life.place.link
    if link is None:
        pytest.skip("the internal server is in the cluster's own network; its faults are in test_internal_faults.py")
    life.home.sql("UPDATE che.bulk SET payload = encode(sha512((payload || random())::bytea), 'base64') || payload;")
    yield link
    link.up()


def complete(life: Life) -> list[str]:
    return [backup["id"] for backup in life.home.backups(**life.named) if backup["state"] == "complete"]


def assert_sound(life: Life, backup_id: str) -> None:
    """Without a lock: that of a restic whose server was lost stays until it has not been renewed for 30 minutes."""
    verified = life.home.run("backup_verify", id=backup_id, lock=False, **life.named)
    assert [backup["verdict"] for backup in verified["backups"]] == ["sound"]


def assert_the_next_is_fine(life: Life) -> None:
    made = life.home.run("cluster_backup", **life.named)["id"]
    assert_sound(life, made)
    assert life.home.left_behind() == []


def test_a_server_that_is_gone_before_is_told_soon(life: Life, link: WeakLink) -> None:
    before = complete(life)
    link.down()

    outcome = life.home.fail("cluster_backup", **life.named)

    assert outcome.message.startswith("connect: ")
    assert f"{link.host}" in outcome.message
    assert outcome.seconds < BOUND_SECONDS
    link.up()
    assert complete(life) == before
    assert_the_next_is_fine(life)


@pytest.mark.soak(keep=0)
def test_a_server_that_is_gone_half_way_is_told_in_bounded_time(life: Life, link: WeakLink) -> None:
    before = complete(life)
    link.stays_broken, link.break_at = True, link.sent + BREAK_AT

    outcome = life.home.fail("cluster_backup", **life.named)

    assert link.breaks == 1
    assert outcome.message.startswith("dump: ")
    assert outcome.seconds < LOST_SECONDS
    link.up()
    assert complete(life) == before
    assert_the_next_is_fine(life)


def test_a_link_that_breaks_once_half_way_leads_to_a_sound_backup_or_to_none(life: Life, link: WeakLink) -> None:
    before = complete(life)
    link.stays_broken, link.break_at = False, link.sent + BREAK_AT

    outcome = life.home.start("cluster_backup", **life.named).outcome()

    assert link.breaks
    assert outcome.seconds < LOST_SECONDS
    if outcome.failed:
        assert outcome.message.startswith("dump: ")
        assert complete(life) == before
    else:
        assert complete(life) == [outcome.result["id"], *before]
    assert_the_next_is_fine(life)


def test_a_server_that_is_gone_after_leaves_a_backup_that_is_sound(life: Life, link: WeakLink) -> None:
    made = life.home.run("cluster_backup", **life.named)["id"]
    link.down()
    outcome = life.home.fail("backup_verify", id=made, **life.named)
    link.up()

    assert "damaged" not in outcome.message
    assert_sound(life, made)


@pytest.mark.soak(keep=0)
def test_a_slow_link_only_takes_longer(life: Life, link: WeakLink) -> None:
    link.rate = 4_000_000

    made = life.home.run("cluster_backup", **life.named)["id"]

    link.up()
    assert made in complete(life)
    assert_sound(life, made)
