# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scripts that the dump's and the load's Jobs run, against a real PostgreSQL, restic and rest-server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._database._compare import compare, sequences_ahead
from ansible_collections.community.che.plugins.module_utils._database._dump import dump_path, parse_dump_log
from ansible_collections.community.che.plugins.module_utils._database._errors import LoadFailed
from ansible_collections.community.che.plugins.module_utils._database._figures_sql import ALL_FIGURES_SQL
from ansible_collections.community.che.plugins.module_utils._database._load import parse_load_log
from ansible_collections.community.che.plugins.module_utils._database._log import JobLog, read_figures
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures
from integration.database_bed import DIFFICULT, OWNER, SECRETS, TAGS, DatabaseBed, database_bed
from integration.job_process import SHELLS, wrapper

GROWING = """CREATE TABLE growing (id serial PRIMARY KEY, note text);
INSERT INTO growing (note) SELECT 'before ' || n FROM generate_series(1, 1000) AS n;"""


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseBed]:
    with database_bed(tmp_path_factory.mktemp("bed")) as bed:
        yield bed


@pytest.fixture(scope="module")
def difficult(bed: DatabaseBed) -> str:
    return bed.create("dbche", DIFFICULT)


@pytest.mark.soak
@pytest.mark.parametrize("shell", SHELLS)
def test_difficult_database_comes_back_equal(bed: DatabaseBed, difficult: str, shell: str) -> None:
    bed.shell = shell
    dumped = bed.dump(difficult)
    with bed.staged(difficult, shell) as (names, endpoint):
        loaded = bed.load(endpoint, dumped.snapshot_id, difficult)
        views = bed.postgres.psql("SELECT count(*), (SELECT children FROM counted) FROM child_names", names.staged)
    assert compare(dumped.figures, loaded.figures) == []
    assert sequences_ahead(dumped.figures, loaded.figures) == []
    assert loaded.restricted
    assert dumped.warnings == ()
    assert len(dumped.figures.tables) == 20
    assert len(dumped.figures.sequences) == 6
    assert dumped.figures.large_objects.count == 3
    assert views == "100|100"
    assert set(dumped.seconds) == {"connect", "dump", "figures", "read_back"}
    assert set(loaded.seconds) == {"connect", "load", "analyze", "figures"}


def test_snapshot_is_found_by_its_tags_and_holds_the_dump(bed: DatabaseBed, difficult: str) -> None:
    access = bed.access("tagged")
    dumped = bed.dump(difficult, access)
    (snapshot,) = Restic(access).snapshots(TAGS)
    assert snapshot.id == dumped.snapshot_id
    assert snapshot.hostname == "eclipse-che"
    (node,) = [node for node in Restic(access).list_files(snapshot.id) if node.type == "file"]
    assert (node.path, node.size) == (dump_path(difficult), dumped.bytes)
    text = Restic(access).dump(snapshot.id, dump_path(difficult), dumped.bytes + 1).decode()
    assert "\\restrict communityche\n" in text
    assert "OWNER TO" not in text


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE texts SET content = content || ' ' WHERE id = 4",
        "INSERT INTO texts SELECT 99, ''",
        "DELETE FROM nothing",
        "UPDATE numbers SET f8 = 0.1 + 0.2 WHERE id = 2",
        "UPDATE numbers SET f8 = 0 WHERE id = 3",
        "UPDATE kinds SET blob = '\\x00ff5c0a0d26' WHERE id = 1",
        "UPDATE kinds SET home = ROW('Main \"St\"', 6) WHERE id = 1",
        "UPDATE measurement SET taken = '2024-12-31' WHERE value = 0",
        "SELECT lo_put(20001, 4194303, 'x')",
        "SELECT lo_create(20004)",
        "ALTER SEQUENCE loose RESTART 1000",
        "CREATE TABLE more ()",
        "DROP TABLE careless",
    ],
)
def test_any_change_shows_in_the_figures(bed: DatabaseBed, difficult: str, change: str) -> None:
    bed.postgres.psql(f"DROP DATABASE IF EXISTS changed; CREATE DATABASE changed TEMPLATE {difficult}")
    assert compare(counted(bed, difficult), counted(bed, "changed")) == []
    bed.postgres.psql(change, "changed")
    assert len(compare(counted(bed, difficult), counted(bed, "changed"))) in (1, 2)


