# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a database holds what its backup says it held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from ansible_collections.community.che.plugins.module_utils._snapshot._figures import (
    DatabaseFigures,
    SequenceFigures,
    TableFigures,
)

Named = TypeVar("Named", TableFigures, SequenceFigures)


def compare(expected: DatabaseFigures, actual: DatabaseFigures) -> list[str]:
    """Compare the figures of a backup with those of the database it was loaded into.

    A sequence may be further than it was when it was counted: it was counted before the dump, on a server at work.

    Returns:
        The differences, each as a sentence without its full stop; empty when the databases hold the same.
    """
    return [
        *_settings(expected, actual),
        *_tables(_by_name(expected.tables), _by_name(actual.tables)),
        *_sequences(_by_name(expected.sequences), _by_name(actual.sequences)),
        *_large_objects(expected, actual),
    ]


def compare_properties(expected: DatabaseFigures, actual: DatabaseFigures) -> list[str]:
    """Compare what a backup says its database was given with what a live one is given; sentences as from ``compare``.

    Not for a database that was just loaded: it is given all that only when it is handed over.
    """
    names = {"connection_limit": "connection limit", "comment": "comment", "grants": "grants", "settings": "settings"}
    names.update(default_privileges="default privileges", extensions="extensions")
    return [
        f"the database has {'other ' if words.endswith('s') else 'another '}{words}"
        for name, words in names.items()
        if getattr(expected.properties, name) != getattr(actual.properties, name)
    ]


def sequences_ahead(expected: DatabaseFigures, actual: DatabaseFigures) -> list[str]:
    """Name the sequences that are further than they were counted; none on a server that was quiet."""
    found = _by_name(actual.sequences)
    return [
        _shown(name) for name, then in _by_name(expected.sequences).items() if name in found and then != found[name]
    ]


def _by_name(things: Iterable[Named]) -> dict[tuple[str, str], Named]:
    return {(thing.schema, thing.name): thing for thing in things}


def _shown(name: tuple[str, str]) -> str:
    return ".".join(name)


def _settings(expected: DatabaseFigures, actual: DatabaseFigures) -> Iterator[str]:
    for name in ("encoding", "collate", "ctype"):
        then, now = getattr(expected, name), getattr(actual, name)
        if then != now:
            yield f"the database's {name} was {then} and is {now}"


def _names(kind: str, expected: Iterable[tuple[str, str]], actual: Iterable[tuple[str, str]]) -> Iterator[str]:
    then, now = set(expected), set(actual)
    yield from (f"{kind} {_shown(name)} is missing" for name in sorted(then - now))
    yield from (f"{kind} {_shown(name)} was not in the backup" for name in sorted(now - then))


def _tables(
    expected: Mapping[tuple[str, str], TableFigures], actual: Mapping[tuple[str, str], TableFigures]
) -> Iterator[str]:
    yield from _names("table", expected, actual)
    for name, then in expected.items():
        now = actual.get(name, then)
        if then.rows != now.rows:
            yield f"table {_shown(name)} had {then.rows} rows and has {now.rows}"
        elif then.checksum != now.checksum:
            yield f"table {_shown(name)} has other contents in its {then.rows} rows"


def _sequences(
    expected: Mapping[tuple[str, str], SequenceFigures], actual: Mapping[tuple[str, str], SequenceFigures]
) -> Iterator[str]:
    yield from _names("sequence", expected, actual)
    for name, then in expected.items():
        now = actual.get(name, then)
        if now.increment != then.increment:
            yield f"sequence {_shown(name)} went by {then.increment} and goes by {now.increment}"
        elif now.is_behind(then):
            yield f"sequence {_shown(name)} was at {then.last_value} and is behind, at {now.last_value}"


def _large_objects(expected: DatabaseFigures, actual: DatabaseFigures) -> Iterator[str]:
    then, now = expected.large_objects, actual.large_objects
    if then.count != now.count:
        yield f"there were {then.count} large objects and there are {now.count}"
    elif then.checksum != now.checksum:
        yield f"the {then.count} large objects have other contents"
