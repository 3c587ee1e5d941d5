# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Host keys and private keys: each in one form, and what can't be used is named without being shown."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._repository._credentials import SshKey
from ansible_collections.community.che.plugins.module_utils._repository._errors import (
    InvalidCredentials,
    InvalidServer,
)
from ansible_collections.community.che.plugins.module_utils._repository._host_keys import (
    fingerprint,
    known_hosts,
    normal_host_keys,
)
from cryptography.hazmat.primitives.serialization import PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from unit.ssh_keys import private_key, public_key

KEY, OTHER = public_key(1), public_key(2)
ECDSA = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBLsFejbgVW6kPWZb1mSz8Q+w+YIkQgRUMAF6TG"
    "gOS1EABCVClTaojll8BfrRnftu9uchdq/xuSq2E6b2BSXLzCU="
)


@pytest.mark.parametrize(
    "line", [KEY, f"{KEY} root@host", f"host,10.0.0.1 {KEY}", f"[host]:2222 {KEY} a comment", f"  {KEY}\n"]
)
def test_a_host_key_is_found_in_whatever_line_it_stands(line: str) -> None:
    assert normal_host_keys(["# host:22 SSH-2.0", "", line]) == (KEY,)


def test_the_same_keys_are_equal_in_any_order() -> None:
    assert normal_host_keys([ECDSA, KEY, KEY]) == normal_host_keys([KEY, ECDSA]) == (KEY, ECDSA)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("host", "names none of the types"),
        ("ssh-ed25519", "names none of the types"),
        ("ssh-dss AAAAB3NzaC1kc3MAAACB", "names none of the types"),
        ("ssh-ed25519 %%%", "not base64"),
        ("ssh-ed25519 AAAA", "cut off"),
        (KEY[:-12], "cut off|not base64"),
        (KEY.replace("ssh-ed25519", "ssh-rsa"), "not of the type"),
        (f"@cert-authority * {KEY}", "marked"),
        (f"@revoked * {KEY}", "marked"),
    ],
)
def test_what_is_no_host_key_is_refused(line: str, words: str) -> None:
    with pytest.raises(InvalidServer, match=words) as caught:
        normal_host_keys([line])
    assert caught.value.next_step


@given(st.lists(st.text(max_size=60), max_size=3))
def test_any_text_is_refused_or_becomes_keys_that_stay_as_they_are(lines: list[str]) -> None:
    try:
        keys = normal_host_keys(lines)
    except InvalidServer:
        return
    assert normal_host_keys(keys) == keys


def test_the_fingerprint_is_the_one_that_ssh_keygen_shows(tmp_path: Path) -> None:
    for number, key in enumerate((KEY, ECDSA)):
        file = tmp_path / str(number)
        file.write_text(key, encoding="ascii")
        shown = subprocess.run(["ssh-keygen", "-l", "-f", file], capture_output=True, text=True, check=True).stdout
        assert fingerprint(key).split()[0] == shown.split()[1]


def test_known_hosts_name_a_port_that_is_not_22() -> None:
    assert known_hosts("host", 22, [KEY]) == f"host {KEY}\n"
    assert known_hosts("::1", 2222, [KEY, OTHER]) == f"[::1]:2222 {KEY}\n[::1]:2222 {OTHER}\n"


@pytest.mark.parametrize(
    "key",
    [
        private_key(),
        private_key(form=PrivateFormat.PKCS8),
        private_key(form=PrivateFormat.TraditionalOpenSSL, curve=True),
    ],
)
def test_a_private_key_is_taken_with_any_line_breaks(key: str) -> None:
    assert SshKey(key.rstrip("\n")).private_key == key
    assert SshKey("\n" + key.replace("\n", "\r\n")) == SshKey(key)


def damaged(key: str) -> str:
    lines = key.splitlines()
    return "\n".join([lines[0], *lines[2:]])


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (private_key("hunter2"), "passphrase"),
        (private_key("hunter2", PrivateFormat.PKCS8), "passphrase"),
        (private_key("hunter2", PrivateFormat.TraditionalOpenSSL, curve=True), "passphrase"),
        (damaged(private_key()), "damaged"),
        (private_key().replace("AAA", "***"), "damaged"),
        (private_key()[:-20], "a part of it is missing"),
        ("", "not a private key"),
        ("hunter2", "not a private key"),
        ("-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----", "not a private key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\nhunter2", "PuTTY"),
        (f"{KEY} me@host", "public"),
    ],
)
def test_what_cannot_be_used_unattended_is_named_and_not_shown(key: str, words: str) -> None:
    with pytest.raises(InvalidCredentials, match=words) as caught:
        SshKey(key)

    assert caught.value.next_step
    said = str(caught.value)
    assert "hunter2" not in said
    assert not [line for line in key.splitlines() if len(line) > 20 and "----" not in line and line in said]


def test_a_key_shows_nothing_of_itself() -> None:
    key = SshKey(private_key())
    assert "PRIVATE" not in repr(key)
    assert all(line in key.secrets() for line in key.private_key.splitlines()[1:-1])
