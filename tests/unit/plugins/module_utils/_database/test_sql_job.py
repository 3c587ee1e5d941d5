# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a script's Job printed: whole, or not at all."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._database._errors import ScriptFailed
from ansible_collections.community.che.plugins.module_utils._database._sql_job import parse_sql_log
from hypothesis import given
from hypothesis import strategies as st
from unit.che_objects import error_log

STAGES = '{"che_backup":"stage","stage":"sql"}\n'
BEGIN = '{"che_backup":"stage","stage":"output"}\n'
SCRIPTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def log(output: str, size: int | None = None) -> str:
    size = len(output.encode()) if size is None else size
    return f'{STAGES}{BEGIN}{output}{{"che_backup":"result","bytes":{size}}}\n'


# psql ends each row with a line break.
@given(output=SCRIPTS.map(lambda text: text and f"{text}\n"))
def test_it_is_returned_as_it_is(output: str) -> None:
    assert parse_sql_log(log(output)) == output


@pytest.mark.parametrize("output", [BEGIN, '{"che_backup":"result","bytes":0}\n', STAGES, "\n\n"])
def test_what_looks_like_ours_is_a_part_of_it(output: str) -> None:
    assert parse_sql_log(log(output)) == output


@pytest.mark.parametrize("size", [0, 3, 5])
def test_a_part_of_it_is_not_taken_for_all(size: int) -> None:
    with pytest.raises(ScriptFailed, match="not whole") as caught:
        parse_sql_log(log("ab\n\n", size))
    assert "Run the task again" in caught.value.next_step


def test_its_beginning_can_t_be_lost() -> None:
    with pytest.raises(ScriptFailed, match="not whole"):
        parse_sql_log(log("one\ntwo\n").partition("one\n")[2])


def test_its_end_can_t_be_lost() -> None:
    with pytest.raises(ScriptFailed, match="ended without a result, in its step output"):
        parse_sql_log(f"{STAGES}{BEGIN}one\n")


def test_what_failed_is_told() -> None:
    with pytest.raises(ScriptFailed, match='relation "none" does not exist'):
        parse_sql_log(STAGES + error_log("sql", 'ERROR:  relation "none" does not exist'))


def test_no_output_says_nothing_about_the_job() -> None:
    """A row of a table may look like a failure of ours."""
    assert parse_sql_log(log("x" + error_log("sql", "no"))) == "x" + error_log("sql", "no")