def counted(bed: DatabaseBed, database: str) -> DatabaseFigures:
    """The figures of a database as it stands."""
    return read_figures(JobLog.read(bed.postgres.psql(ALL_FIGURES_SQL, database)), "che", "", 0)


def test_what_is_written_during_the_dump_is_in_neither(bed: DatabaseBed, tmp_path: Path) -> None:
    database = bed.create("busy", GROWING)
    writing = wrapper(
        tmp_path / "wrappers",
        "pg_dump",
        '''case $1 in --help) ;; *)
            psql -X -q -w -c "INSERT INTO growing (note) VALUES ('during')" -c 'CREATE TABLE later ()' >&2 ;;
        esac
        exec "$REAL" "$@"''',
    )
    dumped = bed.dump(database, wrappers=writing)
    assert bed.postgres.psql("SELECT count(*) FROM growing", database) == "1001"
    (table,) = dumped.figures.tables
    assert table.rows == 1000
    with bed.staged(database, "during") as (names, endpoint):
        loaded = bed.load(endpoint, dumped.snapshot_id, database)
        assert bed.postgres.psql("SELECT count(*) FROM growing WHERE note = 'during'", names.staged) == "0"
    assert compare(dumped.figures, loaded.figures) == []
    # The insert took a number: the loaded sequence is further than it was counted, and that is told apart.
    assert sequences_ahead(dumped.figures, loaded.figures) == ["public.growing_id_seq"]


def test_sequences_are_never_behind_a_writer(bed: DatabaseBed) -> None:
    database = bed.create("racing", GROWING)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            bed.postgres.psql("SELECT nextval('growing_id_seq') FROM generate_series(1, 500)", database, OWNER)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        dumped = bed.dump(database)
    finally:
        stop.set()
        writer.join()
    with bed.staged(database, "racing") as (_names, endpoint):
        loaded = bed.load(endpoint, dumped.snapshot_id, database)
    assert compare(dumped.figures, loaded.figures) == []
    assert sequences_ahead(dumped.figures, loaded.figures) == ["public.growing_id_seq"]


def test_second_dump_of_an_unchanged_database_adds_next_to_nothing(bed: DatabaseBed) -> None:
    database = bed.create(
        "unchanged",
        "CREATE TABLE t AS SELECT n, md5(random()::text || n) AS note FROM generate_series(1, 300000) AS n",
    )
    access = bed.access("unchanged")
    first, second = bed.dump(database, access), bed.dump(database, access)
    assert first.data_added_packed > 5_000_000
    assert second.data_added_packed < first.data_added_packed * 0.05
    assert second.sha256 == first.sha256


def test_five_hundred_tables(bed: DatabaseBed) -> None:
    database = bed.create(
        "many",
        "".join(f"CREATE TABLE t{n} (id serial, v text); INSERT INTO t{n} (v) VALUES ('{n}');" for n in range(500)),
    )
    dumped = bed.dump(database)
    assert len(dumped.figures.tables) == len(dumped.figures.sequences) == 500
    with bed.staged(database, "many") as (_names, endpoint):
        loaded = bed.load(endpoint, dumped.snapshot_id, database)
    assert compare(dumped.figures, loaded.figures) == []


@pytest.mark.soak
@pytest.mark.parametrize("name", ["dbname=x port=1", 'it\'s $(HOME) "quoted" \\ %s', "ünï/cødé 🦆", "line\nbreak"])
def test_database_of_any_name(bed: DatabaseBed, name: str) -> None:
    bed.postgres.psql('CREATE DATABASE "' + name.replace('"', '""') + f'" OWNER {OWNER}')
    bed.postgres.psql(GROWING, name, OWNER)
    dumped = bed.dump(name)
    with bed.staged(name, "odd") as (_names, endpoint):
        loaded = bed.load(endpoint, dumped.snapshot_id, name)
    assert compare(dumped.figures, loaded.figures) == []


