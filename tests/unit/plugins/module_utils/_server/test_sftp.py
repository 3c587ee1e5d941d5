# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""SFTP servers in options, the environment, Secrets and the cluster: the key's ways in, and the pinned host key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError, UsageError
from ansible_collections.community.che.plugins.module_utils._kube._client import Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, NAMESPACE, SECRET
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._credentials import SshKey
from ansible_collections.community.che.plugins.module_utils._repository._errors import InvalidCredentials
from ansible_collections.community.che.plugins.module_utils._repository._host_keys import fingerprint
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer
from ansible_collections.community.che.plugins.module_utils._server import _configure, _host_keys
from ansible_collections.community.che.plugins.module_utils._server._choose import choose_server
from ansible_collections.community.che.plugins.module_utils._server._configure import ServerRequest, apply
from ansible_collections.community.che.plugins.module_utils._server._credentials import (
    credentials_from_secret,
    given_credentials,
)
from ansible_collections.community.che.plugins.module_utils._server._info import tell
from ansible_collections.community.che.plugins.module_utils._server._options import (
    DEFAULT_NAME,
    ServerOptions,
    options_from,
)
from ansible_collections.community.che.plugins.module_utils._server._secrets import read_secret, to_secret
from ansible_collections.community.che.plugins.module_utils._server._stored import StoredServer, to_object
from unit.fake_api import FakeApi
from unit.ssh_keys import private_key, public_key

KEY = private_key()
HOST_KEY, OTHER = public_key(1), public_key(2)
URL = "sftp://che@backup.example.org:2222//srv/che"
SERVER = SftpServer("che", "backup.example.org", "/srv/che", 2222)


def read(variables: dict[str, str] | None = None, **params: Any) -> ServerOptions:
    return options_from(params, params.pop("name", None), variables or {})


def test_a_url_a_section_and_a_variable_say_the_same() -> None:
    section = {"username": "che", "hostname": "backup.example.org", "port": 2222, "repository_path": "/srv/che"}
    assert read(repository_url=URL).server == read(sftp=section).server == SERVER
    assert read({"BACKUP_REPOSITORY_URL": URL}).server == SERVER


def test_a_host_key_belongs_to_the_server() -> None:
    for given in ([f"{HOST_KEY} root@host", OTHER], [f"# host:22 SSH-2.0\nhost {HOST_KEY}\nhost {OTHER}\n"]):
        options = read(repository_url=URL, ssh_host_key=given)
        assert isinstance(options.server, SftpServer)
        assert options.server.host_keys == (HOST_KEY, OTHER)


@pytest.mark.parametrize("how", ["text", "path", "variable", "file variable", "both variables"])
def test_a_key_may_be_given_in_each_of_the_documented_ways(tmp_path: Path, how: str) -> None:
    file = tmp_path / "key"
    file.write_text(KEY, encoding="ascii")
    options = {
        "text": lambda: read(repository_url=URL, ssh_key=KEY),
        "path": lambda: read({"SSH_KEY": "of the environment"}, repository_url=URL, ssh_key_path=str(file)),
        "variable": lambda: read({"SSH_KEY": KEY.strip()}, repository_url=URL),
        "file variable": lambda: read({"SSH_KEY_FILE": str(file)}, repository_url=URL),
        "both variables": lambda: read({"SSH_KEY_FILE": str(file), "SSH_KEY": "another"}, repository_url=URL),
    }[how]()
    assert given_credentials(options, SERVER) == SshKey(KEY)
    assert "PRIVATE" not in repr(options)


def test_the_variables_are_for_sftp_alone() -> None:
    options = read({"SSH_KEY": "no key at all"}, repository_url="rest:https://h/p")
    assert given_credentials(options, RestServer("h", "p")) is None


@pytest.mark.parametrize("data", [{"ssh-privatekey": KEY, "known_hosts": "x"}, {"anything": KEY}])
def test_a_secret_holds_the_key_under_its_name_or_alone(data: dict[str, str]) -> None:
    assert credentials_from_secret(SERVER, data, "Secret che/s") == SshKey(KEY)


def test_a_secret_without_the_key_is_named() -> None:
    with pytest.raises(CheError, match="ssh-privatekey"):
        credentials_from_secret(SERVER, {"a": KEY, "b": KEY}, "Secret che/s")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"repository_url": URL, "server_ca_content": "PEM"}, "server_ca_content is not for a server of kind sftp"),
        ({"repository_url": URL, "server_ca_secret": "ca"}, "server_ca_secret is not for"),
        ({"repository_url": URL, "s3_region": "x"}, "s3_region is not for"),
        ({"repository_url": "rest:https://h/p", "ssh_host_key": [HOST_KEY]}, "ssh_host_key is not for"),
        ({"repository_url": "rest:https://h/p", "ssh_learn_host_key": True}, "ssh_learn_host_key is not for"),
        ({"repository_url": URL, "ssh_host_key": ["ssh-ed25519 AAAA"]}, "host key is cut off"),
    ],
)
def test_options_of_other_kinds_are_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(CheError, match=words):
        read(**params)


def test_credentials_of_other_kinds_are_refused() -> None:
    with pytest.raises(UsageError, match="server_username is not for a server of kind sftp"):
        given_credentials(read(repository_url=URL, server_username="u"), SERVER)
    with pytest.raises(UsageError, match="ssh_key_path is not for a server of kind rest"):
        given_credentials(read(repository_url="rest:https://h/p", ssh_key_path="k"), RestServer("h", "p"))


def test_a_key_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    with pytest.raises(UsageError, match="No such file") as caught:
        given_credentials(read(repository_url=URL, ssh_key_path=missing), SERVER)
    assert missing in caught.value.on
    with pytest.raises(UsageError, match="SSH_KEY_FILE"):
        given_credentials(read({"SSH_KEY_FILE": missing}, repository_url=URL), SERVER)


