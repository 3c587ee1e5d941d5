# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dumps and databases made by somebody who wants more than a database, through the load's own script on a real server.

Each is refused, or does nothing: the databases and roles of the server stay as they were, and no program runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._database import _staging, _swap
from ansible_collections.community.che.plugins.module_utils._database._compare import compare
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError, LoadFailed
from ansible_collections.community.che.plugins.module_utils._database._facts import as_saved, read_facts
from ansible_collections.community.che.plugins.module_utils._database._figures_sql import (
    ALL_FIGURES_SQL,
    live_figures_script,
)
from ansible_collections.community.che.plugins.module_utils._database._load import parse_load_log
from ansible_collections.community.che.plugins.module_utils._database._log import JobLog, read_figures
from ansible_collections.community.che.plugins.module_utils._database._sql import connect
from ansible_collections.community.che.plugins.module_utils._snapshot._properties import Setting
from integration.database_bed import DIFFICULT, OWNER, DatabaseBed, database_bed
from integration.job_process import wrapper
from integration.postgres_server import other_postgresql
from sampling import cases

LIVE = "live"
TABLE = "CREATE TABLE t (id int, note text); INSERT INTO t VALUES (1, 'ours'), (2, E'a \\\\ b');"


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseBed]:
    with database_bed(tmp_path_factory.mktemp("bed")) as bed:
        bed.create(LIVE, TABLE)
        yield bed


@pytest.fixture
def trace(bed: DatabaseBed) -> Iterator[Path]:
    """A file that is not there, and that the user of the server could make."""
    path = bed.postgres.socket / "trace"
    yield path
    path.unlink(missing_ok=True)


def world(bed: DatabaseBed) -> str:
    """What a hostile dump must not change."""
    roles = "SELECT json_agg(r ORDER BY r.oid) FROM pg_authid AS r"
    members = "SELECT json_agg(m ORDER BY m.roleid, m.member) FROM pg_auth_members AS m"
    columns = "oid, datname, datdba, datallowconn, datacl"
    databases = f"SELECT json_agg(d ORDER BY d.oid) FROM (SELECT {columns} FROM pg_database) AS d"
    settings = "SELECT json_agg(s) FROM pg_db_role_setting AS s"
    state = bed.postgres.psql(
        ";\n".join([roles, members, databases, settings, "SELECT count(*) FROM pg_prepared_xacts"])
    )
    return state + bed.postgres.psql("SELECT * FROM t ORDER BY id", LIVE)


def hostile_dump(bed: DatabaseBed, folder: Path, lines: str, place: str = "^SET row_security = off;$") -> str:
    """The snapshot of a dump of the live database with these lines put into it after a line of its head."""
    inserted = folder / "inserted.sql"
    inserted.write_bytes((lines + "\n").encode("utf-8", "surrogateescape"))
    script = f'[ "$1" = --help ] || {{ "$REAL" "$@" | sed "/{place}/r {inserted}"; exit; }}\nexec "$REAL" "$@"'
    return bed.dump(LIVE, wrappers=wrapper(folder / "wrappers", "pg_dump", script)).snapshot_id


def refusal(bed: DatabaseBed, snapshot: str, psql: Path | None = None) -> str:
    """What the load's Job says of it."""
    with (
        bed.staged(LIVE, "hostile") as (_names, endpoint),
        bed.loading(endpoint, snapshot, LIVE, wrappers=psql) as job,
    ):
        assert job.wait() != 0, job.log
        with pytest.raises(LoadFailed) as failed:
            parse_load_log(job.log)
    return str(failed.value)


