# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can become of a field when a CheCluster is converted, and one row of the conversion's table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._objects import flag_at, text_at
from ansible_collections.community.che.plugins.module_utils._che._place import Place

CONVERTED = "converted"
DROPPED = "dropped: v2 has no such field"
IGNORED = "ignored by this Che version"
DECIDE = "needs a decision"


@dataclass(frozen=True)
class Note:
    """What became of one field.

    Args:
        path: The field, from ``spec`` on.
        became: ``CONVERTED``, ``DROPPED``, ``IGNORED`` or ``DECIDE``.
        to: For a converted field, where its value stands now; for a new object, its kind and name.
        why: More about it, for the administrator. Never holds the value.
    """

    path: str
    became: str
    to: str = ""
    why: str = ""

    def __str__(self) -> str:
        place = f" to {self.to}" if self.to else ""
        return f"{self.path}: {self.became}{place}{f' ({self.why})' if self.why else ''}"


@dataclass(frozen=True)
class Context:
    """What a rule may ask about.

    Args:
        spec: The spec that is converted; it may hold passwords.
        source: Where the installation was saved.
        target: Where it is to be restored.
        has_database: Whether Che has a database of its own there; None when that isn't known.
        secrets: Names of the backup's Secrets, which a new one must not take.
        config_maps: Names of the backup's ConfigMaps.
    """

    spec: Mapping[str, Any] = field(repr=False)
    source: Place
    target: Place
    has_database: bool | None
    secrets: frozenset[str]
    config_maps: frozenset[str]

    def text(self, path: str) -> str:
        """A text of the spec, or an empty one."""
        return text_at(self.spec, path)

    def flag(self, path: str) -> bool:
        """Whether ``true`` stands at a path of the spec."""
        return flag_at(self.spec, path)

    def free_name(self, wanted: str) -> str:
        """The name, or the first that is made from it by a number and not taken. The same for the same backup."""
        names = (wanted, *(f"{wanted}-{number}" for number in range(2, len(self.secrets) + 3)))
        return next(name for name in names if name not in self.secrets)


#: There is nothing to put anywhere.
NOTHING = object()


@dataclass(frozen=True)
class Outcome:
    """What becomes of a field.

    Args:
        became: As in a note.
        to: The path in the new spec, for a converted one; two are joined by `` and ``. A container is named as in
            ``containers[gateway]``.
        value: What to put there, or ``NOTHING``; it may be a password.
        why: As in a note.
        secret: A Secret to make: its name and its texts by key.
        labels: A ConfigMap that must carry these labels from now on, by its name.
    """

    became: str
    to: str = ""
    value: Any = field(default=NOTHING, repr=False)
    why: str = ""
    secret: tuple[str, Mapping[str, str]] | None = field(default=None, repr=False)
    labels: tuple[str, Mapping[str, str]] | None = None


Decide = Callable[[Any, Context], Outcome]
How = Callable[[Any], Any]


@dataclass(frozen=True)
class Rule:
    """A row of the table: a path in the old spec, with all that is below it, and what decides about it."""

    path: str
    decide: Decide


def move(path: str, to: str, how: How | None = None, why: str = "") -> Rule:
    """Put a field elsewhere.

    Args:
        path: Where it stood.
        to: Where it stands now.
        how: What the value has to go through; a ValueError from it leaves the field to the administrator.
        why: Something that the administrator should know about it.
    """
    return Rule(path, lambda value, _context: moved(to, value, how, why))


def moved(to: str, value: Any, how: How | None = None, why: str = "") -> Outcome:
    """The outcome of ``move``."""
    try:
        return Outcome(CONVERTED, to, how(value) if how else value, why)
    except ValueError as error:
        return Outcome(DECIDE, why=f"{error}; it belongs in {to}")


def drop(why: str, *paths: str) -> tuple[Rule, ...]:
    """Leave fields out that the newer version has no place for."""
    return tuple(Rule(path, lambda _value, _context: Outcome(DROPPED, why=why)) for path in paths)


def ask(path: str, decide: Decide) -> Rule:
    """Let a function decide."""
    return Rule(path, decide)


def as_flag(value: Any) -> bool:
    """Read what stands for true or false in a text, as Go does."""
    text = str(value).lower()
    if text in ("1", "t", "true"):
        return True
    if text in ("0", "f", "false"):
        return False
    raise ValueError("it is neither true nor false")


def as_number(value: Any) -> int:
    """Read a whole number from a text."""
    try:
        return int(str(value), 10)
    except ValueError:
        raise ValueError("it is not a whole number") from None


def as_list(separator: str) -> How:
    """Read a list from a text."""
    return lambda value: [item for item in (part.strip() for part in str(value).split(separator)) if item]


def as_labels(value: Any) -> dict[str, str]:
    """Read labels from a text such as ``team=che,tier=web``."""
    labels = {}
    for item in as_list(",")(value):
        key, equals, text = item.partition("=")
        if not key or not equals:
            raise ValueError("it is not a list of key=value")
        labels[key.strip()] = text.strip()
    return labels
