# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The databases' Jobs with an SFTP server: their scripts, restic and rclone, against a real PostgreSQL and sshd."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._database._compare import compare
from ansible_collections.community.che.plugins.module_utils._database._dump import parse_dump_log
from ansible_collections.community.che.plugins.module_utils._database._errors import DumpFailed
from ansible_collections.community.che.plugins.module_utils._database._load import parse_load_log
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._credentials import SshKey
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer
from integration.database_bed import DIFFICULT, REPOSITORY_PASSWORD, DatabaseBed, database_bed
from integration.job_process import JobProcess, await_true, wrapper
from integration.rest_server import tool
from integration.sftp_server import SftpServerProcess, make_key

pytestmark = pytest.mark.soak_suite("sftp_jobs")

LARGE = """CREATE TABLE large (id int PRIMARY KEY, text text);
INSERT INTO large SELECT n, (SELECT string_agg(md5(random()::text || n || m), '') FROM generate_series(1, 100) AS m)
FROM generate_series(1, 15000) AS n;"""


@dataclass(frozen=True)
class Bed:
    """A database server and an SFTP server."""

    databases: DatabaseBed
    sftp: SftpServerProcess
    folder: Path

    def access(self, name: str, process: SftpServerProcess | None = None) -> Access:
        """The way to a repository, initialised."""
        process = process or self.sftp
        server = SftpServer(process.username, process.host, name, process.port, process.host_keys)
        access = Access(server, REPOSITORY_PASSWORD, SshKey(process.private_key))
        Restic(access, timeout=60).init()
        return access

    @contextmanager
    def dumping(
        self, access: Access, database: str, patience: int = 20, wrappers: Path | None = None, **more: str
    ) -> Iterator[JobProcess]:
        options = self.databases.options(patience_seconds=patience)
        with self.databases.dumping(
            database, access, environment=here(more), wrappers=wrappers, options=options
        ) as job:
            yield job


def here(more: Mapping[str, str]) -> dict[str, str]:
    """The environment of a Job whose init containers are those that have put rclone where this machine has it."""
    return {"CHE_RESTIC_OPTIONS": f"-o rclone.program={tool('rclone')}", **more}


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    folder = tmp_path_factory.mktemp("sftp")
    sftp = SftpServerProcess(folder)
    with database_bed(tmp_path_factory.mktemp("bed")) as databases:
        sftp.start()
        try:
            yield Bed(databases, sftp, folder)
        finally:
            sftp.stop()


@pytest.fixture(scope="module")
def difficult(bed: Bed) -> str:
    return bed.databases.create("dbche", DIFFICULT)


@pytest.fixture(scope="module")
def large(bed: Bed) -> str:
    return bed.databases.create("large", LARGE)


def fails(job: JobProcess, stage: str, seconds: float = 90) -> DumpFailed:
    """Wait for the end of a dump, which must be a bad one, and return what is told about it."""
    assert job.wait(seconds) != 0, job.log
    with pytest.raises(DumpFailed, match=f"in its step {stage}") as caught:
        parse_dump_log(job.log)
    return caught.value


@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_a_database_goes_there_and_comes_back_equal(bed: Bed, difficult: str, shell: str) -> None:
    bed.databases.shell = shell
    access = bed.access(f"a b-{shell}")
    with bed.dumping(access, difficult) as job:
        dumped = parse_dump_log(job.succeed())
    with (
        bed.databases.staged(difficult, shell) as (_names, endpoint),
        bed.databases.loading(endpoint, dumped.snapshot_id, difficult, access, environment=here({})) as job,
    ):
        loaded = parse_load_log(job.succeed())

    assert compare(dumped.figures, loaded.figures) == []
    assert [snapshot.id for snapshot in Restic(access).snapshots()] == [dumped.snapshot_id]
    Restic(access).check()


def test_no_command_line_and_no_environment_holds_a_secret(bed: Bed, large: str) -> None:
    access = bed.access("watched")
    key = bed.sftp.private_key.splitlines()[2]
    with bed.dumping(access, large) as job:
        job.await_child("rclone")
        job.await_child("pg_dump", written=1_000_000)
        shown = "\n".join(job.command_lines())
        job.succeed()

    assert "rclone" in shown and "pg_dump" in shown
    assert key not in shown and REPOSITORY_PASSWORD not in shown
    assert key not in job.log


