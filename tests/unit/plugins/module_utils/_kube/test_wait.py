# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting ends: with what was waited for, or with an error that says what the state was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.community.che.plugins.module_utils._kube._errors import WaitExpired
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline, wait_for
from unit.fake_api import FakeClock


def test_a_deadline_counts_down_and_never_below_nothing(clock: FakeClock) -> None:
    deadline = Deadline(10)
    clock.now += 4
    assert (deadline.left, deadline.expired) == (6, False)
    clock.now += 60
    assert (deadline.left, deadline.expired) == (0, True)


def test_a_pause_does_not_go_beyond_the_deadline(clock: FakeClock) -> None:
    deadline = Deadline(0.3)
    deadline.pause(5)
    assert clock.waits == [pytest.approx(0.3)]


def test_what_is_there_already_takes_no_time(clock: FakeClock) -> None:
    assert wait_for(lambda: "here", Deadline(0), "it") == "here"
    assert not clock.waits


def test_a_falsy_value_is_something_found(clock: FakeClock) -> None:
    assert wait_for(lambda: 0, Deadline(0), "it") == 0


def test_it_looks_less_often_as_time_goes_by_but_keeps_looking(clock: FakeClock) -> None:
    looks: Iterator[str | None] = iter([*[None] * 30, "late"])

    assert wait_for(lambda: next(looks), Deadline(1000), "it") == "late"
    assert clock.waits == sorted(clock.waits)
    assert (clock.waits[0], clock.waits[-1]) == (0.2, 3.0)


def test_the_error_names_what_where_and_how_it_stood(clock: FakeClock) -> None:
    with pytest.raises(WaitExpired) as caught:
        wait_for(
            lambda: None,
            Deadline(7),
            "the pod",
            on="Pod che/p",
            next_step="Look at it.",
            describe=lambda: "still pulling",
        )

    assert str(caught.value) == "Gave up waiting for the pod: still pulling (Pod che/p). Look at it."
    assert sum(clock.waits) == pytest.approx(7)


def test_it_looks_once_more_at_the_very_end(clock: FakeClock) -> None:
    began = clock.now

    assert wait_for(lambda: "there" if clock.now >= began + 5 else None, Deadline(5), "it") == "there"
