# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decoded JSON as a tree: what is set in it, and setting a value at a path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

# A step into a list by the name of its item, as in ``containers[gateway]``.
_NAMED = re.compile(r"(\w+)\[([\w-]+)\]", re.ASCII)


def is_set(value: object) -> bool:
    """Tell whether a value says anything: an empty text, list or map, or nothing at all, does not; false and 0 do."""
    return value is not None and value not in ("", [], {})


def leaves(tree: object, path: str = "") -> Iterator[str]:
    """Yield the path of every value that is set: keys joined by dots, items of lists as ``[0]``."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            yield from leaves(item, f"{path}[{index}]")
    elif is_set(tree):
        yield path


def put(tree: dict[str, Any], path: str, value: Any) -> None:
    """Set a value at a path, making what is missing on the way.

    Args:
        tree: What is changed.
        path: Keys joined by dots; ``containers[che]`` is the item of a list whose name is ``che``.
        value: A map is merged into one that is there, a list added to it; anything else takes its place.
    """
    *way, last = path.split(".")
    for step in way:
        tree = _child(tree, step)
    held = tree.get(last)
    if isinstance(held, dict) and isinstance(value, dict):
        held.update(value)
    elif isinstance(held, list) and isinstance(value, list):
        held.extend(item for item in value if item not in held)
    else:
        tree[last] = value


def with_text(tree: Mapping[str, Any], path: str, text: str) -> dict[str, Any]:
    """Return a copy of a tree with a text at a path, keys joined by dots, or without that where the text is empty."""
    step, _dot, rest = path.partition(".")
    if rest:
        below = tree.get(step)
        return {**tree, step: with_text(below if isinstance(below, Mapping) else {}, rest, text)}
    return {**tree, step: text} if text else {key: held for key, held in tree.items() if key != step}


def _child(tree: dict[str, Any], step: str) -> dict[str, Any]:
    named = _NAMED.fullmatch(step)
    if not named:
        child: dict[str, Any] = tree.setdefault(step, {})
        return child
    items: list[dict[str, Any]] = tree.setdefault(named.group(1), [])
    for item in items:
        if item.get("name") == named.group(2):
            return item
    items.append({"name": named.group(2)})
    return items[-1]