def test_nothing_is_left_of_a_job_that_is_deleted(bed: Bed, large: str) -> None:
    """No lock in the repository, and neither rclone nor its connection."""
    access = bed.access("deleted")
    with bed.dumping(access, large) as job:
        job.await_child("pg_dump", written=1_000_000)
        job.terminate()
        assert job.wait(40) == 143
        await_true(lambda: job.children("rclone") == [], "the end of rclone", 20)

    assert list((bed.sftp.home / "deleted" / "locks").iterdir()) == []
    await_true(lambda: bed.sftp.sessions() == [], "the end of all sessions", 20)
    assert Restic(access).snapshots() == []
    Restic(access).check()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[SftpServerProcess]:
    """A server of the test's own, that it may stop and change."""
    process = SftpServerProcess(tmp_path)
    process.start()
    try:
        yield process
    finally:
        process.stop()


def test_a_changed_host_key_stops_the_job(bed: Bed, difficult: str, other: SftpServerProcess) -> None:
    access = bed.access("che", other)
    other.stop()
    other.change_host_keys()
    other.start()
    with bed.dumping(access, difficult) as job:
        error = fails(job, "connect")

    assert "knownhosts: key mismatch" in error.what
    assert "ssh_host_key" in error.next_step
    assert "Accepted publickey" not in other.log().rpartition("Server listening")[2]


def test_a_key_that_is_not_accepted_is_named(bed: Bed, difficult: str, tmp_path: Path) -> None:
    access = bed.access("strangers")
    make_key(tmp_path / "stranger")
    stranger = replace(access, credentials=SshKey((tmp_path / "stranger").read_text(encoding="ascii")))
    with bed.dumping(stranger, difficult) as job:
        error = fails(job, "connect")

    assert "unable to authenticate" in error.what
    assert "authorized_keys" in error.next_step


def test_a_server_that_is_gone_is_named(bed: Bed, difficult: str, other: SftpServerProcess) -> None:
    access = bed.access("che", other)
    other.stop()
    with bed.dumping(access, difficult) as job:
        error = fails(job, "connect")

    assert "connection refused" in error.what
    assert "reach" in error.next_step


def test_a_server_that_lets_nobody_write_is_named(bed: Bed, difficult: str) -> None:
    access = bed.access("kept")
    read_only = SftpServerProcess(bed.folder, name="read-only", read_only=True)
    read_only.start()
    try:
        server = replace(access.server, port=read_only.port, host_keys=read_only.host_keys)
        with bed.dumping(replace(access, server=server), difficult, patience=5) as job:
            error = fails(job, "dump")
    finally:
        read_only.stop()

    assert "permission denied" in error.what.lower()
    assert "SFTP server" in error.next_step


def test_a_full_disk_is_named_and_leaves_no_backup(bed: Bed, large: str, tmp_path: Path) -> None:
    small = SftpServerProcess(tmp_path, megabytes=6)
    small.start()
    try:
        access = bed.access("che", small)
        with bed.dumping(access, large, patience=5, RESTIC_PACK_SIZE="4") as job:
            error = fails(job, "dump")
        Restic(access).release_stale_locks()
        assert Restic(access).snapshots() == []
    finally:
        small.stop()

    assert "quota is full" in error.next_step


def test_a_server_that_is_lost_half_way_is_named_and_the_next_dump_is_fine(
    bed: Bed, large: str, other: SftpServerProcess, tmp_path: Path
) -> None:
    access = bed.access("che", other)
    hold = wrapper(
        tmp_path / "held",
        "pg_dump",
        f"""[ "$1" != --help ] || exec "$REAL" "$@"
        wait_for_it() {{ while [ ! -e {tmp_path}/go ]; do sleep 0.1; done; }}
        "$REAL" "$@" | {{ dd bs=1M count=40 iflag=fullblock; wait_for_it; cat; }}""",
    )
    with bed.dumping(access, large, patience=3, wrappers=hold, RESTIC_PACK_SIZE="4") as job:
        await_true(lambda: stored_bytes(other.home) > 1_000_000, "something was sent")
        began = time.monotonic()
        other.stop()
        (tmp_path / "go").touch()
        error = fails(job, "dump")
    assert time.monotonic() - began < 60
    # What was under way, or the next try.
    assert re.search("connection (refused|lost|reset)|EOF", error.what), error.what
    assert "pods of the namespace" in error.next_step

    other.start()
    Restic(access).release_stale_locks()
    assert Restic(access).snapshots() == []
    with bed.dumping(access, large) as job:
        parse_dump_log(job.succeed())
    Restic(access).check()


def stored_bytes(folder: Path) -> int:
    """The size of all that is stored, files that vanish meanwhile left out."""
    sizes = 0
    for place, _folders, names in os.walk(folder):
        for name in names:
            try:
                sizes += os.stat(os.path.join(place, name)).st_size
            except FileNotFoundError:
                continue
    return sizes
