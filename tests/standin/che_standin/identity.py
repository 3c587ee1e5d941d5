# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backup server's credentials and certificates, kept in private files of the user who runs the tests."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import bcrypt

from . import pki
from .manifests import SECRET_MARKER

USERNAME = "che-backup"


def cache_root() -> Path:
    """Where the files of all backup servers are."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "community.che" / "backup-server"


class Identity:
    """The files of one backup server.

    Args:
        namespace: The server's namespace, also the folder's name.
    """

    def __init__(self, namespace: str) -> None:
        self.folder = cache_root() / namespace

    @property
    def password_file(self) -> Path:
        """Holds the password without a line end."""
        return self.folder / "password"

    @property
    def ca_file(self) -> Path:
        """Holds the CA's certificate in PEM."""
        return self.folder / "ca.crt"

    def ensure(self, names: list[str]) -> dict[str, str]:
        """Makes what is missing or no longer fits.

        Args:
            names: DNS names and IP addresses of the server.

        Returns:
            Files for the server: ``tls.crt``, ``tls.key``, ``htpasswd``.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        password = self._text("password", lambda: f"{SECRET_MARKER}-{secrets.token_urlsafe(18)}")
        ca = self._pair("ca", lambda: pki.authority("Stand-in Backup CA"), lambda _: True)
        tls = self._pair("tls", lambda: pki.server_certificate(ca, names), lambda pair: pki.covers(pair, names))
        htpasswd = self._text("htpasswd", lambda: _htpasswd(password))
        if not _opens(htpasswd, password):
            htpasswd = self._write("htpasswd", _htpasswd(password))
        return {"tls.crt": tls.certificate, "tls.key": tls.key, "htpasswd": htpasswd}

    def save(self, description: Mapping[str, Any]) -> None:
        """Writes server.json."""
        self._write("server.json", json.dumps(description, indent=2) + "\n")

    def load(self) -> dict[str, Any] | None:
        """What save wrote, or None."""
        file = self.folder / "server.json"
        return json.loads(file.read_text()) if file.exists() else None

    def remove(self) -> None:
        """Removes every file."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _pair(self, stem: str, make: Callable[[], pki.KeyPair], fits: Callable[[pki.KeyPair], bool]) -> pki.KeyPair:
        certificate, key = self.folder / f"{stem}.crt", self.folder / f"{stem}.key"
        if certificate.exists() and key.exists():
            present = pki.KeyPair(certificate.read_text(), key.read_text())
            if fits(present):
                return present
        made = make()
        return pki.KeyPair(self._write(certificate.name, made.certificate), self._write(key.name, made.key))

    def _text(self, name: str, make: Callable[[], str]) -> str:
        file = self.folder / name
        return file.read_text() if file.exists() else self._write(name, make())

    def _write(self, name: str, text: str) -> str:
        # Written beside and moved into place, so that a reader never sees half a file, and never with wider rights.
        draft = self.folder / f".{name}.new"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        draft.replace(self.folder / name)
        return text


def _htpasswd(password: str) -> str:
    return f"{USERNAME}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=8)).decode()}\n"


def _opens(htpasswd: str, password: str) -> bool:
    username, _, digest = htpasswd.strip().partition(":")
    return username == USERNAME and bcrypt.checkpw(password.encode(), digest.encode())
