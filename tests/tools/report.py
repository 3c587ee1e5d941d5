# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables about a test run: for the terminal, and for the docs."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree

from counts import Count
from steps import Step

SOAK_HEAD = """\
<!--
SPDX-FileCopyrightText: Contributors to the community.che collection
SPDX-License-Identifier: GPL-3.0-or-later
-->

# The last soak run

Written by `make soak`; `make test` runs a sample of the same tests.
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


def write_soak_report(results: Sequence[Result], path: Path) -> None:
    lines = [
        SOAK_HEAD,
        f"Run on {datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}.\n",
        "| test | result | seconds |",
        "|---|---|---|",
        *(f"| {name} | {verdict} | {seconds:.0f} |" for result in results for name, verdict, seconds in rows(result)),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows(result: Result) -> Iterator[tuple[str, str, float]]:
    if not result.step.junit_file.is_file():
        yield result.step.name, str(result.count), result.seconds
        return
    for case in ElementTree.parse(result.step.junit_file).getroot().iter("testcase"):
        bad = {child.tag for child in case} & {"failure", "error", "skipped"}
        verdict = ", ".join(sorted(bad)) or "passed"
        yield (
            f"{case.get('classname', '').rpartition('.')[2]}: {case.get('name')}",
            verdict,
            float(case.get("time", "0")),
        )
