# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter before an old psql: the words of pg_dump pass unchanged, what psql could take for a command does not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._database._harmless_awk import HARMLESS_AWK

AWKS = [command for command in (["mawk"], ["gawk"], ["busybox", "awk"]) if shutil.which(command[0])]


def filtered(folder: Path, awk: list[str], text: bytes) -> tuple[bytes, bytes]:
    """What comes through, and why the rest did not."""
    (folder / "harmless.awk").write_text(HARMLESS_AWK, encoding="utf-8")
    command = [*awk, "-f", str(folder / "harmless.awk")]
    done = subprocess.run(command, input=text, capture_output=True, env={"LC_ALL": "C"}, check=False)
    assert bool(done.returncode) == bool(done.stderr)
    return done.stdout, done.stderr


HONEST = [
    rb"SELECT pg_catalog.set_config('search_path', '', false);",
    b"COPY public.t (id, note) FROM stdin;\n1\t\\N\n2\ta\\\\b ' $$ -- /*\n\\.\n\nSELECT 1;",
    b'COPY public."a\nb;" ("c;d") FROM stdin;\n\\! data\n\\.\nSELECT 1;',
    b"COMMENT ON TABLE t IS E'A \\\\ comment; with ''quotes''\n\\\\unrestrict x\nand lines';",
    b"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $_$ BEGIN\n -- \\! x\n RETURN $1; END $_$;",
    b"SELECT pg_catalog.lowrite(0, '\\x00ff');",
    "-- Name: ünï; Type: TABLE\nCREATE TABLE \"ünï \\ x\" (a int DEFAULT 1.5e10, b text DEFAULT 'é'::text);".encode(),
    b"CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);",
    b"ALTER TABLE t ADD CHECK ((a[1:2] = '{}'::int[]) AND (b ~ '^\\\\d+$'::text));",
    b"CREATE TABLE t (begin int, \"end\" bit(3) DEFAULT B'101');",
]


@pytest.mark.parametrize("awk", AWKS, ids=lambda awk: awk[0])
@pytest.mark.parametrize("text", HONEST)
def test_honest(tmp_path: Path, awk: list[str], text: bytes) -> None:
    assert filtered(tmp_path, awk, text + b"\n") == (text + b"\n", b"")


HOSTILE = [
    (rb"\! x", "a command to psql"),
    (rb"SELECT 1 \g x", "a command to psql"),
    (rb"'' \! x", "a command to psql"),
    (rb"$a$ $b$ $a$ \! x", "a command to psql"),
    (b"COPY t FROM stdin;\n\\.\n\\! x", "a command to psql"),
    (b"COPY t FROM stdin;\n\\.\r\n\\! x", "a command to psql"),
    (b"SELECT '\nCOPY t FROM stdin;\n';\n\\! x\n\\.", "a command to psql"),
    (b"COPY t FROM stdin; SELECT 1;", "a COPY"),
    (b"copy t to stdout;", "a COPY"),
    (b"COPY t FROM PROGRAM 'x';", "a COPY"),
    (b'COPY t "FROM stdin";', "a COPY"),
    (rb"SELECT 'a\'' \! x '", "a quote after a backslash"),
    (b"SELECT E'\x81\\' \\! x '", "a backslash after a letter"),
    (b"SELECT \x81@E'", "must be quoted"),
    (b"-- a\r\\! x", "a carriage return"),
    (b"SELECT 1\r;", "must be quoted"),
    (b"/* */", "a comment of several lines"),
    (b"SELECT :'VERSION';", "a variable"),
    (b"SELECT :DBNAME;", "a variable"),
    (b"SELECT 1E'\\' ", "a number that does not end"),
    (b"SELECT fooE'\\' ", "a quote after a word"),
    (b"SELECT $1$$ \\! x", "a number that does not end"),
    (b"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC\nCOPY t FROM stdin;", "a function whose body is SQL"),
]


@pytest.mark.parametrize("awk", AWKS, ids=lambda awk: awk[0])
@pytest.mark.parametrize(("text", "told"), HOSTILE)
def test_hostile(tmp_path: Path, awk: list[str], text: bytes, told: str) -> None:
    passed, why = filtered(tmp_path, awk, text + b"\n")
    assert told in why.decode()
    assert b"\\!" not in passed
