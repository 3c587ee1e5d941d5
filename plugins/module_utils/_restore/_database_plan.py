# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore would do to each saved database, held against the live one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._choice import DATABASE, FAIL
from ansible_collections.community.che.plugins.module_utils._che._choice import KEEP as KEEP_EXISTING
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import Database
from ansible_collections.community.che.plugins.module_utils._database._compare import compare, compare_properties
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError
from ansible_collections.community.che.plugins.module_utils._database._facts import DatabaseFacts, as_saved, read_facts
from ansible_collections.community.che.plugins.module_utils._database._figures_sql import live_figures_script
from ansible_collections.community.che.plugins.module_utils._database._log import JobLog, read_figures, trusted
from ansible_collections.community.che.plugins.module_utils._database._missing import find_missing
from ansible_collections.community.che.plugins.module_utils._database._staging import leftovers
from ansible_collections.community.che.plugins.module_utils._database._versions import obstacle
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._restore._checks import parted
from ansible_collections.community.che.plugins.module_utils._restore._database_place import (
    ASK,
    KEPT_AS_ASKED,
    DatabaseQuestion,
    Obstacle,
    at_stake,
    left_without_che,
    way_to_make,
    why_kept_out,
    why_left,
    without_server,
)
from ansible_collections.community.che.plugins.module_utils._restore._live_databases import live_databases
from ansible_collections.community.che.plugins.module_utils._restore._plan import KEEP, LEAVE
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Part

RESTORE = "restore"
NOT_CHOSEN = "Not chosen."
MADE_ANEW = "There is no such database on its server: it is made anew."
_SHOWN_DIFFERENCES = 10
_UNKNOWN_ROWS = -1


