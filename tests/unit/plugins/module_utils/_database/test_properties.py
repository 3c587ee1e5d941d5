# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What psql tells of a database besides its contents."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._database._properties import is_closed, read_properties

TOLD: dict[str, Any] = {
    "connectionLimit": -1,
    "comment": None,
    "grants": None,
    "settings": [
        {"role": None, "settings": ["default_transaction_read_only=on", "search_path=che"]},
        {"role": "pgche", "settings": ["default_transaction_read_only=on"]},
    ],
    "defaultPrivileges": None,
    "extensions": None,
}


def test_a_database_that_is_closed_is_not_saved_as_closed() -> None:
    """Restored from such a backup, Che could not write to it."""
    found = read_properties(TOLD, "pgche")
    assert [(setting.role, setting.name, setting.value) for setting in found.settings] == [("", "search_path", "che")]


def test_settings_that_begin_alike_are_saved() -> None:
    settings = [{"role": None, "settings": ["default_transaction_read_only_not=on"]}]
    assert len(read_properties({**TOLD, "settings": settings}, "pgche").settings) == 1


def test_a_role_that_may_only_read_is_saved_so() -> None:
    """A role for reports, say: restored without it, it could write."""
    reports = {"role": "reports", "settings": ["default_transaction_read_only=on"]}
    found = read_properties({**TOLD, "settings": [*TOLD["settings"], reports]}, "pgche")
    kept = [(setting.role, setting.name, setting.value) for setting in found.settings]
    assert kept == [("", "search_path", "che"), ("reports", "default_transaction_read_only", "on")]


@pytest.mark.parametrize(
    ("role", "setting", "closed"),
    [
        (None, "default_transaction_read_only=on", True),
        ("pgche", "default_transaction_read_only=true", True),
        ("pgche", "default_transaction_read_only=1", True),
        ("pgche", "default_transaction_read_only=off", False),
        ("reports", "default_transaction_read_only=on", False),
        (None, "search_path=on", False),
    ],
)
def test_it_is_closed_where_che_may_only_read(role: str | None, setting: str, closed: bool) -> None:
    settings = [{"role": role, "settings": ["search_path=che", setting]}]
    assert is_closed({**TOLD, "settings": settings}, "pgche") is closed
    assert is_closed({**TOLD, "settings": None}, "pgche") is False
