# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restored database put in the place of the old one on a real server, with clients that will not let go."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._database import _sql as sql
from ansible_collections.community.che.plugins.module_utils._database import _staging, _swap
from ansible_collections.community.che.plugins.module_utils._database._dump import parse_dump_log
from ansible_collections.community.che.plugins.module_utils._database._errors import (
    DatabaseError,
    DumpFailed,
    LoadFailed,
    SwapFailed,
)
from ansible_collections.community.che.plugins.module_utils._database._facts import as_saved, read_facts
from ansible_collections.community.che.plugins.module_utils._database._fence import mark
from ansible_collections.community.che.plugins.module_utils._database._load import parse_load_log
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._snapshot._properties import Extension
from integration.che_bed import wait_until
from integration.database_bed import DIFFICULT, OWNER, OWNER_PASSWORD, DatabaseBed, database_bed
from integration.job_process import wrapper
from integration.postgres_server import programs

PROPERTIES = (Path(__file__).parent / "properties.sql").read_text(encoding="utf-8")
ONE_TABLE = "CREATE TABLE one (id int); INSERT INTO one VALUES (1);"


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseBed]:
    with database_bed(tmp_path_factory.mktemp("bed")) as bed:
        yield bed


@pytest.fixture
def live(bed: DatabaseBed, request: pytest.FixtureRequest) -> str:
    """A database in use, which is called as the test is."""
    return bed.create(request.node.name, ONE_TABLE)


def restored(bed: DatabaseBed, database: str, run: str = "r1") -> _staging.StagedNames:
    """A database like it, loaded through the Jobs and handed over."""
    dumped = bed.dump(database)
    names, facts = _staging.names_for(database, run), bed.facts(database)
    role = _staging.prepare(bed.postgres.psql, names, facts, 3600)
    endpoint = replace(bed.endpoint(names.staged), user=role.name, password=role.password)
    bed.load(endpoint, dumped.snapshot_id, database)
    _staging.hand_over(bed.postgres.psql, names, facts, OWNER)
    return names


def quick(bed: DatabaseBed, database: str, run: str = "r1") -> _staging.StagedNames:
    """An empty database in the place of a loaded one, for what doesn't depend on contents."""
    names, facts = _staging.names_for(database, run), bed.facts(database)
    _staging.prepare(bed.postgres.psql, names, facts, 3600)
    _staging.hand_over(bed.postgres.psql, names, facts, OWNER)
    return names


def swap_and_open(bed: DatabaseBed, names: _staging.StagedNames) -> None:
    _swap.swap(bed.postgres.psql, names)
    _swap.open_database(bed.postgres.psql, names.database)


def one_value(bed: DatabaseBed, sql: str, database: str = "postgres") -> str:
    return bed.postgres.psql(sql, database)


def databases(bed: DatabaseBed, names: _staging.StagedNames) -> set[str]:
    found = bed.postgres.psql("SELECT datname FROM pg_database").split("\n")
    return {what for what in ("database", "staged", "replaced") if getattr(names, what) in found}


def client_environment(bed: DatabaseBed, database: str) -> dict[str, str]:
    """How a client connects over TCP, as Che does."""
    return {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(bed.postgres.port),
        "PGUSER": OWNER,
        "PGPASSWORD": OWNER_PASSWORD,
        "PGDATABASE": database,
    }


@contextmanager
def client_that_comes_back(bed: DatabaseBed, database: str) -> Iterator[list[str]]:
    """Connects over TCP in a loop, as Che does; yields what it has seen: the table's rows, or why it could not."""
    seen: list[str] = []
    stop = threading.Event()

    def connect() -> None:
        while not stop.is_set():
            done = subprocess.run(
                [programs() / "psql", "-X", "-A", "-t", "-c", "SELECT count(*) FROM one", "-c", "SELECT pg_sleep(0.2)"],
                env=client_environment(bed, database),
                capture_output=True,
                text=True,
                check=False,
            )
            seen.append(done.stdout.split("\n")[0] or done.stderr)

    clients = [threading.Thread(target=connect) for _ in range(3)]
    for client in clients:
        client.start()
    try:
        while len(seen) < 3:
            time.sleep(0.05)
        yield seen
        count = len(seen)
        while len(seen) < count + 6:
            time.sleep(0.05)
    finally:
        stop.set()
        for client in clients:
            client.join()


