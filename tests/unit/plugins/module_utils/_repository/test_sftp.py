# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The SFTP adapter, without a server: what restic is told here and in a Job, and what ssh's words mean."""

from __future__ import annotations

from configparser import ConfigParser
from dataclasses import replace

import pytest
from ansible_collections.community.che.plugins.module_utils._repository import _errors as errors
from ansible_collections.community.che.plugins.module_utils._repository import _sftp
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._credentials import SshKey, UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._restic_errors import explain_failure
from ansible_collections.community.che.plugins.module_utils._repository._server import server_from_spec
from ansible_collections.community.che.plugins.module_utils._repository._sftp_errors import explain_failed_login
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer
from unit.ssh_keys import private_key, public_key

KEY = private_key()
SERVER = SftpServer("che", "backup.example.org", "/srv/che", 2222, (public_key(),))
ACCESS = Access(SERVER, "repository secret", SshKey(KEY))


def test_equal_servers_are_equal_values() -> None:
    assert SftpServer("che", "Host", "/a/b/", 22) == SftpServer("che", "host", "/a/b")
    assert SftpServer("che", "host", "/a") != SftpServer("che", "host", "a")
    assert SftpServer("che", "host", "a").effective_port == 22


@pytest.mark.parametrize(("path", "parent"), [("/a", "/"), ("/a/b", "/a"), ("a", "."), ("a/b/c", "a/b")])
def test_the_folder_that_holds_the_repository(path: str, parent: str) -> None:
    assert replace(SERVER, repository_path=path).parent == parent


def test_a_section_and_its_annotation_come_back_as_they_were_written() -> None:
    spec = {"sftp": {**SERVER.to_spec(), "sshKeySecretRef": "key"}}
    assert server_from_spec(spec, SERVER.extras()) == SERVER
    assert server_from_spec(spec) == replace(SERVER, host_keys=())
    assert SERVER.to_spec()["port"] == 2222
    assert "port" not in replace(SERVER, port=22).to_spec()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"username": ""}, "user name is missing"),
        ({"username": "-oProxyCommand=touch"}, "user name"),
        ({"username": "a b"}, "user name"),
        ({"username": "a;b"}, "user name"),
        ({"username": "a\nhost = x"}, "user name"),
        ({"username": 5}, "username is not text"),
        ({"hostname": "-x"}, "host name"),
        ({"port": "22"}, "port"),
        ({"port": True}, "port"),
        ({"port": 0}, "port"),
        ({"repositoryPath": ""}, "repository path is missing"),
        ({"repositoryPath": "~/che"}, "~"),
        ({"repositoryPath": "a/../b"}, "repository path"),
    ],
)
def test_refuses_a_section_and_names_the_field(change: dict[str, object], words: str) -> None:
    with pytest.raises(errors.InvalidServer, match=words):
        server_from_spec({"sftp": {**SERVER.to_spec(), **change}})


def test_a_broken_annotation_is_refused() -> None:
    with pytest.raises(errors.InvalidServer, match="host key"):
        server_from_spec({"sftp": SERVER.to_spec()}, {"sftp-host-keys": "ssh-ed25519 AAAA"})


def test_credentials_of_another_kind_are_refused() -> None:
    with pytest.raises(errors.InvalidCredentials, match="sftp"):
        Access(SERVER, "p", UserAndPassword("u", "p"))


def test_ssh_is_pinned_to_the_server_and_gets_its_secrets_as_files() -> None:
    adapter = adapter_for(ACCESS)
    files = adapter.local_files("/private")
    arguments = " ".join([*adapter.options(), *adapter.local_options("/private")])

    assert adapter.location == "sftp://che@backup.example.org:2222//srv/che"
    assert arguments == '-o "sftp.args=-F ""/private/ssh-config"""'
    assert files["ssh-key"] == KEY
    assert files["known-hosts"] == f"[backup.example.org]:2222 {public_key()}\n"
    settings = dict(line.split(" ", 1) for line in files["ssh-config"].splitlines())
    assert settings["StrictHostKeyChecking"] == settings["BatchMode"] == settings["IdentitiesOnly"] == "yes"
    assert settings["PasswordAuthentication"] == settings["UpdateHostKeys"] == "no"
    assert (settings["GlobalKnownHostsFile"], settings["IdentityAgent"]) == ("/dev/null", "none")
    assert (settings["UserKnownHostsFile"], settings["IdentityFile"]) == (
        '"/private/known-hosts"',
        '"/private/ssh-key"',
    )
    assert adapter.environment() == {}


