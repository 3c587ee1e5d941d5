# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong in the dump's and the load's Jobs: it is told, in time, and nothing half-made counts."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._database._dump import parse_dump_log
from ansible_collections.community.che.plugins.module_utils._database._errors import DumpFailed, LoadFailed
from ansible_collections.community.che.plugins.module_utils._database._load import parse_load_log
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from integration.database_bed import DatabaseBed, database_bed
from integration.job_process import SHELLS, JobProcess, await_true, wrapper
from integration.rest_server import USERNAME, free_port

SMALL = "CREATE TABLE small (id int PRIMARY KEY, note text); INSERT INTO small VALUES (1, 'one'), (2, 'two');"
# Random, so that restic has to send it all.
LARGE = """CREATE TABLE large (id int, note text);
INSERT INTO large SELECT n, (SELECT string_agg(md5(random()::text || n || m), '') FROM generate_series(1, 100) AS m)
FROM generate_series(1, 15000) AS n;"""


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseBed]:
    with database_bed(tmp_path_factory.mktemp("bed")) as bed:
        yield bed


@pytest.fixture(scope="module")
def small(bed: DatabaseBed) -> str:
    return bed.create("small", SMALL)


@pytest.fixture(scope="module")
def large(bed: DatabaseBed) -> str:
    return bed.create("large", LARGE)


def dump_fails(job: JobProcess, stage: str, seconds: float = 60) -> DumpFailed:
    """Wait for the end of a dump, which must be a bad one, and return what is told about it."""
    assert job.wait(seconds) != 0, job.log
    assert '"che_backup":"result"' not in job.log
    with pytest.raises(DumpFailed, match=f"in its step {stage}") as caught:
        parse_dump_log(job.log)
    return caught.value


def load_fails(job: JobProcess, stage: str, seconds: float = 60) -> LoadFailed:
    assert job.wait(seconds) != 0, job.log
    assert '"che_backup":"result"' not in job.log
    with pytest.raises(LoadFailed, match=f"in its step {stage}") as caught:
        parse_load_log(job.log)
    return caught.value


def fresh_access(bed: DatabaseBed, request: pytest.FixtureRequest) -> Access:
    return bed.access(request.node.name.replace("[", "-").replace("]", ""))


@pytest.mark.soak
@pytest.mark.parametrize("shell", SHELLS)
def test_pg_dump_killed_half_way_is_no_snapshot(
    bed: DatabaseBed, large: str, request: pytest.FixtureRequest, shell: str
) -> None:
    bed.shell = shell
    access = fresh_access(bed, request)
    with bed.dumping(large, access) as job:
        os.kill(job.await_child("pg_dump", written=1_000_000), signal.SIGKILL)
        error = dump_fails(job, "dump")
    assert "signal: killed" in error.what
    assert Restic(access).snapshots() == []


@contextmanager
def dump_held_half_way(bed: DatabaseBed, database: str, access: Access, patience_seconds: int) -> Iterator[JobProcess]:
    """A dump that has sent its first half, with the backup server killed; it goes on when this is entered."""
    held = bed.folder / f"held-{access.server.repository_path}"
    hold = wrapper(
        held,
        "pg_dump",
        f"""[ "$1" != --help ] || exec "$REAL" "$@"
        "$REAL" "$@" | {{ dd bs=1M count=40 iflag=fullblock; while [ ! -e {held}/go ]; do sleep 0.1; done; cat; }}""",
    )
    before = bed.rest.stored_bytes()
    options = bed.options(patience_seconds=patience_seconds)
    # Small packs, so that something is sent early.
    with bed.dumping(database, access, wrappers=hold, environment={"RESTIC_PACK_SIZE": "4"}, options=options) as job:
        await_true(lambda: bed.rest.stored_bytes() > before + 1_000_000, "something was sent")
        bed.rest.stop(signal.SIGKILL)
        (held / "go").touch()
        try:
            yield job
        finally:
            bed.rest.start()


