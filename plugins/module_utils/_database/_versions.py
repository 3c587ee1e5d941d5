# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which PostgreSQL's dump loads into which server."""

from __future__ import annotations

import re

_OLDEST = 9.6
# The newest whose dumps were loaded into older servers, and the oldest of these that took them.
_NEWEST_GOING_BACK, _OLDEST_TAKING_NEWER = 15, 12


def obstacle(saved_version: str, live_version: int | str) -> str:
    """Tell what keeps a plain dump from being loaded into a server, before anything is touched.

    What is let pass can still hold something that the other version lacks; then the load fails, into a database of its
    own, and the live one stays as it was. The rule says what tests/integration/test_database_versions.py shows for each
    pair of 9.6 to 15 with the same hard database (by the pg_dump and psql of PostgreSQL 15):

    - Into the same or a newer major version every dump loads. PostgreSQL promises that for later ones too.
    - From 13, 14 and 15 dumps load into 12 and later, one to three versions back. Into 11 and older nothing newer
      loads: a dump of 12 and later begins with a setting that those don't know, one of 10 and 11 holds newer grammar.
    - Dumps of 16 and later are not let into older servers: nobody tried, and pg_dump 17 begins with a setting that
      older servers don't know.

    Args:
        saved_version: ``server_version`` of the dump's server, as the manifest tells it, for example ``9.6.24``; empty
            for a dump without a manifest, of which nothing can be said beforehand.
        live_version: The server's ``server_version``, or ``server_version_num``, for example 150014.

    Returns:
        Why it can't be loaded and what to do, in sentences; empty when it can.
    """
    live = _major(live_version)
    if live is None:
        return f"The server's version {live_version!r} can't be read. Check that it is PostgreSQL."
    if not saved_version:
        return ""
    saved = _major(saved_version)
    if saved is None:
        return f"The version of the dump's server, {saved_version!r}, can't be read. Restore another backup."
    if saved < _OLDEST:
        return (
            f"A dump of PostgreSQL {saved_version} is older than any that was tried: the oldest is {_OLDEST}. Load it "
            f"into a PostgreSQL {_OLDEST} by hand, and dump that."
        )
    if saved > live and not (saved <= _NEWEST_GOING_BACK and live >= _OLDEST_TAKING_NEWER):
        return (
            f"A dump of PostgreSQL {saved_version} does not load into the older PostgreSQL {live:g}. Restore it to a "
            f"server of PostgreSQL {saved:g} or later."
        )
    return ""


def _major(version: int | str) -> float | None:
    """What PostgreSQL calls a major version: 9.6, and from 10 on whole numbers."""
    if isinstance(version, int):
        return version // 10000 if version >= 100000 else version // 10000 + version // 100 % 100 / 10
    found = re.match(r"(\d+)(?:\.(\d+))?", version)
    if found is None:
        return None
    first, second = int(found[1]), int(found[2] or 0)
    return float(first) if first >= 10 else first + second / 10
