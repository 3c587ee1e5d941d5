# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading Kubernetes objects as they come from JSON or YAML: a value by its path, and metadata by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

RawObject = Mapping[str, Any]


def values_at(tree: object, path: str) -> Iterator[object]:
    """Yield every value at a path.

    Args:
        tree: A decoded JSON value.
        path: Keys joined by dots; ``*`` stands for every value of an object and every item of a list. A path that leads
            nowhere yields nothing, as any part of a custom resource may be left out.
    """
    step, _dot, rest = path.partition(".")
    for child in _children(tree, step):
        if rest:
            yield from values_at(child, rest)
        else:
            yield child


def _children(tree: object, step: str) -> list[object]:
    if step == "*":
        return list(tree.values()) if isinstance(tree, Mapping) else list(tree) if isinstance(tree, list) else []
    return [tree[step]] if isinstance(tree, Mapping) and step in tree else []


def text_at(tree: object, path: str) -> str:
    """Return the text at a path, or an empty string."""
    return next((value for value in values_at(tree, path) if isinstance(value, str)), "")


def flag_at(tree: object, path: str) -> bool:
    """Tell whether ``true`` stands at a path."""
    return True in (value for value in values_at(tree, path) if isinstance(value, bool))


def kind_of(obj: RawObject) -> str:
    """Return the object's kind."""
    return _text(obj.get("kind"))


def name_of(obj: RawObject) -> str:
    """Return the object's name."""
    return _text(_map(obj.get("metadata")).get("name"))


def labels_of(obj: RawObject) -> Mapping[str, str]:
    """Return the object's labels, an empty map when it has none."""
    return _map(_map(obj.get("metadata")).get("labels"))


def annotations_of(obj: RawObject) -> Mapping[str, str]:
    """Return the object's annotations, an empty map when it has none."""
    return _map(_map(obj.get("metadata")).get("annotations"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