@pytest.mark.soak
@pytest.mark.parametrize("shell", SHELLS)
def test_backup_server_gone_half_way(bed: DatabaseBed, large: str, request: pytest.FixtureRequest, shell: str) -> None:
    bed.shell = shell
    access = fresh_access(bed, request)
    with dump_held_half_way(bed, large, access, patience_seconds=3) as job:
        error = dump_fails(job, "dump", seconds=40)
    assert "the backup server answered no request for 3 seconds" in error.what
    assert "connection refused" in error.what
    assert "backup server" in error.next_step
    assert Restic(access).snapshots() == []


def test_backup_server_back_within_the_patience(bed: DatabaseBed, large: str, request: pytest.FixtureRequest) -> None:
    access = fresh_access(bed, request)
    with dump_held_half_way(bed, large, access, patience_seconds=30) as job:
        await_true(lambda: "retrying" in (job.scratch / "errors").read_text(encoding="utf-8"), "restic tried again")
        bed.rest.start()
        parse_dump_log(job.succeed())
        bed.rest.stop()


def test_session_lost_while_the_dump_runs(bed: DatabaseBed, large: str) -> None:
    with bed.dumping(large) as job:
        job.await_child("pg_dump", written=1_000_000)
        bed.postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'")
        error = dump_fails(job, "figures")
    assert "terminating connection" in error.what


def test_database_server_lost_while_the_dump_runs(bed: DatabaseBed, large: str, request: pytest.FixtureRequest) -> None:
    access = fresh_access(bed, request)
    with bed.dumping(large, access) as job:
        job.await_child("pg_dump", written=1_000_000)
        bed.postgres.psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{large}'")
        error = dump_fails(job, "dump")
    assert "pg_dump: error" in error.what, error.what
    assert Restic(access).snapshots() == []


def test_what_pg_dump_says_last_is_told(bed: DatabaseBed, small: str, tmp_path: Path) -> None:
    """restic stops listening to a child once that has ended, with much unread."""
    noise = "pg_dump: warning: there are circular foreign-key constraints on this table:"
    fail = f'yes "{noise}" | head -n 600 >&2; echo "pg_dump: error: out of luck" >&2; exit 1'
    script = f'case "$*" in *--snapshot*) {fail} ;; esac\nexec "$REAL" "$@"'
    with bed.dumping(small, wrappers=wrapper(tmp_path / "wrappers", "pg_dump", script)) as job:
        error = dump_fails(job, "dump")
    assert "pg_dump: error: out of luck" in error.what


@pytest.mark.parametrize(
    ("change", "message", "advice"),
    [
        ({"password": "wrong"}, 'password authentication failed for user "pgche"', "database's Secret"),
        ({"database": "no such"}, 'database "no such" does not exist', "name in the CheCluster"),
        ({"port": free_port()}, "Connection refused", "network policies"),
        ({"host": "nowhere.invalid"}, "could not translate host name", "resolve it"),
        ({"user": "nobody at all"}, "password authentication failed", "database's Secret"),
    ],
)
def test_database_out_of_reach(bed: DatabaseBed, small: str, change: dict[str, Any], message: str, advice: str) -> None:
    began = time.monotonic()
    with bed.dumping(small, endpoint=replace(bed.endpoint(small), **change)) as job:
        error = dump_fails(job, "connect")
    assert message in error.what
    assert advice in error.next_step
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("change", "message", "advice"),
    [
        ({"password": "wrong"}, "wrong password", "repository password"),
        ({"credentials": UserAndPassword(USERNAME, "wrong")}, "401 Unauthorized", "password at the backup server"),
        ({"ca_certificate": None}, "unknown authority", "server_ca_path"),
        ({"server": {"repository_path": "none here"}}, "repository does not exist", "initialize: true"),
        ({"server": {"port": free_port()}}, "connection refused", "reach"),
        ({"server": {"hostname": "nowhere.invalid"}}, "no such host", "resolve it"),
    ],
)
def test_repository_out_of_reach(
    bed: DatabaseBed, small: str, change: dict[str, Any], message: str, advice: str
) -> None:
    access = bed.access()
    if "server" in change:
        change = {"server": replace(access.server, **change["server"])}
    began = time.monotonic()
    with bed.dumping(small, replace(access, **change), options=bed.options(connect_seconds=5)) as job:
        error = dump_fails(job, "connect")
    assert message in error.what
    assert advice in error.next_step
    assert time.monotonic() - began < 20


