# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names of drills' databases and roles, and which of those on a server are taken for theirs."""

from __future__ import annotations

import re

from ansible_collections.community.che.plugins.module_utils._database._scratch import drop_scratches, scratch_names
from ansible_collections.community.che.plugins.module_utils._database._staging import names_for

RUN = "d" * 30


class Server:
    """psql, as far as it is asked for names."""

    def __init__(self, databases: list[str], roles: list[str]) -> None:
        self.names = {"pg_database": databases, "pg_roles": roles}
        self.scripts: list[str] = []

    def __call__(self, script: str) -> str:
        asked = re.fullmatch(r"SELECT \w+ FROM (\w+) WHERE \w+ ~ '(.+)' ORDER BY 1;\n", script)
        if asked is None:
            self.scripts.append(script)
            return ""
        return "".join(f"{name}\n" for name in self.names[asked[1]] if re.search(asked[2], name))


def test_they_fit_and_are_other_ones_than_those_of_a_restore() -> None:
    names, restores = scratch_names("dbche", RUN), names_for("dbche", RUN)

    assert max(map(len, (names.staged, names.role))) <= 63
    assert {names.staged, names.role}.isdisjoint({restores.staged, restores.replaced, restores.role})
    assert scratch_names("dbche", RUN) == names != scratch_names("keycloak", RUN)


def test_what_drills_left_is_dropped_and_nothing_else() -> None:
    names, restores = scratch_names("dbche", RUN), names_for("dbche", RUN)
    others = ["dbche", "che-drill-plans", "che-drill-a dbche", restores.staged, restores.replaced]
    server = Server([names.staged, *others], [names.role, "che-drill-loader-anna", "pgche", restores.role])

    assert drop_scratches(server) == [names.staged, names.role]

    (script,) = server.scripts
    assert re.findall(r"DROP (\w+) IF EXISTS (\S+);", script) == [
        ("DATABASE", f'"{names.staged}"'),
        ("ROLE", f'"{names.role}"'),
    ]


def test_where_nothing_was_left_nothing_is_done() -> None:
    server = Server(["dbche"], ["pgche"])

    assert (drop_scratches(server), server.scripts) == ([], [])
