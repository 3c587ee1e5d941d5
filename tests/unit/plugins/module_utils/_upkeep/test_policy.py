# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policies as a task names them: what restic is told, and what is refused before it is asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._argspec import retention_spec
from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._upkeep._policy import COUNTS, SPANS, KeepPolicy, read_age
from ansible_collections.community.che.plugins.module_utils._upkeep._request import VerifyRequest


def test_options_become_restics_own() -> None:
    policy = KeepPolicy.read({"keep_last": 3, "keep_daily": -1, "keep_within_weekly": "1y6m", "keep_within": None})

    assert policy.options == ("--keep-last=3", "--keep-daily=unlimited", "--keep-within-weekly=1y6m")


def test_every_option_of_the_module_is_read() -> None:
    assert {*COUNTS, *SPANS} == {name for name in retention_spec().options if name.startswith("keep_")}


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"keep_last": None},
        {"keep_last": 0},
        {"keep_daily": -2},
        {"keep_within": ""},
        {"keep_within": "3 days"},
        {"keep_within_daily": "-1d"},
        {"keep_within": "7d --prune"},
    ],
)
def test_a_policy_that_says_nothing_or_nonsense_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        KeepPolicy.read(params)


def test_ages() -> None:
    assert read_age("x", "30m") == timedelta(minutes=30)
    assert read_age("x", "36h") == timedelta(hours=36)
    assert read_age("x", "2d") == timedelta(days=2)
    for wrong in ("", "24", "1w", "-1h", "1h30m"):
        with pytest.raises(UsageError, match="age"):
            read_age("incomplete_older_than", wrong)


@pytest.mark.parametrize(("read_data", "subset"), [("none", None), ("all", "100%"), ("10%", "10%"), ("0.5%", "0.5%")])
def test_amounts_of_data(read_data: str, subset: str | None) -> None:
    assert verify_request(read_data).subset == subset


@pytest.mark.parametrize("read_data", ["", "0%", "101%", "100.5%", "10", "1/3", "some", "5%%"])
def test_an_amount_of_data_that_is_none_is_refused(read_data: str) -> None:
    with pytest.raises(UsageError, match="amount"):
        verify_request(read_data)


def test_check_mode_never_locks() -> None:
    assert verify_request("none").lock is True
    assert verify_request("none", check_mode=True).lock is False


def verify_request(read_data: str, check_mode: bool = False) -> VerifyRequest:
    params = {"namespace": "che", "backup_server": None, "id": None, "lock": True, "timeout": 1, "restic_path": "x"}
    return VerifyRequest.read({**params, "read_data": read_data}, check_mode)
