# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""restic's keys: what a repository's files are encrypted with, and keys that take no time.

restic derives a key of the password each time that it is started (scrypt, as expensive as the machine allowed when the
repository was made): in tests, which start it thousands of times, more than all else together. Nothing else of a
repository depends on it. The format: https://restic.readthedocs.io/en/stable/100_references.html#keys-encryption-and-mac
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

# The least that scrypt takes.
_CHEAP = {"N": 2, "r": 1, "p": 1}
_MEMORY_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Keys:
    """What a file of the repository is encrypted and authenticated with: AES-256 in counter mode, Poly1305-AES."""

    encrypt: bytes
    k: bytes
    r: bytes

    @classmethod
    def of_password(cls, password: str, key: Mapping[str, Any]) -> Keys:
        """Those of a user.

        Args:
            password: The repository's password.
            key: A key file's content.
        """
        assert key["kdf"] == "scrypt"
        cost = {name.lower(): key[name] for name in _CHEAP}
        salt = base64.b64decode(key["salt"])
        derived = hashlib.scrypt(password.encode(), salt=salt, **cost, maxmem=_MEMORY_BYTES, dklen=64)
        return cls(derived[:32], derived[32:48], derived[48:])

    @classmethod
    def of_repository(cls, password: str, key: Mapping[str, Any]) -> Keys:
        """Those of the repository, which a key file holds. The arguments are those of ``of_password``."""
        master = json.loads(cls.of_password(password, key).open(base64.b64decode(key["data"])))
        return cls(*map(base64.b64decode, (master["encrypt"], master["mac"]["k"], master["mac"]["r"])))

    def seal(self, text: bytes) -> bytes:
        """Encrypt."""
        nonce = os.urandom(16)
        hidden = self._counter(nonce, text)
        return nonce + hidden + self._mac(nonce, hidden)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt."""
        nonce, hidden, mac = sealed[:16], sealed[16:-16], sealed[-16:]
        assert self._mac(nonce, hidden) == mac
        return self._counter(nonce, hidden)

    def _counter(self, nonce: bytes, text: bytes) -> bytes:
        cipher = Cipher(algorithms.AES(self.encrypt), modes.CTR(nonce)).encryptor()
        return cipher.update(text) + cipher.finalize()

    def _mac(self, nonce: bytes, text: bytes) -> bytes:
        block = Cipher(algorithms.AES(self.k), modes.ECB()).encryptor()
        return Poly1305.generate_tag(self.r + block.update(nonce) + block.finalize(), text)


def make_keys_cheap(folder: Path, password: str) -> None:
    """Have all keys of a repository take no time.

    Args:
        folder: The repository.
        password: Its password, which opens all of them.
    """
    for file in list((folder / "keys").iterdir()):
        cheap = _cheapened(file.read_bytes(), password)
        (folder / "keys" / hashlib.sha256(cheap).hexdigest()).write_bytes(cheap)
        file.unlink()


@dataclass(frozen=True)
class RemoteKeys:
    """The keys of a repository on restic's REST server.

    Args:
        url: The repository's address, with its scheme.
        user: The server's user, and that user's password.
        ca_path: The file of the server's CA.
    """

    url: str
    user: tuple[str, str] = field(repr=False)
    ca_path: str

    def make_cheap(self, password: str) -> None:
        """Have all of them take no time; the repository's password opens all of them."""
        for found in json.loads(self._request("GET", "")):
            key = self._request("GET", found["name"])
            if json.loads(key)["N"] > _CHEAP["N"]:
                cheap = _cheapened(key, password)
                self._request("POST", hashlib.sha256(cheap).hexdigest(), cheap)
                self._request("DELETE", found["name"])

    def _request(self, method: str, name: str, body: bytes | None = None) -> bytes:
        given = base64.b64encode(":".join(self.user).encode()).decode()
        headers = {"Authorization": f"Basic {given}", "Accept": "application/vnd.x.restic.rest.v2"}
        request = urllib.request.Request(f"{self.url}/keys/{name}", body, headers, method=method)
        trusted = ssl.create_default_context(cafile=self.ca_path)
        with urllib.request.urlopen(request, timeout=30, context=trusted) as answer:
            return bytes(answer.read())


def _cheapened(key: bytes, password: str) -> bytes:
    """A key file for the same repository and the same password."""
    held = json.loads(key)
    master = Keys.of_password(password, held).open(base64.b64decode(held["data"]))
    cheap = {**held, **_CHEAP, "salt": base64.b64encode(os.urandom(64)).decode()}
    data = Keys.of_password(password, cheap).seal(master)
    return json.dumps({**cheap, "data": base64.b64encode(data).decode()}).encode()
