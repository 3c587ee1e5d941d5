# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An installation part as a folder: written so that the same objects always give the same files, read as hostile."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._objects import RawObject, name_of, text_at
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import content_digest
from ansible_collections.community.che.plugins.module_utils._snapshot._errors import LayoutError
from ansible_collections.community.che.plugins.module_utils._snapshot._info import INFO_FILE, BackupInfo
from ansible_collections.community.che.plugins.module_utils._snapshot._places import (
    CLUSTER_FILE,
    FILE_KINDS,
    FOLDER_KINDS,
    NAMESPACE_FILE,
    SUFFIX,
    misplaced,
    object_at,
    path_of,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._yaml import (
    UnreadableYamlError,
    from_yaml,
    to_yaml,
)

# The old operator's dumps: streamed from the repository when they are wanted, never read from a folder.
_DUMPS = "db"
# An API server refuses objects beyond 1.5 MiB; YAML may need more room for the same.
MAX_FILE_BYTES = 8 * 1024 * 1024
MAX_FILES = 50_000
# All objects of an installation are in memory at once, and lie in a folder for temporary files before.
MAX_BYTES = 512 * 1024 * 1024
_MAKE_ROOM = "Make room for temporary files, or choose another place for them with TMPDIR."
_FEWER = "Take what is not Che's out of its namespace, or take its labels away."
_CHOOSE = "Back up one CheCluster at a time, with the objects of its own namespace."


def write_installation(folder: Path, objects: Iterable[RawObject], info: BackupInfo) -> dict[str, str]:
    """Write an installation part.

    Args:
        folder: An empty folder that only we can read.
        objects: The CheCluster, its Namespace and what was selected of its objects, stripped.
        info: Written beside them.

    Returns:
        Each file's digest, ``sha256:...``, by its path within the folder.

    Raises:
        LayoutError: An object has no place in a backup, or a file can't be written.
    """
    documents = {INFO_FILE: info.to_document(), **_documents(objects)}
    contents = {path: to_yaml(documents[path]).encode() for path in sorted(documents)}
    if sum(map(len, contents.values())) > MAX_BYTES:
        # It would not be read back by a restore.
        raise LayoutError(f"The objects are larger than {MAX_BYTES} bytes together", next_step=_FEWER)
    try:
        _write_all(folder, contents)
    except OSError as error:
        raise LayoutError(f"The backup's files can't be written: {error.strerror}", next_step=_MAKE_ROOM) from error
    return {path: content_digest(content) for path, content in contents.items()}


def _documents(objects: Iterable[RawObject]) -> dict[str, RawObject]:
    documents: dict[str, RawObject] = {}
    for obj in objects:
        path = path_of(obj)
        if path in documents:
            raise LayoutError("Two objects have the same place in the backup", on=path, next_step=_CHOOSE)
        documents[path] = obj
    return documents


def _write_all(folder: Path, contents: Mapping[str, bytes]) -> None:
    for name in FOLDER_KINDS:
        (folder / name).mkdir(mode=0o700)
    for path, content in contents.items():
        _write(folder / path, content)
    for touched in (*(folder / name for name in FOLDER_KINDS), folder):
        os.utime(touched, ns=(0, 0))


def _write(target: Path, content: bytes) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    # restic takes a file of the same length and time as unchanged: the content gives the time, so that it may.
    moment = int(content_digest(content)[-15:], 16)
    os.utime(target, ns=(moment, moment))


def read_installation(folder: Path) -> list[dict[str, Any]]:
    """Read an installation part, ours or the old operator's, sorted by path.

    Raises:
        LayoutError: The folder holds anything but what an installation part may hold: the error names the file.
    """
    objects = {path: object_at(path, _read(folder, path)) for path in _object_files(folder)}
    if CLUSTER_FILE not in objects:
        raise misplaced("the backup has no CheCluster", CLUSTER_FILE)
    namespace = text_at(objects[CLUSTER_FILE], "metadata.namespace")
    for path, obj in objects.items():
        if namespace != (name_of(obj) if path == NAMESPACE_FILE else text_at(obj, "metadata.namespace")):
            raise misplaced("the object in the file is not of the CheCluster's namespace", path)
    return list(objects.values())


def read_info(folder: Path) -> BackupInfo:
    """Read what the backup says about itself; raises ``LayoutError``."""
    return BackupInfo.from_document(_read(folder, INFO_FILE))


def _object_files(folder: Path) -> Iterator[str]:
    for count, path in enumerate(_files(folder)):
        if count >= MAX_FILES:
            raise misplaced(f"the backup holds more than {MAX_FILES} files", path)
        if path != INFO_FILE:
            yield path


def _files(folder: Path) -> Iterator[str]:
    for name in sorted(os.listdir(folder)):
        if name in FOLDER_KINDS:
            yield from _files_in(folder, name)
        elif name in FILE_KINDS or name == INFO_FILE:
            yield name
        elif name != _DUMPS:
            raise misplaced("the backup holds a file that has no place in it", name)


def _files_in(folder: Path, name: str) -> Iterator[str]:
    # As for files, a link is not followed.
    if not stat.S_ISDIR(os.lstat(folder / name).st_mode):
        raise misplaced("this is not a folder", name)
    for file in sorted(os.listdir(folder / name)):
        if not file.endswith(SUFFIX):
            raise misplaced("the backup holds a file that has no place in it", f"{name}/{file}")
        yield f"{name}/{file}"


def _read(folder: Path, path: str) -> object:
    try:
        return from_yaml(_content(folder, path).decode())
    except UnreadableYamlError as error:
        raise misplaced(f"the file can't be read: {error}", path) from None
    except UnicodeDecodeError:
        raise misplaced("the file can't be read: not UTF-8", path) from None
    except OSError as error:
        raise misplaced(f"the file can't be read: {error.strerror}", path) from error


def _content(folder: Path, path: str) -> bytes:
    # Links are not followed, as one could lead out of the backup.
    status = os.lstat(folder / path)
    if not stat.S_ISREG(status.st_mode):
        raise misplaced("this is not a regular file", path)
    if status.st_size > MAX_FILE_BYTES:
        raise misplaced(f"the file is larger than {MAX_FILE_BYTES} bytes", path)
    return (folder / path).read_bytes()
