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
Where a ratio is above the most that stands beside it, `make benchmarks` fails.
"""


@dataclass(frozen=True)
class Row:
    """What was measured, in seconds and MiB; a row without a floor only tells how long something takes."""

    what: str
    ours: float
    floor: float | None = None
    most: float | None = None
    memory: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.floor if self.floor else None

    @property
    def broken(self) -> bool:
        """Whether it takes more than it may."""
        return self.most is not None and self.ratio is not None and self.ratio > self.most

    def cells(self) -> str:
        """The row as Markdown."""
        ratio = f"{self.ratio:.2f}" if self.ratio is not None else ""
        if self.most is not None:
            ratio += f" (at most {self.most}{': broken' if self.broken else ''})"
        floor = f"{self.floor:.2f}" if self.floor is not None else ""
        return f"| {self.what} | {self.ours:.2f} | {floor} | {ratio} | {self.memory} |"


def verdict(rows: Sequence[Row]) -> str:
    """Which floors are broken, a line each; empty when none is."""
    return "\n".join(f"floor broken: {row.what}: {row.ratio:.3f}, at most {row.most}" for row in rows if row.broken)


def write_section(title: str, titles: Sequence[str], rows: Sequence[Row], machine: str) -> None:
    """Write one section of the page in the docs; the others stay as they were measured.

    Args:
        title: The section's.
        titles: All sections', in their order on the page.
        rows: What it shows.
        machine: What it was measured on.
    """
    day = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    lines = ["| what | ours, s | floor, s | ratio | peak memory, MiB |", "|---|---|---|---|---|"]
    table = "\n".join([*lines, *(row.cells() for row in rows)])
    print(f"{title}:\n{table}", flush=True)
    sections = _sections(PAGE.read_text(encoding="utf-8"))
    sections[title] = f"\nMeasured on {day}, {machine}, Python {platform.python_version()}.\n\n{table}\n"
    parts = [f"\n## {name}\n{sections[name]}" for name in titles if name in sections]
    PAGE.write_text(HEAD + "".join(parts), encoding="utf-8")


def _sections(text: str) -> dict[str, str]:
    """What stands under each heading."""
    _head, *found = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)
    return {title: body.rstrip("\n") + "\n" for title, body in zip(found[::2], found[1::2])}
