# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore would do to each saved database, held against the live one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._installation import find_che_cluster
from ansible_collections.community.che.plugins.module_utils._che._choice import DATABASE, FAIL
from ansible_collections.community.che.plugins.module_utils._che._choice import KEEP as KEEP_EXISTING
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import (
    Database,
    external_database,
)
from ansible_collections.community.che.plugins.module_utils._che._place import Place
from ansible_collections.community.che.plugins.module_utils._che._versions import kept_dump, needs_no_database
from ansible_collections.community.che.plugins.module_utils._database._compare import compare, compare_properties
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError
from ansible_collections.community.che.plugins.module_utils._database._facts import DatabaseFacts, as_saved, read_facts
from ansible_collections.community.che.plugins.module_utils._database._figures_sql import live_figures_script
from ansible_collections.community.che.plugins.module_utils._database._log import JobLog, read_figures, trusted
from ansible_collections.community.che.plugins.module_utils._database._staging import leftovers
from ansible_collections.community.che.plugins.module_utils._database._versions import obstacle
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._restore._live_databases import (
    live_databases,
    restored_databases,
)
from ansible_collections.community.che.plugins.module_utils._restore._plan import KEEP, LEAVE
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Part

RESTORE = "restore"
NOT_CHOSEN = "Not chosen."
_ASK = "Set existing to replace or keep, or leave the database out by parts."
_SHOWN_DIFFERENCES = 10
_UNKNOWN_ROWS = -1
_KEPT_OUT = (
    "Che's database is external here, and is never touched. "
    "The dump is kept in the backup: snapshot {snapshot}, file db/{name}.sql."
)


