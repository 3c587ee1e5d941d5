# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What psql tells of a database besides its contents."""

from __future__ import annotations

from typing import Any

from ansible_collections.community.che.plugins.module_utils._database._properties import read_properties

TOLD: dict[str, Any] = {
    "connectionLimit": -1,
    "comment": None,
    "grants": None,
    "settings": [
        {"role": None, "settings": ["default_transaction_read_only=on", "search_path=che"]},
        {"role": "pgche", "settings": ["default_transaction_read_only=on"]},
    ],
    "defaultPrivileges": None,
}


def test_a_database_that_is_closed_is_not_saved_as_closed() -> None:
    """Restored from such a backup, Che could not write to it."""
    found = read_properties(TOLD)
    assert [(setting.role, setting.name, setting.value) for setting in found.settings] == [("", "search_path", "che")]


def test_settings_that_begin_alike_are_saved() -> None:
    settings = [{"role": None, "settings": ["default_transaction_read_only_not=on"]}]
    assert len(read_properties({**TOLD, "settings": settings}).settings) == 1