def test_a_job_has_rclone_with_the_same_pin() -> None:
    adapter = adapter_for(ACCESS)
    files, environment = adapter.files(), adapter.file_environment("/run/x")
    conf = ConfigParser(interpolation=None)
    conf.read_string(files["rclone.conf"])

    assert files["repository"] == "rclone:server:/srv/che"
    assert files["known-hosts"] == f"[backup.example.org]:2222 {public_key()}\n"
    assert dict(conf["server"]) == {
        "type": "sftp",
        "host": "backup.example.org",
        "port": "2222",
        "user": "che",
        "host_key_algorithms": "ssh-ed25519",
        "shell_type": "none",
        "disable_hashcheck": "true",
        "set_modtime": "false",
    }
    assert environment["RESTIC_REPOSITORY_FILE"] == "/run/x/repository"
    assert environment["RCLONE_SFTP_KNOWN_HOSTS_FILE"] == "/run/x/known-hosts"
    assert environment["RCLONE_SFTP_KEY_FILE"] == "/run/x/ssh-key"
    assert not [value for value in environment.values() if "PRIVATE" in value]
    assert adapter.options() == ()
    helper = adapter.helper()
    assert helper is not None and (helper.name, helper.option) == ("rclone", "rclone.program")


def test_without_a_pinned_key_no_file_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sftp, "scan_host_keys", lambda server, timeout: (public_key(7),))
    adapter = adapter_for(replace(ACCESS, server=replace(SERVER, host_keys=())))
    for make in (adapter.files, lambda: adapter.local_files("/private")):
        with pytest.raises(errors.UnknownHostKey, match="ssh_learn_host_key"):
            make()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("ssh: Could not resolve hostname x: Name or service not known", errors.UnknownHost),
        ("getaddrinfo x: Name or service not known", errors.UnknownHost),
        ("ssh: connect to host x port 22: Connection refused", errors.ConnectionRefused),
        ("ssh: connect to host x port 22: Connection timed out", errors.ServerTimeout),
        ("Host key verification failed.", errors.ChangedHostKey),
        ('Load key "/x/ssh-key": invalid format\nme@x: Permission denied (publickey).', errors.InvalidCredentials),
        ("me@x: Permission denied (publickey).", errors.AccessDenied),
        ("subsystem request failed on channel 0", errors.NotSftpServer),
        ("kex_exchange_identification: Connection closed by remote host", errors.NotSftpServer),
        ("ssh: connect to host x port 22: No route to host", errors.ServerUnreachable),
        ("", errors.ServerUnreachable),
    ],
)
def test_what_ssh_says_becomes_an_error_of_its_own(said: str, error: type[Exception]) -> None:
    explained = explain_failed_login(f"{said}\nConnection closed\n", SERVER)
    assert type(explained) is error
    assert explained.on == "backup.example.org:2222"
    assert explained.next_step


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("subprocess ssh: Host key verification failed.", errors.ChangedHostKey),
        ("Fatal: unable to save snapshot: sftp: no space left on device", errors.ServerFault),
        ('Fatal: Save: sftp: "Failure" (SSH_FX_FAILURE)', errors.ServerFault),
        ("Fatal: create repository failed: MkdirAll che/index: permission denied", errors.AccessDenied),
        ("Fatal: unable to save snapshot: ssh command exited: exit status 255", errors.ServerUnreachable),
    ],
)
def test_what_restic_says_of_such_a_server(said: str, error: type[Exception]) -> None:
    assert type(explain_failure(1, said, "sftp://che@host/che", ())) is error
    assert type(explain_failure(1, said, "rest:https://host/", ())) is errors.ResticFailed