def test_everything_belongs_to_the_owner_and_the_loader_is_gone(bed: DatabaseBed) -> None:
    database = bed.create("handed over", DIFFICULT)
    names = restored(bed, database)
    owners = """
        SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE oid >= 16384
        UNION SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE oid >= 16384
        UNION SELECT pg_get_userbyid(typowner) FROM pg_type WHERE oid >= 16384
        UNION SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE oid >= 16384 AND nspname NOT LIKE 'pg_toast%'
        UNION SELECT pg_get_userbyid(lomowner) FROM pg_largeobject_metadata"""
    assert one_value(bed, owners, names.staged) == OWNER
    assert one_value(bed, f"SELECT count(*) FROM pg_roles WHERE rolname = '{names.role}'") == "0"
    for privileges in (
        "SELECT relname, relacl FROM pg_class WHERE relacl IS NOT NULL AND oid >= 16384 ORDER BY 1",
        "SELECT attrelid::regclass, attname, attacl FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid >= 16384",
        "SELECT oid, lomacl FROM pg_largeobject_metadata ORDER BY 1",
        "SELECT proname, proacl FROM pg_proc WHERE oid >= 16384 ORDER BY 1",
        "SELECT nspname, nspowner, nspacl FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)' ORDER BY 1",
        "SELECT description FROM pg_description WHERE objoid >= 16384 OR description = 'Ours' ORDER BY 1",
    ):
        assert one_value(bed, privileges, names.staged) == one_value(bed, privileges, database)
    _staging.clean_up(bed.postgres.psql, names)


def test_what_a_database_is_given_is_copied(bed: DatabaseBed, live: str) -> None:
    bed.postgres.psql(PROPERTIES.replace("live", live))
    before = bed.facts(live)
    names = quick(bed, live)
    swap_and_open(bed, names)
    after = bed.facts(live)
    assert after.properties == before.properties
    for what in ("owner", "encoding", "collate", "ctype", "tablespace", "public_owner"):
        assert getattr(after, what) == getattr(before, what)
    assert one_value(bed, "SHOW search_path", live) == '"$user", public, "Odd ""Schema""" '.strip()
    assert one_value(bed, "SHOW my.own", live) == "a 'quoted' \\ value, with \"all\""


DEFAULTS = """
    CREATE TABLE looks_alike (note text, more text);
    INSERT INTO looks_alike VALUES (
        E'-- Name: DEFAULT PRIVILEGES FOR TABLES; Type: DEFAULT ACL; Schema: -; Owner: x',
        E'\\n\\n\\nALTER DEFAULT PRIVILEGES FOR ROLE x GRANT SELECT ON TABLES TO PUBLIC;');
    CREATE SCHEMA "odd "" schema";
    ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT ON TABLES TO PUBLIC;
    ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES REVOKE ALL ON TYPES FROM pgche, PUBLIC;
    ALTER DEFAULT PRIVILEGES IN SCHEMA "odd "" schema" GRANT USAGE ON SEQUENCES TO reader WITH GRANT OPTION;
"""
OF_OTHERS = """
    ALTER DEFAULT PRIVILEGES FOR ROLE reader GRANT SELECT ON TABLES TO pgche;
    ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT SELECT ON TABLES TO pgche;
"""


def test_default_privileges_of_any_role_come_back(bed: DatabaseBed) -> None:
    database = bed.create("defaults", DEFAULTS)
    superuser = one_value(bed, "SELECT current_user")
    bed.postgres.psql(OF_OTHERS.replace("ROLE postgres", f'ROLE "{superuser}"'), database)
    before = bed.facts(database).properties.default_privileges
    assert len(before) == 6
    names = restored(bed, database)
    for held in (
        "SELECT defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype, defaclacl FROM pg_default_acl"
        " ORDER BY defaclrole::regrole::text, defaclnamespace::regnamespace::text, defaclobjtype",
        "SELECT * FROM looks_alike",
    ):
        assert one_value(bed, held, names.staged) == one_value(bed, held, database)
    swap_and_open(bed, names)
    assert bed.facts(database).properties.default_privileges == before
    _swap.drop_replaced(bed.postgres.psql, names)


WITH_EXTENSION = """
    CREATE TABLE looks_like_a_comment (note text);
    INSERT INTO looks_like_a_comment VALUES (
        E'-- Name: EXTENSION x; Type: COMMENT; Schema: -; Owner: x\\n\\n\\nCOMMENT ON EXTENSION x IS \\'y\\';');
"""


