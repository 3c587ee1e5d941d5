# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, texts and passwords as SQL for psql."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import stringprep
import unicodedata
from typing import Callable

from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError

# Runs a script as a superuser in the maintenance database, by psql -X -A -t -q -v ON_ERROR_STOP=1, and returns what it
# prints; raises a CheError.
Psql = Callable[[str], str]

MAINTENANCE_DATABASE = "postgres"

# The first words of every script that a superuser runs. A database's owner, and in old versions any role, may have put
# functions and operators where the server's own are looked for otherwise.
SAFE_PATH = "SET search_path = pg_catalog;\n"

_SCRAM_ROUNDS = 4096
_FIRST_WITH_SCRAM = 100000
_SCRAM = re.compile(r"SCRAM-SHA-256\$(?P<rounds>\d{1,6}):(?P<salt>[A-Za-z0-9+/=]+)\$.*")
# What SASLprep prohibits, and code points that its Unicode doesn't know.
_FORBIDDEN = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,
)
# What PostgreSQL stores for a setting that is a list of names: the names, quoted where they must be.
_LIST_ITEM = r'(?:"(?:[^"]|"")*"|[a-z_][a-z0-9_$]*)'
_LIST = re.compile(rf"\s*{_LIST_ITEM}(?:\s*,\s*{_LIST_ITEM})*\s*")
_LIST_SETTINGS = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)


def name(identifier: str) -> str:
    """Quote the name of a role, database or schema, always, as ``quote_ident`` does when it must."""
    return '"' + _storable(identifier).replace('"', '""') + '"'


def text(value: str) -> str:
    """Quote a text as ``quote_literal`` does, whatever ``standard_conforming_strings`` is."""
    escaped = _storable(value).replace("'", "''")
    return " E'" + escaped.replace("\\", "\\\\") + "'" if "\\" in value else f"'{escaped}'"


def connect(database: str, role: str = "") -> str:
    """The lines with which a script goes on in another database, over the same socket, by the server's own functions.

    A backslash command ends with its line and takes quotes off its arguments twice; a variable is spared both.

    Args:
        database: The database's name.
        role: As whom to go on, where the server lets a local user be anybody; empty for the same role as before.
            Whatever reads tables or expressions that others made should not go on as a superuser.
    """
    conninfo = f"dbname={_conninfo(database)}" + (f" user={_conninfo(role)}" if role else "")
    quoted = conninfo.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n").replace("\r", "\\r")
    return f"\\set che_database '{quoted}'\n\\connect -reuse-previous=on :\"che_database\"\n{SAFE_PATH}"


def _conninfo(value: str) -> str:
    return "'" + _storable(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def setting(name_: str, value: str) -> str:
    """``SET``'s part after the command, for a setting as ``pg_db_role_setting`` stores it."""
    is_list = name_.lower() in _LIST_SETTINGS and _LIST.fullmatch(value) is not None
    quoted = ".".join(name(part) for part in name_.split("."))
    return f"{quoted} TO {value if is_list else text(value)}"


def password_verifier(role: str, password: str, server_version: int) -> str:
    """What ``CREATE ROLE ... PASSWORD`` takes instead of the password, so that no log of the server ever has that.

    Args:
        role: The role's name.
        password: The password.
        server_version: As ``server_version_num``; before 10 there is only MD5.
    """
    if server_version < _FIRST_WITH_SCRAM:
        return "md5" + hashlib.md5((password + role).encode()).hexdigest()
    return _scram(password, os.urandom(16), _SCRAM_ROUNDS)


def fits_verifier(role: str, password: str, verifier: str) -> bool:
    """Whether a password is the one of which a server keeps the verifier, as in ``pg_authid``.

    Args:
        role: The role's name.
        password: The password.
        verifier: What the server keeps, of either kind.
    """
    scram = _SCRAM.fullmatch(verifier)
    if not scram:
        # Before 10 a server may keep the password itself.
        return verifier in (password_verifier(role, password, 0), password)
    return _scram(password, base64.b64decode(scram["salt"]), int(scram["rounds"])) == verifier


def _scram(password: str, salt: bytes, rounds: int) -> str:
    salted = hashlib.pbkdf2_hmac("sha256", _prepared(password), salt, rounds)
    client_key = hmac.new(salted, b"Client Key", "sha256").digest()
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.new(salted, b"Server Key", "sha256").digest()
    encoded = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${rounds}:{encoded[0]}${encoded[1]}:{encoded[2]}"


def _prepared(password: str) -> bytes:
    """SASLprep (RFC 4013) as PostgreSQL does it: a password that it does not allow is taken as it stands."""
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if not stringprep.in_table_b1(character)
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    allowed = prepared and not any(forbidden(character) for character in prepared for forbidden in _FORBIDDEN)
    return (prepared if allowed and _reads_one_way(prepared) else password).encode()


def _reads_one_way(prepared: str) -> bool:
    """RFC 3454, section 6: text from right to left holds none from left to right, and begins and ends as such."""
    if not any(map(stringprep.in_table_d1, prepared)):
        return True
    mixed = any(map(stringprep.in_table_d2, prepared))
    return not mixed and stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1])


def _storable(value: str) -> str:
    if "\0" in value:
        raise DatabaseError("A NUL can't be part of a name or a text in PostgreSQL", repr(value))
    return value
