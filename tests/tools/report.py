# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables about a test run: for the terminal, and for the docs."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from counts import Count, failures
from steps import Step

SOAK_HEAD = """\
<!--
SPDX-FileCopyrightText: Contributors to the community.che collection
SPDX-License-Identifier: GPL-3.0-or-later
-->

# The last soak run

Written by `make soak`, which runs one step after the other, or by `tests/tools/run-tests --soak STEP` for one of them;
each row is of the last run. Where only some tests of a step have run, its row counts these. `make test` runs a sample.
"""


@dataclass(frozen=True)
class Result:
    step: Step
    seconds: float
    count: Count
    remark: str = ""


def print_table(results: Sequence[Result], seconds: float) -> None:
    print(f"\n{'step':<16}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for result in results:
        count = result.count
        columns = f"{count.passed:>8}{count.failed:>8}{count.skipped:>9}{result.seconds:>9.0f}"
        print(f"{result.step.name:<16}{columns}  {result.remark}".rstrip())
    print(f"{'all':<16}{'':>25}{seconds:>9.0f}\n")


def print_failures(results: Sequence[Result]) -> None:
    """Name each test that failed once more: of a long run only the end may be at hand."""
    for result in results:
        # What was not run may have a report of an earlier run.
        if result.count.failed and result.seconds:
            named = list(failures(result.step.junit_file)) if result.step.junit else []
            for name, message in named or [("its last line", last_line(result.step.log))]:
                print(f"FAILED {result.step.name}: {name}: {message}")


def lines_of(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8", errors="replace").splitlines()


def last_line(log: Path) -> str:
    return next((line.strip()[:120] for line in reversed(lines_of(log)) if line.strip()), "(nothing printed yet)")


def write_soak_report(steps: Sequence[Step], path: Path) -> None:
    """Write the page about the long steps: of each the last run that this checkout has seen."""
    suites = [(step.name, suite_of(step)) for step in steps if step.junit_file.is_file()]
    lines = [
        SOAK_HEAD,
        f"{os.cpu_count()} cores, Python {platform.python_version()}.\n",
        "| step | run on | passed | failed | skipped | seconds |",
        "|---|---|---|---|---|---|",
        *(f"| {name} | {' | '.join(summary(suite))} |" for name, suite in suites),
        "",
        "| test | result | seconds |",
        "|---|---|---|",
        *(f"| {' | '.join(row)} |" for _name, suite in suites for row in rows(suite)),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def suite_of(step: Step) -> ElementTree.Element:
    suite = ElementTree.parse(step.junit_file).getroot().find("testsuite")
    if suite is None:
        raise ValueError(f"{step.junit_file} is not pytest's report")
    return suite


def summary(suite: ElementTree.Element) -> Iterator[str]:
    count = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
    failed = count["failures"] + count["errors"]
    yield suite.get("timestamp", "")[:10]
    yield str(count["tests"] - failed - count["skipped"])
    yield str(failed)
    yield str(count["skipped"])
    yield f"{float(suite.get('time', '0')):.0f}"


def rows(suite: ElementTree.Element) -> Iterator[tuple[str, str, str]]:
    for case in suite.iter("testcase"):
        bad = {child.tag for child in case} & {"failure", "error", "skipped"}
        verdict = ", ".join(sorted(bad)) or "passed"
        name = f"{case.get('classname', '').rpartition('.')[2]}: {case.get('name')}"
        yield name.replace("|", "\\|"), verdict, f"{float(case.get('time', '0')):.0f}"