COMMANDS = {
    "shell": r"\! touch TRACE",
    "shell after a statement": r"SELECT 1 \! touch TRACE",
    "shell in a line with SQL": r"SELECT 1; \! touch TRACE",
    "output to a program": "\\o | touch TRACE\nSELECT 1;\n\\o",
    "output to a file": "\\o TRACE\nSELECT 1;\n\\o",
    "result to a program": r"SELECT 1 \g | touch TRACE",
    "copy from a program": r"\copy t from program 'touch TRACE'",
    "copy of the password": r"\copy t (note) from '/etc/hostname'",
    "a file": r"\i /etc/hostname",
    "another server": r"\connect postgres postgres 127.0.0.1 1",
    "another database": r"\connect postgres",
    "a variable by a program": r"\set x `touch TRACE`",
    "errors allowed": r"\set ON_ERROR_STOP off",
    "guessed key": "\\unrestrict communityche\n\\! touch TRACE",
    "second head": "\\restrict mine\n\\unrestrict mine\n\\! touch TRACE",
    "after a quote that looks open": "SELECT $x$\nCOPY public.t (id, note) FROM stdin;\n$x$;\n\\! touch TRACE\n\\.",
    "in what looks like data": "SELECT '\nCOPY public.t (id, note) FROM stdin;\n';\n\\! touch TRACE\n\\.",
    "in an SQL body": "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC\nCOPY t FROM stdin;\n\\! touch TRACE\n\\.\nEND;",
    "after other quotes": "SET standard_conforming_strings = off;\nSELECT 'a\\'' \\! touch TRACE\n-- ';",
    "after another encoding": "SET client_encoding = 'SJIS';\nSELECT E'\udc81\\' \\! touch TRACE\n-- ';",
    "after a carriage return": "-- note\r\\! touch TRACE",
}
RESTRICTED = r"backslash commands are restricted|restricted mode|\\unrestrict: wrong key"
FILTERED = r"an old psql might obey this dump, for line \d+ of the dump has a"


@pytest.mark.soak(keep=2)
# The best known ways to run a program are of every run.
@pytest.mark.parametrize("name", cases(COMMANDS, always=["shell", "copy from a program"]))
@pytest.mark.parametrize("psql", ["new", "old"])
def test_commands_to_psql(bed: DatabaseBed, tmp_path: Path, name: str, psql: str) -> None:
    trace, before = tmp_path / "trace", world(bed)
    lines = COMMANDS[name].replace("TRACE", str(trace))
    snapshot = hostile_dump(bed, tmp_path, lines)
    told = refusal(bed, snapshot, other_postgresql("clients-14") / "bin" if psql == "old" else None)
    assert re.search(FILTERED if psql == "old" else RESTRICTED, told), told
    assert not trace.exists()
    assert world(bed) == before


STATEMENTS = {
    "COPY x FROM PROGRAM 'touch TRACE';": r"privileges of the pg_execute_server_program role",
    "COPY x TO PROGRAM 'touch TRACE';": r"privileges of the pg_execute_server_program role",
    "COPY x FROM '/etc/passwd';": r"privileges of the pg_read_server_files role",
    "COPY x TO 'TRACE';": r"privileges of the pg_write_server_files role",
    "SELECT lo_import('/etc/passwd');": r"permission denied for function lo_import",
    "SELECT lo_export(1, 'TRACE');": r"permission denied for function lo_export",
    "SELECT pg_read_file('/etc/passwd');": r"permission denied for function pg_read_file",
    "COMMIT; DROP DATABASE live;": r"must be owner of database live",
    "ROLLBACK; CREATE TABLE left_over ();": r"the dump ends the transaction that it is loaded in",
    "COMMIT; BEGIN;": r"the dump ends the transaction that it is loaded in",
    "PREPARE TRANSACTION 'held'; BEGIN;": r"the dump ends the transaction that it is loaded in",
    "COMMIT; SELECT $$": r"unterminated dollar-quoted string|syntax error",
    "ALTER ROLE CURRENT_USER SUPERUSER;": r"must be superuser",
    "ALTER ROLE pgche PASSWORD 'mine';": r"permission denied",
    "ALTER ROLE postgres PASSWORD 'mine';": r"must be superuser",
    "GRANT pgche TO CURRENT_USER;": r"must have admin option",
    "CREATE ROLE mine SUPERUSER;": r"must be superuser",
    "SET ROLE pgche;": r"permission denied to set role",
    "SET SESSION AUTHORIZATION postgres;": r"permission denied to set session authorization",
    "CREATE EXTENSION dblink;": r"permission denied to create extension|is not available",
    "CREATE EXTENSION file_fdw;": r"permission denied to create extension|is not available",
    "CREATE LANGUAGE plpython3u;": r"permission denied|is not available|does not exist|must be superuser",
    "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'libc', 'getpid';": r"permission denied for language c",
    "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION x();": r"permission denied to create event trigger",
    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET role = x', current_database()); END $$;": r"must be owner",
    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO x', current_database()); END $$;": r"must be owner|role",
    "ALTER DATABASE live SET session_preload_libraries = 'mine';": r"must be owner of database live",
    "COMMIT; ALTER SYSTEM SET work_mem = '1MB';": r"must be superuser|permission denied",
    "ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT ALL ON TABLES TO pgche;": r"must be member of role",
    "ALTER FUNCTION pg_catalog.now() SECURITY DEFINER;": r"must be owner",
    "CREATE FUNCTION pg_catalog.f() RETURNS int LANGUAGE sql AS 'SELECT 1';": r"permission denied for schema",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres';": r"must be a superuser",
    "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p WITH (connect = false);": r"superuser",
}


