# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be told of a dump that is read once, in pieces of any size."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.community.che.plugins.module_utils._snapshot._measured import Measured

HEAD = "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version {}\n-- Dumped by pg_dump version 15.14\n"
END = "\n--\n-- PostgreSQL database dump complete\n--\n\n"


def taken(text: str, size: int = 7) -> Measured:
    measured, content = Measured(), text.encode()
    for start in range(0, len(content), size):
        measured.take(content[start : start + size])
    return measured


@pytest.mark.parametrize("size", [1, 7, 4096, 10**6])
def test_a_whole_dump(size: int) -> None:
    text = HEAD.format("9.6.24") + "x\n" * 5000 + END
    measured = taken(text, size)
    assert (measured.bytes, measured.sha256) == (len(text), hashlib.sha256(text.encode()).hexdigest())
    assert (measured.server_version, measured.has_head, measured.ends_well) == ("9.6.24", True, True)


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("15.14", "15.14"),
        ("13.3 (Debian 13.3-1.pgdg100+1)", "13.3"),
        ("10", "10"),
        ("9.6.24'; DROP TABLE x", "9.6.24"),
        ("\x1b[2J", ""),
        ("99999999", "9999"),
        ("", ""),
    ],
)
def test_the_version_of_the_server(said: str, version: str) -> None:
    assert taken(HEAD.format(said) + END).server_version == version


def test_a_version_among_the_data_is_none() -> None:
    assert taken("--\n" * 2000 + HEAD.format("15.14") + END).server_version == ""


@pytest.mark.parametrize("text", ["", HEAD.format("15.14"), HEAD + END[:-20], END + "x" * 200])
def test_a_dump_that_is_cut_off(text: str) -> None:
    assert not taken(text).ends_well


def test_words_after_the_last_ones() -> None:
    assert taken(HEAD + END + "\\unrestrict " + "k" * 64 + "\n\n").ends_well