def test_an_extension_that_only_a_superuser_may_create_comes_back(bed: DatabaseBed) -> None:
    """As when somebody has the server's monitoring look into Che's database."""
    database = bed.create("extended", WITH_EXTENSION)
    bed.postgres.psql("CREATE EXTENSION dblink; COMMENT ON EXTENSION dblink IS 'it''s ours; '--';", database)
    before = bed.facts(database).properties.extensions
    assert before == (Extension("dblink", "public"),)
    names = restored(bed, database)
    held = "SELECT * FROM looks_like_a_comment"
    assert one_value(bed, held, names.staged) == one_value(bed, held, database)
    swap_and_open(bed, names)
    assert bed.facts(database).properties.extensions == before
    _swap.drop_replaced(bed.postgres.psql, names)


def test_an_extension_that_the_live_database_lacks_is_refused_before_anything_is_made(bed: DatabaseBed) -> None:
    """Else a forged manifest had the superuser create what it likes."""
    database, live = bed.create("extended once"), bed.create("never extended")
    bed.postgres.psql("CREATE SCHEMA apart; CREATE EXTENSION pg_buffercache SCHEMA apart;", database)
    bed.postgres.psql("CREATE EXTENSION dblink;", database)
    saved, facts = bed.dump(database).figures, bed.facts(live)
    with pytest.raises(DatabaseError, match=r"has the extension dblink, .* the live database does not have it"):
        apart = tuple(held for held in saved.properties.extensions if held.schema == "public")
        as_saved(facts, replace(saved, properties=replace(saved.properties, extensions=apart)))
    with pytest.raises(DatabaseError, match="pg_buffercache, which only a superuser may create, in the schema apart"):
        as_saved(bed.facts(database), saved)
    trusted = replace(saved.properties, extensions=(Extension("pgcrypto", "anywhere"),))
    assert as_saved(facts, replace(saved, properties=trusted)).superusers_extensions == ()


@pytest.mark.soak
@pytest.mark.parametrize(
    "attack",
    [
        'DROP DATABASE "forged" WITH (FORCE)',
        'ALTER DATABASE "forged" RENAME TO gone',
        f"ALTER ROLE {OWNER} PASSWORD 'known'",
        f"SET ROLE {OWNER}",
        f"SET SESSION AUTHORIZATION {OWNER}",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{OWNER}'",
        "COPY one TO PROGRAM 'true'",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT ALL ON TABLES TO PUBLIC",
    ],
)
def test_a_forged_dump_has_no_rights_outside_its_own_database(bed: DatabaseBed, tmp_path: Path, attack: str) -> None:
    """Even one that ends the load's transaction first."""
    database = bed.create("forged", ONE_TABLE)
    (tmp_path / "attack.sql").write_text(f"COMMIT;\n{attack};\nBEGIN;\n", encoding="utf-8")
    forger = wrapper(
        tmp_path / "wrappers",
        "pg_dump",
        f'[ "$1" != --help ] || exec "$REAL" "$@"\n"$REAL" "$@" | sed "/^SET row_security/r {tmp_path}/attack.sql"',
    )
    session = subprocess.Popen(
        [programs() / "psql", "-X", "-c", "SELECT pg_sleep(60)"],
        env={**client_environment(bed, database)},
        stdout=subprocess.DEVNULL,
    )
    try:
        dumped = bed.dump(database, wrappers=forger)
        with (
            bed.staged(database, "forged") as (_names, endpoint),
            bed.loading(endpoint, dumped.snapshot_id, database) as job,
        ):
            assert job.wait() != 0
            with pytest.raises(LoadFailed, match=r"permission denied|must be|not permitted"):
                parse_load_log(job.log)
        assert session.poll() is None
    finally:
        session.kill()
        session.wait()
    assert one_value(bed, "SELECT count(*) FROM one", database) == "1"
    bed.postgres.psql("DROP DATABASE forged WITH (FORCE)")


@pytest.mark.parametrize(
    "options",
    ["ENCODING 'LATIN1' LOCALE 'C'", "ENCODING 'SQL_ASCII' LOCALE 'C'", "LOCALE_PROVIDER icu ICU_LOCALE 'de-x-icu'"],
)
def test_encoding_and_locale_are_kept(bed: DatabaseBed, options: str) -> None:
    bed.postgres.psql("DROP DATABASE IF EXISTS local")
    bed.postgres.psql(f"CREATE DATABASE local OWNER {OWNER} TEMPLATE template0 {options}")
    bed.postgres.psql("CREATE TABLE words AS SELECT chr(233) AS word", "local", OWNER)
    before = bed.facts("local")
    names = restored(bed, "local")
    swap_and_open(bed, names)
    after = bed.facts("local")
    for what in ("encoding", "collate", "ctype", "icu_locale"):
        assert getattr(after, what) == getattr(before, what)
    _swap.drop_replaced(bed.postgres.psql, names)


