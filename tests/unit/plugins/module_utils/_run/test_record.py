# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run's record: it comes back as it was written, and shows when nobody tends it any more."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.community.che.plugins.module_utils._run._record import (
    ABANDONED,
    ABANDONED_AFTER,
    FAILED,
    IN_PROGRESS,
    RENEW_SECONDS,
    SUCCEEDED,
    Record,
    Stage,
    config_map_name,
    from_config_map,
    now_text,
    to_config_map,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)
TEXT = "2026-03-01T12:00:00.000Z"

texts = st.text(st.characters(codec="utf-8"), max_size=30)
stages = st.builds(
    Stage,
    name=texts,
    message=texts,
    started=texts,
    seconds=st.none() | st.floats(0, 1e6, allow_nan=False),
)
records = st.builds(
    Record,
    run_id=st.from_regex(r"[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?", fullmatch=True),
    kind=st.sampled_from(["backup", "restore"]),
    state=st.sampled_from([IN_PROGRESS, SUCCEEDED, FAILED]),
    started=texts,
    renewed=texts,
    finished=texts,
    message=texts,
    snapshot_id=texts,
    stages=st.lists(stages, max_size=4).map(tuple),
)


@given(records)
def test_a_record_comes_back_as_it_was_written(record: Record) -> None:
    assert from_config_map(to_config_map(record, "che")) == record


@given(records)
def test_a_config_map_holds_nothing_but_text(record: Record) -> None:
    data = to_config_map(record, "che")["data"]
    assert all(isinstance(key, str) and isinstance(value, str) for key, value in data.items())


def a_record(state: str = IN_PROGRESS, renewed: str = TEXT, stages: tuple[Stage, ...] = ()) -> Record:
    return Record(run_id="r1", kind="backup", state=state, started=TEXT, renewed=renewed, stages=stages)


def test_it_can_be_found_by_its_labels_and_is_never_saved_with_che() -> None:
    metadata = to_config_map(a_record(), "che")["metadata"]

    assert metadata["name"] == config_map_name("r1") == "che-run-r1"
    assert metadata["labels"] == {
        "app.kubernetes.io/managed-by": "community.che",
        "app.kubernetes.io/part-of": "backup.che.eclipse.org",
        "community.che/record": "backup",
        "community.che/run": "r1",
    }


def test_the_stage_is_the_last_one_entered() -> None:
    assert a_record().stage == ""
    assert a_record(stages=(Stage("connect", "m", TEXT, 1.0), Stage("dump", "m", TEXT))).stage == "dump"


@pytest.mark.parametrize(
    ("state", "silent", "seen"),
    [
        (IN_PROGRESS, timedelta(0), IN_PROGRESS),
        (IN_PROGRESS, ABANDONED_AFTER, IN_PROGRESS),
        (IN_PROGRESS, ABANDONED_AFTER + timedelta(seconds=1), ABANDONED),
        (SUCCEEDED, timedelta(days=400), SUCCEEDED),
        (FAILED, timedelta(days=400), FAILED),
    ],
)
def test_a_run_that_nobody_renews_is_abandoned(state: str, silent: timedelta, seen: str) -> None:
    assert a_record(state).seen_at(NOW + silent).state == seen


def test_several_beats_may_be_missed() -> None:
    assert timedelta(seconds=3 * RENEW_SECONDS) < ABANDONED_AFTER


@pytest.mark.parametrize("renewed", ["", "yesterday", "2026-13-45T99:99:99Z", "2026-03-01T12:00:00.000"])
def test_a_broken_date_reads_as_long_ago(renewed: str) -> None:
    assert a_record(renewed=renewed).seen_at(NOW + timedelta(days=1)).state == ABANDONED


@pytest.mark.parametrize("broken", ["", "{", "{}", "[1]", '[{"name": "x"}]', '[{"unknown": 1}]', "null"])
def test_stages_that_somebody_broke_by_hand_read_as_none(broken: str) -> None:
    config_map = to_config_map(a_record(), "che")
    config_map["data"]["stages"] = broken

    assert from_config_map(config_map).stages == ()


def test_a_config_map_without_data_or_labels_reads_as_empty() -> None:
    assert from_config_map({"metadata": {"name": "che-run-x"}}).state == ""


def test_a_result_says_the_stage_and_is_plain() -> None:
    result = a_record(stages=(Stage("dump", "Dumping", TEXT, 2.5),)).as_result()

    assert result["stage"] == "dump"
    assert result["stages"] == [{"name": "dump", "message": "Dumping", "started": TEXT, "seconds": 2.5}]
    assert result["state"] == IN_PROGRESS


def test_moments_are_written_in_utc() -> None:
    moment = datetime.fromisoformat(now_text().replace("Z", "+00:00"))
    assert now_text().endswith("Z")
    assert abs(datetime.now(timezone.utc) - moment) < timedelta(seconds=5)
