# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Count what passed and failed, and name the latter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree


@dataclass(frozen=True)
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def of_one(exit_code: int) -> Count:
    """What a step counts that is not pytest."""
    return Count(passed=1) if exit_code == 0 else Count(failed=1)


def of_junit(report: Path, exit_code: int) -> Count:
    """What a run of pytest counts.

    A run that ended badly without a failing test (killed, a broken conftest, nothing collected) counts as one failure:
    a missing report must never look like success.
    """
    try:
        suites = ElementTree.parse(report).getroot().iter("testsuite")
    except (OSError, ElementTree.ParseError):
        return Count(failed=1)
    count = sum((_of_suite(suite) for suite in suites), Count())
    if count.failed == 0 and (exit_code != 0 or count.passed == 0):
        return count + Count(failed=1)
    return count


def failures(report: Path) -> Iterator[tuple[str, str]]:
    """The failed tests of one of pytest's reports, each with the beginning of why; none without a whole report."""
    try:
        cases = ElementTree.parse(report).getroot().iter("testcase")
    except (OSError, ElementTree.ParseError):
        return
    for case in cases:
        for child in case:
            if child.tag in ("failure", "error"):
                yield case.get("name", ""), " ".join(child.get("message", "").split())[:300]


def _of_suite(suite: ElementTree.Element) -> Count:
    total, skipped = _number(suite, "tests"), _number(suite, "skipped")
    failed = _number(suite, "failures") + _number(suite, "errors")
    return Count(max(0, total - failed - skipped), failed, skipped)


def _number(suite: ElementTree.Element, name: str) -> int:
    return int(suite.get(name, "0"))
