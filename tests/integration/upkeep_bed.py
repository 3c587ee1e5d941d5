# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups of an installation in memory, made by the product itself in a real repository, at any moment of the past."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.community.che.plugins.module_utils._backup import _back_up, _dump
from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository, open_repository
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._caretaker import Caretaker
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._repository._snapshots import Snapshot
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import part_tags
from integration.repository_keys import make_keys_cheap
from integration.rest_server import SERVER_PASSWORD, USERNAME, Authority, RestServerProcess
from unit.che_objects import dump_log, install
from unit.fake_api import FakeApi
from unit.fake_backup import a_request

NAMESPACE = "che"
PASSWORD = "repository secret 2"
ENDING = b"-- PostgreSQL database dump complete\n"


class BackdatedRestic(Restic):
    """A Restic that says of its snapshots that they were made at another moment."""

    moment: datetime | None = None

    def _write(self, *arguments: str, folder: Path | None = None) -> bytes:
        dated: tuple[str, ...] = ()
        if self.moment and arguments[0] == "backup":
            dated = ("--time", f"{self.moment:%Y-%m-%d %H:%M:%S}")
            self.moment += timedelta(seconds=1)
        return super()._write(*arguments, *dated, folder=folder)


@dataclass
class Shelf:
    """A repository on a server, and the installation whose backups it holds.

    Args:
        server: The server.
        access: The way to the repository.
        api: The cluster in memory.
        dump_packs: Which file of the repository holds a backup's dump, by the backup's id.
    """

    server: RestServerProcess
    access: Access
    api: FakeApi = field(default_factory=FakeApi)
    dump_packs: dict[str, str] = field(default_factory=dict)

    @classmethod
    def new(cls, server: RestServerProcess, authority: Authority, path: str) -> Shelf:
        """A new repository, and a new installation."""
        where = RestServer("localhost", path, "https", server.port)
        shelf = cls(server, Access(where, PASSWORD, UserAndPassword(USERNAME, SERVER_PASSWORD), authority.certificate))
        install(shelf.api)
        Restic(shelf.access, timeout=60).init()
        make_keys_cheap(shelf.folder, PASSWORD)
        return shelf

    def copied(self, path: str) -> Shelf:
        """The same repository once more, under another path of the server."""
        shelf = Shelf(self.server, replace(self.access, server=replace(self.access.server, repository_path=path)))
        install(shelf.api)
        shutil.copytree(self.folder, shelf.folder)
        return shelf

    @property
    def folder(self) -> Path:
        """The repository's files."""
        return self.server.data / self.access.server.repository_path

    @property
    def options(self) -> ServerOptions:
        """The server as a task says it inline."""
        return ServerOptions(
            server=self.access.server,
            password=PASSWORD,
            server_username=USERNAME,
            server_password=SERVER_PASSWORD,
            ca_certificate=self.access.ca_certificate,
        )

    @property
    def params(self) -> dict[str, Any]:
        """The same as a module's parameters."""
        return {
            "namespace": NAMESPACE,
            "backup_server": None,
            "rest": {
                "protocol": "https",
                "hostname": "localhost",
                "port": self.server.port,
                "repository_path": self.access.server.repository_path,
            },
            "repository_password": PASSWORD,
            "server_username": USERNAME,
            "server_password": SERVER_PASSWORD,
            "server_ca_content": self.access.ca_certificate,
            "restic_path": "restic",
            "timeout": 120,
        }

    @property
    def restic(self) -> Caretaker:
        """restic at the repository."""
        return Caretaker(self.access, timeout=60)

    def snapshots(self) -> list[Snapshot]:
        return self.restic.snapshots()

    def pack_bytes(self) -> int:
        """What the repository's data takes on the server's disk."""
        return sum(pack.stat().st_size for pack in self._packs())

    def _packs(self) -> list[Path]:
        return [path for path in (self.folder / "data").rglob("*") if path.is_file()]

    def back_up(self, run: str, moment: datetime | None = None, dump: bytes | None = None) -> str:
        """Back the installation up and return the backup's id.

        Args:
            run: The run's id.
            moment: When, in the machine's own time; None: now.
            dump: The database's dump; None: one of 40 KB that no other backup has.
        """
        restic = BackdatedRestic(self.access, timeout=60)
        restic.moment = moment
        text = os.urandom(20_000).hex().encode() + b"\n" + ENDING if dump is None else dump

        def open_it(*args: Any, **options: Any) -> Repository:
            return replace(open_repository(*args, **options), restic=restic)

        def run_job(_cluster: Any, job: Any, _secret: Any, _deadline: Any) -> str:
            container = job["spec"]["template"]["spec"]["containers"][0]
            environment = {item["name"]: item["value"] for item in container["env"]}
            return send_dump(restic, environment["CHE_TAGS"].split(","), text)

        before = set(self._packs())
        with (
            mock.patch.object(_back_up, "open_repository", open_it),
            mock.patch.object(_dump, "run_job", run_job),
        ):
            made = str(_back_up.back_up(self.api.cluster, a_request(run_id=run, server=self.options))["id"])
        largest = max(set(self._packs()) - before, key=lambda pack: pack.stat().st_size)
        self.dump_packs[made] = str(largest.relative_to(self.folder))
        return made

    def begin(self, run: str, moment: datetime) -> str:
        """Leave what a run leaves that is killed before its end: a part without a seal."""
        restic = BackdatedRestic(self.access, timeout=60)
        restic.moment = moment
        log = send_dump(restic, part_tags(run, "database", "openvsx"), b"unfinished")
        return str(json.loads(log.splitlines()[-1])["summary"]["snapshot_id"])

    def save(self, tags: list[str], host: str = NAMESPACE) -> str:
        """Save something that is nobody's backup."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "file").write_text("foreign", encoding="utf-8")
            return self.restic.backup_folder(Path(folder), tags, host).snapshot_id


def send_dump(restic: Restic, tags: Any, text: bytes) -> str:
    """Do what a dump's Job does, and return what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "db").mkdir()
        Path(folder, "db", "openvsx.sql").write_bytes(text)
        summary = restic.backup_folder(Path(folder), tags, NAMESPACE)
    log = dump_log(summary.snapshot_id, size=len(text))
    return log.replace("a" * 64, hashlib.sha256(text).hexdigest())


def at(day: int, hour: int = 12) -> datetime:
    """A moment in March 2026."""
    return datetime(2026, 3, day, hour, tzinfo=timezone.utc)
