# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects to YAML and back: the same object always gives the same text, and a text gives JSON data or an error."""

from __future__ import annotations

import math
import traceback
from functools import cache
from typing import Any

from ansible_collections.community.che.plugins.module_utils._snapshot._fields import is_unicode

try:
    import yaml
except ImportError:
    YAML_IMPORT_ERROR: str | None = traceback.format_exc()
else:
    YAML_IMPORT_ERROR = None

# Deeper than any object that an API server takes would be.
_MAX_DEPTH = 100


class UnreadableYamlError(ValueError):
    """The text is not the YAML of one object. Says where, but never shows the text, which may be a Secret's."""


def to_yaml(obj: object) -> str:
    """Write plain JSON data as YAML: keys sorted, nothing shared between two places."""
    text: str = yaml.dump(obj, Dumper=_dumper(), sort_keys=True, default_flow_style=False, allow_unicode=True)
    return text


def from_yaml(text: str) -> object:
    """Read the YAML of one object, with dates as text.

    Raises:
        UnreadableYamlError: The text isn't YAML, or uses what turns a small file into a large one or data into code:
            aliases, tags, deep nesting; or says one thing twice; or holds what JSON can't.
    """
    try:
        _refuse_tricks(text)
        data = yaml.load(text, Loader=_loader())
    except yaml.YAMLError as error:
        raise UnreadableYamlError(f"not YAML{_place(error)}") from None
    except (ValueError, OverflowError) as error:
        raise error if isinstance(error, UnreadableYamlError) else UnreadableYamlError("not YAML") from None
    if not _is_plain(data):
        raise UnreadableYamlError("YAML of what JSON can't hold")
    return data


def _refuse_tricks(text: str) -> None:
    # Events come one by one from a flat scanner: nothing is built yet, and the depth costs no stack. Of each mapping
    # that is open, its keys so far; None for a sequence. ``due`` tells of each mapping whether a key comes next.
    keys: list[set[str] | None] = []
    due: list[bool] = []
    for event in yaml.parse(text, Loader=_loader()):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise UnreadableYamlError("YAML with an alias")
        if getattr(event, "tag", None):
            raise UnreadableYamlError("YAML with a tag")
        if isinstance(event, yaml.CollectionEndEvent):
            keys.pop()
            due.pop()
        elif isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)):
            _note_key(event, keys, due)
        if isinstance(event, yaml.CollectionStartEvent):
            keys.append(set() if isinstance(event, yaml.MappingStartEvent) else None)
            due.append(True)
        if len(keys) > _MAX_DEPTH:
            raise UnreadableYamlError(f"YAML nested deeper than {_MAX_DEPTH} levels")


def _note_key(event: Any, keys: list[set[str] | None], due: list[bool]) -> None:
    known = keys[-1] if keys else None
    if known is None:
        return
    if due[-1] and isinstance(event, yaml.ScalarEvent):
        if event.value in known:
            # Which of the two counts depends on who reads it.
            line = getattr(event.start_mark, "line", -1) + 1
            raise UnreadableYamlError(f"YAML with a key that stands twice, line {line}")
        known.add(event.value)
    due[-1] = not due[-1]


def _place(error: Any) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}" if mark else ""


def _is_plain(data: object) -> bool:
    if isinstance(data, dict):
        return all(isinstance(key, str) and _is_plain(key) and _is_plain(value) for key, value in data.items())
    if isinstance(data, list):
        return all(map(_is_plain, data))
    if isinstance(data, str):
        return is_unicode(data)
    return math.isfinite(data) if isinstance(data, float) else data is None or isinstance(data, int)


@cache
def _loader() -> Any:
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    resolvers = {
        first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
        for first, known in base.yaml_implicit_resolvers.items()
    }
    return type("PlainLoader", (base,), {"yaml_implicit_resolvers": resolvers})


@cache
def _dumper() -> Any:
    base = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return type("PlainDumper", (base,), {"ignore_aliases": lambda self, data: True})
