# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a text is a private SSH key that can be used unattended: ssh itself would only say that it did not work."""

from __future__ import annotations

import base64
import binascii
import re

from ansible_collections.community.che.plugins.module_utils._repository._errors import InvalidCredentials

_PEM = re.compile(r"-----BEGIN (?P<kind>[A-Z0-9 ]+)-----\n(?P<body>.+)\n-----END (?P=kind)-----\n", re.DOTALL)
_KINDS = ("OPENSSH PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY")
_OPENSSH_MAGIC = b"openssh-key-v1\0"
_UNENCRYPTED = b"\0\0\0\x04none"

_ON = "SSH key"
_MAKE_ONE = "Make one with ssh-keygen -t ed25519 -N '' -f FILE, and give the content of FILE."


def check_private_key(text: str) -> None:
    """Refuse what is not a private key in one of the formats that both OpenSSH and rclone read.

    Args:
        text: The key, with Unix line breaks.

    Raises:
        InvalidCredentials: It is not one, is cut off, or is protected by a passphrase; never with any of its text.
    """
    if text.startswith("PuTTY-User-Key-File"):
        raise InvalidCredentials(
            "The SSH key is in PuTTY's format", _ON, "Convert it: puttygen KEY -O private-openssh."
        )
    if re.match(r"(ssh|ecdsa|sk-[a-z]+)-\S+ AAAA", text):
        raise InvalidCredentials("The SSH key is a public one", _ON, "Give the private key that belongs to it.")
    found = _PEM.fullmatch(text)
    if found and found["kind"] == "ENCRYPTED PRIVATE KEY":
        raise _protected()
    if not found or found["kind"] not in _KINDS:
        raise InvalidCredentials(
            "The SSH key is not a private key as OpenSSH or OpenSSL writes it, or a part of it is missing",
            _ON,
            _MAKE_ONE,
        )
    if "Proc-Type: 4,ENCRYPTED" in found["body"]:
        raise _protected()
    blob = _decoded(found["body"])
    if found["kind"] == "OPENSSH PRIVATE KEY":
        # https://cvsweb.openbsd.org/src/usr.bin/ssh/PROTOCOL.key: the magic, then the name of the cipher.
        if not blob.startswith(_OPENSSH_MAGIC):
            raise _broken()
        if not blob.startswith(_OPENSSH_MAGIC + _UNENCRYPTED):
            raise _protected()


def _decoded(body: str) -> bytes:
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except binascii.Error:
        raise _broken() from None


def _broken() -> InvalidCredentials:
    return InvalidCredentials("The SSH key is damaged: what it holds is not a key", _ON, _MAKE_ONE)


def _protected() -> InvalidCredentials:
    return InvalidCredentials(
        "A passphrase protects the SSH key, and nobody is there to type it",
        _ON,
        f"Use a key of its own without one, which may do no more than SFTP at the server. {_MAKE_ONE}",
    )