TO_A_PROGRAM = ["COPY x FROM PROGRAM 'touch TRACE';", "COPY x TO PROGRAM 'touch TRACE';"]


@pytest.mark.soak(keep=2)
@pytest.mark.parametrize("statement", cases(STATEMENTS, always=TO_A_PROGRAM))
def test_statements_beyond_the_loaders_rights(bed: DatabaseBed, tmp_path: Path, trace: Path, statement: str) -> None:
    before = world(bed)
    lines = "SET search_path = public, pg_catalog;\nCREATE TABLE x (note text);\n" + statement
    told = refusal(bed, hostile_dump(bed, tmp_path, lines.replace("TRACE", str(trace))))
    assert re.search(STATEMENTS[statement], told), told
    assert not trace.exists()
    assert world(bed) == before


# Volatile within immutable: the server believes it.
EVIL = """
CREATE FUNCTION public.run() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('is_superuser') = 'on' THEN
        EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch TRACE''';
    END IF;
END $$;
CREATE FUNCTION public.evil(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
    $$ BEGIN PERFORM public.run(); RETURN $1; END $$;
"""
EVIL_INDEX = """
CREATE TABLE public.indexed (id int);
CREATE INDEX ON public.indexed (id, public.evil(1));
"""
EVIL_CAST = """
CREATE TYPE public.mood AS ENUM ('ok');
CREATE FUNCTION public.told(public.mood) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN PERFORM public.run(); RETURN 'ok'; END $$;
CREATE CAST (public.mood AS text) WITH FUNCTION public.told(public.mood) AS IMPLICIT;
CREATE TABLE public.cast_away (feeling public.mood);
INSERT INTO public.cast_away VALUES ('ok');
"""
EVIL_OPERATOR = """
CREATE FUNCTION public.same(name, text) RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN PERFORM public.run(); RETURN true; END $$;
CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.same);
CREATE FUNCTION public.same(name, name) RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN PERFORM public.run(); RETURN true; END $$;
CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = name, FUNCTION = public.same);
CREATE FUNCTION public.pg_get_userbyid(oid) RETURNS name LANGUAGE plpgsql AS
    $$ BEGIN PERFORM public.run(); RETURN 'x'; END $$;
"""


