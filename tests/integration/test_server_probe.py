# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the probe's Job finds out about real servers, and how that is judged."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._database._endpoint import Endpoint
from ansible_collections.community.che.plugins.module_utils._database._errors import ProbeFailed
from ansible_collections.community.che.plugins.module_utils._database._job import JobOptions
from ansible_collections.community.che.plugins.module_utils._database._probe import (
    ServerFacts,
    parse_probe_log,
    probe_job,
)
from ansible_collections.community.che.plugins.module_utils._external_database._judge import Needs, judge
from integration.database_bed import OWNER, OWNER_PASSWORD, DatabaseBed, postgres_server
from integration.job_process import SHELLS, JobProcess, shell_folder
from integration.postgres_server import PostgresServer

OTHER, OTHER_PASSWORD = "some one", "another secret 3"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as found:
        found.psql(f"CREATE DATABASE dbche OWNER {OWNER};")
        found.psql(f"CREATE ROLE \"{OTHER}\" LOGIN PASSWORD '{OTHER_PASSWORD}';")
        found.psql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0;")
        yield found


def endpoint(server: PostgresServer, database: str = "dbche") -> Endpoint:
    return Endpoint("127.0.0.1", server.port, database, OWNER, OWNER_PASSWORD)


def probe(place: Endpoint, folder: Path, shell: str = "dash", options: JobOptions | None = None) -> ServerFacts:
    plan = probe_job(place, options or DatabaseBed.options())
    with JobProcess(plan, folder / "job", shell_folder(folder, shell)) as job:
        job.wait()
        return parse_probe_log(job.log)


def blocked(facts: ServerFacts, **needs: int) -> list[str]:
    return [check.name for check in judge(facts, Needs(**needs), "database") if check.result == "blocked"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_server_that_will_do(server: PostgresServer, tmp_path: Path, shell: str) -> None:
    facts = probe(endpoint(server), tmp_path, shell)

    assert 150_000 <= facts.version < 160_000
    assert (facts.tls, facts.superuser, facts.is_owner, facts.owner) == ("", False, True, OWNER)
    assert (facts.encoding, facts.tables, facts.contents, facts.read_only) == ("UTF8", 0, 0, False)
    # 100 connections, 3 of them for superusers.
    assert 90 <= facts.free_connections <= 97
    assert (facts.free_on_server, facts.own_connections, facts.connection_limit) == (facts.free_connections, 0, -1)
    assert 0 <= facts.latency_seconds < 0.1
    assert blocked(facts) == []


def test_the_oldest_server_that_may_be_asked(tmp_path: Path) -> None:
    with postgres_server("9.6") as old:
        old.psql(f"CREATE DATABASE dbche OWNER {OWNER};")
        facts = probe(endpoint(old), tmp_path)
    assert facts.version // 100 == 906
    assert blocked(facts) == []


def test_a_role_without_rights(server: PostgresServer, tmp_path: Path) -> None:
    stranger = replace(endpoint(server), user=OTHER, password=OTHER_PASSWORD)
    facts = probe(stranger, tmp_path)
    assert (facts.is_owner, facts.may_create, facts.may_create_in_public) == (False, False, False)
    assert blocked(facts) == ["rights"]


def test_another_encoding_and_a_database_that_is_in_use(server: PostgresServer, tmp_path: Path) -> None:
    server.psql("CREATE TABLE public.there (id int);", "latin")
    server.psql(f"ALTER DATABASE latin OWNER TO {OWNER};")
    facts = probe(endpoint(server, "latin"), tmp_path)
    assert (facts.encoding, facts.tables, facts.contents) == ("LATIN1", 1, 1)
    assert blocked(facts, empty=True) == ["encoding", "contents"]


@pytest.mark.parametrize("version", ["9.6", ""])
def test_an_owner_of_a_database_whose_schema_public_is_another_s(version: str, tmp_path: Path) -> None:
    """As on a hardened server before 15, or on one that was upgraded from there."""
    folders = [tmp_path / name for name in ("owner", "create", "both")]
    for folder in folders:
        folder.mkdir()
    with postgres_server(version) as hardened:
        hardened.psql(f"CREATE DATABASE dbche OWNER {OWNER};")
        hardened.psql("ALTER SCHEMA public OWNER TO postgres; REVOKE ALL ON SCHEMA public FROM public;", "dbche")
        facts = probe(endpoint(hardened), folders[0])
        assert (facts.is_owner, facts.may_create_in_public, blocked(facts)) == (True, False, ["rights"])
        hardened.psql(f"GRANT CREATE ON SCHEMA public TO {OWNER};", "dbche")
        assert blocked(probe(endpoint(hardened), folders[1])) == ["rights"]
        hardened.psql(f"GRANT USAGE ON SCHEMA public TO {OWNER};", "dbche")
        assert blocked(probe(endpoint(hardened), folders[2])) == []


def test_connections_of_che_s_own_count_as_its_own(server: PostgresServer, tmp_path: Path) -> None:
    with server.session("SELECT 1 WHERE false;", "dbche", OWNER):
        facts = probe(endpoint(server), tmp_path)
    assert facts.own_connections == 1


@pytest.mark.parametrize("limited", ["DATABASE dbche", f"ROLE {OWNER}"])
def test_too_few_connections(server: PostgresServer, tmp_path: Path, limited: str) -> None:
    server.psql(f"ALTER {limited} CONNECTION LIMIT 5;")
    facts = probe(endpoint(server), tmp_path)
    server.psql(f"ALTER {limited} CONNECTION LIMIT -1;")
    assert facts.free_connections == 5
    assert blocked(facts) == ["connections"]
    assert blocked(facts, connections=5) == []


def test_a_server_that_takes_no_writes(server: PostgresServer, tmp_path: Path) -> None:
    server.psql("ALTER DATABASE dbche SET default_transaction_read_only = on;")
    facts = probe(endpoint(server), tmp_path)
    server.psql("ALTER DATABASE dbche RESET default_transaction_read_only;")
    assert blocked(facts) == ["writable"]


@pytest.mark.parametrize(
    ("change", "message", "advice"),
    [
        ({"password": "wrong"}, "password authentication failed", "Check the user and the password"),
        ({"database": "none"}, 'database "none" does not exist', "Check the database's name"),
        ({"port": 1}, "Connection refused", "Check that the server runs"),
        ({"tls": "require"}, "server does not support SSL", "Turn TLS on at the server"),
    ],
)
def test_a_server_that_can_t_be_asked_says_why(
    server: PostgresServer, tmp_path: Path, change: dict[str, str | int], message: str, advice: str
) -> None:
    with pytest.raises(ProbeFailed) as caught:
        probe(replace(endpoint(server), **change), tmp_path)
    assert message in caught.value.what
    assert advice in caught.value.next_step
    assert OWNER_PASSWORD not in str(caught.value)


def test_a_server_that_takes_a_connection_and_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    """As one that hangs, or whose answers are lost on the way."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = Endpoint("127.0.0.1", silent.getsockname()[1], "dbche", OWNER, OWNER_PASSWORD, is_far=True)
        began = time.monotonic()
        with pytest.raises(ProbeFailed) as caught:
            probe(place, tmp_path, options=DatabaseBed.options(connect_seconds=2))
    assert time.monotonic() - began < 30
    assert "timeout expired" in caught.value.what
    assert "Check that the server runs" in caught.value.next_step
