# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page on point-in-time recovery, run: a journal in a real bucket, an accident, a second server, Che switched.

The commands are the page's, with other folders, hosts and times. Their rclone is Debian's: the one that is built for
the Jobs' images can neither copy nor speak S3. The tests build on each other and run in their order.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.che_bed import Cluster, Home, installation, new_home, wait_until
from integration.external_postgres import ExternalPostgres
from integration.postgres_server import SUPERUSER, programs
from integration.rest_server import free_port
from integration.s3_server import (
    ACCESS_KEY_ID,
    BUCKET,
    REGION,
    SECRET_ACCESS_KEY,
    S3ServerProcess,
    address_for_pods,
    make_certificates,
)

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("point-in-time recovery")]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "external_database_recovery.md"
NAMESPACE = "it-external-recovery"
SECRET, ROLE = "che-database", "che"
# How long a block may take; pg_basebackup would wait for ever for a journal that can't be archived.
PATIENCE_SECONDS = 60
LOOPBACK = "127.0.0.1"
SESSIONS = f"SELECT count(*) > 0 FROM pg_stat_activity WHERE usename = '{ROLE}' AND application_name = 'che-server';"


def blocks(language: str) -> list[str]:
    """The blocks of a language on the page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@dataclass
class Bed:
    """A server whose journal goes to a bucket, and Che that uses it."""

    folder: Path
    s3: S3ServerProcess
    server: ExternalPostgres
    home: Home
    second_port: int
    time: str = ""

    def adapted(self, text: str) -> str:
        """A text of the page, with this test's folders, hosts and times."""
        for old, new in {
            "/etc/che-wal": self.folder / "etc",
            "/var/backups/che": self.folder / "backup",
            "/var/lib/postgresql": self.folder / "second",
            "https://s3.example.com": f"https://{self.s3.host}:{self.s3.port}",
            "eu-west-1": REGION,
            "AKIDEXAMPLE": ACCESS_KEY_ID,
            "= EXAMPLE": f"= {SECRET_ACCESS_KEY}",
            "che-postgres": BUCKET,
            "5433": self.second_port,
            "dbche": ROLE,
            "2026-11-22 04:29:59+00": self.time,
        }.items():
            text = text.replace(old, str(new))
        return text

    def shell(self, number: int) -> str:
        """Run the page's shell block of this number as the server's user; what it prints."""
        script = self.folder / "script"
        script.write_text(self.adapted(blocks("shell")[number]), encoding="utf-8")
        said = self.folder / "said"
        # Not a pipe: the server that a block starts keeps what it inherits.
        with said.open("w", encoding="utf-8") as file:
            done = subprocess.run(
                [*as_server_user(), "timeout", str(PATIENCE_SECONDS), "bash", "-euo", "pipefail", str(script)],
                cwd="/",
                env={
                    "PATH": f"{programs()}:{os.defpath}",
                    "PGHOST": str(self.server.socket),
                    "PGPORT": str(self.server.port),
                    "PGUSER": SUPERUSER,
                    "LC_ALL": "C",
                },
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            )
        text = said.read_text(encoding="utf-8")
        assert done.returncode == 0, (
            text[-3000:] + self.server.logged()[-2000:] + self.server.sql("TABLE pg_stat_archiver;")
        )
        return text

    def second(self, sql: str) -> str:
        """A statement at the recovered server."""
        command = [programs() / "psql", "-XwAtq", "-h", self.server.socket, "-p", str(self.second_port)]
        done = subprocess.run(
            [*command, "-U", SUPERUSER, "-d", ROLE, "-c", sql], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def options(self, port: int) -> dict[str, Any]:
        """With which Che is brought to one of the two."""
        return {
            "database_host": self.server.host,
            "database_port": port,
            "database": ROLE,
            "credentials_secret": SECRET,
            "tls": "verify-full",
            "ca_certificate": self.server.authority,
            "leave_data": True,
        }

    def objects(self, folder: str) -> list[str]:
        """The names of what lies in a folder of the bucket."""
        return sorted(path.name for path in (self.s3.data / BUCKET / folder).rglob("*") if path.is_file())


def as_server_user() -> list[str]:
    return [str(shutil.which("runuser")), "-u", SUPERUSER, "--"] if os.geteuid() == 0 else []


def give(path: Path, mode: int) -> Path:
    """Let the server's user have it."""
    path.chmod(mode)
    if os.geteuid() == 0:
        shutil.chown(path, SUPERUSER)
    return path


@pytest.fixture(scope="module")
def bed(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    s3_folder = tmp_path_factory.mktemp("s3")
    certificates = make_certificates(s3_folder, LOOPBACK)
    s3 = S3ServerProcess(s3_folder, certificates, LOOPBACK)
    s3.start()
    folder = Path(tempfile.mkdtemp(prefix="external-recovery-"))
    server = ExternalPostgres(folder, address_for_pods(che_test_cluster))
    home = new_home(che_test_cluster, NAMESPACE, "v1", {})
    made = Bed(folder, s3, server, home, free_port())
    try:
        prepare(made, certificates.authority)
        server.start()
        login = server.make_login(ROLE)
        server.sql(f"CREATE DATABASE {ROLE} OWNER {ROLE};")
        home.run(
            "external_database_credentials",
            credentials_secret=SECRET,
            database_user=ROLE,
            database_password=login.password,
        )
        yield made
    finally:
        data = str(folder / "second" / "recovered")
        stop = [str(programs() / "pg_ctl"), "--pgdata", data, "--mode", "immediate", "--wait", "stop"]
        subprocess.run([*as_server_user(), *stop], cwd="/", capture_output=True, check=False)
        server.close()
        s3.stop()
        shutil.rmtree(folder)
        installation.destroy_namespace(che_test_cluster, NAMESPACE, wait=False)


def prepare(bed: Bed, authority: str) -> None:
    """The page's files and settings."""
    for name in ("etc", "second"):
        (bed.folder / name).mkdir()
        give(bed.folder / name, 0o755)
    (bed.folder / "etc" / "ca.crt").write_text(authority, encoding="ascii")
    (keys,) = blocks("ini")
    (bed.folder / "etc" / "rclone.conf").write_text(bed.adapted(keys), encoding="utf-8")
    give(bed.folder / "etc" / "rclone.conf", 0o600)
    (settings,) = blocks("properties")
    with (bed.folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(bed.adapted(settings))
    with (bed.folder / "data" / "pg_hba.conf").open("a", encoding="utf-8") as file:
        file.write("local replication all trust\n")


def test_a_copy_and_the_journal_are_in_the_bucket(bed: Bed) -> None:
    bed.server.sql(f"SET ROLE {ROLE}; CREATE TABLE usr (name text); INSERT INTO usr VALUES ('ada'), ('grace');", ROLE)
    bed.home.run("external_database", **bed.options(bed.server.port))

    bed.shell(0)

    assert bed.objects("base") == ["backup_manifest", "base.tar.gz"]
    assert any(name.endswith(".backup") for name in bed.objects("wal"))
    assert bed.server.sql("SELECT archived_count > 0 FROM pg_stat_archiver;") == "t"


def test_what_is_to_be_watched_can_be_asked_for(bed: Bed) -> None:
    asked = re.findall(r"`(SELECT [^`]+)`", PAGE.read_text(encoding="utf-8"))
    assert len(asked) == 4
    for query in asked:
        bed.server.sql(f"{query};")


def test_the_server_is_recovered_to_just_before_the_accident(bed: Bed) -> None:
    bed.server.sql("INSERT INTO usr VALUES ('after the copy');", ROLE)
    bed.time = bed.server.sql("SELECT clock_timestamp();")
    bed.server.sql("DELETE FROM usr;", ROLE)
    (switch,) = blocks("sql")
    bed.server.sql(switch)
    archived = "SELECT last_archived_time > now() - interval '5 minutes' FROM pg_stat_archiver;"
    segment = bed.server.sql("SELECT pg_walfile_name(pg_current_wal_lsn());")
    wait_until(lambda: max(n for n in bed.objects("wal") if "." not in n) >= previous(segment), 60, bed.server.logged)
    assert bed.server.sql(archived) == "t"

    bed.shell(1)
    bed.shell(2)
    wait_until(lambda: "paused" in bed.shell(3), 60, (bed.folder / "second" / "recovered.log").read_text)
    assert " 3" in bed.shell(3)
    bed.shell(4)

    assert bed.second("SELECT pg_is_in_recovery();") == "f"
    assert bed.second("SELECT string_agg(name, ', ') FROM usr;") == "ada, grace, after the copy"
    assert bed.server.sql("SELECT count(*) FROM usr;", ROLE) == "0"


def test_che_goes_to_the_recovered_server(bed: Bed, tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    (play,) = yaml.safe_load(text)
    play["vars"] = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    options = play["tasks"][0]["community.che.external_database"]
    named = bed.options(bed.second_port)
    assert {key: options[key] for key in ("tls", "leave_data")} == {key: named[key] for key in ("tls", "leave_data")}
    options |= {"namespace": NAMESPACE, **{key: named[key] for key in named if key not in ("tls", "leave_data")}}
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
    wait_until(lambda: bed.second(SESSIONS) == "t", 60, lambda: bed.second("TABLE pg_stat_activity;"))
    assert bed.server.sql(SESSIONS) == "f"


def test_the_recovered_server_archives_on_a_timeline_of_its_own(bed: Bed) -> None:
    bed.second("SELECT pg_switch_wal();")
    wait_until(lambda: any(name.startswith("00000002") for name in bed.objects("wal")), 60, bed.server.logged)
    assert bed.second("SELECT failed_count FROM pg_stat_archiver;") == "0"


def previous(segment: str) -> str:
    """The journal's file before this one."""
    number = int(segment[8:16], 16) * 256 + int(segment[16:], 16) - 1
    return f"{segment[:8]}{number // 256:08X}{number % 256:08X}"
