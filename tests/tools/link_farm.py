# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets the checkout stand where Python looks for a collection."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tools.export_collection import CHECKOUT, checkout_key


def link_farm(cache: Path) -> Path:
    """A folder in which the checkout is importable as ``ansible_collections.community.che``.

    A link and not a copy, so that failures and breakpoints name the file that one edits. Test runs that begin at once
    may all make it.

    Args:
        cache: The folder that holds what the project keeps between runs.
    """
    farm = cache / "farm" / checkout_key()
    link = farm / "ansible_collections" / "community" / "che"
    link.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        link.symlink_to(CHECKOUT)
    return farm
