# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page about moving lists what the rules do, field by field and mapping by mapping."""

from __future__ import annotations

import re
from dataclasses import fields
from fnmatch import fnmatchcase
from pathlib import Path

from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from unit.plugins.module_utils._che.v1_fields import FIELDS

PAGE = (Path(__file__).parents[5] / "docs" / "moving.md").read_text(encoding="utf-8")


def first_column(heading: str) -> list[str]:
    """What stands in code marks in the first column of the table below a heading."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")]
    return [name for row in rows[1:] for name in re.findall(r"`([^`]+)`", row)]


def test_every_field_of_v1_is_on_the_page_and_no_other() -> None:
    patterns = first_column("From v1 to v2")
    assert len(patterns) > 20
    unused = [pattern for pattern in patterns if not any(fnmatchcase(field, pattern) for field in FIELDS)]
    # A field with fields below it may be listed as itself.
    unused = [pattern for pattern in unused if not any(field.startswith(f"{pattern}.") for field in FIELDS)]
    missing = [
        field
        for field in FIELDS
        if not any(fnmatchcase(field, pattern) or field.startswith(f"{pattern}.") for pattern in patterns)
    ]
    assert (unused, missing) == ([], [])


def test_every_mapping_is_on_the_page() -> None:
    assert first_column("Mappings") == [field.name for field in fields(Mappings)]