def test_clients_get_the_new_database_once_it_is_opened(bed: DatabaseBed, live: str) -> None:
    names = restored(bed, live)
    bed.postgres.psql("INSERT INTO one VALUES (2), (3)", live)
    with client_that_comes_back(bed, live) as seen:
        swapped = _swap.swap(bed.postgres.psql, names)
        count = len(seen)
        # The first of each client may have been under way.
        wait_until(lambda: len(seen) > count + 6, 30, lambda: f"nobody comes back: {seen}")
        assert not [answer for answer in seen[count + 3 :] if answer.isdigit()]
        assert "1" not in seen
        _swap.open_database(bed.postgres.psql, live)
    assert swapped.changed
    assert 0 < swapped.outage_seconds < 10
    assert "3" in seen
    assert seen[-1] == "1"
    # The last is what a client is told that comes in the very moment of the swap.
    refusals = ("not currently accepting", "terminating", "closed", "just been dropped or renamed")
    assert not [text for text in seen if not text.isdigit() and not any(words in text for words in refusals)]
    assert databases(bed, names) == {"database", "replaced"}


def test_swap_twice_and_back_twice(bed: DatabaseBed, live: str) -> None:
    names = restored(bed, live)
    bed.postgres.psql("INSERT INTO one VALUES (2)", live)
    assert _swap.swap(bed.postgres.psql, names).changed
    assert _swap.swap(bed.postgres.psql, names) == _swap.Swapped(False, 0.0)
    assert not _swap.is_open(bed.postgres.psql, live)
    _swap.open_database(bed.postgres.psql, live)
    assert _swap.swap(bed.postgres.psql, names) == _swap.Swapped(False, 0.0)
    assert _swap.is_open(bed.postgres.psql, live)
    assert one_value(bed, "SELECT count(*) FROM one", live) == "1"
    assert _swap.swap_back(bed.postgres.psql, names).changed
    assert _swap.swap_back(bed.postgres.psql, names) == _swap.Swapped(False, 0.0)
    assert not _swap.is_open(bed.postgres.psql, live)
    _swap.open_database(bed.postgres.psql, live)
    assert _swap.swap_back(bed.postgres.psql, names) == _swap.Swapped(False, 0.0)
    assert one_value(bed, "SELECT count(*) FROM one", live) == "2"
    assert databases(bed, names) == {"database", "staged"}


def test_old_database_is_kept_closed_until_it_is_dropped(bed: DatabaseBed, live: str) -> None:
    names = quick(bed, live)
    _swap.swap(bed.postgres.psql, names)
    with pytest.raises(CheError, match="not currently accepting connections"):
        bed.postgres.psql("SELECT 1", names.replaced)
    with _swap.open_for_a_look(bed.postgres.psql, names) as replaced:
        assert bed.postgres.psql("SELECT count(*) FROM one", replaced) == "1"
    with pytest.raises(CheError, match="not currently accepting connections"):
        bed.postgres.psql("SELECT 1", names.replaced)
    _swap.drop_replaced(bed.postgres.psql, names)
    _swap.drop_replaced(bed.postgres.psql, names)
    assert databases(bed, names) == {"database"}


def test_nothing_is_dropped_when_the_new_one_is_gone(bed: DatabaseBed, live: str) -> None:
    names = quick(bed, live)
    _swap.swap(bed.postgres.psql, names)
    bed.postgres.psql(f"DROP DATABASE {live}")
    with pytest.raises(SwapFailed, match="the old one is kept"):
        _swap.drop_replaced(bed.postgres.psql, names)
    assert databases(bed, names) == {"replaced"}


