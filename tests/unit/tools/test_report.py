# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the end of a test run says of what failed: often nothing else of it is at hand."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest
from tools.counts import Count
from tools.steps import Step


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    # Programs of tests/tools find each other as scripts do.
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "tools"))
    monkeypatch.setattr("tools.steps.OUTPUT", tmp_path)
    return importlib.import_module("report")


def test_a_test_that_failed_is_named(report: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "junit").mkdir()
    (tmp_path / "junit" / "some.xml").write_text(
        '<testsuites><testsuite><testcase name="test_wrong"><failure message="no server"/></testcase>'
        "</testsuite></testsuites>"
    )
    report.print_failures([report.Result(Step("some", ("pytest",), 1, junit=True), 1.0, Count(failed=1))])
    assert capsys.readouterr().out == "FAILED some: test_wrong: no server\n"


@pytest.mark.parametrize("junit", [True, False])
def test_what_failed_without_a_report_has_its_last_line_told(
    report: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], junit: bool
) -> None:
    (tmp_path / "some.log").write_text("it begins\nE   FileExistsError: a link\n\n")
    report.print_failures([report.Result(Step("some", ("pytest",), 1, junit=junit), 1.0, Count(failed=1))])
    assert capsys.readouterr().out == "FAILED some: its last line: E   FileExistsError: a link\n"
