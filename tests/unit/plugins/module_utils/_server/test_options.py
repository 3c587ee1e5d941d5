# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Server options: what contradicts is refused, what is said twice alike is not, and no secret shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError, UsageError
from ansible_collections.community.che.plugins.module_utils._repository._errors import UrlError
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions, options_from


def read(**params: Any) -> ServerOptions:
    return options_from(params, params.pop("name", None), {})


def test_nothing_said_is_nothing_inline() -> None:
    options = read(name="stored")
    assert (options.name, options.server, options.is_inline) == ("stored", None, False)


def test_a_url_carries_server_and_user() -> None:
    options = read(repository_url="rest:https://che:p%40ss@backup.example.org:8000/che", repository_password="r")

    assert options.is_inline
    assert options.server == RestServer("backup.example.org", "che", "https", 8000)
    assert (options.server_username, options.server_password, options.password) == ("che", "p@ss", "r")


def test_a_port_left_out_differs_between_url_and_section() -> None:
    in_url = read(repository_url="rest:https://h/p").server
    in_section = read(rest={"protocol": "https", "hostname": "h", "port": 8000, "repository_path": "p"}).server
    assert in_url is not None and in_section is not None
    assert (in_url.effective_port, in_section.effective_port) == (443, 8000)


def test_a_section_with_what_was_left_out_as_none() -> None:
    options = read(rest={"protocol": "https", "hostname": "h", "port": None, "repository_path": None})
    assert options.server == RestServer("h", "", "https", 8000)


def test_user_and_password_may_stand_apart_or_twice_alike() -> None:
    url = "rest:https://che@h/p"
    assert read(repository_url=url, server_password="s").server_username == "che"
    assert read(repository_url=url, server_username="che", server_password="s").server_password == "s"


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"repository_url": "rest:https://che:a@h/p", "server_username": "eva"}, "server_username"),
        ({"repository_url": "rest:https://che:a@h/p", "server_password": "b"}, "server_password"),
    ],
)
def test_contradictions_are_named_by_their_options(params: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(**params)

    assert named in str(caught.value)
    assert caught.value.next_step


def test_a_contradiction_does_not_quote_the_secrets() -> None:
    with pytest.raises(UsageError) as caught:
        read(repository_url="rest:https://che:hunter2@h/p", server_password="swordfish")
    assert "hunter2" not in str(caught.value) and "swordfish" not in str(caught.value)


def test_a_url_that_cannot_be_understood_is_refused() -> None:
    with pytest.raises(UrlError):
        read(repository_url="https://h/p")


def test_the_ca_comes_from_a_file_or_as_text(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("PEM")
    assert read(server_ca_path=str(tmp_path / "ca.pem")).ca_certificate == "PEM"
    assert read(server_ca_content="PEM").ca_certificate == "PEM"
    assert read().ca_certificate is None


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_ca_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UsageError) as caught:
        read(server_ca_path=str(path))
    assert str(path) in caught.value.on


def test_neither_repr_nor_errors_show_secrets() -> None:
    options = read(repository_url="rest:https://che:hunter2@h/p", repository_password="swordfish")
    assert "hunter2" not in repr(options) and "swordfish" not in repr(options)


def test_options_errors_are_errors_of_ours() -> None:
    assert issubclass(UsageError, CheError) and issubclass(UrlError, CheError)
