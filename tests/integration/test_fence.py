# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases closed for writing by their owner, seen to be written to, and emptied, on real servers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._database._contents import empty
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError, ScriptFailed
from ansible_collections.community.che.plugins.module_utils._database._facts import read_facts
from ansible_collections.community.che.plugins.module_utils._database._fence import (
    close_for_writing,
    mark,
    open_for_writing,
    schema_mark,
)
from ansible_collections.community.che.plugins.module_utils._database._figures_sql import ALL_FIGURES_SQL
from ansible_collections.community.che.plugins.module_utils._database._log import JobLog, read_figures
from ansible_collections.community.che.plugins.module_utils._database._sql import name
from ansible_collections.community.che.plugins.module_utils._database._sql_job import parse_sql_log, sql_job
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._snapshot._properties import Setting
from integration.database_bed import DIFFICULT, OWNER, DatabaseBed, postgres_server
from integration.job_process import SHELLS, JobProcess, shell_folder
from integration.postgres_server import PostgresServer, programs
from integration.test_server_probe import endpoint

DATABASE = 'o\'ne \\ "two" ü'
WRITTEN = (
    "INSERT INTO public.counted VALUES (1);",
    "UPDATE public.counted SET id = 3;",
    "DELETE FROM public.counted;",
    "TRUNCATE public.counted;",
    "SELECT nextval('public.numbers');",
    "SELECT lo_from_bytea(0, 'new');",
    "CREATE TABLE public.added (id int);",
    "ALTER TABLE public.counted ADD COLUMN more int;",
    "GRANT SELECT ON public.counted TO PUBLIC;",
)
Ask = Callable[[str], str]

SCHEMA = (
    "CREATE INDEX counted_id ON public.counted (id);",
    "DROP INDEX public.counted_id;",
    "CREATE VIEW public.seen AS SELECT id FROM public.counted;",
    "GRANT SELECT ON public.counted TO PUBLIC;",
    "ALTER TABLE public.counted ALTER COLUMN id SET DEFAULT 3;",
    "ALTER TABLE public.counted ADD CHECK (id < 100);",
    "CREATE FUNCTION public.one() RETURNS int LANGUAGE sql AS 'SELECT 1';",
    "CREATE OR REPLACE FUNCTION public.one() RETURNS int LANGUAGE sql AS 'SELECT 2';",
    "COMMENT ON TABLE public.counted IS 'Counted.';",
    "CREATE TYPE public.colour AS ENUM ('red');",
    "ALTER TYPE public.colour ADD VALUE 'blue';",
    "DROP VIEW public.seen;",
    "CREATE STATISTICS public.doubled ON (id * 2) FROM public.counted;",
    "CREATE TEXT SEARCH CONFIGURATION public.words (COPY = simple);",
    "CREATE PUBLICATION told FOR TABLE public.counted;",
)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as found:
        yield found


@pytest.fixture
def owner(server: PostgresServer) -> Iterator[Ask]:
    """A database with little in it, and psql as its owner."""
    server.psql(f"CREATE DATABASE {name(DATABASE)} OWNER {OWNER};")

    def ask(script: str) -> str:
        return server.psql(script, DATABASE, OWNER)

    ask("CREATE TABLE public.counted (id int); INSERT INTO public.counted VALUES (1), (2);")
    ask("CREATE SEQUENCE public.numbers;")
    yield ask
    server.psql(f"DROP DATABASE {name(DATABASE)} WITH (FORCE);")


