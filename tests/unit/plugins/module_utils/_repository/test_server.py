# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The typed server and its shape in a CheBackupServerConfiguration."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._errors import InvalidServer
from ansible_collections.community.che.plugins.module_utils._repository._server import (
    RestServer,
    server_from_spec,
)


def test_equal_servers_are_equal_values() -> None:
    assert RestServer("Host.Example", "/a/b/", port=443) == RestServer("host.example", "a/b")
    assert RestServer("0:0::1", protocol="http", port=80) == RestServer("::1", protocol="http")
    assert RestServer("host", port=80) != RestServer("host")


def test_a_port_left_out_is_the_protocols_own_in_a_value_and_8000_in_a_resource() -> None:
    assert RestServer("host").effective_port == 443
    assert RestServer("host", protocol="http").effective_port == 80
    assert RestServer.from_spec({"hostname": "host"}).effective_port == 8000


def test_a_spec_always_names_its_port() -> None:
    server = RestServer("host", "p")
    assert server.to_spec() == {"protocol": "https", "hostname": "host", "port": 443, "repositoryPath": "p"}
    assert RestServer.from_spec(server.to_spec()) == server


def test_a_spec_keeps_keys_that_are_not_ours() -> None:
    section = {"hostname": "host", "port": 8000, "repositoryPasswordSecretRef": "secret"}
    assert RestServer.from_spec(section) == RestServer("host", port=8000)


@pytest.mark.parametrize(
    ("section", "field"),
    [
        ({}, "host name"),
        ({"hostname": ""}, "host name"),
        ({"hostname": 5}, "hostname"),
        ({"hostname": "host", "port": "8000"}, "port"),
        ({"hostname": "host", "port": None}, "port"),
        ({"hostname": "host", "port": True}, "port"),
        ({"hostname": "host", "port": 70000}, "port"),
        ({"hostname": "host", "protocol": "ftp"}, "protocol"),
        ({"hostname": "host", "repositoryPath": "a/../b"}, "repository path"),
        ({"hostname": "host", "repositoryPath": "a\nb"}, "repository path"),
        ({"hostname": "host/path"}, "host name"),
        ({"hostname": "user@host"}, "host name"),
        ({"hostname": "host name"}, "host name"),
        ({"hostname": "fe80::1%eth0"}, "host name"),
    ],
)
def test_refuses_a_section_and_names_the_field(section: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidServer, match=field):
        RestServer.from_spec(section)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({}, "it has none"),
        ({"rest": {}}, "it has none"),
        ({"rest": {"hostname": "host"}, "awss3": {"hostname": "x"}}, "rest and awss3"),
        ({"sftp": {"hostname": "host"}, "rest": {"hostname": "x"}}, "rest and sftp"),
        ({"rest": "host"}, "not a mapping"),
    ],
)
def test_refuses_a_spec_without_exactly_one_section(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidServer, match=words):
        server_from_spec(spec)


def test_reads_the_one_section_of_a_spec() -> None:
    assert server_from_spec({"rest": {"hostname": "host"}}) == RestServer("host", port=8000)


def test_every_kind_has_its_adapter() -> None:
    access = Access(RestServer("host", "p", port=8000), "pw")
    assert adapter_for(access).location == "rest:https://host:8000/p/"


def test_access_shows_no_secret() -> None:
    access = Access(RestServer("host"), "hunter2", UserAndPassword("me", "hunter3"), "hunter4")
    assert "hunter" not in repr(access)
    assert "hunter" not in str(access)
    assert access.secrets() == ("hunter2", "hunter3")
