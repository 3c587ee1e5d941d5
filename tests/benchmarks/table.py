# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""One measured row against its floor, and the page that shows all of them, in a section for each part of the run."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"

HEAD = """<!--
SPDX-FileCopyrightText: Contributors to the community.che collection
SPDX-License-Identifier: GPL-3.0-or-later
-->

# Benchmarks

Written by `make benchmarks`. Each row is measured against its floor, the same work by hand unless it says against
what, in the same run on the same machine, by turns, and the best of each side's runs is taken; of the cut-over and the
move, which wait for Che's own start, the median. The ratio is what counts; the seconds only say how large the work was.
Where a ratio is above the most that stands beside it, `make benchmarks` fails; where seconds stand there too, only when
it also takes so much more than its floor.
"""


@dataclass(frozen=True)
class Row:
    """What was measured, in seconds and MiB; a row without a floor only tells how long something takes.

    Args:
        what: What was measured.
        ours: How long it took.
        floor: How long that took which it is held against.
        most: The ratio that it may have.
        memory: What it used of it.
        slack: How much longer than its floor it may take whatever the ratio is: of little the ratio is mostly noise.
    """

    what: str
    ours: float
    floor: float | None = None
    most: float | None = None
    memory: str = ""
    slack: float = 0.0

    @property
    def ratio(self) -> float | None:
        return self.ours / self.floor if self.floor else None

    @property
    def broken(self) -> bool:
        """Whether it takes more than it may."""
        if self.most is None or not self.floor:
            return False
        return self.ours > max(self.floor * self.most, self.floor + self.slack)

    @property
    def limit(self) -> str:
        """What it may take, in words; empty where that is not limited."""
        if self.most is None:
            return ""
        return f"at most {self.most}" + (f", or {self.slack:g} s more" if self.slack else "")

    def cells(self) -> str:
        """The row as Markdown."""
        ratio = f"{self.ratio:.2f}" if self.ratio is not None else ""
        if self.most is not None:
            ratio += f" ({self.limit}{': broken' if self.broken else ''})"
        floor = _seconds(self.floor) if self.floor is not None else ""
        return f"| {self.what} | {_seconds(self.ours)} | {floor} | {ratio} | {self.memory} |"


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def verdict(rows: Sequence[Row]) -> str:
    """Which floors are broken, a line each; empty when none is."""
    return "\n".join(f"floor broken: {row.what}: {row.ratio:.3f}, {row.limit}" for row in rows if row.broken)


def write_section(title: str, titles: Sequence[str], rows: Sequence[Row], machine: str, note: str = "") -> None:
    """Write one section of the page in the docs; the others stay as they were measured.

    Args:
        title: The section's.
        titles: All sections', in their order on the page.
        rows: What it shows.
        machine: What it was measured on.
        note: What has to be known to read it.
    """
    day = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    lines = ["| what | ours, s | floor, s | ratio | peak memory, MiB |", "|---|---|---|---|---|"]
    table = "\n".join([*lines, *(row.cells() for row in rows)])
    print(f"{title}:\n{table}", flush=True)
    sections = sections_of(PAGE.read_text(encoding="utf-8"))
    measured = f"Measured on {day}, {machine}, Python {platform.python_version()}."
    sections[title] = "\n" + "\n\n".join(filter(None, [measured, note.strip(), table])) + "\n"
    parts = [f"\n## {name}\n{sections[name]}" for name in titles if name in sections]
    PAGE.write_text(HEAD + "".join(parts), encoding="utf-8")


def sections_of(text: str) -> dict[str, str]:
    """What stands under each heading."""
    _head, *found = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)
    return {title: body.rstrip("\n") + "\n" for title, body in zip(found[::2], found[1::2])}
