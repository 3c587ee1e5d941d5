# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a kit has to say of each kind of server, so that the same server comes out of it again."""

from __future__ import annotations

import base64
from dataclasses import dataclass, fields
from typing import Any

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
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import seal_tags
from ansible_collections.community.che.plugins.module_utils._upkeep import _kit
from ansible_collections.community.che.plugins.module_utils._upkeep._kit import (
    KitRequest,
    _as_variables,
    _by_restic_alone,
    _needs,
    make_kit,
    server_variables,
)
from ansible_collections.community.che.plugins.module_utils._version import COLLECTION_VERSION
from unit.fake_api import FakeApi
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic, a_repository
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
    needs = _needs(access, asked())
    assert needs[4:] == needed
    assert any(one.startswith("restic 0.") for one in needs)
    assert f"collection community.che {COLLECTION_VERSION}:" in needs[1]


def asked(**options: Any) -> KitRequest:
    params = {"namespace": "che", "backup_server": None, "backups": 10, "restic_path": "restic", **options}
    return KitRequest.read(params)


@pytest.fixture
def restic(monkeypatch: pytest.MonkeyPatch) -> FakeRestic:
    fake = FakeRestic()
    monkeypatch.setattr(_kit, "open_repository", lambda *_args, **_options: a_repository(fake))
    return fake


def opened(made: dict[str, Any]) -> dict[str, Any]:
    """A kit's variables."""
    content: dict[str, Any] = yaml.safe_load(base64.b64decode(made["kit"]))
    return content


def restored(made: dict[str, Any]) -> set[str]:
    """The ids in a kit's commands."""
    commands = opened(made)["recovery_kit"]["commands"]
    return {word.partition("=")[2] for line in commands for word in line.split() if word.startswith("che_backup_id=")}


@pytest.mark.parametrize("most", [1, 2, 10])
def test_the_commands_never_restore_what_a_restore_has_thrown_away(api: FakeApi, restic: FakeRestic, most: int) -> None:
    good = make_backup(restic)
    thrown_away = [make_backup(restic, run=run, safety=True) for run in ("r2-safety", "r3-safety")]

    made = make_kit(api.cluster, asked(backups=most))

    assert (made["id"], restored(made)) == (good, {good[:8]})
    newest_first = [*reversed(thrown_away), good]
    assert [each["id"] for each in made["backups"]] == [*newest_first[: min(most, 3) - 1], good]
    told = opened(made)["recovery_kit"]["backups"]
    assert {each["id"] for each in told if each["safety"]} == {each["id"] for each in told} - {good}


def test_the_commands_restore_what_is_of_the_namespace(api: FakeApi, restic: FakeRestic) -> None:
    own = make_backup(restic)
    restic.save({"manifest.json": b""}, seal_tags("r2", 0), host="che-b")

    made = make_kit(api.cluster, asked())

    assert restored(made) == {own[:8]}
    assert [each["namespace"] for each in opened(made)["recovery_kit"]["backups"]] == ["che-b", "che"]


def test_what_only_restores_have_saved_is_no_backup_for_a_kit(api: FakeApi, restic: FakeRestic) -> None:
    make_backup(restic, run="r2-safety", safety=True)
    with pytest.raises(CheError, match="no complete backup but safety backups") as refused:
        make_kit(api.cluster, asked())
    assert "Make a backup of this namespace first" in refused.value.next_step


def test_the_collection_is_installed_in_the_version_that_made_the_kit(api: FakeApi, restic: FakeRestic) -> None:
    make_backup(restic)
    first = opened(make_kit(api.cluster, asked()))["recovery_kit"]["commands"][0]
    assert first == f"ansible-galaxy collection install community.che:=={COLLECTION_VERSION}"


def test_what_is_said_of_jobs_is_said_to_the_restore(api: FakeApi, restic: FakeRestic) -> None:
    make_backup(restic)
    jobs = {"restic_image": "mirror/restic:1", "image_pull_secrets": ["pull-a", "pull-b"], "run_as_user": 0}

    kit = opened(make_kit(api.cluster, asked(**jobs, rclone_image="", database_image=None)))

    said = {name: value for name, value in kit.items() if name.startswith("restore_")}
    assert said == {f"restore_{name}": value for name, value in jobs.items()}
    assert kit["recovery_kit"]["needs"][-1].endswith("Secrets to pull images with: pull-a, pull-b")
    plain = opened(make_kit(api.cluster, asked(image_pull_secrets=[])))
    assert not [name for name in plain if name.startswith("restore_")]
