# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A snapshot's list of files, judged before any of them is written to this machine.

Who can write to a repository decides on every node of a tree: names that climb out, links, devices, sizes. restic keeps
the worst from happening; here nothing but plain files in their places is asked of it at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ansible_collections.community.che.plugins.module_utils._repository._restic import Node, Restic
from ansible_collections.community.che.plugins.module_utils._snapshot._info import INFO_FILE
from ansible_collections.community.che.plugins.module_utils._snapshot._layout import (
    MAX_BYTES,
    MAX_FILE_BYTES,
    MAX_FILES,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._places import (
    FILE_KINDS,
    FOLDER_KINDS,
    SUFFIX,
    misplaced,
)

_DUMPS = "/db"
_FOLDERS = ("/", _DUMPS, *(f"/{name}" for name in FOLDER_KINDS))
_TOP_FILES = tuple(f"/{name}" for name in (*FILE_KINDS, INFO_FILE))
_OBJECT_FILE = re.compile(rf"/({'|'.join(FOLDER_KINDS)})/[^/]+{re.escape(SUFFIX)}")
_DUMP_FILE = re.compile(rf"{_DUMPS}/[^/]+\.sql", re.DOTALL)


@dataclass(frozen=True)
class DumpFile:
    """A dump as it lies in a snapshot of the old operator.

    Args:
        path: Its path in the snapshot, ``/db/<name>.sql``.
        bytes: Its length.
    """

    path: str
    bytes: int

    @property
    def database(self) -> str:
        """The name of the database that it was made of."""
        return self.path[len(_DUMPS) + 1 : -len(".sql")]


@dataclass(frozen=True)
class RestoredPart:
    """An installation part on this machine. Its dumps stay in the repository.

    Args:
        folder: The files of its objects.
        dumps: The dumps that lie beside them in the snapshot, by path.
    """

    folder: Path
    dumps: tuple[DumpFile, ...]


@contextmanager
def restored_part(restic: Restic, snapshot: str) -> Iterator[RestoredPart]:
    """Write the objects of an installation part into a private folder, for as long as the block lasts.

    Raises:
        LayoutError: The snapshot holds what no installation part holds; nothing was written.
        RepositoryError: It can't be read.
    """
    dumps = dumps_among(restic.list_files(snapshot))
    with TemporaryDirectory(prefix="che-restore-") as scratch:
        restic.restore_folder(snapshot, Path(scratch), exclude=_DUMPS)
        yield RestoredPart(Path(scratch), dumps)


def dumps_among(nodes: Iterable[Node]) -> tuple[DumpFile, ...]:
    """Return the dumps of a part, after a look at everything else in it.

    Raises:
        LayoutError: Something is no plain file or folder, is not in its place, stands twice, or is too large.
    """
    seen: set[str] = set()
    dumps, total = [], 0
    for node in nodes:
        if node.path in seen:
            raise misplaced("the backup holds two files of this name", node.path)
        seen.add(node.path)
        if _is_dump(node):
            dumps.append(DumpFile(node.path, node.size))
        else:
            _require_place(node)
            total += node.size
        if len(seen) > MAX_FILES or total > MAX_BYTES:
            raise misplaced(f"the backup holds more than {MAX_FILES} files, or {MAX_BYTES} bytes", node.path)
    return tuple(sorted(dumps, key=lambda dump: dump.path))


def _is_dump(node: Node) -> bool:
    return node.type == "file" and bool(_DUMP_FILE.fullmatch(node.path))


def _require_place(node: Node) -> None:
    if node.path in _FOLDERS:
        if node.type != "dir":
            raise misplaced("this is not a folder", node.path)
    elif node.path not in _TOP_FILES and not _OBJECT_FILE.fullmatch(node.path):
        raise misplaced("the backup holds a file that has no place in it", node.path)
    elif node.type != "file":
        raise misplaced("this is not a regular file", node.path)
    elif not 0 <= node.size <= MAX_FILE_BYTES:
        raise misplaced(f"the file is larger than {MAX_FILE_BYTES} bytes", node.path)