def test_grants_that_only_a_superuser_can_give_are_left_out_and_told(bed: DatabaseBed) -> None:
    database = bed.create("handed on", GROWING)
    # What the reader hands on is a grant in the reader's name.
    bed.postgres.psql("GRANT SELECT ON growing TO reader WITH GRANT OPTION", database, OWNER)
    bed.postgres.psql("SET ROLE reader; GRANT SELECT ON growing TO PUBLIC", database)
    dumped = bed.dump(database)
    assert "grants inside this database are not in the dump" in " ".join(dumped.warnings)
    with bed.staged(database, "defaults") as (_names, endpoint):
        loaded = bed.load(endpoint, dumped.snapshot_id, database)
    assert compare(dumped.figures, loaded.figures) == []


OLD_PSQL = r"""sed -e 's/^\\restrict /\\no_such_command /' -e 's/^\\unrestrict /\\no_such_command /' | "$REAL" "$@" """


def test_psql_that_does_not_know_restrict(bed: DatabaseBed, tmp_path: Path) -> None:
    database = bed.create("old psql", GROWING)
    dumped = bed.dump(database)
    not_its_input = 'case " $* " in *" -c "*|*" -f "*) exec "$REAL" "$@" ;; esac'
    old = wrapper(tmp_path / "wrappers", "psql", f"{not_its_input}\n{OLD_PSQL}")
    with (
        bed.staged(database, "old") as (_names, endpoint),
        bed.loading(endpoint, dumped.snapshot_id, database, wrappers=old) as job,
    ):
        loaded = parse_load_log(job.succeed())
    assert not loaded.restricted
    assert compare(dumped.figures, loaded.figures) == []


def test_dump_of_an_old_pg_dump(bed: DatabaseBed, tmp_path: Path) -> None:
    """Without a key in the dump there is nothing to take out of it, whatever its data look like."""
    database = bed.create("old dump", GROWING + "INSERT INTO growing (note) VALUES (E'\\\\unrestrict x\\n');")
    old = wrapper(
        tmp_path / "wrappers",
        "pg_dump",
        r"""[ "$1" != --help ] || { "$REAL" --help | grep -v restrict-key; exit; }
        "$REAL" "$@" | sed -e '5{/^\\restrict/d}' -e '${/^$/d}' | sed -e '/^\\unrestrict [A-Za-z0-9]*$/d'""",
    )
    dumped = bed.dump(database, wrappers=old)
    with bed.staged(database, "older") as (_names, endpoint):
        loaded = bed.load(endpoint, dumped.snapshot_id, database)
    assert loaded.restricted
    assert compare(dumped.figures, loaded.figures) == []


def test_dump_that_would_run_commands_is_refused(bed: DatabaseBed, tmp_path: Path) -> None:
    database = bed.create("hostile", GROWING)
    trace = tmp_path / "trace"
    hostile = wrapper(
        tmp_path / "wrappers",
        "pg_dump",
        f'"$REAL" "$@" | sed "s|^SET row_security.*|\\\\\\\\! touch {trace}|"',
    )
    dumped = bed.dump(database, wrappers=hostile)
    with (
        bed.staged(database, "hostile") as (_names, endpoint),
        bed.loading(endpoint, dumped.snapshot_id, database) as job,
    ):
        assert job.wait() != 0
        with pytest.raises(LoadFailed, match="backslash commands are restricted"):
            parse_load_log(job.log)
    assert not trace.exists()


def test_no_secret_is_seen_in_any_process_or_log(bed: DatabaseBed, difficult: str) -> None:
    seen: set[str] = set()
    with bed.dumping(difficult) as job:
        while '"che_backup":"result"' not in job.log and "error" not in job.log:
            seen.update(job.command_lines())
        log = job.succeed()
    parse_dump_log(log)
    with bed.staged(difficult, "secrets") as (_names, endpoint):
        with bed.loading(endpoint, parse_dump_log(log).snapshot_id, difficult) as job:
            while '"che_backup":"result"' not in job.log and "error" not in job.log:
                seen.update(job.command_lines())
            log += job.succeed()
        password = endpoint.password
    assert any("pg_dump" in text for text in seen)
    assert any("--snapshot=" in text for text in seen)
    for secret in (*SECRETS, password):
        assert not any(secret in text for text in seen)
        assert secret not in log
    assert password not in bed.postgres.logged()
