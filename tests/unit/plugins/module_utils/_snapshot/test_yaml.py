# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""YAML: what is written is read again, and no text does more than give JSON data."""

from __future__ import annotations

import importlib.util
import json
import sys

import pytest
from ansible_collections.community.che.plugins.module_utils._snapshot import _yaml
from ansible_collections.community.che.plugins.module_utils._snapshot._yaml import (
    UnreadableYamlError,
    from_yaml,
    to_yaml,
)
from hypothesis import example, given
from hypothesis import strategies as st

texts = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(texts, children, max_size=4),
    max_leaves=20,
)


@given(json_values)
@example({"time": "2026-01-01T00:00:00Z", "sexagesimal": "12:30:45", "on": "yes", "number": "0o17", "merge": "<<"})
@example({"<<": {"a": "b"}})
@example({"certificate": "-----BEGIN-----\n  spaces \n\n\ttab\r\n\x85\u2028\ufeff-----END-----\n"})
def test_what_is_written_is_read_again(value: object) -> None:
    assert from_yaml(to_yaml(value)) == value


def test_the_same_object_gives_the_same_text() -> None:
    shared = {"x": 1}
    assert to_yaml({"b": shared, "a": shared}) == to_yaml({"a": {"x": 1}, "b": {"x": 1}}) == "a:\n  x: 1\nb:\n  x: 1\n"


def test_dates_stay_text() -> None:
    assert from_yaml("creationTimestamp: 2021-11-03T10:11:12Z") == {"creationTimestamp": "2021-11-03T10:11:12Z"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: &x [1]\nb: *x", "alias"),
        ("a: &x 1", "alias"),
        ("a: !!python/object/apply:os.system ['true']", "tag"),
        ("a: !!binary aGk=", "tag"),
        ("a: !!str 1", "tag"),
        ("a: 1\n---\nb: 2", "not YAML"),
        ("[" * 200, "deeper than 100"),
        ("a: " * 3, "not YAML, line 1"),
        ("ok: 1\n\tbad: 2", "not YAML, line 2"),
        ("a: .nan", "JSON can't hold"),
        ("a: .inf", "JSON can't hold"),
        ("1: a", "JSON can't hold"),
        ("[1]: a", "not YAML"),
        ("a: =", "not YAML"),
        ('"\\ud800": 1', r"not YAML|JSON can't hold"),
        ("\x00", "not YAML"),
        ("a: 0b_", "not YAML"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("libyaml", [True, False], ids=["with libyaml", "without"])
def test_tricks_are_refused(text: str, why: str, libyaml: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not libyaml:
        _hide_libyaml(monkeypatch)
    with pytest.raises(UnreadableYamlError, match=why):
        from_yaml(text)


def test_a_bomb_is_refused_before_it_is_built() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(UnreadableYamlError, match="alias"):
        from_yaml("\n".join(lines))


def test_deep_nesting_costs_no_stack() -> None:
    with pytest.raises(UnreadableYamlError, match="deeper"):
        from_yaml("[" * 500_000)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", 3),
        ("a: 1\n'a': 1\n", 2),
        ("{a: 1, b: {c: 1, d: [1, {e: 1, e: 2}]}}", 1),
        ("x:\n- a: 1\n  b: {}\n  a: []\n", 4),
        ("? a\n: [1]\n? a\n: {b: 1}\n", 3),
    ],
)
def test_a_key_that_stands_twice(text: str, line: int) -> None:
    with pytest.raises(UnreadableYamlError, match=f"twice, line {line}$"):
        from_yaml(text)


def test_the_same_key_in_two_places() -> None:
    assert from_yaml("a: {a: {a: a}}\nb: [{a: 1}, {a: 2}, a, a]\nc: a\n") == {
        "a": {"a": {"a": "a"}},
        "b": [{"a": 1}, {"a": 2}, "a", "a"],
        "c": "a",
    }


def test_what_could_not_be_read_is_not_shown() -> None:
    with pytest.raises(UnreadableYamlError) as caught:
        from_yaml("password: hunter2: oops\n")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


# Mostly the characters that mean something.
yaml_like = texts | st.text("[]{}:,-?&*!|>'\"%@`#=<.~_ 0123456789abxn\n\t", max_size=30)


@given(yaml_like)
def test_texts_never_raise_anything_else(text: str) -> None:
    _read_or_refuse(text)


@given(yaml_like)
def test_nor_without_libyaml(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        _hide_libyaml(patch)
        _read_or_refuse(text)


def _read_or_refuse(text: str) -> None:
    try:
        value = from_yaml(text)
    except UnreadableYamlError:
        return
    json.dumps(value, allow_nan=False).encode()


def _hide_libyaml(patch: pytest.MonkeyPatch) -> None:
    patch.delattr(_yaml.yaml, "CSafeLoader")
    patch.setattr(_yaml, "_loader", _yaml._loader.__wrapped__)


def test_it_can_be_imported_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    spec = importlib.util.spec_from_file_location("yaml_room_without_yaml", _yaml.__file__)
    assert spec and spec.loader
    alone = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(alone)
    assert "import yaml" in alone.YAML_IMPORT_ERROR
    assert _yaml.YAML_IMPORT_ERROR is None