def test_table_that_the_role_may_not_read_is_named(bed: DatabaseBed) -> None:
    bed.create("unreadable", SMALL)
    bed.postgres.psql('CREATE TABLE "of another" (id int)', "unreadable")
    with bed.dumping("unreadable") as job:
        error = dump_fails(job, "dump")
    assert "permission denied for table of another" in error.what
    assert "read, or own, that object" in error.next_step


@pytest.mark.parametrize("lock", ["ACCESS EXCLUSIVE", "EXCLUSIVE"])
def test_a_table_that_somebody_has_locked_is_not_waited_for_for_ever(bed: DatabaseBed, lock: str) -> None:
    """Who only reads has to wait for the strongest lock, and for no other."""
    database = bed.create(f"locked {lock}", "CREATE TABLE held ();")
    with bed.postgres.session(f"BEGIN; LOCK TABLE held IN {lock} MODE;", database):
        environment = {"CHE_LOCK_SECONDS": "2"}
        with bed.dumping(database, bed.access("locked"), environment=environment) as job:
            if lock == "EXCLUSIVE":
                parse_dump_log(job.succeed())
                return
            error = dump_fails(job, "dump", seconds=30)
    assert "canceling statement due to" in error.what
    assert "Somebody holds a lock" in error.next_step
    assert Restic(bed.access("locked", initialise=False)).snapshots() == []


def test_no_error_shows_more_than_fits(bed: DatabaseBed) -> None:
    many = "".join(f"CREATE TABLE a_rather_long_name_for_a_table_{n} ();" for n in range(500))
    bed.create("many denied", many)
    bed.postgres.psql("CREATE TABLE zz_last ()", "many denied")
    with bed.dumping("many denied") as job:
        error = dump_fails(job, "dump")
    assert "permission denied for table zz_last" in error.what
    assert len(error.what) < 1500
    assert len(job.log) < 4000


def test_job_deleted_while_it_dumps_leaves_no_lock(
    bed: DatabaseBed, large: str, request: pytest.FixtureRequest
) -> None:
    access = fresh_access(bed, request)
    with bed.dumping(large, access) as job:
        job.await_child("pg_dump", written=1_000_000)
        job.terminate()
        assert job.wait(30) == 143
    locks = bed.rest.data / access.server.repository_path / "locks"
    assert list(locks.iterdir()) == []


def test_killed_job_is_told_as_such(bed: DatabaseBed, large: str) -> None:
    with bed.dumping(large) as job:
        job.await_child("pg_dump", written=1_000_000)
        job.end(signal.SIGKILL)
        error = dump_fails(job, "dump")
    assert "ended without a result" in error.what
    assert "memory limits" in error.next_step


# A dump of an older pg_dump has no last line that would be missed: restic's status alone tells that it was cut off.
WITHOUT_KEY = r"""[ "$1" != --help ] || { "$REAL" --help | grep -v restrict-key; exit; }
"$REAL" "$@" | sed -e '/^\\restrict [A-Za-z0-9]*$/d' -e '/^\\unrestrict [A-Za-z0-9]*$/d'"""


