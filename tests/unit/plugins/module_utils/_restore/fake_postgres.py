# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database server in memory that runs the scripts of a restore or a migration, as far as they rename, open, drop or
give passwords.

Whoever sends them can be killed after each statement that changes something.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]

# One of the time when a password's verifier was the same each time.
OLD = 90624
_STATEMENT = re.compile(
    r'(?P<begin>^BEGIN;)|(?P<commit>^COMMIT;)|^ALTER DATABASE "(?P<old>[^"]+)" RENAME TO "(?P<new>[^"]+)"'
    r'|^ALTER DATABASE "(?P<door>[^"]+)" ALLOW_CONNECTIONS (?P<open>true|false)'
    r'|^DROP DATABASE IF EXISTS "(?P<gone>[^"]+)"|^DROP ROLE (?:IF EXISTS )?"(?P<left>[^"]+)"'
    r'|^ALTER ROLE "(?P<role>[^"]+)" PASSWORD \'(?P<password>[^\']+)\'',
    re.MULTILINE,
)
# What is asked beside the standing of databases and roles.
_ANSWERS = {
    "server_version_num;": f"{OLD}\n",
    "SHOW server_version;": "9.6.24\n",
    "pg_postmaster_start_time": '{"started": "once"}\n',
    "SELECT count(*)": "0\n",
    "SELECT extract": "0.1\n",
    "SELECT 1;": "1\n",
}


@dataclass
class Death:
    """Counts writes, and has nothing be done any more after the one that is named.

    Args:
        at: The number of that write; 0 for none.
    """

    at: int = 0
    writes: list[str] = field(default_factory=list)
    is_dead: bool = False

    def wrote(self, what: str) -> None:
        self.writes.append(what)
        if len(self.writes) == self.at:
            self.is_dead = True
        self.require()

    def require(self) -> None:
        if self.is_dead:
            raise KeyboardInterrupt


@dataclass
class Postgres:
    """A server.

    Args:
        death: What kills those who send scripts.
        databases: What each holds, in whatever way the test says that.
        closed: Those that take no connections.
        roles: The verifiers of their passwords.
    """

    death: Death
    databases: dict[str, Any] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    roles: dict[str, str] = field(default_factory=dict)

    def psql(self, _cluster: Any, _deployment: Object, _name: str = "", any_closed: bool = False) -> Session:
        return Session(self)

    @property
    def state(self) -> Object:
        return copy.deepcopy({"databases": self.databases, "closed": self.closed, "roles": self.roles})

    def become(self, state: Mapping[str, Any]) -> None:
        for key, value in copy.deepcopy(dict(state)).items():
            setattr(self, key, value)


@dataclass
class Session:
    server: Postgres

    def end_earlier(self) -> None:
        self.server.death.require()

    def __call__(self, script: str) -> str:
        self.server.death.require()
        pending = False
        for match in _STATEMENT.finditer(script):
            if match["begin"]:
                pending = True
            elif match["commit"]:
                pending = False
                self.server.death.wrote("psql COMMIT")
            elif self._carry_out(match) and not pending:
                self.server.death.wrote(f"psql {match[0]}")
        return self._answer(script)

    def _carry_out(self, match: re.Match[str]) -> bool:
        server, before = self.server, self.server.state
        if match["old"]:
            assert match["new"] not in server.databases
            server.databases[match["new"]] = server.databases.pop(match["old"])
            if match["old"] in server.closed:
                server.closed = server.closed - {match["old"]} | {match["new"]}
        elif match["door"]:
            assert match["door"] in server.databases
            (server.closed.discard if match["open"] == "true" else server.closed.add)(match["door"])
        elif match["gone"]:
            server.databases.pop(match["gone"], None)
            server.closed.discard(match["gone"])
        elif match["left"]:
            server.roles.pop(match["left"], None)
        else:
            assert match["role"] in server.roles
            server.roles[match["role"]] = match["password"]
        # A statement that changes nothing is no moment of its own.
        return server.state != before

    def _answer(self, script: str) -> str:
        server = self.server
        if "listen_addresses" in script:
            asked = re.search(r"datname = '([^']+)'", script)
            return "" if asked and asked[1] in server.databases else f"{OLD}|1|0\n"
        if "UNION ALL" in script:
            there: dict[str, Mapping[str, Any]] = {"database": server.databases, "roles": server.roles}
            found = re.findall(r"SELECT '(\w+)' FROM pg_(\w+) WHERE \w+ = '([^']+)'", script)
            return "".join(f"{what}\n" for what, table, name in found if name in there[table])
        asked = re.search(r"SELECT datallowconn FROM pg_database WHERE datname = '([^']+)'", script)
        if asked:
            return "t\n" if asked[1] in server.databases and asked[1] not in server.closed else "f\n"
        asked = re.search(r"rolname = '(\w+)'", script)
        if asked:
            return f"{int(asked[1] in server.roles)}\n"
        for words, answer in _ANSWERS.items():
            if words in script:
                return answer
        return ""
