# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Che stands behind a version."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._che._versions import (
    kept_dump,
    needs_no_database,
    telling_version,
    upstream_version,
)


@pytest.mark.parametrize(
    ("reported", "version"),
    [
        ("7.42.0", (7, 42)),
        ("7.122.0", (7, 122)),
        ("v7.68.1", (7, 68)),
        ("7.9", (7, 9)),
        ("7.50.0-SNAPSHOT", (7, 50)),
        ("2.15.2", (7, 42)),
        ("3.0.0", (7, 46)),
        ("3.2.1", (7, 52)),
        ("3.20.0", None),
        ("", None),
        ("unknown", None),
        ("7", None),
    ],
)
def test_what_a_version_stands_for(reported: str, version: tuple[int, int] | None) -> None:
    assert upstream_version(reported) == version


@pytest.mark.parametrize(
    ("version", "answer"),
    [
        ("7.61.0", False),
        ("7.62.0", True),
        ("7.122.0", True),
        ("next", True),
        ("nightly", True),
        ("2.15.0", False),
        ("3.1.0", False),
        ("3.20.0", None),
        ("", None),
    ],
)
def test_which_versions_need_no_database(version: str, answer: bool | None) -> None:
    assert needs_no_database(version) is answer


@pytest.mark.parametrize(
    ("reported", "said", "version"),
    [
        ("7.62.0", "7.42.0", "7.62.0"),
        ("7.42.0", "7.62.0", "7.42.0"),
        ("7.42.0", "", "7.42.0"),
        ("3.20.0", "7.110", "7.110"),
        ("3.20.0", "", "3.20.0"),
        ("", "7.42", "7.42"),
        # Of whatever time that build is.
        ("nightly", "7.42", "7.42"),
        ("nightly", "", "nightly"),
    ],
)
def test_what_a_task_says_counts_where_what_is_reported_does_not_tell(reported: str, said: str, version: str) -> None:
    assert telling_version(reported, said) == version


def test_the_place_of_a_dump_that_is_kept() -> None:
    words = kept_dump("dbche", "7.122.0", "0123456789abcdef")
    assert "snapshot 01234567," in words
    assert "db/dbche.sql" in words
    assert "7.122.0" in words
