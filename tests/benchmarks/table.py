# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""One measured row against its floor, and the page that shows all of them."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"

HEAD = """<!--
SPDX-FileCopyrightText: Contributors to the community.che collection
SPDX-License-Identifier: GPL-3.0-or-later
-->

# Benchmarks

Written by `make benchmarks`. Each row is measured against its floor, the same work by hand, in the same run on the same
machine, by turns, and the best of each side's runs is taken. The ratio is what counts; the seconds only say how large
the work was.
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

    def cells(self) -> str:
        """The row as Markdown."""
        ratio = f"{self.ratio:.2f}" if self.ratio is not None else ""
        if self.most is not None:
            ratio += f" (at most {self.most})"
        floor = f"{self.floor:.2f}" if self.floor is not None else ""
        return f"| {self.what} | {self.ours:.2f} | {floor} | {ratio} | {self.memory} |"


def write_page(rows: list[Row], machine: str) -> None:
    """Write the page in the docs."""
    day = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    lines = ["| what | ours, s | by hand, s | ratio | peak memory, MiB |", "|---|---|---|---|---|"]
    lines += [row.cells() for row in rows]
    told = f"\nMeasured on {day}, {machine}, Python {platform.python_version()}.\n"
    PAGE.write_text(HEAD + told + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{PAGE}:\n" + "\n".join(lines))
