# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Secrets that open external databases: made, adopted, and never shown."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._errors import UnusableServerError
from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._external_database._credentials import (
    Credentials,
    ensure_credentials,
)
from ansible_collections.community.che.plugins.module_utils._kube._kinds import SECRET
from ansible_collections.community.che.plugins.module_utils._server._secrets import SecretError
from unit.che_objects import PART_OF, encoded
from unit.fake_api import FakeApi

LABEL = {"app.kubernetes.io/part-of": "che.eclipse.org"}


def ensure(api: FakeApi, user: str = "che", password: str = "", check_mode: bool = False) -> dict[str, Any]:
    return ensure_credentials(api.cluster, Credentials("db-login", "che", user, password), check_mode)


def held(api: FakeApi) -> dict[str, str]:
    secret = api.at(SECRET, "db-login", "che")
    assert secret is not None
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def test_one_that_is_missing_is_made_with_a_password_of_its_own(api: FakeApi) -> None:
    result = ensure(api)

    assert (result["changed"], result["generated"], result["database_user"]) == (True, True, "che")
    assert result["replaces"] is False
    assert held(api)["user"] == "che"
    assert len(held(api)["password"]) >= 32
    assert held(api)["password"] not in str(result)
    secret = api.at(SECRET, "db-login", "che")
    assert secret is not None and secret["metadata"]["labels"] == LABEL


def test_a_second_time_nothing_is_written(api: FakeApi) -> None:
    ensure(api)
    before = len(api.written)
    result = ensure(api)
    assert (result["changed"], result["generated"], len(api.written)) == (False, False, before)


def test_what_else_it_holds_need_not_be_text(api: FakeApi) -> None:
    """A keystore, say, which is nobody's business here."""
    keystore = base64.b64encode(b"\xfe\xed\xff").decode()
    data = {**encoded(user="che", password="s3cret-theirs"), "keystore.jks": keystore}
    api.add(SECRET, "db-login", "che", data=data)

    assert ensure(api, password="s3cret-new")["changed"] is True

    secret = api.at(SECRET, "db-login", "che")
    assert secret is not None and secret["data"] == {
        **encoded(user="che", password="s3cret-new"),
        "keystore.jks": keystore,
    }


def test_one_of_somebody_else_s_is_adopted_and_keeps_what_it_has(api: FakeApi) -> None:
    data = encoded(user="che", password="s3cret-theirs", note="keep")
    api.add(SECRET, "db-login", "che", metadata={"labels": {"team": "dba"}}, data=data)

    result = ensure(api)

    assert (result["changed"], result["generated"]) == (True, False)
    assert held(api) == {"user": "che", "password": "s3cret-theirs", "note": "keep"}
    secret = api.at(SECRET, "db-login", "che")
    assert secret is not None and secret["metadata"]["labels"] == {"team": "dba", **LABEL}


def test_another_password_replaces_the_one_that_is_there(api: FakeApi) -> None:
    api.add(SECRET, "db-login", "che", metadata={"labels": PART_OF}, data=encoded(user="che", password="s3cret-old"))
    assert ensure(api, password="s3cret-new")["changed"] is True
    assert held(api)["password"] == "s3cret-new"


def test_the_identity_provider_s_holds_a_password_alone(api: FakeApi) -> None:
    ensure(api, user="", password="s3cret-kc")
    assert held(api) == {"password": "s3cret-kc"}


def test_what_changes_is_shown_without_a_password(api: FakeApi) -> None:
    made = ensure(api)["diff"]
    assert (made["before"], made["after_header"]) == ({}, "Secret/db-login")
    assert made["after"] == {"data": {"user": "che", "password": "********"}, "labels": LABEL}
    same = ensure(api)["diff"]
    assert same["before"] == same["after"] == made["after"]
    changed = ensure(api, user="another", password="s3cret-new")["diff"]
    assert changed["before"]["data"] == {"user": "che", "password": "********"}
    assert changed["after"]["data"] == {"user": "another", "password": "******** (another one)"}


def test_what_else_it_holds_is_shown_by_its_keys_alone(api: FakeApi) -> None:
    data = encoded(user="che", password="s3cret-theirs", note="s3cret-note")
    api.add(SECRET, "db-login", "che", metadata={"labels": {"team": "dba"}}, data=data)
    diff = ensure(api)["diff"]
    assert diff["before"]["data"] == {"user": "che", "password": "********", "note": "********"}
    assert (diff["before"]["labels"], diff["after"]["labels"]) == ({"team": "dba"}, {"team": "dba", **LABEL})
    assert "s3cret" not in str(diff)


def test_check_mode_writes_nothing(api: FakeApi) -> None:
    assert ensure(api, check_mode=True)["changed"] is True
    assert api.written == []


@pytest.mark.parametrize("password", ["one\ntwo", "one\rtwo", "one\0two"])
def test_passwords_that_no_program_can_be_given_are_refused(password: str) -> None:
    with pytest.raises(UsageError) as caught:
        Credentials("db-login", "che", "che", password)
    assert "two" not in str(caught.value)


@pytest.mark.parametrize("user", ["x" * 64, "a\0b"])
def test_roles_that_can_t_be_are_refused(user: str) -> None:
    with pytest.raises(UnusableServerError):
        Credentials("db-login", "che", user)


def test_what_is_there_and_no_text_is_told(api: FakeApi) -> None:
    api.add(SECRET, "db-login", "che", data={"password": "//79"})
    with pytest.raises(SecretError, match="does not hold text"):
        ensure(api)


def test_a_password_does_not_show() -> None:
    assert "s3cret" not in repr(Credentials("db-login", "che", "che", "s3cret"))


def test_one_whose_password_no_client_can_be_given_is_refused_as_it_is(api: FakeApi) -> None:
    api.add(SECRET, "db-login", "che", data=encoded(user="che", password="s3cret\ntwo"))
    with pytest.raises(UsageError, match="line break") as caught:
        ensure(api)
    assert "database_password" in caught.value.next_step
    assert (api.written, "s3cret" in str(caught.value)) == ([], False)
    assert ensure(api, password="s3cret-better")["changed"] is True
