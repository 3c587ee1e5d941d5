# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server whose journal goes to a bucket, and what the page on point-in-time recovery has one do with it.

The commands are the page's, with other folders, hosts and times. Their rclone is Debian's: the one that is built for
the Jobs' images can neither copy nor speak S3.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from integration.che_bed import wait_until
from integration.external_postgres import ExternalPostgres
from integration.postgres_server import SUPERUSER, programs
from integration.rest_server import free_port
from integration.s3_server import (
    ACCESS_KEY_ID,
    BUCKET,
    REGION,
    SECRET_ACCESS_KEY,
    S3ServerProcess,
    make_certificates,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "external_database_recovery.md"
DATABASE = "che"
LOOPBACK = "127.0.0.1"
CURRENT = "recovery_target_timeline = 'current'"
#: How the page's example names things, and which of its copies it recovers.
COPY_OF_THE_PAGE, TIME_OF_THE_PAGE = "2026-11-22T02:00:00Z", "2026-11-22 04:29:59+00"
#: How long a block may take; a copy would wait for hours for a journal that can't be archived.
PATIENCE_SECONDS = 60


def blocks(language: str, *holding: str) -> list[str]:
    """The blocks of a language on the page, or those that hold certain words."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [text for text in found if all(word in text for word in holding)]


@dataclass
class Place:
    """Where a server is recovered to."""

    folder: Path
    port: int = field(default_factory=free_port)

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return self.folder / "recovered"

    def logged(self) -> str:
        """What that server has written into its log."""
        log = self.folder / "recovered.log"
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""


@dataclass
class Bed:
    """The server, the bucket, and a folder for all else."""

    folder: Path
    s3: S3ServerProcess
    server: ExternalPostgres
    places: list[Place] = field(default_factory=list)

    def place(self) -> Place:
        """A new one, which the server's user may fill."""
        made = Place(self.folder / f"place{len(self.places)}")
        made.folder.mkdir()
        give(made.folder, 0o755)
        self.places.append(made)
        return made

    def adapted(self, text: str, place: Place | None = None, **others: str) -> str:
        """A text of the page, with this test's folders and hosts; and more of its words in other ones."""
        names: dict[str, object] = {
            # First, as the longest of those that begin alike has to be.
            **others,
            "/etc/che-wal": self.folder / "etc",
            "/var/backups/che": self.folder / "backups",
            "https://s3.example.com": f"https://{self.s3.host}:{self.s3.port}",
            "eu-west-1": REGION,
            "AKIDEXAMPLE": ACCESS_KEY_ID,
            "= EXAMPLE": f"= {SECRET_ACCESS_KEY}",
            "che-postgres": BUCKET,
            "dbche": DATABASE,
            **({"/var/lib/postgresql": place.folder, "5433": place.port} if place else {}),
        }
        return re.sub("|".join(map(re.escape, names)), lambda match: str(names[match[0]]), text)

    def shell(self, text: str, environment: dict[str, str] | None = None) -> str:
        """Run a text as the server's user, from cron or from a login; what it prints.

        Raises:
            CheError: It failed.
        """
        script = self.folder / "script"
        script.write_text(text, encoding="utf-8")
        give(script, 0o755)
        said = self.folder / "said"
        login = {"PATH": f"{programs()}:{os.defpath}", "PGHOST": str(self.server.socket), "LC_ALL": "C"}
        login |= {"PGPORT": str(self.server.port)}
        as_typed = ["bash", "-euo", "pipefail", str(script)]
        # Not a pipe: the server that a block starts keeps what it inherits.
        with said.open("w", encoding="utf-8") as file:
            done = subprocess.run(
                [*as_server_user(), "timeout", str(PATIENCE_SECONDS), *([str(script)] if environment else as_typed)],
                cwd="/",
                env=environment or login,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            )
        text = said.read_text(encoding="utf-8")
        if done.returncode:
            raise CheError(f"{done.returncode}: {text[-3000:]}{self.server.sql('TABLE pg_stat_archiver;')}")
        return text

    def night(self, port: int | None = None, **others: str) -> str:
        """What the nightly job does, from cron, with the environment that the page gives it; the new copy's name.

        Args:
            port: The port of a server that took the first one's place.
            others: Words of the script to put in the place of the page's.
        """
        (script,) = blocks("bash")
        (table,) = blocks("crontab")
        *settings, job = table.splitlines()
        assert re.fullmatch(r"\d+ \d+ \* \* \* postgres \S+", job)
        environment = {"HOME": "/", "SHELL": "/bin/sh"} | dict(line.split("=", 1) for line in settings)
        environment |= {"PGHOST": str(self.server.socket), "PGPORT": str(port or self.server.port)}
        environment["PATH"] = environment["PATH"].replace("/usr/lib/postgresql/15/bin", str(programs()))
        before = self.copies()
        said = self.shell(self.adapted(script, **others), environment)
        assert said == ""
        (made,) = set(self.copies()) - set(before)
        return made

    def copies(self) -> list[str]:
        """The copies that are whole, as the page lists them."""
        (text,) = blocks("shell", " lsf ")
        return sorted(line.partition("/")[0] for line in self.shell(self.adapted(text)).splitlines())

    def objects(self, folder: str) -> list[str]:
        """The names of what lies in a folder of the bucket."""
        return sorted(path.name for path in (self.s3.data / BUCKET / folder).rglob("*") if path.is_file())

    def archive_rest(self) -> None:
        """Have the rest of the first server's journal archived, as the page does."""
        (statements,) = blocks("sql")
        switch, archived = statements.splitlines()
        piece = self.server.sql(switch)
        wait_until(lambda: self.server.sql(archived) >= piece, PATIENCE_SECONDS, self.server.logged)
        assert piece in self.objects("wal")

    def recover(self, place: Place, copy: str, time: str, timeline: str = "current") -> None:
        """Recover a server up to where one looks at it."""
        (start,) = blocks("shell", "recovery.signal")
        start = start.replace(CURRENT, CURRENT.replace("current", timeline)).replace(TIME_OF_THE_PAGE, time)
        self._start(place, copy, start)
        wait_until(lambda: "paused" in self.look(place), PATIENCE_SECONDS, place.logged)

    def follow(self, place: Place, copy: str) -> None:
        """Have a server replay all that is in the bucket, as the page says where the old one is lost."""
        (start,) = blocks("shell", "recovery.signal")
        start = re.sub("^recovery_target_time = .*\n", "", start, flags=re.MULTILINE)
        self._start(place, copy, start.replace("recovery.signal", "standby.signal"))

    def _start(self, place: Place, copy: str, start: str) -> None:
        (fetch,) = blocks("shell", "tar --extract")
        self.shell(self.adapted(fetch, place, **{COPY_OF_THE_PAGE: copy}))
        try:
            self.shell(self.adapted(start, place))
        except CheError as error:
            raise AssertionError(f"{error}\n{place.logged()[-3000:]}") from error

    def look(self, place: Place) -> str:
        """What the page has one look at before the promotion."""
        (text,) = blocks("shell", "pg_get_wal_replay_pause_state")
        return self.shell(self.adapted(text, place))

    def promote(self, place: Place) -> None:
        """Make it a server of its own."""
        (text,) = blocks("shell", "promote")
        self.shell(self.adapted(text, place))

    def take_over(self, place: Place) -> None:
        """Make it the server that counts."""
        (text,) = blocks("shell", "ALTER SYSTEM RESET archive_command")
        self.shell(self.adapted(text, place))

    def throw_away(self, place: Place) -> None:
        """What ends a drill."""
        (text,) = blocks("shell", "rm -r ")
        self.shell(self.adapted(text, place))

    def ask(self, place: Place, sql: str) -> str:
        """Statements at a recovered server, each a transaction of its own."""
        command = [programs() / "psql", "-XwAtq", "-h", self.server.socket, "-p", str(place.port)]
        done = subprocess.run(
            [*command, "-U", SUPERUSER, "-d", DATABASE], input=sql, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def close(self) -> None:
        """Stop every server, and remove everything."""
        for place in self.places:
            stop = [str(programs() / "pg_ctl"), "--pgdata", str(place.data), "--mode", "immediate", "--wait", "stop"]
            subprocess.run([*as_server_user(), *stop], cwd="/", capture_output=True, check=False)
        self.server.close()
        self.s3.stop()
        shutil.rmtree(self.folder)


def as_server_user() -> list[str]:
    return [str(shutil.which("runuser")), "-u", SUPERUSER, "--"] if os.geteuid() == 0 else []


def give(path: Path, mode: int) -> Path:
    """Let the server's user have it."""
    path.chmod(mode)
    if os.geteuid() == 0:
        shutil.chown(path, SUPERUSER)
    return path


@contextmanager
def recovery_bed(host: str, s3_folder: Path) -> Iterator[Bed]:
    """The page's files and settings, and both servers running.

    Args:
        host: The address at which pods reach the database.
        s3_folder: Where the bucket is to be.
    """
    certificates = make_certificates(s3_folder, LOOPBACK)
    s3 = S3ServerProcess(s3_folder, certificates, LOOPBACK)
    folder = Path(tempfile.mkdtemp(prefix="external-recovery-"))
    made = Bed(folder, s3, ExternalPostgres(folder, host))
    try:
        s3.start()
        _prepare(made, certificates.authority)
        made.server.start()
        made.server.sql(f"CREATE DATABASE {DATABASE};")
        yield made
    finally:
        made.close()


def _prepare(bed: Bed, authority: str) -> None:
    for name in ("etc", "backups"):
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
