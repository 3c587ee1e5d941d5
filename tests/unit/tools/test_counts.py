# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the closing line of the test suite adds up: a broken run must never look like success."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.counts import Count, failures, of_junit, of_one


def report(folder: Path, **figures: int) -> Path:
    attributes = " ".join(f'{name}="{number}"' for name, number in figures.items())
    file = folder / "junit.xml"
    file.write_text(f'<testsuites name="all"><testsuite name="unit" {attributes}/></testsuites>', encoding="utf-8")
    return file


def test_a_report_is_counted(tmp_path: Path) -> None:
    assert of_junit(report(tmp_path, tests=9, failures=2, errors=1, skipped=1), 1) == Count(5, 3, 1)


def test_a_good_run_is_good(tmp_path: Path) -> None:
    assert of_junit(report(tmp_path, tests=9, failures=0, errors=0, skipped=0), 0) == Count(9, 0, 0)


@pytest.mark.parametrize("exit_code", [2, 3, 124, -9])
def test_a_run_that_was_cut_short_counts_as_a_failure(tmp_path: Path, exit_code: int) -> None:
    assert of_junit(report(tmp_path, tests=9, failures=0, errors=0, skipped=0), exit_code).failed == 1


def test_a_run_without_a_test_counts_as_a_failure(tmp_path: Path) -> None:
    assert of_junit(report(tmp_path, tests=0, failures=0, errors=0, skipped=0), 0).failed == 1


def test_a_run_without_a_report_counts_as_a_failure(tmp_path: Path) -> None:
    assert of_junit(tmp_path / "missing.xml", 0) == Count(failed=1)


def test_a_report_cut_off_half_way_counts_as_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    file.write_text('<testsuites><testsuite name="unit" tests="3"', encoding="utf-8")

    assert of_junit(file, 0) == Count(failed=1)


def test_a_command_counts_as_one() -> None:
    assert (of_one(0), of_one(1), of_one(-15)) == (Count(passed=1), Count(failed=1), Count(failed=1))


@pytest.mark.parametrize(
    ("count", "line"),
    [(Count(12, 1), "12 passed, 1 failed"), (Count(3, 0, 2), "3 passed, 0 failed, 2 skipped")],
)
def test_the_closing_line(count: Count, line: str) -> None:
    assert str(count) == line


def test_what_failed_is_named_with_why(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    file.write_text(
        """<testsuites><testsuite>
        <testcase name="test_well"/><testcase name="test_left_out"><skipped message="too long"/></testcase>
        <testcase name="test_wrong"><failure message="assert 1&#10;  == 2">Traceback</failure></testcase>
        <testcase name="test_broken"><error message="no server">Traceback</error></testcase>
        </testsuite></testsuites>""",
        encoding="utf-8",
    )
    assert list(failures(file)) == [("test_wrong", "assert 1 == 2"), ("test_broken", "no server")]


def test_a_missing_report_names_nothing(tmp_path: Path) -> None:
    assert list(failures(tmp_path / "junit.xml")) == []
