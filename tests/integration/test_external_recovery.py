# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page on point-in-time recovery, run: two nights, a drill, an accident, Che switched, and what comes after it.

The tests build on each other and run in their order.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from integration.che_bed import Cluster, Home, installation, new_home, wait_until
from integration.external_postgres import ExternalPostgres
from integration.recovery_bed import BUCKET, DATABASE, PAGE, PATIENCE_SECONDS, Bed, Place, blocks, recovery_bed
from integration.s3_server import address_for_pods

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("point-in-time recovery")]

NAMESPACE = "it-external-recovery"
SECRET, ROLE = "che-database", DATABASE
SESSIONS = f"SELECT count(*) > 0 FROM pg_stat_activity WHERE usename = '{ROLE}' AND application_name = 'che-server';"
NAMES = "SELECT string_agg(name, ', ' ORDER BY name) FROM usr;"
SAID_BY_A_MUTE_ARCHIVER = "archive_mode enabled, yet archiving is not configured"


@dataclass
class Story:
    """What the tests leave to those after them."""

    nights: list[str] = field(default_factory=list)
    times: dict[str, str] = field(default_factory=dict)
    recovered: Place | None = None

    @property
    def place(self) -> Place:
        """Where the server is that took the first one's place."""
        assert self.recovered is not None
        return self.recovered


