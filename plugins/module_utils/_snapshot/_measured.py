# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A dump read once from end to end, piece by piece: how long it is, who wrote it, and whether it is whole."""

from __future__ import annotations

import hashlib
import re

# pg_dump begins and ends every plain dump with such comments, from 9.6 to this day.
_ENDING = b"\n-- PostgreSQL database dump complete"
_VERSION = re.compile(rb"^-- Dumped from database version (\d{1,4}(?:\.\d{1,4}){0,3})", re.MULTILINE)
_HEAD = 4096
_TAIL = 200


class Measured:
    """What a dump amounts to, taken piece by piece: its head, its length, its hash and its end."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._head = b""
        self._tail = b""
        self.bytes = 0

    def take(self, piece: bytes) -> None:
        """Take the next piece."""
        self._hash.update(piece)
        self._head = (self._head + piece[:_HEAD])[:_HEAD]
        self._tail = (self._tail + piece)[-_TAIL:]
        self.bytes += len(piece)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    @property
    def has_head(self) -> bool:
        """Whether enough was taken to tell who wrote it."""
        return len(self._head) == _HEAD

    @property
    def server_version(self) -> str:
        """The version of the dumped server as pg_dump noted it, for example ``9.6.24``; empty when it did not."""
        found = _VERSION.search(self._head)
        return found[1].decode() if found else ""

    @property
    def ends_well(self) -> bool:
        """Whether pg_dump's last words are at the end; what follows them is short, and depends on its version."""
        return _ENDING in self._tail
