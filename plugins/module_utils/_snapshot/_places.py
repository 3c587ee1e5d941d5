# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where an object lies in an installation part, and whether what lies there may: the old operator's layout.

Our files hold ``apiVersion`` and ``kind``. The old operator's hold neither, save for ``che-cr.yaml``: the folder tells.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._objects import RawObject, kind_of, name_of, text_at
from ansible_collections.community.che.plugins.module_utils._snapshot._errors import LayoutError

CLUSTER_FILE = "che-cr.yaml"
NAMESPACE_FILE = "namespace.yaml"
SUFFIX = ".yaml"

FILE_KINDS = {CLUSTER_FILE: "CheCluster", NAMESPACE_FILE: "Namespace"}
FOLDER_KINDS = {"configmaps": "ConfigMap", "secrets": "Secret", "persistentvolumeclaims": "PersistentVolumeClaim"}

# What an object of these kinds consists of as an API server returns it. Anything else it would drop, or refuse, or
# merge into what can be compared, as it does with stringData.
_FIELDS = {
    "CheCluster": ("spec", "status"),
    "Namespace": ("spec", "status"),
    "PersistentVolumeClaim": ("spec", "status"),
    "ConfigMap": ("data", "binaryData", "immutable"),
    "Secret": ("data", "type", "immutable"),
}
_HEAD = ("apiVersion", "kind", "metadata")

_FILES = {kind: file for file, kind in FILE_KINDS.items()}
_FOLDERS = {kind: folder for folder, kind in FOLDER_KINDS.items()}
_CORE_VERSION = "v1"
_CHE_VERSION = re.compile(r"org\.eclipse\.che/v[0-9]+")
# What Kubernetes takes as a name, as far as it fits a file's name with its suffix.
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,248}[a-z0-9])?")
_RENAME = "Give it a shorter name, or take it out of the backup: remove its labels and its mention in the CheCluster."
_REPORT = "This is a mistake in the collection; please report it."
_DAMAGED = "The backup is damaged, or was tampered with. Choose another one."


def path_of(obj: RawObject) -> str:
    """Return the path of an object's file within the part.

    Raises:
        LayoutError: No such kind is saved, or the name can't be a file's.
    """
    kind, name = kind_of(obj), name_of(obj)
    if not _NAME.fullmatch(name):
        raise LayoutError("The object's name can't be that of a file", on=f"{kind} {name!a}", next_step=_RENAME)
    if kind in _FILES:
        return _FILES[kind]
    if kind in _FOLDERS:
        return f"{_FOLDERS[kind]}/{name}{SUFFIX}"
    raise LayoutError("Objects of this kind have no place in a backup", on=f"{kind} {name}", next_step=_REPORT)


def object_at(path: str, document: object) -> dict[str, Any]:
    """Return the object that a file holds, with ``apiVersion`` and ``kind`` where the old operator left them out.

    Args:
        path: The file's path within the part.
        document: What the file holds.

    Raises:
        LayoutError: The document isn't an object of the kind and name that the path promises.
    """
    place = PurePosixPath(path)
    kind = FOLDER_KINDS.get(str(place.parent)) or FILE_KINDS[path]
    if not isinstance(document, dict):
        raise misplaced("the file does not hold an object", path)
    obj = document if kind == "CheCluster" else {"apiVersion": _CORE_VERSION, "kind": kind, **document}
    if kind_of(obj) != kind or not _is_served(kind, text_at(obj, "apiVersion")):
        raise misplaced(f"the file does not hold a {kind}", path)
    name = name_of(obj)
    if not _NAME.fullmatch(name):
        raise misplaced("the object in the file has a name that no object has", path)
    if kind in _FOLDERS and name != place.stem:
        raise misplaced("the object in the file has another name", path)
    if not _is_metadata(obj["metadata"]):
        raise misplaced("the object in the file has metadata that no object has", path)
    if not all(key in _HEAD or (key in _FIELDS[kind] and _is_field(key, obj[key])) for key in obj):
        raise misplaced(f"the object in the file has fields that no {kind} has", path)
    return obj


def _is_field(key: str, value: object) -> bool:
    if value is None:
        return True
    if key in ("data", "binaryData"):
        return _is_text_map(value)
    if key == "immutable":
        return isinstance(value, bool)
    return isinstance(value, str) if key == "type" else isinstance(value, dict)


def _is_text_map(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(held, str) for held in value.values())


def _is_metadata(metadata: dict[str, Any]) -> bool:
    maps = (metadata.get("labels") or {}, metadata.get("annotations") or {})
    texts = metadata.get("finalizers") or []
    return all(map(_is_text_map, maps)) and isinstance(texts, list) and all(isinstance(text, str) for text in texts)


def _is_served(kind: str, api_version: str) -> bool:
    return bool(_CHE_VERSION.fullmatch(api_version)) if kind == "CheCluster" else api_version == _CORE_VERSION


def misplaced(what: str, path: str) -> LayoutError:
    """Return the error for a file; its path may be hostile and is shown in ASCII alone."""
    return LayoutError(what, on=ascii(path).strip("'"), next_step=_DAMAGED)
