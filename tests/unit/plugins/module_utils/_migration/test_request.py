# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a migration asks for: options that can't be meant are refused, and what decides where it goes is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup._installation import EXTERNAL
from ansible_collections.community.che.plugins.module_utils._backup._request import read_run_id
from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from unit.plugins.module_utils._migration.moving import PARAMS, asked

AWAY = {"host": "db.example", "name": "moved", "port": 6432, "secret": "db-login", "tls": "verify-full"}
NOWHERE = {"database_host": None, "credentials_secret": None, "database": None}


@pytest.mark.parametrize("missing", ["database_host", "credentials_secret"])
@pytest.mark.parametrize("value", [None, ""])
def test_where_the_databases_go_has_to_be_said(missing: str, value: str | None) -> None:
    with pytest.raises(UsageError, match="was not said") as caught:
        asked(**{missing: value})
    assert caught.value.on == f"option {missing}"


def test_no_backup_is_loaded_into_the_operator_s_own_server() -> None:
    with pytest.raises(UsageError, match="cluster_restore") as caught:
        asked(to="embedded", id="latest")
    assert caught.value.on == "option id"


def test_what_is_no_certificate_is_refused() -> None:
    with pytest.raises(UsageError, match="no certificate"):
        asked(ca_certificate="corporate-ca.crt")


@pytest.mark.parametrize("to", ["external", "embedded"])
def test_an_abort_asks_for_nothing_else(to: str) -> None:
    request = asked(state="aborted", to=to, id="latest", **NOWHERE)
    assert (request.external, request.state) == (None, "aborted")


def test_the_server_that_it_goes_to_has_to_be_empty_and_may_be_left() -> None:
    request = asked(database=None)
    assert request.external is not None
    assert (request.external.database.name, request.external.leave_data) == ("dbche", True)
    assert (request.external.check.needs.empty, request.external.check.user) == (True, "")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, AWAY),
        ({"identity_secret": "kc"}, {**AWAY, "identity_secret": "kc"}),
        ({"id": "abc"}, {**AWAY, "id": "abc"}),
        ({"to": "embedded", **NOWHERE}, {}),
        ({"to": "embedded", "database": "mine", "credentials_secret": "own"}, {"name": "mine", "secret": "own"}),
    ],
)
def test_what_decides_where_it_goes_is_kept(changes: dict[str, Any], said: dict[str, Any]) -> None:
    assert json.loads(asked(**changes).options) == said


@pytest.mark.parametrize(
    "changes",
    [
        {"commit": True},
        {"run_id": "r2"},
        {"timeout": 5},
        {"safety_backup": False},
        {"beside_legacy": True},
        {"connections": 3},
    ],
    ids=str,
)
def test_what_does_not_may_be_said_anew(changes: dict[str, Any]) -> None:
    assert asked(**changes).options == asked().options


def test_nothing_secret_is_kept_with_it() -> None:
    assert "sesame" not in asked().options
    assert "CERTIFICATE" not in asked().options


@pytest.mark.parametrize("run_id", ["r", "a" * 30, "nightly-2026-03-01-eclipse-x1"])
def test_its_backups_have_names_of_their_own(run_id: str) -> None:
    request = asked(run_id=run_id)
    first, final = (request.copy("eclipse-che", again) for again in (False, True))
    assert len({run_id, first.run_id, final.run_id}) == 3
    assert [read_run_id({"run_id": made.run_id}) for made in (first, final)] == [first.run_id, final.run_id]
    # External databases are in no backup unless that is said.
    assert (first.database, first.safety, first.beside_legacy, first.server) == (EXTERNAL, True, True, request.server)


def test_one_name_is_made_up_for_all_of_it() -> None:
    request = asked(run_id=None)
    assert request.external is not None
    assert request.run_id == request.external.check.run_id != PARAMS["run_id"]
