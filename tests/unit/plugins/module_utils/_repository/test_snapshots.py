# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""restic's JSON, as recorded from restic 0.19.1 and from an old one, becomes values."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.community.che.plugins.module_utils._repository._snapshots import (
    Node,
    Snapshot,
    parse_time,
)
from hypothesis import given
from hypothesis import strategies as st

_SNAPSHOT = {
    "time": "2026-11-21T08:13:48.01178742Z",
    "tree": "38",
    "paths": ["/tmp/x"],
    "hostname": "che",
    "tags": ["a", "b=c"],
    "summary": {"total_files_processed": 6, "total_bytes_processed": 42, "data_added": 3082, "data_added_packed": 1024},
    "id": "6f4d",
}


def test_a_snapshot() -> None:
    snapshot = Snapshot.from_json(_SNAPSHOT)
    assert snapshot.time == datetime(2026, 11, 21, 8, 13, 48, 11787, timezone.utc)
    assert (snapshot.tags, snapshot.paths, snapshot.hostname) == (("a", "b=c"), ("/tmp/x",), "che")
    assert (snapshot.bytes, snapshot.files, snapshot.data_added) == (42, 6, 1024)


def test_a_snapshot_of_an_old_restic_has_no_tags_and_no_summary() -> None:
    old = {key: value for key, value in _SNAPSHOT.items() if key not in ("summary", "tags")}
    snapshot = Snapshot.from_json(old)
    assert snapshot.tags == ()
    assert (snapshot.bytes, snapshot.files, snapshot.data_added) == (None, None, None)


def test_a_folder_has_no_size() -> None:
    assert Node.from_json({"path": "/empty", "type": "dir"}) == Node("/empty", "dir", 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T08:13:48Z", datetime(2026, 11, 21, 8, 13, 48, tzinfo=timezone.utc)),
        ("2026-11-21T08:13:48.123456789+02:00", datetime(2026, 11, 21, 6, 13, 48, 123456, timezone.utc)),
    ],
)
def test_a_time(text: str, expected: datetime) -> None:
    assert parse_time(text) == expected


@given(st.datetimes(timezones=st.integers(-720, 720).map(lambda minutes: timezone(timedelta(minutes=minutes)))))
def test_any_time_of_go(time: datetime) -> None:
    assert parse_time(time.isoformat()) == time


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-21", "2026-11-21T08:13:48", "2026-13-21T08:13:48Z"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)
