# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The public keys by which an SSH server is known: each in one form, and as the fingerprint that people compare."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable

from ansible_collections.community.che.plugins.module_utils._repository._errors import InvalidServer

KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
"""The types of host keys that both OpenSSH and rclone accept today; ssh-rsa signs with SHA-2."""

_EXAMPLE = "It is one line, such as: ssh-ed25519 AAAAC3Nza..."


def normal_host_keys(lines: Iterable[str]) -> tuple[str, ...]:
    """Host keys as ``type base64``, each once, in a fixed order.

    Args:
        lines: Lines of a ``known_hosts`` file, of ``ssh-keyscan`` or of a server's ``.pub`` file: what stands before
            the type and after the key is left out, and so are comments and empty lines.

    Raises:
        InvalidServer: A line holds no host key that can be used.
    """
    keys = {_normal(line) for line in lines if line.strip() and not line.lstrip().startswith("#")}
    return tuple(sorted(keys, key=lambda key: (KEY_TYPES.index(key.split()[0]), key)))


def fingerprint(key: str) -> str:
    """The fingerprint of a host key in normal form, as ``ssh-keygen -l`` shows it, with the key's type."""
    key_type, encoded = key.split()
    digest = base64.b64encode(hashlib.sha256(base64.b64decode(encoded)).digest()).decode("ascii").rstrip("=")
    return f"SHA256:{digest} ({key_type})"


def known_hosts(hostname: str, port: int, keys: Iterable[str]) -> str:
    """The content of a ``known_hosts`` file, in which another port than 22 belongs to the name.

    The format is in sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
    """
    name = hostname if port == 22 else f"[{hostname}]:{port}"
    return "".join(f"{name} {key}\n" for key in keys)


def _normal(line: str) -> str:
    words = line.split()
    if words[0].startswith("@"):
        raise InvalidServer(
            "A host key is marked with an @, as certificates and revoked keys are", next_step="Give the key itself."
        )
    found = [(word, after) for word, after in zip(words, words[1:]) if word in KEY_TYPES]
    if not found:
        raise InvalidServer(
            f"A host key names none of the types {', '.join(KEY_TYPES)}, or holds nothing after it",
            next_step=_EXAMPLE,
        )
    key_type, encoded = found[0]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise InvalidServer("A host key is not base64 after its type", next_step=_EXAMPLE) from None
    # A key begins with its own type, after the type's length: RFC 4253, section 6.6.
    name = key_type.encode("ascii")
    if not blob.startswith(len(name).to_bytes(4, "big") + name) or len(blob) < len(name) + 32:
        raise InvalidServer("A host key is cut off, or is not of the type that it names", next_step=_EXAMPLE)
    return f"{key_type} {base64.b64encode(blob).decode('ascii')}"
