# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots that restic itself would never write, put into a real repository by whoever knows its password.

The format is restic's, https://restic.readthedocs.io/en/stable/100_references.html: every file is named by its SHA-256
and encrypted with AES-256 in counter mode and Poly1305-AES; a pack holds blobs and, at its end, their list.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integration.repository_keys import Keys

_BLOB_TYPES = {"data": 0, "tree": 1}
TIME = "2026-03-01T12:00:00.000000000Z"

Node = dict[str, Any]


@dataclass
class Forgery:
    """A repository's folder on its server, open for whatever one likes to put there.

    Args:
        folder: The repository.
        password: Its password.
    """

    folder: Path
    password: str
    keys: Keys = field(init=False)

    def __post_init__(self) -> None:
        (path,) = (self.folder / "keys").iterdir()
        self.keys = Keys.of_repository(self.password, json.loads(path.read_bytes()))

    def snapshot(self, nodes: Sequence[Node], tags: Sequence[str], paths: Sequence[str] = ("/",)) -> str:
        """Put a snapshot there whose tree's root holds these nodes, and return its id."""
        document = {"time": TIME, "tree": self.tree(nodes), "paths": list(paths), "hostname": "che", "tags": list(tags)}
        return self._file("snapshots", self.keys.seal(json.dumps(document).encode()))

    def tree(self, nodes: Sequence[Node]) -> str:
        """Put a folder there and return its id."""
        return self._blob("tree", json.dumps({"nodes": list(nodes)}).encode() + b"\n")

    def file(self, name: str, content: bytes | str, **lies: Any) -> Node:
        """A file's node; its content is put there."""
        data = content if isinstance(content, bytes) else content.encode()
        blobs = [self._blob("data", data)] if data else []
        return {**node(name, "file"), "size": len(data), "content": blobs, "mode": 0o600, **lies}

    def folder_of(self, name: str, nodes: Sequence[Node], **lies: Any) -> Node:
        """A folder's node; what is in it is put there."""
        return {**node(name, "dir"), "subtree": self.tree(nodes), "mode": 0o20000000700, **lies}

    def _blob(self, kind: str, text: bytes) -> str:
        blob_id = hashlib.sha256(text).hexdigest()
        sealed = self.keys.seal(text)
        header = self.keys.seal(struct.pack("<BI", _BLOB_TYPES[kind], len(sealed)) + bytes.fromhex(blob_id))
        pack = self._file("data", sealed + header + struct.pack("<I", len(header)))
        blobs = [{"id": blob_id, "type": kind, "offset": 0, "length": len(sealed)}]
        index = {"supersedes": [], "packs": [{"id": pack, "blobs": blobs}]}
        self._file("index", self.keys.seal(json.dumps(index).encode()))
        return blob_id

    def _file(self, kind: str, content: bytes) -> str:
        name = hashlib.sha256(content).hexdigest()
        place = self.folder / kind / (name[:2] if kind == "data" else "")
        place.mkdir(exist_ok=True)
        (place / name).write_bytes(content)
        return name


def node(name: str, kind: str, **more: Any) -> Node:
    """A node of a tree, for example a link, a device or a pipe."""
    times = {"mtime": TIME, "atime": TIME, "ctime": TIME}
    return {"name": name, "type": kind, "mode": 0o777, **times, "uid": 0, "gid": 0, "content": None, **more}
