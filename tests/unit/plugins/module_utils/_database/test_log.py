# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Job's log, whole, cut off or damaged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._database._dump import parse_dump_log
from ansible_collections.community.che.plugins.module_utils._database._errors import DumpFailed, LoadFailed
from ansible_collections.community.che.plugins.module_utils._database._load import parse_load_log
from ansible_collections.community.che.plugins.module_utils._database._log import job_error
from hypothesis import given
from hypothesis import strategies as st

TABLE = {"che_backup": "table", "schema": "public", "name": "a\u2028b", "rows": 3, "checksum": "md5:1"}
SEQUENCE = {
    "che_backup": "sequence",
    "schema": "public",
    "name": "s",
    "lastValue": -5,
    "isCalled": True,
    "increment": -1,
}
OBJECTS = {"che_backup": "large_objects", "count": 2, "checksum": "md5:2"}
DATABASE = {
    "che_backup": "database",
    "serverVersion": "15.14",
    "encoding": "UTF8",
    "collate": "C",
    "ctype": "C",
    "user": "pgche",
    "connectionLimit": -1,
    "comment": None,
    "grants": [{"role": None, "privilege": "CONNECT", "grantable": False}],
    "settings": [{"role": "pgche", "settings": ["search_path=a=b"]}],
    "extensions": None,
    "defaultPrivileges": [{"owner": "pgche", "schema": None, "objects": "TABLES", "grants": None}],
    "tables": 1,
    "sequences": 1,
}
SUMMARY = {"snapshot_id": "ab" * 32, "total_bytes_processed": 100, "data_added_packed": 40}
DUMPED = {
    "che_backup": "result",
    "role": "che",
    "summary": SUMMARY,
    "bytes": 100,
    "sha256": "cd" * 32,
    "centiseconds": {"connect": 5, "dump": 250},
}
LOADED = {"che_backup": "result", "role": "che", "bytes": 100, "restricted": True, "centiseconds": {"load": 150}}
FIGURES = [SEQUENCE, TABLE, OBJECTS, DATABASE]


def log(*lines: dict[str, Any]) -> str:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def test_dump() -> None:
    result = parse_dump_log("noise\n" + log({"che_backup": "stage", "stage": "dump"}, *FIGURES, DUMPED))
    assert result.snapshot_id == "ab" * 32
    assert (result.bytes, result.data_added_packed, result.sha256) == (100, 40, "cd" * 32)
    assert result.seconds == {"connect": 0.05, "dump": 2.5}
    assert result.figures.role == "che"
    assert result.figures.dump_sha256 == result.sha256
    (table,) = result.figures.tables
    assert (table.name, table.rows) == ("a\u2028b", 3)
    (sequence,) = result.figures.sequences
    assert (sequence.last_value, sequence.is_called, sequence.increment) == (-5, True, -1)
    assert result.figures.large_objects.count == 2
    (setting,) = result.figures.properties.settings
    assert (setting.role, setting.name, setting.value) == ("pgche", "search_path", "a=b")


def test_load() -> None:
    result = parse_load_log(log(*FIGURES, LOADED))
    assert result.restricted
    assert result.seconds == {"load": 1.5}
    assert result.figures.dump_bytes == 100


def test_warnings_are_passed_on() -> None:
    assert parse_dump_log(log({"che_backup": "warning", "message": "no grants"}, *FIGURES, DUMPED)).warnings == (
        "no grants",
    )


@pytest.mark.parametrize("lost", range(len(FIGURES)))
def test_log_that_lost_a_line(lost: int) -> None:
    lines = [line for number, line in enumerate(FIGURES) if number != lost]
    with pytest.raises(DumpFailed, match="not whole"):
        parse_dump_log(log(*lines, DUMPED))
    with pytest.raises(LoadFailed, match="not whole"):
        parse_load_log(log(*lines, LOADED))


def test_what_came_back_is_not_what_was_sent() -> None:
    with pytest.raises(DumpFailed, match="100 bytes were sent and 99 came back"):
        parse_dump_log(log(*FIGURES, {**DUMPED, "bytes": 99}))


@pytest.mark.parametrize("text", ["", "no JSON at all\n", log({"che_backup": "stage", "stage": "figures"})])
def test_no_result(text: str) -> None:
    with pytest.raises(DumpFailed, match=r"ended without a result, in its step (start|figures)") as caught:
        parse_dump_log(text)
    assert "memory limits" in caught.value.next_step
    assert job_error(text) is None


def test_error_wins_over_a_result() -> None:
    error = {"che_backup": "error", "stage": "dump", "status": 12, "message": "error: wrong password.\u0000  x"}
    with pytest.raises(DumpFailed, match="in its step dump: wrong password") as caught:
        parse_dump_log(log(*FIGURES, error, DUMPED))
    assert caught.value.next_step == "Check the repository password."
    found = job_error(log(error))
    assert found is not None
    assert found.message.startswith("the Job failed in its step dump")


@pytest.mark.parametrize(
    ("status", "message", "advice"),
    [
        (1, "", ""),
        (124, "", "can reach the backup server"),
        (143, "", "can reach the backup server"),
        (10, "", "initialize: true"),
        (11, "", "stale lock"),
        (1, 'FATAL:  password authentication failed for user "a"', "database's Secret"),
        (1, 'FATAL:  database "x" does not exist', "name in the CheCluster"),
        (3, 'ERROR:  role "x" does not exist', "Create it"),
        (3, "ERROR:  permission denied for table x", "read, or own"),
        (3, "ERROR:  must be owner of extension plpgsql", "as a superuser"),
        (1, "tls: failed to verify certificate: x509: unknown authority", "server_ca_path"),
        (1, "server response unexpected: 401 Unauthorized (401)", "password at the backup server"),
        (1, "retrying after 1.507401403s: dial tcp: connection refused", "backup server runs"),
        (1, "rclone: ERROR : data/b0: Post request put error: connection lost", "server runs"),
        (1, "server response unexpected: 507 Insufficient Storage (507)", "Make room at the backup server"),
        (1, "Save(<data/b0>) failed: write /srv/data/b0: no space left on device", "Make room at the backup server"),
        (
            3,
            'psql:<stdin>:9: ERROR:  could not extend file "base/5/16390": No space left on device; HINT:  Check free',
            "Make room on the disk of the database's server",
        ),
        (3, 'ERROR:  could not write to file "base/pgsql_tmp/1": No space left on device', "the database's server"),
        (3, "You might need to increase max_locks_per_transaction", "raise max_locks_per_transaction"),
    ],
)
def test_advice(status: int, message: str, advice: str) -> None:
    found = job_error(log({"che_backup": "error", "stage": "connect", "status": status, "message": message}))
    assert found is not None
    assert advice in found.next_step
    assert bool(found.next_step) == bool(advice)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
FIELDS = st.sampled_from([*TABLE, *SEQUENCE, *OBJECTS, *DATABASE, *DUMPED, *LOADED, *SUMMARY])


@given(st.lists(st.dictionaries(FIELDS, JSON), max_size=8), st.text())
def test_no_log_makes_anything_but_an_error_of_ours(lines: list[dict[str, Any]], noise: str) -> None:
    kinds = ("table", "sequence", "large_objects", "database", "result", "error", "stage")
    told = [{"che_backup": kinds[number % len(kinds)], **line} for number, line in enumerate(lines)]
    text = noise + "\n" + "".join('{"che_backup"' + json.dumps(line)[13:] + "\n" for line in told)
    with pytest.raises(DumpFailed):
        parse_dump_log(text)
    with pytest.raises(LoadFailed):
        parse_load_log(text)