def session(server: PostgresServer) -> subprocess.Popen[str]:
    """A client that stays, and has written."""
    client = subprocess.Popen(
        [programs() / "psql", "-X", "-q", "-h", server.socket, "-p", str(server.port), "-U", OWNER, DATABASE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert client.stdin is not None and client.stdout is not None
    client.stdin.write("INSERT INTO public.counted VALUES (7);\n\\echo written\n")
    client.stdin.flush()
    assert client.stdout.readline() == "written\n"
    return client


def test_what_is_closed_can_be_read_and_not_written(server: PostgresServer, owner: Ask) -> None:
    client = session(server)
    close_for_writing(owner, DATABASE, OWNER)

    _out, said = client.communicate("INSERT INTO public.counted VALUES (8);\n", timeout=60)
    assert "terminating connection" in said
    with pytest.raises(CheError, match="read-only transaction"):
        owner("INSERT INTO public.counted VALUES (9);")
    assert owner("SELECT count(*) FROM public.counted;") == "3"

    open_for_writing(owner, DATABASE, OWNER)
    owner("INSERT INTO public.counted VALUES (9);")
    assert owner("SELECT count(*) FROM pg_db_role_setting;") == "0"


def test_closing_and_opening_can_be_repeated(owner: Ask) -> None:
    """As a run does that goes on after one that was killed."""
    open_for_writing(owner, DATABASE, OWNER)
    first = close_for_writing(owner, DATABASE, OWNER)
    assert close_for_writing(owner, DATABASE, OWNER) == first
    open_for_writing(owner, DATABASE, OWNER)
    open_for_writing(owner, DATABASE, OWNER)
    owner("INSERT INTO public.counted VALUES (9);")


def test_who_may_only_read_for_another_reason_still_may_no_more(server: PostgresServer, owner: Ask) -> None:
    told = f"ALTER ROLE postgres IN DATABASE {name(DATABASE)} SET default_transaction_read_only = on;"
    server.psql(told)

    def superuser(script: str) -> str:
        return server.psql(script)

    close_for_writing(superuser, DATABASE, OWNER)
    open_for_writing(superuser, DATABASE, OWNER)
    owner("INSERT INTO public.counted VALUES (9);")
    left = "SELECT count(*) FROM pg_db_role_setting WHERE setconfig::text LIKE '%read_only=on%' AND setrole <> 0;"
    assert server.psql(left) == "1"


def test_only_what_was_closed_is_left_out_of_what_is_saved(server: PostgresServer, owner: Ask) -> None:
    server.psql(f"ALTER ROLE postgres IN DATABASE {name(DATABASE)} SET default_transaction_read_only = on;")
    for close, is_closed in ((close_for_writing, True), (open_for_writing, False)):
        close(owner, DATABASE, OWNER)
        facts = read_facts(server.psql, DATABASE, OWNER)
        assert facts is not None
        assert facts.is_closed is is_closed
        counted = read_figures(JobLog.read(owner(ALL_FIGURES_SQL)), "che", "", 0)
        assert facts.properties.settings == (Setting("postgres", "default_transaction_read_only", "on"),)
        assert counted.properties.settings == facts.properties.settings


def test_what_was_closed_is_known_by_who_connects_not_by_whom_that_acts_as(server: PostgresServer, owner: Ask) -> None:
    """Where passwords are changed by turns, each role that logs in acts as the one that owns everything."""
    server.psql(f"CREATE ROLE acted_as SUPERUSER; GRANT acted_as TO {name(OWNER)};")
    close_for_writing(owner, DATABASE, OWNER)
    server.psql(f"ALTER ROLE {name(OWNER)} IN DATABASE {name(DATABASE)} SET role = acted_as;")
    counted = read_figures(JobLog.read(owner(ALL_FIGURES_SQL)), "che", "", 0)
    server.psql(f"ALTER ROLE {name(OWNER)} IN DATABASE {name(DATABASE)} RESET ALL; DROP ROLE acted_as;")
    assert counted.properties.settings == (Setting(OWNER, "role", "acted_as"),)


def test_who_does_not_own_it_can_open_what_was_never_closed(server: PostgresServer, owner: Ask) -> None:
    server.psql(f"ALTER DATABASE {name(DATABASE)} OWNER TO postgres;")
    with pytest.raises(CheError, match="must be owner"):
        close_for_writing(owner, DATABASE, OWNER)
    open_for_writing(owner, DATABASE, OWNER)


def test_a_setting_of_the_role_does_not_open_it(server: PostgresServer, owner: Ask) -> None:
    server.psql(f"ALTER ROLE {OWNER} SET default_transaction_read_only = off;")
    try:
        close_for_writing(owner, DATABASE, OWNER)
        with pytest.raises(CheError, match="read-only transaction"):
            owner("INSERT INTO public.counted VALUES (9);")
    finally:
        server.psql(f"ALTER ROLE {OWNER} RESET default_transaction_read_only;")


def test_nothing_written_is_the_same_mark(server: PostgresServer, owner: Ask) -> None:
    before = mark(owner, DATABASE)
    owner("SELECT count(*) FROM public.counted;")
    # What comes by itself, and what others do elsewhere.
    server.psql("ANALYZE;", DATABASE)
    server.psql("CREATE TABLE public.elsewhere (id int); DROP TABLE public.elsewhere;")
    close_for_writing(owner, DATABASE, OWNER)
    assert before
    assert mark(owner, DATABASE) == before


@pytest.mark.parametrize("statement", WRITTEN)
def test_whatever_is_written_is_another_mark(owner: Ask, statement: str) -> None:
    before = mark(owner, DATABASE)
    owner(statement)
    assert mark(owner, DATABASE) != before


def test_whatever_changes_the_schema_is_another_mark_of_that(server: PostgresServer, owner: Ask) -> None:
    server.psql(f"GRANT CREATE ON SCHEMA public TO {OWNER};", DATABASE)
    before = schema_mark(owner, DATABASE)
    owner("INSERT INTO public.counted VALUES (8); SELECT nextval('public.numbers');")
    owner("CREATE TEMPORARY TABLE while_it_lasts (id int);")
    server.psql("VACUUM ANALYZE; VACUUM FREEZE;", DATABASE)
    close_for_writing(owner, DATABASE, OWNER)
    assert schema_mark(owner, DATABASE) == before
    open_for_writing(owner, DATABASE, OWNER)
    for statement in SCHEMA:
        owner(statement)
        now = schema_mark(owner, DATABASE)
        assert now != before, statement
        before = now


def test_what_a_session_wrote_that_is_ended_is_counted(server: PostgresServer, owner: Ask) -> None:
    before = mark(owner, DATABASE)
    client = session(server)
    close_for_writing(owner, DATABASE, OWNER)
    assert mark(owner, DATABASE) != before
    client.communicate(timeout=60)


def test_a_server_that_starts_anew_is_another_mark(server: PostgresServer, owner: Ask) -> None:
    """Its counts may be lost with it."""
    before = mark(owner, DATABASE)
    server.stop()
    server.start()
    assert mark(owner, DATABASE) != before


def test_an_old_server_gives_no_mark() -> None:
    with postgres_server("9.6") as old:
        old.psql(f"CREATE DATABASE dbche OWNER {OWNER};")
        old.psql("CREATE TABLE public.counted (id int);", "dbche", OWNER)

        def ask(script: str) -> str:
            return old.psql(script, "dbche", OWNER)

        assert mark(ask, "dbche") == ""
        made_of = schema_mark(ask, "dbche")
        ask("CREATE INDEX counted_id ON public.counted (id);")
        assert schema_mark(ask, "dbche") != made_of
        close_for_writing(ask, "dbche", OWNER)
        with pytest.raises(CheError, match="read-only transaction"):
            ask("INSERT INTO public.counted VALUES (9);")
        open_for_writing(ask, "dbche", OWNER)
        ask("INSERT INTO public.counted VALUES (9);")
        empty(ask, "dbche")


def test_all_that_the_owner_made_goes_and_what_others_gave_stays(server: PostgresServer, owner: Ask) -> None:
    server.psql(f"GRANT CREATE ON SCHEMA public TO {OWNER}; CREATE EXTENSION IF NOT EXISTS pgcrypto;", DATABASE)
    owner("DROP TABLE public.counted; DROP SEQUENCE public.numbers;")
    owner(DIFFICULT)
    owner("CREATE AGGREGATE public.total (int) (sfunc = int4pl, stype = int);")
    owner("CREATE TYPE public.colour AS ENUM ('red'); CREATE DOMAIN public.positive AS int CHECK (VALUE > 0);")
    owner("CREATE VIEW public.seen AS SELECT 1;")
    granted = "SELECT has_schema_privilege('public', 'CREATE');"

    empty(owner, DATABASE)

    assert owner("SELECT count(*) FROM pg_largeobject_metadata;") == "0"
    assert (
        owner("SELECT count(*) FROM pg_tables WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema';")
        == "0"
    )
    assert owner(granted) == "t"
    owner(DIFFICULT)


DEPENDENT = """
CREATE FUNCTION public.step(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE AGGREGATE public.total(int) (SFUNC = public.step, STYPE = int, INITCOND = '0');
CREATE DOMAIN public.number AS int;
CREATE DOMAIN public.positive AS public.number CHECK (VALUE > 0);
CREATE TYPE public.pair AS (one public.number, two public.number);
"""


def test_what_goes_along_with_something_else_is_gone_already(owner: Ask) -> None:
    owner(DEPENDENT)
    empty(owner, DATABASE)


def test_what_belongs_to_others_is_not_emptied(server: PostgresServer, owner: Ask) -> None:
    server.psql("CREATE SCHEMA theirs;", DATABASE)
    with pytest.raises(CheError, match="must be owner"):
        empty(owner, DATABASE)
    assert owner("SELECT count(*) FROM public.counted;") == "2"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_s_output_comes_out_of_a_job_whole(
    server: PostgresServer, owner: Ask, tmp_path: Path, shell: str
) -> None:
    script = 'SELECT repeat(\'ü \', 1000);\n\\echo\n\\echo \'{"che_backup":"stage","stage":"output"}\'\n'
    plan = sql_job(endpoint(server, DATABASE), script, DatabaseBed.options())
    with JobProcess(plan, tmp_path / "job", shell_folder(tmp_path, shell)) as job:
        job.wait()
        assert parse_sql_log(job.log) == "ü " * 1000 + '\n\n{"che_backup":"stage","stage":"output"}\n'
        with pytest.raises(ScriptFailed, match="not whole"):
            parse_sql_log(job.log.replace("ü", "u", 1))


def test_a_statement_that_fails_is_told(server: PostgresServer, owner: Ask, tmp_path: Path) -> None:
    plan = sql_job(endpoint(server, DATABASE), "SELECT 1;\nSELECT none;\n", DatabaseBed.options())
    with JobProcess(plan, tmp_path / "job", shell_folder(tmp_path, "dash")) as job:
        job.wait()
        with pytest.raises(DatabaseError, match='column "none" does not exist'):
            parse_sql_log(job.log)
