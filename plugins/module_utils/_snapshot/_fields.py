# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values to JSON and back: in camelCase, and every field checked when read, as a backup may be damaged or hostile."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import NoReturn

from ansible_collections.community.che.plugins.module_utils._snapshot._errors import ManifestError

ANY_TEXT = re.compile(r".*", re.DOTALL)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
SHA256 = re.compile(r"[0-9a-f]{64}")

# What PostgreSQL's bigint holds; no figure of ours can be larger.
_LARGEST = 2**63 - 1


def to_plain(value: object) -> object:
    """Turn frozen dataclasses into what JSON can hold: names in camelCase, fields that are ``None`` left out."""
    if is_dataclass(value):
        named = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {_camel_case(name): to_plain(held) for name, held in named if held is not None}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


class Fields:
    """One JSON object, read field by field.

    Every method takes the field's JSON name and raises ``ManifestError`` with the path of a field that is missing, of
    another type, or out of its range. Fields that nobody asks for are ignored: a later version may have added them.
    """

    def __init__(self, value: object, path: str = "") -> None:
        self._path = path
        if not isinstance(value, dict):
            self._refuse(path, "an object")
        self._fields: dict[str, object] = value

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def text(self, name: str, pattern: re.Pattern[str] = ANY_TEXT) -> str:
        """Read a string that matches the whole pattern and can be written as UTF-8."""
        value = self._value(name)
        if not isinstance(value, str) or not pattern.fullmatch(value) or not is_unicode(value):
            self._refuse(self._at(name), "text" if pattern is ANY_TEXT else f"text like {pattern.pattern}")
        return value

    def integer(self, name: str, least: int = -_LARGEST - 1) -> int:
        """Read a whole number of at most 64 bits."""
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _LARGEST:
            self._refuse(self._at(name), f"a whole number from {least} to {_LARGEST}")
        return value

    def count(self, name: str) -> int:
        """Read a whole number that isn't negative."""
        return self.integer(name, least=0)

    def flag(self, name: str) -> bool:
        """Read ``true`` or ``false``."""
        value = self._value(name)
        if not isinstance(value, bool):
            self._refuse(self._at(name), "true or false")
        return value

    def section(self, name: str) -> Fields:
        """Read a nested object."""
        return Fields(self._value(name), self._at(name))

    def sections(self, name: str) -> Iterator[Fields]:
        """Read a list of objects."""
        value = self._value(name)
        if not isinstance(value, list):
            self._refuse(self._at(name), "a list")
        return (Fields(item, f"{self._at(name)}[{index}]") for index, item in enumerate(value))

    def as_texts(self, keys: re.Pattern[str], values: re.Pattern[str]) -> dict[str, str]:
        """Read this object as a whole, as a map from text to text."""
        for key in self._fields:
            if not keys.fullmatch(key) or not is_unicode(key):
                self._refuse(self._at(ascii(key)), f"a key like {keys.pattern}")
        return {key: self.text(key, values) for key in self._fields}

    def _value(self, name: str) -> object:
        if name not in self._fields:
            self._refuse(self._at(name), "there")
        return self._fields[name]

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    @staticmethod
    def _refuse(path: str, expected: str) -> NoReturn:
        raise ManifestError(
            f"A field should be {expected}",
            on=path or "the document as a whole",
            next_step="The backup is damaged, or was not written by this collection. Choose another one.",
        )


def is_unicode(text: str) -> bool:
    """Tell whether a text can be written as UTF-8: escapes in JSON and YAML can name lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
