# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The moment at which the loaded database takes the place of the old one, and the way back.

What takes the place takes no connections before ``open_database``: a process that still has the other one's state in
its memory would come back at once, and write that into this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._database import _sql as sql
from ansible_collections.community.che.plugins.module_utils._database._errors import SwapFailed
from ansible_collections.community.che.plugins.module_utils._database._staging import (
    StagedNames,
    drop_database,
    end_sessions,
    standing,
)
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Interrupted


@dataclass(frozen=True)
class Swapped:
    """What a swap did.

    Args:
        changed: False when it had been done before.
        outage_seconds: How long it took from the moment at which the database was closed.
    """

    changed: bool
    outage_seconds: float


def swap(psql: sql.Psql, names: StagedNames) -> Swapped:
    """Put the loaded database in the place of the old one, which is kept under ``names.replaced``. Both are closed.

    Where the old one was missing, what stands for it has that name already.

    Run again after it was done, or was killed half-way, it ends in the same state; one that was opened since stays so.

    Raises:
        SwapFailed: There is nothing to swap, or it did not work; the old database takes connections again then.
    """
    there = _existing(psql, names)
    if names.staged not in there and {names.database, names.replaced} <= there:
        return Swapped(False, 0.0)
    if names.staged not in there:
        raise SwapFailed("There is no loaded database to put in its place", f"database {names.database}")
    if {names.database, names.replaced} <= there:
        raise SwapFailed(
            f"There is a replaced database of this run already, {names.replaced}",
            f"database {names.database}",
            "Look at what it holds; if nothing, drop it.",
        )
    renames = [(names.database, names.replaced), (names.staged, names.database)]
    return _rename(psql, renames, there, lets_in_again=True)


def swap_back(psql: sql.Psql, names: StagedNames, *, was_missing: bool = False) -> Swapped:
    """Put the replaced database back in its place; the restored one gets the staged one's name again. Both are closed.

    Run again after it was done, or was killed half-way, it ends in the same state; one that was opened since stays so.

    Args:
        psql: See ``sql.Psql``.
        names: See ``names_for``.
        was_missing: Whether there was none before, so that none comes back: what stands for it keeps its name.

    Raises:
        SwapFailed: There is no replaced database, or it did not work.
    """
    there = _existing(psql, names)
    if was_missing:
        return _take_out(psql, names, there)
    if names.replaced not in there:
        if names.database in there:
            return Swapped(False, 0.0)
        raise SwapFailed("There is no replaced database to put back", f"database {names.database}")
    if names.staged in there:
        raise SwapFailed(
            f"There is a loaded database of this run besides, {names.staged}", f"database {names.database}"
        )
    renames = [(names.database, names.staged), (names.replaced, names.database)]
    return _rename(psql, renames, there, lets_in_again=is_open(psql, names.database))


def _take_out(psql: sql.Psql, names: StagedNames, there: set[str]) -> Swapped:
    if names.staged in there or not {names.database, names.replaced} <= there:
        # The loaded one is not in its place yet, or not any more; one of that name is somebody else's.
        return Swapped(False, 0.0)
    renames = [(names.database, names.staged), (names.replaced, names.database)]
    moved = there - {names.replaced}
    return _rename(psql, renames, moved, lets_in_again=is_open(psql, names.database))


def is_open(psql: sql.Psql, database: str) -> bool:
    """Whether a database takes connections."""
    question = f"SELECT datallowconn FROM pg_database WHERE datname = {sql.text(database)};\n"
    return psql(sql.SAFE_PATH + question).strip() == "t"


def open_database(psql: sql.Psql, database: str) -> None:
    """Let connections in, once nothing is left of what used the one that was in its place before."""
    psql(sql.SAFE_PATH + _allow_connections(database, True))


@contextmanager
def open_for_a_look(psql: sql.Psql, names: StagedNames) -> Iterator[str]:
    """Have the replaced database, whose name nobody else knows, take connections for a moment; yields that name."""
    psql(sql.SAFE_PATH + _allow_connections(names.replaced, True))
    try:
        yield names.replaced
    finally:
        psql(sql.SAFE_PATH + _allow_connections(names.replaced, False))


def drop_replaced(psql: sql.Psql, names: StagedNames) -> None:
    """Remove the old database for good: the last step of a restore, once the new one has proved itself."""
    if names.database not in _existing(psql, names):
        raise SwapFailed(
            "The database that replaced the old one is gone, so the old one is kept", f"database {names.replaced}"
        )
    psql(sql.SAFE_PATH + drop_database(names.replaced))


def _existing(psql: sql.Psql, names: StagedNames) -> set[str]:
    now = standing(psql, names)
    there = {names.database: now.database, names.staged: now.staged, names.replaced: now.replaced}
    return {name for name, is_there in there.items() if is_there}


def _allow_connections(database: str, allowed: bool) -> str:
    return f"ALTER DATABASE {sql.name(database)} ALLOW_CONNECTIONS {'true' if allowed else 'false'};\n"


def _rename(psql: sql.Psql, renames: list[tuple[str, str]], there: set[str], *, lets_in_again: bool) -> Swapped:
    """Rename two databases in one transaction.

    Args:
        psql: See ``sql.Psql``.
        renames: Old and new names: of the one in use, and of the one that takes its place.
        there: Which databases there are, of those that are to get another name.
        lets_in_again: Whether the one in use is opened again when it fails.
    """
    (in_use, _put_aside), (newcomer, place) = renames
    moves = [(old, new) for old, new in renames if old in there]
    script = (
        f"{sql.SAFE_PATH}SELECT set_config('che.in_use', {sql.text(in_use)}, false) AS in_use,"
        f" set_config('che.newcomer', {sql.text(newcomer)}, false) AS newcomer,"
        " clock_timestamp() AS closed \\gset\n"
        + "".join(_allow_connections(old, False) for old, _new in moves)
        + end_sessions("che.in_use", "che.newcomer")
        + "BEGIN;\n"
        + "".join(f"ALTER DATABASE {sql.name(old)} RENAME TO {sql.name(new)};\n" for old, new in moves)
        + "COMMIT;\n"
        + "SELECT extract(epoch FROM clock_timestamp() - :'closed');\n"
    )
    try:
        return Swapped(True, float(psql(script).strip()))
    except Interrupted:
        if lets_in_again and in_use in there:
            _reopened(psql, in_use, newcomer)
        raise
    except CheError as error:
        told = _reopened(psql, in_use, newcomer) if lets_in_again and in_use in there else ""
        raise SwapFailed(
            f"The databases could not be swapped: {error.what}{told}",
            f"database {place}",
            "Look at who is connected to it (pg_stat_activity, pg_prepared_xacts), then run the task again.",
        ) from None


def _reopened(psql: sql.Psql, in_use: str, newcomer: str) -> str:
    """Let Che in again after a swap that failed; what comes back goes into the message.

    One whose answer alone was lost has worked, and the name means the other database: that stays closed.
    """
    is_as_before = f"EXISTS (SELECT FROM pg_database WHERE datname = {sql.text(newcomer)})"
    try:
        psql(
            f"{sql.SAFE_PATH}SELECT format('ALTER DATABASE %I ALLOW_CONNECTIONS true', datname)"
            f" FROM pg_database WHERE datname = {sql.text(in_use)} AND {is_as_before} \\gexec\n"
        )
        lets_in = is_open(psql, in_use)
    except CheError as error:
        return f"; and it takes no connections until ALTER DATABASE ... ALLOW_CONNECTIONS true is run: {error.what}"
    return "; it takes connections again, as before" if lets_in else "; it takes no connections"
