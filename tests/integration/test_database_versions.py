# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dumps of old PostgreSQL servers loaded into newer ones, by the Jobs' own scripts, and counted in both.

The programs are Debian's newest of this machine (pg_dump and psql 15 on bookworm) but where a test says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._database._compare import compare
from ansible_collections.community.che.plugins.module_utils._database._contents import emptied_tables
from ansible_collections.community.che.plugins.module_utils._database._dump import DumpResult
from ansible_collections.community.che.plugins.module_utils._database._errors import LoadFailed
from ansible_collections.community.che.plugins.module_utils._database._load import parse_load_log
from ansible_collections.community.che.plugins.module_utils._database._versions import obstacle
from integration.database_bed import DIFFICULT, DatabaseBed, database_bed, postgres_server
from integration.job_process import wrapper
from integration.postgres_server import other_postgresql

OLD = ("9.6", "10", "11", "12", "13", "14")
NEWEST = "15"
VERSIONS = (*OLD, NEWEST)
Servers = Callable[[str], DatabaseBed]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Beds by the version of their database server, with one backup server; each started when it is asked for."""
    with ExitStack() as stack:
        first = stack.enter_context(database_bed(tmp_path_factory.mktemp("bed")))
        beds = {NEWEST: first}

        def bed(version: str) -> DatabaseBed:
            if version not in beds:
                beds[version] = replace(first, postgres=stack.enter_context(postgres_server(version)))
            return beds[version]

        yield bed


@pytest.fixture(scope="module")
def dumps(servers: Servers) -> Callable[[str], DumpResult]:
    """Dumps of the difficult database by the version of its server; each made when it is asked for."""
    made: dict[str, DumpResult] = {}

    def dump(version: str) -> DumpResult:
        if version not in made:
            bed = servers(version)
            made[version] = bed.dump(bed.create("dbche", DIFFICULT))
        return made[version]

    return dump


@pytest.mark.soak(keep=3)
@pytest.mark.parametrize("target", VERSIONS)
@pytest.mark.parametrize("source", VERSIONS)
def test_a_dump_comes_back_equal_or_is_refused(
    servers: Servers, dumps: Callable[[str], DumpResult], source: str, target: str
) -> None:
    """The evidence for the rule: what it lets pass comes back equal, what it refuses does not load."""
    dumped, bed = dumps(source), servers(target)
    live = f"from {source}"
    facts = bed.facts(bed.create(live))
    assert dumped.figures.server_version.startswith(source)
    assert len(dumped.figures.tables) == (20 if source not in ("9.6", "10") else 17)
    assert dumped.figures.large_objects.count == 3
    refused = obstacle(dumped.figures.server_version, facts.server_version)
    with (
        bed.staged(live, "versions") as (_names, endpoint),
        bed.loading(endpoint, dumped.snapshot_id, "dbche") as job,
    ):
        assert (job.wait() != 0) == bool(refused), job.log
        if refused:
            return
        loaded = parse_load_log(job.log)
    assert compare(dumped.figures, loaded.figures) == []
    assert loaded.figures.server_version.startswith(target)


# By version and schema: what a newer server has no place for, and how the load says so.
OBSOLETE = [
    ("9.6", "CREATE TABLE o (a int, b abstime);", r'type "abstime" does not exist, in the dump at TABLE o'),
    ("9.6", "CREATE TABLE o AS SELECT 'x' AS u;", r'column "u" has pseudo-type unknown, in the dump at TABLE o'),
    ("11", "CREATE VIEW v AS SELECT consrc FROM pg_constraint;", r"consrc does not exist, in the dump at VIEW v"),
    (
        "13",
        "CREATE AGGREGATE a(anyelement) (sfunc = array_append, stype = anyarray, initcond = '{}');",
        r"array_append\(anyarray, anyelement\) does not exist, in the dump at AGGREGATE a\(anyelement\)",
    ),
]


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize(("version", "schema", "told"), OBSOLETE)
def test_what_newer_servers_lack_is_told(servers: Servers, version: str, schema: str, told: str) -> None:
    source, target = servers(version), servers(NEWEST)
    name = f"obsolete {OBSOLETE.index((version, schema, told))}"
    dumped = source.dump(source.create(name, schema))
    with (
        target.staged(target.create(name), "obsolete") as (_names, endpoint),
        target.loading(endpoint, dumped.snapshot_id, name) as job,
    ):
        assert job.wait() != 0
        with pytest.raises(LoadFailed, match=told):
            parse_load_log(job.log)


UNLOGGED = """
CREATE UNLOGGED TABLE "Ca\nche" AS SELECT 1 AS a;
CREATE UNLOGGED TABLE "never filled" (a int);
CREATE TABLE logged AS SELECT 1 AS a;
"""


@pytest.mark.soak(keep=2)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_crash_has_emptied_is_seen(servers: Servers, version: str) -> None:
    bed = servers(version)
    database = bed.create("crashed", UNLOGGED)
    held = bed.dump(database).figures
    assert emptied_tables(bed.postgres.psql, database, held) == []

    bed.postgres.stop()
    bed.postgres.start()

    assert emptied_tables(bed.postgres.psql, database, held) == ["public.Ca\nche"]


# What pg_dump 9.6 and 10 write into every dump; there is none of these to be had for the tests.
OLD_HEAD = """SET default_with_oids = false;
--
-- Name: plpgsql; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS plpgsql WITH SCHEMA pg_catalog;


--
-- Name: EXTENSION plpgsql; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON EXTENSION plpgsql IS 'PL/pgSQL procedural language';
"""


def test_words_of_an_old_pg_dump(servers: Servers, tmp_path: Path) -> None:
    """By hand, after the source of pg_dump 10: the language's comment is for a superuser to make."""
    bed = servers(NEWEST)
    database = bed.create("old words", "CREATE TABLE t AS SELECT 1 AS a;")
    (tmp_path / "head").write_text(OLD_HEAD, encoding="utf-8")
    script = f'[ "$1" = --help ] || {{ "$REAL" "$@" | sed "/^SET row_security/r {tmp_path / "head"}"; exit; }}\n'
    old = wrapper(tmp_path / "wrappers", "pg_dump", script + 'exec "$REAL" "$@"')
    dumped = bed.dump(database, wrappers=old)
    with bed.staged(database, "old") as (_names, endpoint):
        assert compare(dumped.figures, bed.load(endpoint, dumped.snapshot_id, database).figures) == []


def test_pg_dump_and_psql_14(servers: Servers) -> None:
    bed, clients = servers("14"), other_postgresql("clients-14") / "bin"
    database = bed.create("by 14", DIFFICULT)
    dumped = bed.dump(database, wrappers=clients)
    with (
        bed.staged(database, "by14") as (_names, endpoint),
        bed.loading(endpoint, dumped.snapshot_id, database, wrappers=clients) as job,
    ):
        loaded = parse_load_log(job.succeed())
    assert compare(dumped.figures, loaded.figures) == []
