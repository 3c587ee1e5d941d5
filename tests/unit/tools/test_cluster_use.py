# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""No run makes a cluster anew that another one uses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools.cluster_use import ClusterUse

HOLDER = """
import os, sys
from pathlib import Path
sys.path.insert(0, {tools!r})
from cluster_use import ClusterUse
use = ClusterUse({cluster!r}, Path({folder!r}))
use.share()
use.keep_across_exec()
os.execvp("sh", ["sh", "-c", "echo held; exec cat"])
"""
TOOLS = str(Path(__file__).resolve().parents[2] / "tools")


@pytest.fixture
def another_run(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that has become the command which it was given, as with-cluster does; it ends with its input."""
    script = HOLDER.format(tools=TOOLS, cluster="/cluster", folder=str(tmp_path))
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "held\n"
        yield run


def test_it_is_had_alone_once_the_others_have_ended(tmp_path: Path, another_run: subprocess.Popen[str]) -> None:
    use = ClusterUse("/cluster", tmp_path)

    assert not use.take_alone()
    assert ClusterUse("/second", tmp_path).take_alone()
    another_run.communicate()
    assert use.take_alone()


def test_who_shares_it_keeps_others_from_having_it_alone(tmp_path: Path) -> None:
    first, second = ClusterUse("/cluster", tmp_path), ClusterUse("/cluster", tmp_path)

    assert first.take_alone()
    assert not second.take_alone()
    first.share()
    second.share()
    assert not first.take_alone()
