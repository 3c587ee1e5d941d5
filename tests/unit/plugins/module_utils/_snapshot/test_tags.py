# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is written into tags is read out of them again."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import Tags, part_tags, read_tags, seal_tags
from hypothesis import given
from hypothesis import strategies as st

runs = st.from_regex(r"[a-z0-9][a-z0-9-]*", fullmatch=True)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=63)


@given(run=runs, name=names)
def test_a_part(run: str, name: str) -> None:
    tags = part_tags(run, "database", name)
    assert read_tags(tags) == Tags(run, "database", name)
    assert not any("," in tag for tag in tags)


@given(run=runs, parts=st.integers(0, 999))
def test_a_seal(run: str, parts: int) -> None:
    assert read_tags(seal_tags(run, parts)) == Tags(run, is_seal=True, parts=parts)


def test_the_words() -> None:
    assert part_tags("r1", "installation") == ("community.che", "run=r1", "part=installation")
    assert part_tags("r1", "database", "my,db") == ("community.che", "run=r1", "part=database", "name=my%2Cdb")
    assert seal_tags("r1", 2) == ("community.che", "run=r1", "seal", "parts=2")
    assert seal_tags("r1", 2, safety=True) == ("community.che", "run=r1", "seal", "parts=2", "safety")


@pytest.mark.parametrize(
    "tags",
    [(), ("nightly",), ("community.che",), ("community.che", "run="), ("run=r", "part=x"), ("community.che", "run=r")],
)
def test_neither_a_part_nor_a_seal(tags: tuple[str, ...]) -> None:
    assert read_tags(tags) is None


@pytest.mark.parametrize("parts", ["", "x", "-1", "1.5", "²", "9" * 5000])
def test_a_seal_with_a_count_that_cannot_be_read(parts: str) -> None:
    assert read_tags(("community.che", "run=r", "seal", f"parts={parts}")) == Tags("r", is_seal=True, parts=None)


@given(st.lists(st.text()))
def test_any_tags_can_be_read(tags: list[str]) -> None:
    read_tags(["community.che", "run=r", "seal", *tags])