@pytest.mark.parametrize(
    ("trap", "trigger"),
    [
        (EVIL + EVIL_INDEX, "SELECT count(*) FROM indexed"),
        (EVIL + EVIL_CAST, "SELECT feeling::text FROM cast_away"),
        (EVIL + EVIL_OPERATOR, "SET search_path = public, pg_catalog; SELECT pg_get_userbyid(10)"),
    ],
    ids=["index", "cast", "operator"],
)
def test_nothing_of_the_dump_runs_as_superuser(
    bed: DatabaseBed, tmp_path: Path, trace: Path, trap: str, trigger: str
) -> None:
    snapshot = hostile_dump(bed, tmp_path, trap.replace("TRACE", str(trace)), "^SET row_security = off;$")
    psql = bed.postgres.psql
    facts = bed.facts(LIVE)
    facts = replace(
        facts, properties=replace(facts.properties, settings=(Setting("", "search_path", "public, pg_catalog"),))
    )
    names = _staging.names_for(LIVE, "trap")
    role = _staging.prepare(psql, names, facts, 3600)
    endpoint = replace(bed.endpoint(names.staged), user=role.name, password=role.password)
    try:
        loaded = bed.load(endpoint, snapshot, LIVE)
        _staging.hand_over(psql, names, facts, OWNER)
        assert _staging.standing(psql, names).whole
        _swap.swap(psql, names)
        _swap.open_database(psql, LIVE)
        assert read_facts(psql, LIVE, OWNER) is not None
        counted = read_figures(JobLog.read(psql(live_figures_script(LIVE, OWNER))), "che", "", 0)
        assert compare(loaded.figures, counted) == []
        if EVIL_INDEX not in trap:
            # Whoever counts as a superuser all the same is at least spared what a cast would do.
            psql(connect(LIVE) + ALL_FIGURES_SQL)
        assert not trace.exists()
        # The trap is a trap: whoever does without such care is caught.
        psql(trigger, LIVE)
        assert trace.exists()
    finally:
        if _staging.standing(psql, names).swapped:
            _swap.swap_back(psql, names)
            _swap.open_database(psql, LIVE)
        _staging.clean_up(psql, names)


@pytest.mark.parametrize("setting", ["session_preload_libraries", "local_preload_libraries", "role"])
def test_settings_of_a_forged_manifest(bed: DatabaseBed, setting: str) -> None:
    facts = bed.facts(LIVE)
    forged = replace(facts.properties, settings=(Setting("", setting, "mine"),))
    saved = replace(bed.dump(LIVE).figures, properties=forged)
    with pytest.raises(DatabaseError, match=f"The backup would set {setting}"):
        as_saved(facts, saved)
    assert as_saved(replace(facts, properties=forged), saved).properties == forged


def test_an_old_psql_takes_an_honest_dump(bed: DatabaseBed) -> None:
    database = bed.create("honest", DIFFICULT)
    dumped = bed.dump(database)
    old = other_postgresql("clients-14") / "bin"
    with (
        bed.staged(database, "old") as (_names, endpoint),
        bed.loading(endpoint, dumped.snapshot_id, database, wrappers=old) as job,
    ):
        loaded = parse_load_log(job.succeed())
    assert not loaded.restricted
    assert compare(dumped.figures, loaded.figures) == []


@pytest.mark.parametrize("psql", ["new", "old"])
def test_a_dump_that_is_cut_off_in_its_data(bed: DatabaseBed, tmp_path: Path, psql: str) -> None:
    """What follows the dump is data then, and nothing ends the transaction."""
    drop = r"grep -v -e '^\\\.$' -e '^\\restrict' -e '^\\unrestrict'"
    script = f'[ "$1" = --help ] || {{ "$REAL" "$@" | {drop}; exit; }}\nexec "$REAL" "$@"'
    snapshot = bed.dump(LIVE, wrappers=wrapper(tmp_path / "wrappers", "pg_dump", script)).snapshot_id
    told = refusal(bed, snapshot, other_postgresql("clients-14") / "bin" if psql == "old" else None)
    assert re.search("the dump does not end as pg_dump ends one|invalid input syntax", told), told
