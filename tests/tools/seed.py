# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a sample of the long tests is drawn by."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

VARIABLE = "CHE_TEST_SEED"
CHECKOUT = Path(__file__).resolve().parents[2]
# For a copy without its history.
WITHOUT_COMMIT = 1
_DIGITS = 8


def chosen_seed(checkout: Path = CHECKOUT) -> int:
    """The seed of this run: what CHE_TEST_SEED says, else one that each commit has of its own.

    So one commit is always tested the same way, and the next one with other cases: none stays out for long.

    Raises:
        ValueError: CHE_TEST_SEED is no whole number.
    """
    told = os.environ.get(VARIABLE)
    if told:
        return int(told)
    commit = _commit(checkout)
    return int(commit[:_DIGITS], 16) if commit else WITHOUT_COMMIT


def _commit(checkout: Path) -> str:
    """The commit that is checked out; empty where there is none, or no git."""
    try:
        asked = subprocess.run(
            ["git", "-C", str(checkout), "rev-parse", "--verify", "HEAD"], check=False, capture_output=True, text=True
        )
    except OSError:
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""
