# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions of Che, under whichever product's number an operator reports them.

Sources: the operator's history for what a version has (databases gone in 7.62, their section in 7.68, OpenVSX's own
database in 7.121), the build configuration of the downstream products for which Che they are made from. Downstream
versions after 3.2 are not in that table: what they have is not known from their number.
"""

from __future__ import annotations

import re

Version = tuple[int, int]

#: The first version without an identity provider of its own, which had a database beside Che's.
WITHOUT_IDENTITY_PROVIDER: Version = (7, 43)
#: The first version without a database of Che's own; it ignores what a CheCluster still says about one.
WITHOUT_DATABASE: Version = (7, 62)
#: The first version whose CheCluster has no section for that database any more.
WITHOUT_DATABASE_SECTION: Version = (7, 68)
#: The first version with a registry of OpenVSX that has a database of its own.
WITH_OPENVSX_DATABASE: Version = (7, 121)

_NUMBER = re.compile(r"v?(\d+)\.(\d+)(?:[.-].*)?", re.ASCII)
# What operators call builds of the branch that becomes the next version.
_DEVELOPMENT = ("next", "nightly", "main", "latest")
_NEWEST: Version = (7, 999_999)
_DOWNSTREAM: dict[Version, Version] = {
    (2, 13): (7, 38),
    (2, 14): (7, 40),
    (2, 15): (7, 42),
    (3, 0): (7, 46),
    (3, 1): (7, 50),
    (3, 2): (7, 52),
}
_CHE = 7


def upstream_version(reported: str) -> Version | None:
    """Return the major and the minor version of Che behind what an operator reports.

    Args:
        reported: For example ``7.122.0``, ``next``, or ``3.2.1`` of Dev Spaces. May be empty.

    Returns:
        None when it can't be told: nothing was reported, or a downstream version that the table doesn't know.
    """
    if reported in _DEVELOPMENT:
        return _NEWEST
    found = _NUMBER.fullmatch(reported)
    if not found:
        return None
    version = (int(found.group(1)), int(found.group(2)))
    return version if version[0] >= _CHE else _DOWNSTREAM.get(version)


def needs_no_database(che_version: str) -> bool | None:
    """Tell whether a version of Che runs without a database of its own.

    Args:
        che_version: As the operator reports it.

    Returns:
        None when the version alone does not tell: look whether the operator runs one.
    """
    version = upstream_version(che_version)
    return None if version is None else version >= WITHOUT_DATABASE


def telling_version(reported: str, said: str) -> str:
    """Return the version to go by: what a task says counts where what the operator reports does not tell.

    Who has said it once, as for a CheCluster that was not there yet, may have forgotten it by the next update.

    Args:
        reported: By the operator; may be empty.
        said: By the task; may be empty.
    """
    tells = needs_no_database(reported) is not None and reported not in _DEVELOPMENT
    return reported if tells else said or reported


def may_run_identity_provider(che_version: str) -> bool:
    """Tell whether a version of Che runs an identity provider unless its CheCluster says otherwise.

    Args:
        che_version: As the operator reports it, or as the task says.
    """
    version = upstream_version(che_version)
    return version is not None and version < WITHOUT_IDENTITY_PROVIDER


def kept_dump(database: str, che_version: str, snapshot_id: str) -> str:
    """Say what became of a saved database that the target has no place for.

    Args:
        database: Its name.
        che_version: The target's version.
        snapshot_id: The snapshot that holds its dump.
    """
    return (
        f"Che {che_version} has no database of its own, so that {database} is not loaded. "
        f"Its dump is kept in the backup: snapshot {snapshot_id[:8]}, file db/{database}.sql."
    )