@dataclass(frozen=True)
class DatabasePlan:
    """What happens to one saved database.

    Args:
        part: The backup's part.
        action: ``restore``; ``keep`` where the live one equals it; ``leave`` where it has no place, or is not wanted.
        live: What is counted now; None where nothing could be counted.
        leftovers: Databases and roles on its server that an earlier restore left.
        obstacles: What keeps it from being replaced.
        server: The Deployment of its server; None where there is none.
        note: Why it is left, or what is lost with it, as a sentence.
        missing: Whether its server runs, and has no such database.
    """

    part: Part
    action: str
    live: DatabaseFigures | None = None
    leftovers: tuple[str, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    server: Object | None = field(default=None, repr=False)
    note: str = ""
    missing: bool = False

    @property
    def saved(self) -> DatabaseFigures | None:
        """What was counted at the backup; None where nothing was, as by the old operator."""
        return self.part.database

    @property
    def saved_version(self) -> str:
        """The version of PostgreSQL that it was dumped from; empty where that is not known."""
        return _saved_version(self.part)

    @property
    def live_version(self) -> str:
        """The version of PostgreSQL that runs; empty where that is not known."""
        return self.live.server_version if self.live else ""

    @property
    def differences(self) -> list[str]:
        return differences(self.saved, self.live)

    @property
    def restores(self) -> bool:
        """Whether it is loaded anew."""
        return self.action == RESTORE

    def shown(self) -> dict[str, Any]:
        """As the plan returns it."""
        return {
            "action": self.action,
            "name": self.part.name,
            "rows": _rows(self.saved),
            "live_rows": _rows(self.live),
            "bytes": self.part.bytes,
            "saved_version": self.saved_version,
            "live_version": self.live_version,
            "differences": self.differences[:_SHOWN_DIFFERENCES],
            "note": self.note,
        }

    def diff(self) -> dict[str, Any]:
        """As ``--diff`` prints it: rows and checksum by table."""
        title = f"Database/{self.part.name}"
        return {
            "before_header": title,
            "after_header": title,
            "before": _tables(self.live),
            "after": _tables(self.saved),
        }


def _saved_version(part: Part) -> str:
    if part.database:
        return part.database.server_version
    return part.dump.server_version if part.dump else ""


def differences(saved: DatabaseFigures | None, live: DatabaseFigures | None) -> list[str]:
    """How a live database differs from a saved one, as sentences; nothing where one of them is not known."""
    return [*compare(saved, live), *compare_properties(saved, live)] if saved and live else []


def _rows(figures: DatabaseFigures | None) -> int:
    return sum(table.rows for table in figures.tables) if figures else _UNKNOWN_ROWS


def _tables(figures: DatabaseFigures | None) -> dict[str, str]:
    tables = figures.tables if figures else ()
    return {f"{table.schema}.{table.name}": f"{table.rows} rows, {table.checksum}" for table in tables}


def plan_databases(question: DatabaseQuestion) -> list[DatabasePlan]:
    """Compare each saved database with the live one of its role.

    Raises:
        Forbidden: The credentials lack the permission to execute in pods.
    """
    if not question.request.choice.takes(DATABASE):
        return [DatabasePlan(part, LEAVE, note=NOT_CHOSEN) for part in question.parts]
    live: dict[str, tuple[Database, Object]] = {}
    if question.installation_exists:
        found = live_databases(question.cluster, question.request.namespace, question.objects, question.che_cluster)
        live = {database.role: (database, server) for database, server in found}
    che_cluster = question.next_che_cluster() if question.parts else None
    return [_one(question, part, che_cluster, live.get(part.role)) for part in question.parts]


def _one(
    question: DatabaseQuestion, part: Part, che_cluster: CheCluster | None, live: tuple[Database, Object] | None
) -> DatabasePlan:
    kept_out = why_kept_out(part, che_cluster)
    if kept_out:
        return DatabasePlan(part, LEAVE, note=kept_out)
    if live is not None:
        return _planned(question, part, *live)
    left = why_left(question, part, che_cluster)
    return DatabasePlan(part, LEAVE, note=left) if left else _unseen(question, part)


def _unseen(question: DatabaseQuestion, part: Part) -> DatabasePlan:
    """One that has a place, and no server that could be asked."""
    in_the_way = without_server(question, part)
    if in_the_way is not None:
        return DatabasePlan(part, RESTORE, obstacles=(in_the_way,))
    held_by = left_without_che(question, part)
    if not held_by:
        return DatabasePlan(part, RESTORE)
    if question.request.existing == KEEP_EXISTING:
        return DatabasePlan(part, LEAVE, note=KEPT_AS_ASKED)
    note = f"It takes the place of what is on {held_by}, of which nothing is saved."
    return DatabasePlan(part, RESTORE, obstacles=tuple(at_stake(question, held_by)), note=note)


def _planned(question: DatabaseQuestion, part: Part, database: Database, server: Object) -> DatabasePlan:
    psql = PodPsql(question.cluster, server)
    existing = question.request.existing
    try:
        log = JobLog.read(psql(live_figures_script(database.name, database.user)))
        with trusted(DatabaseError):
            live = read_figures(log, database.role, "", 0)
        facts = read_facts(psql, database.name, database.user)
        obstacles = tuple(_obstacles(part, live, facts))
        left = tuple(leftovers(psql))
    except Forbidden:
        raise
    except CheError:
        missing = _missing(question, part, database, server)
        if missing is not None:
            return missing
        # A database that can't be asked is no reason not to restore it, unless the task says so.
        if existing == KEEP_EXISTING:
            return DatabasePlan(part, LEAVE, server=server, note=KEPT_AS_ASKED)
        unknown = (Obstacle("What is in it can't be seen, and existing is fail", ASK),) if existing == FAIL else ()
        return DatabasePlan(part, RESTORE, obstacles=unknown, server=server)
    # One that a migration has left closed is replaced by one that Che can write to.
    if part.database and not differences(part.database, live) and not (facts and facts.is_closed):
        return DatabasePlan(part, KEEP, live, left, server=server)
    if existing == KEEP_EXISTING:
        return DatabasePlan(part, LEAVE, live, left, server=server, note=KEPT_AS_ASKED)
    if existing == FAIL:
        obstacles = (*obstacles, Obstacle("It is there and is not what was saved, and existing is fail", ASK))
    return DatabasePlan(part, RESTORE, live, left, obstacles, server)


def _missing(question: DatabaseQuestion, part: Part, database: Database, server: Object) -> DatabasePlan | None:
    """What happens to one that its server does not have, though it runs; None where that can't be told.

    The operator makes a database once, when it sets its server up: of one that is gone since it knows nothing.
    """
    try:
        # The probe of a server may open the database: without that it is not ready.
        found = find_missing(PodPsql(question.cluster, server, any_closed=True), database.name, database.user)
    except Forbidden:
        raise
    except CheError:
        return None
    if found is None:
        return None
    misfit = obstacle(_saved_version(part), found.server_version)
    obstacles = [Obstacle(*parted(misfit))] if misfit else []
    if not found.has_role or found.is_superuser:
        obstacles.append(way_to_make(database, is_superuser=found.is_superuser))
    return DatabasePlan(part, RESTORE, obstacles=tuple(obstacles), server=server, note=MADE_ANEW, missing=True)


def _obstacles(part: Part, live: DatabaseFigures, facts: DatabaseFacts | None) -> Iterator[Obstacle]:
    misfit = obstacle(_saved_version(part), live.server_version)
    if misfit:
        yield Obstacle(*parted(misfit))
    if facts is None:
        return
    for what in facts.obstacles:
        yield Obstacle(f"{what[:1].upper()}{what[1:]}", "Remove that first.")
    try:
        if part.database:
            as_saved(facts, part.database)
    except DatabaseError as error:
        yield Obstacle(error.what, error.next_step)