def test_standing_tells_how_far_a_run_came(bed: DatabaseBed, live: str) -> None:
    names, facts, psql = _staging.names_for(live, "standing"), bed.facts(live), bed.postgres.psql
    assert _staging.standing(psql, names) == _staging.Standing(True, False, False, False)
    _staging.prepare(psql, names, facts, 3600)
    prepared = _staging.standing(psql, names)
    assert prepared == _staging.Standing(True, True, False, True)
    assert not prepared.whole
    with pytest.raises(CheError, match="cannot be dropped because some objects depend on it"):
        psql(f'DROP ROLE "{names.role}"')
    with pytest.raises(CheError, match="nobody"):
        _staging.hand_over(psql, names, replace(facts, owner="nobody"), OWNER)
    assert not _staging.standing(psql, names).whole
    _staging.prepare(psql, names, facts, 3600)
    _staging.hand_over(psql, names, facts, OWNER)
    handed_over = _staging.standing(psql, names)
    assert handed_over == _staging.Standing(True, True, False, False)
    assert handed_over.whole
    assert not handed_over.swapped
    _swap.swap(psql, names)
    assert _staging.standing(psql, names) == _staging.Standing(True, False, True, False)
    assert _staging.standing(psql, names).swapped
    _swap.drop_replaced(psql, names)
    assert _staging.standing(psql, names) == _staging.Standing(True, False, False, False)


def test_swap_without_a_loaded_database(bed: DatabaseBed, live: str) -> None:
    with pytest.raises(SwapFailed, match="no loaded database"):
        _swap.swap(bed.postgres.psql, _staging.names_for(live, "none"))
    with pytest.raises(SwapFailed, match="no loaded database"):
        _swap.swap(bed.postgres.psql, _staging.names_for("nowhere", "none"))


def test_swap_that_fails_lets_che_in_again(bed: DatabaseBed, live: str) -> None:
    names = quick(bed, live)
    bed.postgres.psql("BEGIN; INSERT INTO one VALUES (2); PREPARE TRANSACTION 'held'", live)
    facts = bed.facts(live)
    assert facts.obstacles == ("it has 1 prepared transactions, which keep it from being renamed",)
    with pytest.raises(SwapFailed, match="it takes connections again"):
        _swap.swap(bed.postgres.psql, names)
    assert one_value(bed, "SELECT count(*) FROM one", live) == "1"
    bed.postgres.psql("ROLLBACK PREPARED 'held'", live)
    assert _swap.swap(bed.postgres.psql, names).changed


def test_a_swap_whose_answer_was_lost_opens_nothing(bed: DatabaseBed, live: str) -> None:
    """Its name means the other database by then, which what used the one from before must not come back to."""

    def unheard(script: str) -> str:
        answer = bed.postgres.psql(script)
        if "RENAME" in script:
            raise CheError("The connection to psql broke")
        return answer

    names = quick(bed, live)

    with pytest.raises(SwapFailed, match="it takes no connections"):
        _swap.swap(unheard, names)
    assert databases(bed, names) == {"database", "replaced"}
    assert not _swap.is_open(bed.postgres.psql, live)

    _swap.open_database(bed.postgres.psql, live)
    with pytest.raises(SwapFailed, match="it takes no connections"):
        _swap.swap_back(unheard, names)
    assert databases(bed, names) == {"database", "staged"}
    assert not _swap.is_open(bed.postgres.psql, live)


