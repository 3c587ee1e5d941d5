# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which server a task means: inline, by name, the only one, the default one; else a question, never a guess."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError, UsageError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import NAMESPACE
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._server._choose import ChosenServer, choose_server
from ansible_collections.community.che.plugins.module_utils._server._options import DEFAULT_NAME, ServerOptions
from ansible_collections.community.che.plugins.module_utils._server._secrets import to_secret
from ansible_collections.community.che.plugins.module_utils._server._stored import StoredServer, to_object
from unit.fake_api import FakeApi

INLINE = RestServer("inline")
WHO = UserAndPassword("u", "s")


@pytest.fixture(autouse=True)
def che_namespace(api: FakeApi) -> None:
    api.add(NAMESPACE, "che")
    api.cluster.create(to_secret("password", "che", {"repo-password": "sesame"}))


def store(api: FakeApi, name: str, **fields: Any) -> None:
    api.cluster.create(to_object(StoredServer(name, RestServer(f"{name}.example"), "password", **fields), "che"))


def choose(api: FakeApi, **options: Any) -> ChosenServer:
    return choose_server(api.cluster, "che", ServerOptions(**options))


def test_what_is_said_inline_wins(api: FakeApi) -> None:
    store(api, "stored")
    chosen = choose(api, server=INLINE, password="p", server_username="u", server_password="s", ca_certificate="PEM")

    assert chosen.access.server is INLINE
    assert (chosen.access.password, chosen.access.credentials, chosen.access.ca_certificate) == ("p", WHO, "PEM")
    assert chosen.reason == "given by the task"


def test_then_the_name(api: FakeApi) -> None:
    store(api, "one")
    store(api, "two")
    chosen = choose(api, name="two")
    assert (chosen.name, chosen.access.server.hostname, chosen.access.password) == ("two", "two.example", "sesame")


def test_then_the_only_one(api: FakeApi) -> None:
    store(api, "whatever")
    assert (choose(api).name, choose(api).reason) == ("whatever", "the only one configured")


def test_then_the_one_of_the_default_name(api: FakeApi) -> None:
    store(api, "another")
    store(api, DEFAULT_NAME)
    assert choose(api).name == DEFAULT_NAME


def test_several_without_a_choice_is_a_question(api: FakeApi) -> None:
    store(api, "two")
    store(api, "one")
    with pytest.raises(CheError, match="one, two"):
        choose(api)


def test_a_name_that_is_not_there_is_said_even_when_there_is_another(api: FakeApi) -> None:
    store(api, "one")
    with pytest.raises(CheError, match="two"):
        choose(api, name="two")


def test_none_at_all_says_how_to_get_one(api: FakeApi) -> None:
    with pytest.raises(CheError, match=r"community\.che\.backup_server") as caught:
        choose(api)
    assert "che" in caught.value.on


def test_secrets_are_read_where_the_task_names_them(api: FakeApi) -> None:
    api.cluster.create(to_secret("only-key", "che", {"anything": "r"}))
    api.cluster.create(to_secret("who", "che", {"username": "u", "password": "s"}))
    api.cluster.create(to_secret("ca", "che", {"ca.crt": "PEM"}))

    access = choose(api, server=INLINE, password_secret="only-key", credentials_secret="who", ca_secret="ca").access

    assert (access.password, access.credentials, access.ca_certificate) == ("r", WHO, "PEM")


def test_a_stored_server_is_opened_with_all_that_it_names(api: FakeApi) -> None:
    api.cluster.create(to_secret("who", "che", {"username": "u", "password": "s"}))
    api.cluster.create(to_secret("ca", "che", {"ca.crt": "PEM"}))
    store(api, "full", credentials_secret="who", connection_secret="ca")

    access = choose(api).access

    assert (access.password, access.credentials, access.ca_certificate) == ("sesame", WHO, "PEM")


@pytest.mark.parametrize(
    ("secret", "named"),
    [
        ({"username": "u"}, "password"),
        ({"password": "s"}, "username"),
        ({"username": "u", "password": ""}, "password"),
    ],
)
def test_half_of_the_credentials_is_an_error(api: FakeApi, secret: dict[str, str], named: str) -> None:
    api.cluster.create(to_secret("who", "che", secret))
    store(api, "full", credentials_secret="who")

    with pytest.raises(CheError) as caught:
        choose(api)
    assert f"key {named}" in str(caught.value) and "Secret che/who" in str(caught.value)


def test_a_password_must_come_from_somewhere(api: FakeApi) -> None:
    with pytest.raises(UsageError, match="repository_password"):
        choose(api, server=INLINE)


def test_the_choice_does_not_show_secrets(api: FakeApi) -> None:
    store(api, "one")
    assert "sesame" not in repr(choose(api))