@pytest.fixture(scope="module")
def bed(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with recovery_bed(address_for_pods(che_test_cluster), tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture(scope="module")
def story() -> Story:
    return Story()


@pytest.fixture(scope="module")
def home(bed: Bed, che_test_cluster: Cluster) -> Iterator[Home]:
    """Che that uses the server."""
    made = new_home(che_test_cluster, NAMESPACE, "v1", {})
    login = bed.server.make_login(ROLE)
    bed.server.sql(f"ALTER DATABASE {DATABASE} OWNER TO {ROLE};")
    made.run(
        "external_database_credentials",
        credentials_secret=SECRET,
        database_user=ROLE,
        database_password=login.password,
    )
    yield made
    installation.destroy_namespace(che_test_cluster, NAMESPACE, wait=False)


def options(server: ExternalPostgres, port: int) -> dict[str, Any]:
    """With which Che is brought to one of the servers."""
    return {
        "database_host": server.host,
        "database_port": port,
        "database": DATABASE,
        "credentials_secret": SECRET,
        "tls": "verify-full",
        "ca_certificate": server.authority,
        "leave_data": True,
    }


def addition(name: str) -> str:
    """Adds a user, and tells a time between that and what comes next."""
    return f"INSERT INTO usr VALUES ('{name}'); SELECT clock_timestamp();"


def next_second(copy: str) -> None:
    """Copies are named by the second."""
    wait_until(lambda: now(timedelta()) > copy, 10, str)


def now(after: timedelta) -> str:
    """The name of a copy that is begun so long after now."""
    return (datetime.now(timezone.utc) + after).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_two_nights_make_two_copies(bed: Bed, home: Home, story: Story) -> None:
    create = f"SET ROLE {ROLE}; CREATE TABLE usr (name text); INSERT INTO usr VALUES ('ada');"
    bed.server.sql(create, DATABASE)
    home.run("external_database", **options(bed.server, bed.server.port))

    for user in ("grace", "joan"):
        # What a run that was killed has left.
        bed.shell(f"mkdir {bed.folder}/backups/copy && touch {bed.folder}/backups/copy/base.tar.gz")
        story.nights.append(bed.night())
        next_second(story.nights[-1])
        story.times[user] = bed.server.sql(addition(user), DATABASE)

    assert bed.copies() == story.nights
    for copy in story.nights:
        assert bed.objects(f"base/{copy}") == ["backup_manifest", "base.tar.gz"]
    assert [path.name for path in (bed.folder / "backups").iterdir()] == ["lock"]


def test_what_is_to_be_watched_can_be_asked_for(bed: Bed) -> None:
    asked = re.findall(r"`(SELECT [^`]+)`", PAGE.read_text(encoding="utf-8"))
    assert len(asked) == 5
    for query in asked:
        bed.server.sql(f"{query};")


def test_an_archived_piece_is_not_overwritten(bed: Bed, tmp_path: Path) -> None:
    """As by a server of the same name and timeline that was not meant to archive here."""
    (settings,) = blocks("properties")
    (command,) = re.findall(r"^archive_command = '(.*)'$", settings, re.MULTILINE)
    piece = next(name for name in bed.objects("wal") if len(name) == 24)
    archived = (bed.s3.data / BUCKET / "wal" / piece).read_bytes()
    own, other = bed.place(), bed.place()
    for place, content in ((own, archived), (other, bytes(len(archived)))):
        (place.folder / "pg_wal").mkdir(mode=0o755)
        (place.folder / "pg_wal" / piece).write_bytes(content)

    def archive(place: Place) -> str:
        line = bed.adapted(command).replace("%f", piece).replace("%p", f"pg_wal/{piece}")
        return bed.shell(f"cd {place.folder}\n{line}")

    archive(own)
    with pytest.raises(CheError, match="immutable file modified"):
        archive(other)
    assert (bed.s3.data / BUCKET / "wal" / piece).read_bytes() == archived


def test_a_drill_leaves_the_bucket_as_it_is(bed: Bed, story: Story) -> None:
    """From the older copy, up to before the newer one: it is as good after two nights."""
    bed.archive_rest()
    before = bed.objects("")
    place = bed.place()

    bed.recover(place, story.nights[0], story.times["grace"])
    bed.promote(place)

    assert bed.ask(place, NAMES) == "ada, grace"
    bed.ask(place, "SELECT pg_switch_wal();")
    wait_until(lambda: SAID_BY_A_MUTE_ARCHIVER in place.logged(), PATIENCE_SECONDS, place.logged)
    assert bed.objects("") == before
    bed.throw_away(place)
    assert [path.name for path in place.folder.iterdir()] == ["recovered.log"]


def test_the_server_is_recovered_to_just_before_the_accident(bed: Bed, story: Story) -> None:
    """From a copy that was made after the drill."""
    story.nights.append(bed.night())
    at = bed.server.sql(addition("after the copy"), DATABASE)
    bed.server.sql("DELETE FROM usr;", DATABASE)
    bed.archive_rest()

    story.recovered = place = bed.place()
    bed.recover(place, story.nights[-1], at)
    assert " 4" in bed.look(place)
    bed.promote(place)

    assert bed.ask(place, "SELECT pg_is_in_recovery();") == "f"
    assert bed.ask(place, NAMES) == "ada, after the copy, grace, joan"
    assert bed.server.sql("SELECT count(*) FROM usr;", DATABASE) == "0"


def test_che_goes_to_the_recovered_server(bed: Bed, home: Home, story: Story, tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    (play,) = yaml.safe_load(text)
    play["vars"] = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    given = play["tasks"][0]["community.che.external_database"]
    named = options(bed.server, story.place.port)
    assert {key: given[key] for key in ("tls", "leave_data")} == {key: named[key] for key in ("tls", "leave_data")}
    given |= {"namespace": NAMESPACE, **{key: named[key] for key in named if key not in ("tls", "leave_data")}}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")

    ran = subprocess.run(
        ["ansible-playbook", "play.yml"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-4000:]
    wait_until(
        lambda: bed.ask(story.place, SESSIONS) == "t", 60, lambda: bed.ask(story.place, "TABLE pg_stat_activity;")
    )
    assert bed.server.sql(SESSIONS) == "f"


def test_the_recovered_server_archives_on_a_timeline_of_its_own(bed: Bed, story: Story) -> None:
    bed.take_over(story.place)
    bed.ask(story.place, "SELECT pg_switch_wal();")

    wait_until(lambda: any(re.match("00000002.{16}$", name) for name in bed.objects("wal")), 60, story.place.logged)
    assert "00000002.history" in bed.objects("wal")
    assert bed.ask(story.place, "SELECT failed_count FROM pg_stat_archiver;") == "0"
    left = "SELECT count(*) FROM pg_file_settings WHERE sourcefile ~ 'auto.conf$';"
    assert bed.ask(story.place, left) == "0"


def test_the_next_recovery_follows_the_server_whose_copy_it_is_from(bed: Bed, story: Story) -> None:
    """The bucket knows of timeline 2 now: what an accident finds after a wrong attempt, or after a genuine recovery."""
    next_second(story.nights[-1])
    of_the_first = bed.night()
    next_second(of_the_first)
    of_the_second = bed.night(story.place.port)
    first_at = bed.server.sql(addition("on timeline 1"), DATABASE)
    second_at = bed.ask(story.place, addition("on timeline 2"))
    bed.ask(story.place, "INSERT INTO usr VALUES ('too late');")
    bed.server.sql("DELETE FROM usr;", DATABASE)
    bed.archive_rest()
    piece = bed.ask(story.place, "SELECT pg_walfile_name(pg_switch_wal());")
    wait_until(lambda: piece in bed.objects("wal"), PATIENCE_SECONDS, story.place.logged)
    on_the_second = "ada, after the copy, grace, joan, on timeline 2"

    for copy, at, timeline, names in (
        (of_the_first, first_at, "current", "on timeline 1"),
        (of_the_second, second_at, "current", on_the_second),
        (story.nights[-1], second_at, "2", on_the_second),
    ):
        place = bed.place()
        bed.recover(place, copy, at, timeline)
        bed.promote(place)
        assert bed.ask(place, NAMES) == names
        bed.throw_away(place)


def test_all_that_was_archived_comes_back_where_the_server_is_lost(bed: Bed, story: Story) -> None:
    """From the newest copy, which is the second server's."""
    place = bed.place()
    bed.follow(place, bed.copies()[-1])

    everything = "ada, after the copy, grace, joan, on timeline 2, too late"
    wait_until(lambda: bed.ask(place, NAMES) == everything, PATIENCE_SECONDS, place.logged)
    assert bed.ask(place, "SELECT pg_last_xact_replay_timestamp() IS NOT NULL;") == "t"
    bed.promote(place)
    bed.ask(place, "INSERT INTO usr VALUES ('new');")
    bed.throw_away(place)


def test_what_no_recovery_needs_is_removed(bed: Bed) -> None:
    """The newest whole copy from before the last 35 days stays, with its journal, and what came after it."""
    base, wal = bed.s3.data / BUCKET / "base", bed.s3.data / BUCKET / "wal"
    ages = {days: now(-timedelta(days=days)) for days in (60, 41, 40, 39, 10)}
    for days, copy in ages.items():
        (base / copy).mkdir()
        for name in ("base.tar.gz", *(["backup_manifest"] if days != 39 else [])):
            (base / copy / name).write_bytes(b"copy")
    (base / "before-the-upgrade").mkdir()
    (base / "before-the-upgrade" / "backup_manifest").write_bytes(b"copy")
    pieces = {"0" * 24: 41.5, "1" * 24: 40.5, "2" * 24: 1.0, "00000009.history": 60.0}
    for name, age in pieces.items():
        (wal / name).write_bytes(b"piece")
        os.utime(wal / name, (time.time() - age * 86400,) * 2)
    copies, journal = set(bed.copies()), set(bed.objects("wal"))

    made = bed.night()

    assert set(bed.copies()) == (copies - {ages[60], ages[41]}) | {made}
    assert not (base / ages[60]).exists()
    assert (base / ages[39]).exists()
    assert journal - set(bed.objects("wal")) == {"0" * 24}


def test_a_night_that_fails_removes_nothing(bed: Bed) -> None:
    base = bed.s3.data / BUCKET / "base"
    for days in (90, 80):
        (base / now(-timedelta(days=days))).mkdir()
        (base / now(-timedelta(days=days)) / "backup_manifest").write_bytes(b"copy")
    before = bed.copies()

    with pytest.raises(CheError, match=r"(?s)ca\.crt.*failed in line"):
        bed.night(**{"/etc/che-wal/ca.crt": "/nowhere/ca.crt"})
    bed.server.configure(archive_command="false")
    with pytest.raises(CheError, match=r"^124: .*failed in line"):
        bed.night(**{"timeout 6h": "timeout 5s"})

    assert bed.copies() == before
    assert [path.name for path in (bed.folder / "backups").iterdir()] == ["lock"]
