# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A value by its path, in trees of every shape."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._che._objects import (
    annotations_of,
    flag_at,
    labels_of,
    name_of,
    text_at,
    values_at,
)

TREE = {"a": {"b": [{"name": "one"}, {"name": "two"}, "three"], "on": True, "off": False, "number": 1}}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.b.*.name", ["one", "two"]),
        ("*.b.*.name", ["one", "two"]),
        ("a.on", [True]),
        ("a.missing", []),
        ("a.on.deeper", []),
        ("a.b.name", []),
    ],
)
def test_values_at(path: str, expected: list[object]) -> None:
    assert list(values_at(TREE, path)) == expected


@pytest.mark.parametrize("tree", [None, "text", 5, [], {"a": None}, {"a": []}, {"a": {"b": 3}}])
def test_what_leads_nowhere_is_empty(tree: object) -> None:
    assert text_at(tree, "a.b") == ""
    assert not flag_at(tree, "a.b")


def test_only_true_is_a_flag() -> None:
    assert flag_at(TREE, "a.on")
    assert not flag_at(TREE, "a.off")
    assert not flag_at(TREE, "a.number")


@pytest.mark.parametrize("metadata", [{}, {"labels": None, "annotations": None}, {"labels": [], "annotations": "x"}])
def test_metadata_that_is_not_there(metadata: dict[str, object]) -> None:
    obj = {"metadata": metadata}
    assert (name_of(obj), labels_of(obj), annotations_of(obj)) == ("", {}, {})