@dataclass(frozen=True)
class Obstacle:
    """What keeps a database from being replaced.

    Args:
        what: As a sentence without its full stop.
        lift: How it is lifted, as full sentences.
    """

    what: str
    lift: str


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
        note: Why it is left, as a sentence.
    """

    part: Part
    action: str
    live: DatabaseFigures | None = None
    leftovers: tuple[str, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    server: Object | None = field(default=None, repr=False)
    note: str = ""

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


@dataclass(frozen=True)
class DatabaseQuestion:
    """What the plan of databases depends on.

    Args:
        cluster: Where.
        request: What the task asks for.
        target: The place that is restored to.
        parts: The backup's databases.
        objects: The objects as they are to be, the CheCluster among them.
        installation_exists: Whether there is a CheCluster now, and so its databases.
    """

    cluster: Cluster
    request: RestoreRequest
    target: Place
    parts: Sequence[Part]
    objects: Sequence[Object]
    installation_exists: bool


def plan_databases(question: DatabaseQuestion) -> list[DatabasePlan]:
    """Compare each saved database with the live one of its role.

    Raises:
        Forbidden: The credentials lack the permission to execute in pods.
    """
    if not question.request.choice.takes(DATABASE):
        return [DatabasePlan(part, LEAVE, note=NOT_CHOSEN) for part in question.parts]
    live: dict[str, tuple[Database, Object]] = {}
    named: dict[str, Database] = {}
    if question.installation_exists:
        found = live_databases(question.cluster, question.request.namespace, question.objects)
        live = {database.role: (database, server) for database, server in found}
        if question.request.existing != KEEP_EXISTING:
            named = restored_databases(question.cluster, question.request.namespace, question.objects)
    external = _becomes_external(question)
    plans = [
        # Even where the server that was used before is still there: Che won't look at it.
        DatabasePlan(part, LEAVE, note=_KEPT_OUT.format(snapshot=part.snapshot[:8], name=part.name))
        if external and part.role != "openvsx"
        else _planned(question, part, *live.get(part.role, (None, None)))
        for part in question.parts
    ]
    return [_held_against(plan, live, named) for plan in plans]


def _held_against(
    plan: DatabasePlan, live: Mapping[str, tuple[Database, Object]], named: Mapping[str, Database]
) -> DatabasePlan:
    """Blocked where Che would look for another database than the one that is put in place."""
    now, then = live.get(plan.part.role), named.get(plan.part.role)
    if not plan.restores or now is None or then is None:
        return plan
    (database, _server) = now
    if (database.name, database.user) == (then.name, then.user):
        return plan
    other = Obstacle(
        f"It is {database.name} of the role {database.user} here, and {then.name} of {then.user} once restored",
        "Give the live CheCluster and its Secret the saved names first, or leave the CheCluster or the database out.",
    )
    return replace(plan, obstacles=(*plan.obstacles, other))


def _planned(question: DatabaseQuestion, part: Part, database: Database | None, server: Object | None) -> DatabasePlan:
    if database is None or server is None:
        note = _why_no_place(question, part)
        return DatabasePlan(part, LEAVE if note else RESTORE, note=note)
    psql = PodPsql(question.cluster, server)
    existing = question.request.existing
    try:
        log = JobLog.read(psql(live_figures_script(database.name, database.user)))
        with trusted(DatabaseError):
            live = read_figures(log, database.role, "", 0)
        facts = read_facts(psql, database.name)
        obstacles = tuple(_obstacles(part, live, facts))
        left = tuple(leftovers(psql))
    except Forbidden:
        raise
    except CheError:
        # A database that can't be asked is no reason not to restore it, unless the task says so.
        if existing == KEEP_EXISTING:
            return DatabasePlan(part, LEAVE, server=server, note="It is there, and existing is keep.")
        unknown = (Obstacle("What is in it can't be seen, and existing is fail", _ASK),) if existing == FAIL else ()
        return DatabasePlan(part, RESTORE, obstacles=unknown, server=server)
    # One that a migration has left closed is replaced by one that Che can write to.
    if part.database and not differences(part.database, live) and not (facts and facts.is_closed):
        return DatabasePlan(part, KEEP, live, left, server=server)
    if existing == KEEP_EXISTING:
        return DatabasePlan(part, LEAVE, live, left, server=server, note="It is there, and existing is keep.")
    if existing == FAIL:
        obstacles = (*obstacles, Obstacle("It is there and is not what was saved, and existing is fail", _ASK))
    return DatabasePlan(part, RESTORE, live, left, obstacles, server)


def _obstacles(part: Part, live: DatabaseFigures, facts: DatabaseFacts | None) -> Iterator[Obstacle]:
    misfit = obstacle(_saved_version(part), live.server_version)
    if misfit:
        yield Obstacle(*_parted(misfit))
    if facts is None:
        return
    for what in facts.obstacles:
        yield Obstacle(f"{what[:1].upper()}{what[1:]}", "Remove that first.")
    try:
        if part.database:
            as_saved(facts, part.database)
    except DatabaseError as error:
        yield Obstacle(error.what, error.next_step)


def _parted(sentences: str) -> tuple[str, str]:
    """What is wrong, and what to do about it."""
    what, _stop, lift = sentences.partition(". ")
    return what.rstrip("."), lift


def _becomes_external(question: DatabaseQuestion) -> bool:
    """Whether Che uses a database of somebody else's once it is restored."""
    restored = next((CheCluster(obj) for obj in question.objects if obj["kind"] == "CheCluster"), None)
    keeps = question.request.existing == KEEP_EXISTING or restored is None
    if keeps and question.installation_exists:
        name = restored.name if restored else None
        restored = CheCluster(find_che_cluster(question.cluster, question.request.namespace, name))
    return restored is not None and external_database(restored)


def _why_no_place(question: DatabaseQuestion, part: Part) -> str:
    """Why a saved database has no place here; empty when it has one, now or once the operator has made it."""
    version, path = question.target.che_version, f"snapshot {part.snapshot[:8]}, file db/{part.name}.sql"
    if part.role != "openvsx" and needs_no_database(version):
        return kept_dump(part.name, version, part.snapshot)
    if question.installation_exists:
        return (
            f"Nothing here runs a database for that. Its dump is kept in the backup: {path}. "
            "When the restored CheCluster has its operator set one up, run the restore once more."
        )
    return ""
