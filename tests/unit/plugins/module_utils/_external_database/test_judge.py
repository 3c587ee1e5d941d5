# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which servers will do, which deserve a word, and which will not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._external_database._judge import (
    Needs,
    judge,
    version_text,
)
from unit.plugins.module_utils._external_database.external_bed import FACTS


def results(needs: Needs | None = None, **facts: Any) -> dict[str, str]:
    return {
        check.name: check.result
        for check in judge(replace(FACTS, **facts), needs or Needs(tls="verify-full"), "database dbche")
        if check.result != "passed"
    }


def test_a_server_as_it_should_be_passes_all() -> None:
    assert results() == {}


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"version": 90_500}, {"version": "blocked"}),
        ({"version": 90_600}, {}),
        ({"version": 160_001}, {"version": "warned"}),
        ({"tls": ""}, {"tls": "warned"}),
        ({"encoding": "SQL_ASCII"}, {"encoding": "blocked"}),
        ({"is_owner": False}, {}),
        ({"is_owner": False, "may_create": False}, {"rights": "blocked"}),
        ({"is_owner": False, "may_create_in_public": False}, {"rights": "blocked"}),
        # The owner of a database whose schema public is another role's, with the rights of all others taken away.
        ({"may_create_in_public": False}, {"rights": "blocked"}),
        ({"may_use_temporary": False}, {"rights": "blocked"}),
        ({"read_only": True}, {"writable": "blocked"}),
        ({"free_on_server": 19}, {"connections": "blocked"}),
        ({"free_on_server": 20}, {}),
        # Che's own pool, which is open already, is not asked for once more.
        ({"free_on_server": 5, "own_connections": 15}, {}),
        ({"free_on_server": 5, "own_connections": 14}, {"connections": "blocked"}),
        ({"connection_limit": 19}, {"connections": "blocked"}),
        ({"connection_limit": 19, "own_connections": 19}, {"connections": "blocked"}),
        ({"connection_limit": 20}, {}),
        ({"latency_seconds": 0.021}, {"latency": "warned"}),
        ({"contents": 30}, {}),
    ],
)
def test_what_is_not(facts: dict[str, Any], found: dict[str, str]) -> None:
    assert results(**facts) == found


@pytest.mark.parametrize(
    ("needs", "facts", "found"),
    [
        (Needs("disable"), {"tls": ""}, {"tls": "warned"}),
        (Needs("prefer"), {}, {"tls": "warned"}),
        (Needs("require"), {}, {"tls": "warned"}),
        (Needs("verify-ca"), {}, {}),
        (Needs("verify-ca", superuser=True), {}, {"superuser": "warned"}),
        (Needs("verify-ca", superuser=True), {"superuser": True}, {}),
        (Needs("verify-ca", empty=True), {"contents": 1}, {"contents": "blocked"}),
        (Needs("verify-ca", connections=91), {}, {"connections": "blocked"}),
        (Needs("verify-ca", connections=91, in_use=True), {}, {"connections": "warned"}),
        (Needs("verify-ca", connections=45, connections_beside=45), {}, {}),
        (Needs("verify-ca", connections=45, connections_beside=46), {}, {"connections": "blocked"}),
        # The other database has a role of its own, to which this one's limit is nothing.
        (Needs("verify-ca", connections=45, connections_beside=45), {"connection_limit": 45}, {}),
    ],
)
def test_what_is_asked_for(needs: Needs, facts: dict[str, Any], found: dict[str, str]) -> None:
    assert results(needs, **facts) == found


def test_the_reader_learns_what_was_found_and_how_to_lift_what_blocks() -> None:
    found = judge(replace(FACTS, encoding="LATIN1"), Needs("prefer"), "database dbche")
    checks = {check.name: check for check in found}
    assert checks["version"].message == "the server is PostgreSQL 15.14"
    assert checks["tls"].message == "the connection uses TLSv1.3, and whose server it is was not verified"
    assert "verify-full" in checks["tls"].lift
    assert checks["latency"].message == "a round trip takes 1.0 ms, a new connection 20 ms"
    assert "UTF8" in checks["encoding"].lift
    assert all(check.on == "database dbche" for check in checks.values())
    assert all(check.lift for check in checks.values() if check.result == "blocked")


def test_what_a_migration_has_closed_is_opened_by_statements_that_are_let_through() -> None:
    """In a database that is closed even its owner has to ask for a transaction that may write."""
    (writable,) = (check for check in judge(replace(FACTS, read_only=True), Needs(), "it") if check.name == "writable")
    asks, _then, opens = writable.lift.partition("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; ")
    assert ("ALTER" in asks, opens.startswith("ALTER DATABASE")) == (False, True)


def test_nobody_is_told_to_drop_what_che_may_use_under_another_name_of_its_server() -> None:
    (contents,) = (
        check for check in judge(replace(FACTS, contents=90), Needs(empty=True), "it") if check.name == "contents"
    )
    assert "only if Che does not use it" in contents.lift


def test_a_server_that_is_newer_than_the_programs_that_dump_it_says_what_its_backups_need() -> None:
    version, *_others = judge(replace(FACTS, version=170_002), Needs(), "database dbche")
    assert "database_image with pg_dump 17 or newer" in version.sentence
    assert "database_image" not in "".join(check.sentence for check in judge(FACTS, Needs(), "database dbche"))


@pytest.mark.parametrize(("number", "text"), [(150_014, "15.14"), (100_000, "10.0"), (90_624, "9.6.24")])
def test_versions_in_words(number: int, text: str) -> None:
    assert version_text(number) == text
