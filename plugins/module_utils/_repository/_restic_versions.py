# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which versions of restic will do."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._repository._errors import ResticTooNew, ResticTooOld

MINIMUM_VERSION = (0, 17, 3)
"""The oldest restic that the tests run. 10, 11 and 12 as exit codes, and sizes in the snapshots, came with 0.17.0 and
0.17.1: https://github.com/restic/restic/blob/v0.17.3/CHANGELOG.md"""

REFUSED_FROM = (1, 0, 0)
"""restic keeps its promises for as long as its first number stays: https://github.com/restic/restic#backward-compatibility"""


def require_supported(version: tuple[int, int, int], binary: str) -> None:
    """Refuse a restic that this collection was not made for.

    Args:
        version: Its version.
        binary: What was run, for the error.

    Raises:
        ResticTooOld: It is older than ``MINIMUM_VERSION``.
        ResticTooNew: It is ``REFUSED_FROM`` or newer.
    """
    known = f"from {dotted(MINIMUM_VERSION)} to below {dotted(REFUSED_FROM)} will do"
    if version >= REFUSED_FROM:
        raise ResticTooNew(
            f"restic {dotted(version)} is newer than this collection knows: {known}",
            binary,
            "Install one of those, or name its path; or see whether there is a newer version of the collection.",
        )
    if version < MINIMUM_VERSION:
        raise ResticTooOld(
            f"restic {dotted(version)} is too old: {known}", binary, "Install a newer one, or name its path."
        )


def dotted(version: tuple[int, int, int]) -> str:
    """A version as it is written."""
    return ".".join(map(str, version))