def test_restic_killed_while_loading_leaves_the_database_empty(bed: DatabaseBed, large: str) -> None:
    dumped = bed.dump(large)
    with bed.staged(large, "killed") as (names, endpoint):
        with bed.loading(endpoint, dumped.snapshot_id, large) as job:
            os.kill(job.await_child("restic", written=10_000_000), signal.SIGKILL)
            error = load_fails(job, "load")
        assert "exit status 137" in error.what or "Killed" in error.what
        assert tables(bed, names.staged) == 0


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("restic 0.17.2 compiled with go1.22.5", "restic 0.17.2 is not one that will do: from 0.17.3 to below 1.0.0"),
        ("restic 1.0.0 compiled with go1.30", "restic 1.0.0 is not one that will do"),
        ("rclone v1.2.3", "does not say its version"),
        ("", "does not say its version"),
    ],
)
def test_restic_of_another_version_in_the_image(
    bed: DatabaseBed, small: str, tmp_path: Path, shell: str, says: str, told: str
) -> None:
    other = wrapper(tmp_path / "wrappers", "restic", f"echo '{says}'")
    bed.shell = shell
    with bed.dumping(small, environment={"CHE_RESTIC": f"{other}/restic"}) as job:
        error = dump_fails(job, "connect")
    assert told in error.what
    assert "restic_image" in error.next_step


def test_load_that_ends_too_soon_is_not_committed(bed: DatabaseBed, large: str, tmp_path: Path) -> None:
    """A restic that says all is well and gives too little."""
    dumped = bed.dump(large)
    cut_off = wrapper(
        tmp_path / "wrappers", "restic", 'case $1 in dump) "$REAL" "$@" | head -c 3000000 ;; *) "$REAL" "$@" ;; esac'
    )
    with bed.staged(large, "short") as (names, endpoint):
        with bed.loading(endpoint, dumped.snapshot_id, large, environment={"CHE_RESTIC": f"{cut_off}/restic"}) as job:
            error = load_fails(job, "load")
        assert "does not end as pg_dump ends one" in error.what
        assert tables(bed, names.staged) == 0


def test_dump_without_key_cut_off_between_statements_is_not_committed(
    bed: DatabaseBed, large: str, tmp_path: Path
) -> None:
    """What is there is sound, and no last line is missed: nothing but restic's status is wrong."""
    dumped = bed.dump(large, wrappers=wrapper(tmp_path / "old", "pg_dump", WITHOUT_KEY))
    failing = wrapper(
        tmp_path / "wrappers",
        "restic",
        'case $1 in dump) "$REAL" "$@" | sed "/^COPY /,\\$d"; exit 1 ;; *) "$REAL" "$@" ;; esac',
    )
    with bed.staged(large, "cut") as (names, endpoint):
        with bed.loading(endpoint, dumped.snapshot_id, large, environment={"CHE_RESTIC": f"{failing}/restic"}) as job:
            load_fails(job, "load")
        assert tables(bed, names.staged) == 0


def test_load_that_fails_at_its_end_leaves_nothing(bed: DatabaseBed, small: str) -> None:
    bed.create("granting", SMALL)
    bed.postgres.psql("CREATE ROLE leaver; GRANT SELECT ON small TO leaver", "granting")
    dumped = bed.dump("granting")
    bed.postgres.psql("DROP OWNED BY leaver; DROP ROLE leaver", "granting")
    with bed.staged("granting", "fails") as (names, endpoint):
        with bed.loading(endpoint, dumped.snapshot_id, "granting") as job:
            error = load_fails(job, "load")
        assert 'role "leaver" does not exist' in error.what
        assert "Create it in the target server" in error.next_step
        assert tables(bed, names.staged) == 0


def test_snapshot_without_the_dump(bed: DatabaseBed, small: str) -> None:
    dumped = bed.dump(small)
    with bed.staged(small, "nofile") as (_names, endpoint):
        with bed.loading(endpoint, dumped.snapshot_id, "another") as job:
            error = load_fails(job, "connect")
        with bed.loading(endpoint, "0" * 64, small) as job:
            load_fails(job, "connect")
    assert "the snapshot holds no file /db/another.sql" in error.what


def tables(bed: DatabaseBed, database: str) -> int:
    return int(bed.postgres.psql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database))