class Servers:
    """The server at the other end, which shows a key and keeps what it was asked with."""

    def __init__(self) -> None:
        self.shows = (HOST_KEY,)
        self.scans = 0
        self.seen: list[Access] = []

    def scan(self, server: SftpServer, timeout: float) -> tuple[str, ...]:
        self.scans += 1
        return self.shows

    def connect(self, access: Access, *_others: object) -> bool:
        self.seen.append(access)
        return False


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> Servers:
    there = Servers()
    monkeypatch.setattr(_host_keys, "scan_host_keys", there.scan)
    monkeypatch.setattr(_configure, "connect", there.connect)
    api.add(NAMESPACE, "che")
    return there


def configure(api: FakeApi, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    options = options_from(params, DEFAULT_NAME, {})
    return apply(api.cluster, ServerRequest("che", options, "present", False, "restic", check_mode))


FULL = {"repository_url": URL, "repository_password": "sesame", "ssh_key": KEY}


def stored(api: FakeApi) -> Object:
    obj = api.at(CONFIG_MAP, DEFAULT_NAME, "che")
    assert obj is not None
    return obj


def test_a_host_key_is_learned_once_stored_and_told(api: FakeApi, servers: Servers) -> None:
    first = configure(api, **FULL, ssh_learn_host_key=True)
    servers.shows = (OTHER,)
    again = configure(api, **FULL, ssh_learn_host_key=True)

    assert first["backup_server"]["host_key_learned"] is True
    assert first["backup_server"]["host_key_fingerprints"] == [fingerprint(HOST_KEY)]
    assert (again["changed"], again["backup_server"]["host_key_learned"], servers.scans) == (False, False, 1)
    assert stored(api)["metadata"]["annotations"]["community.che/sftp-host-keys"] == HOST_KEY
    assert [access.server.host_keys for access in servers.seen] == [(HOST_KEY,)] * 2  # type: ignore[union-attr]
    assert read_secret(api.cluster, "che", f"{DEFAULT_NAME}-credentials", "x") == {"ssh-privatekey": KEY}
    (told,) = tell(api.cluster, "che", None)["backup_servers"]
    assert (told["kind"], told["host_key_fingerprints"]) == ("sftp", [fingerprint(HOST_KEY)])


def test_nothing_is_learned_unasked_and_check_mode_stores_nothing(api: FakeApi, servers: Servers) -> None:
    configure(api, check_mode=True, **FULL, ssh_learn_host_key=True)
    assert api.at(CONFIG_MAP, DEFAULT_NAME, "che") is None
    configure(api, **FULL)
    assert servers.scans == 1
    assert servers.seen[-1].server.host_keys == ()  # type: ignore[union-attr]


def test_a_key_that_is_given_takes_the_place_of_the_stored_one(api: FakeApi, servers: Servers) -> None:
    configure(api, **FULL, ssh_host_key=[HOST_KEY])
    changed = configure(api, ssh_host_key=[OTHER], ssh_learn_host_key=True)

    assert changed["changed"] is True
    assert servers.scans == 0
    assert stored(api)["metadata"]["annotations"]["community.che/sftp-host-keys"] == OTHER
    assert read_secret(api.cluster, "che", f"{DEFAULT_NAME}-credentials", "x") == {"ssh-privatekey": KEY}


def test_the_stored_key_stays_with_its_server_and_not_with_another(api: FakeApi, servers: Servers) -> None:
    configure(api, **FULL, ssh_host_key=[HOST_KEY])
    configure(api, **{**FULL, "repository_url": "sftp://eva@backup.example.org:2222/elsewhere"})
    assert servers.seen[-1].server.host_keys == (HOST_KEY,)  # type: ignore[union-attr]
    configure(api, **{**FULL, "repository_url": URL.replace("2222", "2223")})
    assert servers.seen[-1].server.host_keys == ()  # type: ignore[union-attr]


def test_a_server_of_another_kind_leaves_nothing_of_it_behind(api: FakeApi, servers: Servers) -> None:
    rest = {"repository_url": "rest:https://h/p", "server_username": "u", "server_password": "p"}
    configure(api, **rest, repository_password="sesame", server_ca_content="PEM")
    configure(api, **FULL, ssh_host_key=[HOST_KEY])
    assert servers.seen[-1].ca_certificate is None
    assert set(stored(api)["metadata"]["annotations"]) == {"community.che/sftp-host-keys"}
    configure(api, **rest)
    assert stored(api)["metadata"]["annotations"] == {}


def test_a_key_with_a_passphrase_is_not_stored(api: FakeApi, servers: Servers) -> None:
    with pytest.raises(InvalidCredentials, match="passphrase"):
        configure(api, **{**FULL, "ssh_key": private_key("hunter2")})
    assert api.names(SECRET, "che") == []


def test_a_run_pins_what_the_task_gives_before_what_is_stored(api: FakeApi) -> None:
    api.add(NAMESPACE, "che")
    api.cluster.create(to_secret("password", "che", {"repo-password": "sesame"}))
    api.cluster.create(to_secret("key", "che", {"anything": KEY}))
    api.cluster.create(to_object(StoredServer("s", SERVER, "password", "key"), "che"))

    given = choose_server(api.cluster, "che", ServerOptions(ssh_host_keys=(OTHER,))).access
    unpinned = choose_server(api.cluster, "che", ServerOptions()).access

    assert given.credentials == SshKey(KEY)
    assert (given.server.host_keys, unpinned.server.host_keys) == ((OTHER,), ())  # type: ignore[union-attr]
