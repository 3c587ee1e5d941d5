# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Saved objects are somebody's files: what every object has to look like before rules look into it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ansible_collections.community.che.plugins.module_utils._che._errors import UnusableObjectError
from ansible_collections.community.che.plugins.module_utils._che._objects import RawObject, kind_of, name_of

# Where an object holds texts by key, and where it holds anything by key. Both may be left out or null.
_TEXTS = ("metadata.labels", "metadata.annotations")
_DATA = {"ConfigMap": ("data", "binaryData"), "Secret": ("data", "stringData")}
_MAPS = {"CheCluster": ("spec",), "PersistentVolumeClaim": ("spec",)}


def require_shape(objects: Iterable[RawObject]) -> tuple[RawObject, ...]:
    """Return the objects, each of which looks like what an API server gives out for its kind.

    Raises:
        UnusableObjectError: One doesn't, so that no API server would take it.
    """
    return tuple(_checked(obj) for obj in objects)


def _checked(obj: RawObject) -> RawObject:
    wrong = next(_wrong(obj), "")
    if wrong:
        raise UnusableObjectError(
            f"A saved object is not one that Kubernetes knows: {wrong}",
            f"{kind_of(obj) or 'no kind'}/{name_of(obj) or 'no name'}",
            "The backup is damaged or was changed. Choose another one.",
        )
    return obj


def _wrong(obj: RawObject) -> Iterator[str]:
    metadata = obj.get("metadata")
    if not kind_of(obj) or not name_of(obj) or not isinstance(metadata, Mapping):
        yield "kind and metadata.name are not there"
        return
    for path in _TEXTS:
        if not _holds_texts(metadata.get(path.partition(".")[2])):
            yield f"{path} does not hold texts"
    for field in _DATA.get(kind_of(obj), ()):
        if not _holds_texts(obj.get(field)):
            yield f"{field} does not hold texts"
    for field in _MAPS.get(kind_of(obj), ()):
        if not isinstance(obj.get(field) or {}, Mapping):
            yield f"{field} does not hold fields"


def _holds_texts(held: object) -> bool:
    if held is None:
        return True
    return isinstance(held, Mapping) and all(isinstance(text, str) for pair in held.items() for text in pair)
