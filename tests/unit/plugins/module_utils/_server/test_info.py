# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of configured servers: names of Secrets, never their content, and nothing is read from them."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._kube._kinds import NAMESPACE
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._server._info import tell
from ansible_collections.community.che.plugins.module_utils._server._stored import StoredServer, to_object
from unit.fake_api import FakeApi


@pytest.fixture(autouse=True)
def two_servers(api: FakeApi) -> None:
    api.add(NAMESPACE, "che")
    for name in ("one", "two"):
        server = StoredServer(name, RestServer(name, "che", port=8000), f"{name}-password", "who", "ca")
        api.cluster.create(to_object(server, "che"))
    api.requests.clear()


def test_all_servers_are_told_by_name(api: FakeApi) -> None:
    told = tell(api.cluster, "che", None)

    assert told["changed"] is False
    assert [server["name"] for server in told["backup_servers"]] == ["one", "two"]
    assert told["backup_servers"][0] == {
        "name": "one",
        "kind": "rest",
        "repository": "rest:https://one:8000/che/",
        "stored_as": "ConfigMap",
        "repository_password_secret": "one-password",
        "server_credentials_secret": "who",
        "server_ca_secret": "ca",
        "host_key_fingerprints": [],
        "internal": False,
        "last_used": "",
    }


def test_one_is_told_or_none(api: FakeApi) -> None:
    assert [server["name"] for server in tell(api.cluster, "che", "two")["backup_servers"]] == ["two"]
    assert tell(api.cluster, "che", "three")["backup_servers"] == []


def test_no_secret_is_read_and_nothing_is_written(api: FakeApi) -> None:
    tell(api.cluster, "che", None)
    tell(api.cluster, "che", "one")

    assert not any("/secrets" in request.path for request in api.requests)
    assert api.written == []
