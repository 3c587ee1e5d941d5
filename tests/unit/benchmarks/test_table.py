# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of the benchmarks: a part that is measured again leaves the others as they were."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest
from benchmarks import __main__ as run
from benchmarks import table
from benchmarks.table import Row, verdict, write_section

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
    assert Row("load", 3.2, 2.0, 1.25).cells() == "| load | 3.20 | 2.00 | 1.60 (at most 1.25: broken) |  |"
    told = "| swap | 0.013 | 0.009 | 1.44 (at most 1.25, or 0.1 s more) |  |"
    assert Row("swap", 0.013, 0.009, 1.25, slack=0.1).cells() == told


def test_a_broken_floor_is_named() -> None:
    rows = [Row("load", 2.5, 2.0, 1.25), Row("dump", 2.502, 2.0, 1.25), Row("plan", 9.0, 2.0), Row("stage", 9.0)]
    assert verdict(rows) == "floor broken: dump: 1.251, at most 1.25"
    assert verdict(rows[:1]) == ""


@pytest.mark.parametrize(("ours", "floor", "is_broken"), [(1.9, 1.0, False), (2.1, 1.0, True), (5.9, 4.0, False)])
def test_what_may_take_some_seconds_more_may_take_either(ours: float, floor: float, is_broken: bool) -> None:
    row = Row("outage", ours, floor, 1.5, slack=1.0)
    assert row.broken == is_broken
    told = f"floor broken: outage: {ours / floor:.3f}, at most 1.5, or 1 s more"
    assert verdict([row]) == (told if is_broken else "")


@pytest.mark.parametrize(("seconds", "code"), [(2.5, 0), (2.502, "floor broken: load: 1.251, at most 1.25")])
def test_the_run_fails_with_it(page: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, code: object) -> None:
    for name in ("Cluster", "BackupServer", "server"):
        monkeypatch.setattr(run, name, Mock())
    parts = {
        "one": ("First", lambda _bench: [Row("load", seconds, 2.0, 1.25)], "\nHow it is read.\n"),
        "two": ("Second", lambda _bench: [], ""),
    }
    monkeypatch.setattr(run, "PARTS", parts)
    monkeypatch.setattr("sys.argv", ["benchmarks"])

    with pytest.raises(SystemExit) as ended:
        run.main()

    assert ended.value.code == code
    lines = page.read_text(encoding="utf-8").partition("## First\n")[2].partition("## Second")[0].split("\n\n")
    assert lines[0].strip().startswith("Measured on") and lines[1] == "How it is read." and "| load |" in lines[2]
