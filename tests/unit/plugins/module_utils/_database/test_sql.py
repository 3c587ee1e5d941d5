# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and texts as SQL. That a server reads them so is shown in the integration tests."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._database import _sql as sql
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError
from ansible_collections.community.che.plugins.module_utils._database._staging import names_for
from hypothesis import given
from hypothesis import strategies as st

STORABLE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(STORABLE)
def test_a_name_ends_where_it_ends(value: str) -> None:
    quoted = sql.name(value)
    assert quoted[0] == quoted[-1] == '"'
    assert '"' not in quoted[1:-1].replace('""', "")
    assert quoted[1:-1].replace('""', '"') == value


@given(STORABLE)
def test_a_text_ends_where_it_ends(value: str) -> None:
    quoted = sql.text(value)
    inner = quoted.removeprefix(" E")[1:-1]
    assert "'" not in inner.replace("''", "")
    read = inner.replace("''", "'")
    assert (read.replace("\\\\", "\\") if quoted.startswith(" E") else read) == value
    assert ("\\" in value) == quoted.startswith(" E")


@given(STORABLE)
def test_connecting_takes_three_lines_whatever_the_names(value: str) -> None:
    for script in (sql.connect(value), sql.connect("dbche", value)):
        assert script.count("\n") == 3
        assert "\r" not in script
        assert script.endswith("\nSET search_path = pg_catalog;\n")


@pytest.mark.parametrize("quote", [sql.name, sql.text, sql.connect])
def test_nul_is_refused(quote: object) -> None:
    with pytest.raises(DatabaseError, match="NUL"):
        quote("a\0b")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("work_mem", "7MB", "\"work_mem\" TO '7MB'"),
        ("my.own", "x", '"my"."own" TO \'x\''),
        ("search_path", '"$user", public', '"search_path" TO "$user", public'),
        ("search_path", "public; DROP TABLE x", "\"search_path\" TO 'public; DROP TABLE x'"),
        ("search_path", '"a"; DROP TABLE x; --"', '"search_path" TO \'"a"; DROP TABLE x; --"\''),
        ("search_path", "", "\"search_path\" TO ''"),
        ("datestyle", "SQL, DMY", "\"datestyle\" TO 'SQL, DMY'"),
    ],
)
def test_setting(name: str, value: str, shown: str) -> None:
    assert sql.setting(name, value) == shown


def test_password_verifier_holds_no_password() -> None:
    for version in (90624, 150014):
        assert "top secret" not in sql.password_verifier("role", "top secret", version)


def test_old_servers_know_md5_alone() -> None:
    # printf secretrole | md5sum
    assert sql.password_verifier("role", "secret", 90624) == "md5c73f3ee71d73bd55c2c77c3185b0ed1d"


def test_each_verifier_has_its_own_salt() -> None:
    verifiers = {sql.password_verifier("role", "secret", 150014) for _ in range(3)}
    assert len(verifiers) == 3
    assert all(verifier.startswith("SCRAM-SHA-256$4096:") for verifier in verifiers)


@pytest.mark.parametrize("version", [90624, 150014])
def test_a_verifier_tells_its_password_from_others(version: int) -> None:
    verifier = sql.password_verifier("role", "se\u00adcret", version)
    fitting = {password for password in ("se\u00adcret", "Secret", "") if sql.fits_verifier("role", password, verifier)}
    assert fitting == {"se\u00adcret"}


def test_an_old_server_may_keep_the_password_itself() -> None:
    assert sql.fits_verifier("role", "gehe\u00efm", "gehe\u00efm")


def test_names_of_a_run() -> None:
    names = names_for("dbche", "r1")
    assert names == names_for("dbche", "r1")
    others = [names_for("keycloak", "r1"), names_for("dbche", "r2"), names_for("dbche", "r" * 63 + "1")]
    assert len({name.staged for name in [names, *others]}) == 4
    for found in [names, *others]:
        assert len({found.staged, found.replaced, found.role}) == 3
        assert all(len(name) <= 63 for name in (found.staged, found.replaced, found.role))
