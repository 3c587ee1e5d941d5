# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of the benchmarks: a part that is measured again leaves the others as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import table
from benchmarks.table import Row, write_section

TITLES = ("First", "Second", "Third")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "benchmarks.md"
    file.write_text("# Benchmarks\n\nOf another form.\n", encoding="utf-8")
    monkeypatch.setattr(table, "PAGE", file)
    return file


def test_sections_stand_in_their_order_and_stay(page: Path) -> None:
    write_section("Third", TITLES, [Row("later", 3.0)], "here")
    write_section("First", TITLES, [Row("ours", 2.0, 4.0, 1.1, "7")], "here")
    third = page.read_text(encoding="utf-8").partition("## Third")[2]
    write_section("First", TITLES, [Row("ours again", 2.0)], "there")

    text = page.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("#")] == ["# Benchmarks", "## First", "## Third"]
    assert text.partition("## Third")[2] == third
    assert "Of another form" not in text
    assert "ours again" in text and "| ours |" not in text


def test_a_row_tells_its_ratio_and_what_it_may_be(page: Path) -> None:
    assert Row("load", 2.2, 2.0, 1.25, "54").cells() == "| load | 2.20 | 2.00 | 1.10 (at most 1.25) | 54 |"
    assert Row("plan", 2.2, 2.0).cells() == "| plan | 2.20 | 2.00 | 1.10 |  |"
    assert Row("stage", 2.2).cells() == "| stage | 2.20 |  |  |  |"
