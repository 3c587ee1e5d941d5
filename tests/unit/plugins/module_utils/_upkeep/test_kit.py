# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a kit has to say of each kind of server, so that the same server comes out of it again."""

from __future__ import annotations

from dataclasses import dataclass, fields

import pytest
import yaml
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._credentials import (
    S3Keys,
    SshKey,
    UserAndPassword,
)
from ansible_collections.community.che.plugins.module_utils._repository._s3_server import AwsS3Server
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer
from ansible_collections.community.che.plugins.module_utils._server._credentials import given_credentials
from ansible_collections.community.che.plugins.module_utils._server._options import options_from
from ansible_collections.community.che.plugins.module_utils._upkeep._kit import (
    _as_variables,
    _by_restic_alone,
    _needs,
    server_variables,
)
from unit.ssh_keys import private_key, public_key

KEYS = S3Keys("AKID", "secret/+key")

ACCESSES = [
    Access(RestServer("backups.example.com", "che/a b", port=8000), "sesame", UserAndPassword("che", "p@ss"), "PEM\n"),
    Access(RestServer("10.0.0.1", "", "http", 8000), "sesame"),
    Access(AwsS3Server("bucket/che", port=9000, hostname="s3.example.com"), "sesame", KEYS, "PEM\n"),
    Access(AwsS3Server("bucket", region="eu-west-1", bucket_lookup="dns"), "sesame", KEYS),
]


@pytest.mark.parametrize("access", ACCESSES, ids=lambda access: access.server.kind)
def test_the_same_access_comes_out_of_the_variables_again(access: Access) -> None:
    options = options_from(server_variables(access), None, {})

    assert options.server == access.server
    assert (options.password, options.ca_certificate) == (access.password, access.ca_certificate)
    assert given_credentials(options, access.server) == access.credentials


def test_temporary_keys_are_refused() -> None:
    access = Access(AwsS3Server("bucket"), "sesame", S3Keys("AKID", "secret", "token"))
    with pytest.raises(CheError, match="temporary") as refused:
        server_variables(access)
    assert "token" not in str(refused.value) and "secret/" not in str(refused.value)


@dataclass(frozen=True)
class _Handshake:
    def secrets(self) -> tuple[str, ...]:
        return ()


def test_credentials_that_no_kit_can_hold_are_an_error_and_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    access = Access(RestServer("backups.example.com", "che"), "sesame")
    object.__setattr__(access, "credentials", _Handshake())
    with pytest.raises(CheError, match="can't hold what opens a server of kind rest"):
        server_variables(access)


@pytest.mark.parametrize("password", ["{{ x }}", "a{%b", "{#", "{ {", "- x: 'y' # z", "ü\\n", "on", "0755"])
def test_any_text_survives_and_none_is_a_template(password: str) -> None:
    class Loader(yaml.SafeLoader):
        pass

    unsafe: list[str] = []

    def note(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
        unsafe.append(node.value)
        return str(loader.construct_scalar(node))

    Loader.add_constructor("!unsafe", note)
    text = _as_variables({"che_repository_password": password, "deep": [{"too": password}], "ca": "a\nb\n"})

    assert yaml.load(text, Loader) == {"che_repository_password": password, "deep": [{"too": password}], "ca": "a\nb\n"}
    marked = any(mark in password for mark in ("{{", "{%", "{#"))
    assert unsafe == ([password] * 2 if marked else [])


def test_every_field_of_a_server_is_in_what_is_tried_above() -> None:
    """A field that a kit would lose shows here first, when somebody adds one to a server."""
    assert {field.name for field in fields(RestServer)} == {"hostname", "repository_path", "protocol", "port"}
    assert {field.name for field in fields(AwsS3Server)} - {"region", "bucket_lookup"} == {
        field.name for field in fields(RestServer)
    }


def test_without_ansible_a_private_key_is_made_one_that_ssh_accepts() -> None:
    server = SftpServer("che", "backups.example.com", "/srv/che", host_keys=(public_key(),))

    told = _by_restic_alone(Access(server, "sesame", SshKey(private_key())))

    assert {"ssh-key", "known-hosts", "ssh-config"} == set(told["files_of_the_working_directory"])
    assert told["commands"][0] == "chmod 600 known-hosts ssh-config ssh-key"


def test_without_ansible_and_without_files_restic_comes_first() -> None:
    assert _by_restic_alone(ACCESSES[1])["commands"][0].startswith("restic ")


@pytest.mark.parametrize(
    ("access", "needed"),
    [
        (ACCESSES[0], []),
        (ACCESSES[2], ["the Python package awscrt"]),
        (Access(SftpServer("che", "backups.example.com", "che"), "sesame"), ["the OpenSSH client"]),
    ],
)
def test_what_has_to_be_installed_is_said_for_each_kind(access: Access, needed: list[str]) -> None:
    assert _needs(access)[3:] == needed
    assert any(one.startswith("restic 0.") for one in _needs(access))