def test_swap_killed_between_its_steps_is_finished_by_the_next(bed: DatabaseBed, live: str) -> None:
    names = quick(bed, live)
    for database in (live, names.staged):
        bed.postgres.psql(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
    assert read_facts(bed.postgres.psql, live, OWNER) is not None
    assert _swap.swap(bed.postgres.psql, names).changed
    _swap.open_database(bed.postgres.psql, live)
    assert one_value(bed, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", live) == "0"


@pytest.mark.parametrize("was_open", [True, False])
def test_a_way_back_that_fails_opens_nothing(bed: DatabaseBed, live: str, was_open: bool) -> None:
    """Until it was opened, all that would come back is what still has the old one's state in its memory."""
    names = restored(bed, live)
    swap_and_open(bed, names)
    bed.postgres.psql("BEGIN; INSERT INTO one VALUES (2); PREPARE TRANSACTION 'held'", live)
    if not was_open:
        bed.postgres.psql(f'ALTER DATABASE "{live}" ALLOW_CONNECTIONS false')
    with pytest.raises(SwapFailed):
        _swap.swap_back(bed.postgres.psql, names)
    assert _swap.is_open(bed.postgres.psql, live) is was_open
    _swap.open_database(bed.postgres.psql, live)
    bed.postgres.psql("ROLLBACK PREPARED 'held'", live)
    assert _swap.swap_back(bed.postgres.psql, names).changed


def test_what_was_written_before_the_swap_is_seen_after_it(bed: DatabaseBed, live: str) -> None:
    psql, names = bed.postgres.psql, quick(bed, live)
    before = mark(psql, live)
    bed.dump(live)
    assert mark(psql, live) == before
    _swap.swap(psql, names)
    with _swap.open_for_a_look(psql, names) as replaced:
        assert mark(psql, replaced) == before != ""
    _swap.swap_back(psql, names)
    _swap.open_database(psql, live)
    psql("INSERT INTO one VALUES (2)", live)
    _swap.swap(psql, names)
    with _swap.open_for_a_look(psql, names) as replaced:
        assert mark(psql, replaced) != before


def test_leftovers_of_a_killed_run_are_removed_by_the_next(bed: DatabaseBed, live: str) -> None:
    names, facts = _staging.names_for(live, "left"), bed.facts(live)
    _staging.prepare(bed.postgres.psql, names, facts, 3600)
    bed.postgres.psql("CREATE TABLE half (id int)", names.staged)
    assert {names.staged, names.role} <= set(_staging.leftovers(bed.postgres.psql))
    blocker = subprocess.Popen(
        [programs() / "psql", "-X", "-U", "postgres", "-c", "SELECT pg_sleep(60)", names.staged],
        env={"PGHOST": str(bed.postgres.socket), "PGPORT": str(bed.postgres.port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _staging.prepare(bed.postgres.psql, names, facts, 3600)
        assert one_value(bed, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", names.staged) == "0"
        _staging.clean_up(bed.postgres.psql, names)
    finally:
        blocker.kill()
        blocker.wait()
    _staging.clean_up(bed.postgres.psql, names)
    assert not {names.staged, names.role} & set(_staging.leftovers(bed.postgres.psql))
    assert databases(bed, names) == {"database"}


@contextmanager
def client_that_does_not_read(bed: DatabaseBed, database: str, application: str) -> Iterator[None]:
    """A client with a session of this name, which the server waits for as it waits for one whose node is gone."""
    copy = "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 100000)) TO STDOUT"
    environment = {**client_environment(bed, database), "PGAPPNAME": application}
    client = subprocess.Popen(
        [programs() / "psql", "-X", "-c", copy], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with client:
        waiting = f"SELECT wait_event FROM pg_stat_activity WHERE application_name = '{application}'"
        try:
            wait_until(lambda: one_value(bed, waiting) == "ClientWrite", 30, lambda: f"{application} does not wait")
            yield
        finally:
            client.kill()


GONE, THERE = "che-dump-gone-12345678", "che-load-there-12345678"


def test_only_the_sessions_of_the_named_jobs_end(bed: DatabaseBed, live: str) -> None:
    with (
        client_that_does_not_read(bed, live, "che-dump-x; DROP"),
        client_that_does_not_read(bed, live, THERE),
        client_that_does_not_read(bed, live, GONE),
    ):
        assert _staging.jobs_with_sessions(bed.postgres.psql) == [GONE, THERE]
        _staging.end_sessions_of_jobs(bed.postgres.psql, [GONE])
        wait_until(
            lambda: _staging.jobs_with_sessions(bed.postgres.psql) == [THERE], 30, lambda: f"{GONE} has not ended"
        )


def test_loader_may_do_nothing_else(bed: DatabaseBed, live: str) -> None:
    names = _staging.names_for(live, "rights")
    role = _staging.prepare(bed.postgres.psql, names, bed.facts(live), 3600)
    rights = "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles"
    assert one_value(bed, f"{rights} WHERE rolname = '{role.name}'") == "f|f|f|f|f"
    assert one_value(bed, f"SELECT rolvaliduntil < now() + '61 min' FROM pg_roles WHERE rolname = '{role.name}'") == "t"
    assert role.password not in repr(role)
    assert role.password not in bed.postgres.logged()
    _staging.clean_up(bed.postgres.psql, names)


@pytest.mark.parametrize(
    "password",
    [
        "plain",
        "p\u00e4ssw\u00f6rd",
        "a\u030a",
        "\ufb01 \u2168",
        "a\u00a0b",
        "soft\u00adhyphen",
        "\u05d0\u05d1",
        "\u05d0b",
        "\U0001f986",
    ],
)
def test_password_verifier_opens_the_server(bed: DatabaseBed, live: str, password: str) -> None:
    verifier = sql.password_verifier("verified", password, bed.facts(live).server_version)
    bed.postgres.psql(f"DROP ROLE IF EXISTS verified; CREATE ROLE verified LOGIN PASSWORD {sql.text(verifier)}")
    with bed.dumping(live, endpoint=replace(bed.endpoint(live), user="verified", password=password)) as job:
        assert job.wait() != 0
        with pytest.raises(DumpFailed, match=r"permission denied for table one"):
            parse_dump_log(job.log)
