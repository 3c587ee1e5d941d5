# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._database._versions import obstacle


@pytest.mark.parametrize(
    ("saved", "live"),
    [
        ("9.6.24", 150014),
        ("9.6.24", 90624),
        ("9.6.24", "13.23"),
        ("10.23", "10.5"),
        ("13.23", 130001),
        ("15.14", 130023),
        ("15.14", "12.22"),
        ("16.3", 160001),
        ("17beta1", "18.0"),
        ("15.14 (Debian 15.14-1)", 150018),
        ("", 150014),
    ],
)
def test_loads(saved: str, live: int | str) -> None:
    assert obstacle(saved, live) == ""


@pytest.mark.parametrize(
    ("saved", "live", "told"),
    [
        ("9.5.25", 150014, "older than any that was tried: the oldest is 9.6"),
        ("8.4.22", "13.1", "older than any that was tried"),
        (
            "16.3",
            150014,
            "PostgreSQL 16.3 does not load into the older PostgreSQL 15. Restore it to a server of PostgreSQL 16",
        ),
        ("12.22", 110022, "does not load into the older PostgreSQL 11"),
        ("10.23", 90624, "does not load into the older PostgreSQL 9.6"),
        ("15.14", "11.22", "does not load into the older PostgreSQL 11"),
        ("unknown", 150014, "'unknown', can't be read"),
        ("15.14", "", "The server's version '' can't be read"),
    ],
)
def test_does_not_load(saved: str, live: int | str, told: str) -> None:
    assert told in obstacle(saved, live)
