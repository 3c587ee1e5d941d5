# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backup server's private files."""

from __future__ import annotations

import stat
from pathlib import Path

import bcrypt
import pytest
from che_standin import server
from che_standin.errors import StandinError
from che_standin.identity import USERNAME, Identity

NAMES = ["192.0.2.7", "backup-server.ns.svc"]


@pytest.fixture
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Identity:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Identity("ns")


def test_files_are_private_and_stay_the_same(identity: Identity) -> None:
    first = identity.ensure(NAMES)
    identity.save({"url": "https://x/"})
    assert identity.ensure(NAMES) == first
    assert stat.S_IMODE(identity.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in identity.folder.iterdir()} == {0o600}


def test_the_password_opens_the_server(identity: Identity) -> None:
    username, _, digest = identity.ensure(NAMES)["htpasswd"].strip().partition(":")
    assert username == USERNAME
    assert bcrypt.checkpw(identity.password_file.read_bytes(), digest.encode())


def test_a_changed_password_makes_a_new_htpasswd(identity: Identity) -> None:
    identity.ensure(NAMES)
    identity.password_file.write_text("changed")
    digest = identity.ensure(NAMES)["htpasswd"].strip().partition(":")[2]
    assert bcrypt.checkpw(b"changed", digest.encode())


def test_a_new_address_makes_a_new_certificate_of_the_same_authority(identity: Identity) -> None:
    first = identity.ensure(NAMES)
    authority = identity.ca_file.read_text()
    second = identity.ensure(["192.0.2.8"])
    assert second["tls.crt"] != first["tls.crt"]
    assert identity.ca_file.read_text() == authority


def test_no_secret_in_the_command_line_and_a_restart_when_files_change(identity: Identity) -> None:
    files = identity.ensure(NAMES)
    options = server.Options("ns", append_only=True, max_size=1000)
    deployment = server.server_objects(options, files)[-1]
    template = deployment["spec"]["template"]
    arguments = template["spec"]["containers"][0]["args"]
    assert {"--append-only", "--max-size=1000", "--tls"} <= set(arguments)
    assert identity.password_file.read_text() not in str(deployment)
    changed = server.server_objects(options, {**files, "htpasswd": "x"})[-1]
    assert changed["spec"]["template"]["metadata"] != template["metadata"]
    plain = server.server_objects(server.Options("ns"), files)[-1]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert not [argument for argument in plain if argument.startswith(("--append", "--max"))]


def test_unknown_server_says_what_to_do(identity: Identity) -> None:
    with pytest.raises(StandinError, match="backup-server up"):
        server.describe("ns")
