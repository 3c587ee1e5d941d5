# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom a change of the repository password would lock out, with the keys in memory; restic has tests of its own."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import NAMESPACE, SECRET
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._errors import WrongPassword
from ansible_collections.community.che.plugins.module_utils._repository._keys import Key
from ansible_collections.community.che.plugins.module_utils._repository._rest import RestAdapter
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._server import _internal_objects as objects
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions
from ansible_collections.community.che.plugins.module_utils._server._secrets import PASSWORD_KEY, read_secret, to_secret
from ansible_collections.community.che.plugins.module_utils._server._stored import StoredServer, to_object
from ansible_collections.community.che.plugins.module_utils._upkeep import _password, _password_work
from ansible_collections.community.che.plugins.module_utils._upkeep._password import change_password
from ansible_collections.community.che.plugins.module_utils._upkeep._request import PasswordRequest
from unit.fake_api import FakeApi

SERVER = RestServer("backups.example.com", "che", port=8000)


def a_request(**fields: Any) -> PasswordRequest:
    asked: dict[str, Any] = {
        "namespace": "che",
        "server": ServerOptions(name="main"),
        "new_password": "new",
        "change_named_secret": True,
        "remove_old_key": True,
        "remove_keys": (),
        "restic_path": "restic",
        "check_mode": False,
    }
    return PasswordRequest(**{**asked, **fields})


def put_server(api: FakeApi, name: str, secret: str, password: str, server: RestServer = SERVER) -> None:
    api.cluster.create(to_object(StoredServer(name, server, secret), "che"))
    if api.cluster.find(SECRET, secret, "che") is None:
        api.cluster.create(to_secret(secret, "che", {PASSWORD_KEY: password}))


@pytest.fixture
def passwords(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that open the repository."""
    api.add(NAMESPACE, "che")
    opening = ["old"]

    class Keyring:
        def __init__(self, access: Access, *_arguments: Any, **_options: Any) -> None:
            self.password = access.password

        def check_version(self) -> None:
            return

        def all_keys(self) -> list[Key]:
            self.current_key()
            return [Key(f"{each}-key", "root", "vm", "", each == self.password) for each in opening]

        def current_key(self) -> str:
            if self.password not in opening:
                raise WrongPassword("The repository password is wrong")
            return f"{self.password}-key"

        def add_key(self, password: str, _user: str, _host: str) -> None:
            opening.append(password)

        def remove_key(self, key_id: str) -> None:
            opening.remove(key_id[: -len("-key")])

        def release_stale_locks(self) -> int:
            return 0

    monkeypatch.setattr(_password_work, "Keyring", Keyring)
    monkeypatch.setattr(RestAdapter, "probe", lambda _adapter, _seconds: True)
    return opening


def test_the_new_password_takes_the_place_of_the_old_one(api: FakeApi, passwords: list[str]) -> None:
    put_server(api, "main", "one", "old")

    assert change_password(api.cluster, a_request())["stored"]
    assert passwords == ["new"]
    assert read_secret(api.cluster, "che", "one", "")[PASSWORD_KEY] == "new"


@pytest.mark.parametrize("check_mode", [False, True])
def test_no_other_server_of_the_repository_is_locked_out(api: FakeApi, passwords: list[str], check_mode: bool) -> None:
    put_server(api, "main", "one", "old")
    put_server(api, "retention", "two", "old")

    with pytest.raises(CheError, match="retention leads to the same repository"):
        change_password(api.cluster, a_request(check_mode=check_mode))
    assert passwords == ["old"]


@pytest.mark.parametrize(
    ("secret", "password", "server", "fields", "opening"),
    [
        ("one", "old", SERVER, {}, ["new"]),
        ("two", "another", SERVER, {}, ["new"]),
        ("two", "old", RestServer("backups.example.com", "other", port=8000), {}, ["new"]),
        ("two", "old", SERVER, {"remove_old_key": False}, ["old", "new"]),
    ],
)
def test_servers_that_are_not_locked_out_are_no_hindrance(
    api: FakeApi,
    passwords: list[str],
    secret: str,
    password: str,
    server: RestServer,
    fields: dict[str, Any],
    opening: list[str],
) -> None:
    put_server(api, "main", "one", "old")
    put_server(api, "retention", secret, password, server)

    change_password(api.cluster, a_request(**fields))

    assert passwords == opening


@pytest.mark.parametrize("ours", [True, False])
def test_the_internal_server_s_own_secret_is_changed_unasked_and_no_other(
    api: FakeApi, passwords: list[str], monkeypatch: pytest.MonkeyPatch, ours: bool
) -> None:
    monkeypatch.setattr(_password, "from_here", lambda _cluster, access, _namespace, _connection: access)
    secret = objects.REPOSITORY_PASSWORD
    stored = StoredServer(objects.CONFIGURATION, objects.internal_server("che"), secret, internal=True)
    api.cluster.create(to_object(stored, "che"))
    made = objects.labelled_secret(secret, "che", {PASSWORD_KEY: "old"})
    if not ours:
        made["metadata"]["labels"] = {"app.kubernetes.io/part-of": "backup.che.eclipse.org"}
    api.cluster.create(made)
    request = a_request(server=ServerOptions(name=objects.CONFIGURATION), change_named_secret=False)

    if ours:
        assert change_password(api.cluster, request)["stored"]
        assert passwords == ["new"]
    else:
        with pytest.raises(CheError, match="this collection did not make"):
            change_password(api.cluster, request)


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_key_that_another_server_uses_is_not_removed(api: FakeApi, passwords: list[str], check_mode: bool) -> None:
    put_server(api, "main", "one", "old")
    put_server(api, "retention", "two", "another")
    passwords += ["another", "forgotten"]

    for new in ("old", "new"):
        with pytest.raises(CheError, match="remove_keys names the key another-, with which the server retention"):
            change_password(api.cluster, a_request(new_password=new, remove_keys=("another",), check_mode=check_mode))
    assert passwords == ["old", "another", "forgotten"]

    change_password(api.cluster, a_request(new_password="old", remove_keys=("forgotten",)))
    assert passwords == ["old", "another"]
