# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Label selectors as Kubernetes writes them, for objects that no API server holds.

kubernetes.core has a filter for them as well, which takes a text that it does not understand for the name of a label,
knows one requirement in a text, no set for a label with a prefix (``example.org/tier in (web)``), and never matches an
object without labels, not even for ``!key``: each of these would choose other objects than ``kubectl`` does, without a
word.

Source: the grammar of selectors in Kubernetes' documentation of labels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._errors import UsageError

_VALUE = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?"
_PREFIX = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/"
_KEY = rf"(?:{_PREFIX})?[A-Za-z0-9](?:[A-Za-z0-9._-]{{0,61}}[A-Za-z0-9])?"
_SET = re.compile(rf"\s*({_KEY})\s+(in|notin)\s*\(([^()]*)\)\s*", re.ASCII)
_EQUALITY = re.compile(rf"\s*({_KEY})\s*(==|=|!=)\s*({_VALUE})\s*", re.ASCII)
_EXISTENCE = re.compile(rf"\s*(!?)\s*({_KEY})\s*", re.ASCII)
_ONE_VALUE = re.compile(_VALUE, re.ASCII)
# The commas between requirements, and not those between the values of a set.
_COMMA = re.compile(r",(?![^(]*\))")


@dataclass(frozen=True)
class Requirement:
    """One requirement of a selector.

    Args:
        key: The label.
        values: What it may be; None for anything.
        wanted: Whether it has to be so, or must not be.
    """

    key: str
    values: frozenset[str] | None
    wanted: bool

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether labels meet it."""
        found = self.key in labels and (self.values is None or labels[self.key] in self.values)
        return found is self.wanted


@dataclass(frozen=True)
class Selector:
    """A label selector: all of its requirements have to be met."""

    text: str
    requirements: tuple[Requirement, ...]

    @classmethod
    def read(cls, text: str) -> Selector:
        """Read it.

        Args:
            text: For example ``team=che,tier in (web, db),!legacy``.

        Raises:
            UsageError: It is no selector.
        """
        return cls(text, tuple(_requirement(part, text) for part in _COMMA.split(text)))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether labels meet every requirement."""
        return all(requirement.matches(labels) for requirement in self.requirements)


def _requirement(part: str, text: str) -> Requirement:
    found = _SET.fullmatch(part)
    if found:
        values = [value.strip() for value in found.group(3).split(",")]
        if all(_ONE_VALUE.fullmatch(value) for value in values):
            return Requirement(found.group(1), frozenset(values), found.group(2) == "in")
    found = _EQUALITY.fullmatch(part)
    if found:
        return Requirement(found.group(1), frozenset((found.group(3),)), found.group(2) != "!=")
    found = _EXISTENCE.fullmatch(part)
    if found:
        return Requirement(found.group(2), None, not found.group(1))
    raise UsageError(
        f"{part.strip() or 'An empty text'} is not a requirement of a label selector",
        f"label_selectors, {text}",
        "Write it as kubectl takes it, for example team=che, tier in (web, db) or !legacy.",
    )
