# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An installation with one database or two whose migrations are killed after any write, and judged whole.

Writes are those to the API server and to the servers of databases, and what Che's operator writes meanwhile: one
Deployment at a time, as late as the test says. On the operator's own server the scripts of a swap are run.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._database._staging import StagedNames
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT
from ansible_collections.community.che.plugins.module_utils._migration import (
    _backups,
    _migrate,
    _phases,
    _plan,
    _source,
    _target,
)
from ansible_collections.community.che.plugins.module_utils._migration._migrate import migrate
from ansible_collections.community.che.plugins.module_utils._migration._places import JobPsql, Place
from ansible_collections.community.che.plugins.module_utils._migration._target import Target
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Part
from ansible_collections.community.che.plugins.module_utils._snapshot._properties import DatabaseProperties
from unit import killing
from unit.che_objects import FIGURES
from unit.fake_api import FakeApi, Request
from unit.fake_restic import FakeRestic, a_repository
from unit.plugins.module_utils._migration.moving import REPOSITORY, asked, holding, install, spec_of
from unit.plugins.module_utils._restore.fake_postgres import Death, Postgres

Object = dict[str, Any]

#: The name of the operator's own server.
OWN = ""
NAMES = {"che": "dbche", "keycloak": "keycloak"}
USERS = {"che": "pgche", "keycloak": "keycloak"}


@dataclass(frozen=True)
class Route:
    """Where databases are, and where they go.

    Args:
        home: Their server before.
        there: Their server after.
        options: What the task asks for.
    """

    home: str
    there: str
    options: Mapping[str, Any]


AWAY = Route(OWN, "db.example", {})
ON = Route("db.example", "db2.example", {"database_host": "db2.example", "database": "moved on"})
BACK = Route("db.example", OWN, {"to": "embedded", "database_host": None, "database": None, "credentials_secret": None})
ROUTES = {"away": AWAY, "on": ON, "back": BACK}


@dataclass
class Held:
    """What a database holds.

    Args:
        content: Nothing but a text.
        is_closed: For writing.
        is_used: Whether Che, or its identity provider, may have written to it.
    """

    content: str = ""
    is_closed: bool = False
    is_used: bool = False


@dataclass
class World:
    """A cluster in memory, Che's operator, the servers of its databases, and the backups.

    Args:
        api: The cluster.
        rolled: The Deployments that the operator writes when the CheCluster says something else, in that order.
        lag: Before each of them the Deployments are listed so many times.
        death: What kills.
        servers: The servers by their names.
        at: By its role, the server and the database that a Deployment of Che's uses.
        backups: The contents of the databases by their roles.
        writers: The roles of the databases that somebody writes to once they are copied.
        lost: What was destroyed that somebody may have written to.
        lists: How often Deployments were listed since the operator has written one.
    """

    api: FakeApi
    rolled: tuple[str, ...]
    lag: int = 0
    death: Death = field(default_factory=Death)
    servers: dict[str, Postgres] = field(default_factory=dict)
    at: dict[str, tuple[str, str]] = field(default_factory=dict)
    backups: dict[str, dict[str, str]] = field(default_factory=dict)
    writers: set[str] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)
    lists: int = 0

    def __post_init__(self) -> None:
        for server in (OWN, "db.example", "db2.example"):
            self.servers[server] = Postgres(self.death)
        self.servers[OWN].roles = {USERS[role]: "md5" for role in self.rolled}
        for role in self.rolled:
            self.servers[OWN].databases[NAMES[role]] = Held(f"of {role}", is_used=True)
            self.servers["db.example"].databases[self.name("db.example", role)] = Held()
            self.servers["db2.example"].databases[self.name("db2.example", role)] = Held()
            self.at[role] = (OWN, NAMES[role])
        self.api.reactions.append(lambda _request: self.death.require())
        self.api.followers.append(self.count)
        self.api.follow("get", "/deployments$", lambda _request: self.operate())

    def name(self, server: str, role: str) -> str:
        """How a database is called there."""
        return {"db.example": "moved", "db2.example": "moved on"}.get(server, "dbche") if role == "che" else role

    def held(self, server: str, role: str) -> Held:
        found: Held = self.servers[server].databases[self.name(server, role)]
        return found

    # The cluster.

    def count(self, request: Request) -> None:
        name = request.body["metadata"]["name"] if request.method == "post" and request.body else ""
        what = f"{request.method} {request.path}/{name}"
        # Nothing goes by the record of a run.
        if request.writes and "/leases" not in what and "/che-run-" not in what:
            self.death.wrote(what)

    def operate(self) -> None:
        """The next Deployment is brought to where the CheCluster says."""
        self.lists += 1
        for role in self.rolled:
            wanted = self.wanted(role)
            if self.at[role] != wanted:
                if self.lists > self.lag:
                    self.roll(role, wanted)
                return
        self.lists = 0

    def roll(self, role: str, wanted: tuple[str, str]) -> None:
        self.lists, self.at[role] = 0, wanted
        deployment = self.api.at(DEPLOYMENT, role, "che")
        if deployment is not None:
            deployment["metadata"]["generation"] += 1
            deployment["status"]["observedGeneration"] += 1
        held = self.servers[wanted[0]].databases.get(wanted[1], Held())
        held.is_used = held.is_used or not held.is_closed
        self.death.wrote(f"operator {role} to {wanted}")

    def wanted(self, role: str) -> tuple[str, str]:
        database = spec_of(self.api)["database"]
        server = database["chePostgresHostName"] if database.get("externalDb") else OWN
        return (server, database.get("chePostgresDb") or "dbche") if role == "che" else (server, role)

    def settle(self) -> None:
        """Have the operator do all that is left to do."""
        for _list in range((self.lag + 2) * len(self.rolled)):
            self.operate()

    # The servers.

    def server_of(self, psql: Any) -> Postgres:
        self.death.require()
        return self.servers[psql._endpoint.host if isinstance(psql, JobPsql) else OWN]

    def database(self, psql: Any, name: str) -> Held:
        found: Held = self.server_of(psql).databases[name]
        return found

    def pod_psql(self, _psql: PodPsql, script: str) -> str:
        """A script on the operator's own server."""
        before = dict(self.servers[OWN].databases)
        try:
            return self.servers[OWN].psql(None, {})(script)
        finally:
            left = {id(held) for held in self.servers[OWN].databases.values()}
            self.lost += [f"dropped {name}" for name, held in before.items() if id(held) not in left and held.is_used]

    def job_psql(self, psql: JobPsql, script: str) -> str:
        self.server_of(psql)
        return "9.6.24\n" if "server_version" in script else "t\n"

    def mark(self, psql: Any, name: str) -> str:
        return self.database(psql, name).content

    def close(self, psql: Any, name: str, _role: str) -> str:
        held = self.database(psql, name)
        held.is_closed = True
        self.death.wrote(f"close {name}")
        return held.content

    def reopen(self, psql: Any, name: str, _role: str) -> None:
        held = self.database(psql, name)
        held.is_closed = False
        self.death.wrote(f"reopen {name}")

    def figures(self, place: Place) -> DatabaseFigures:
        return figures(place.database.role, self.database(place.psql, place.database.name).content)

    def require_empty(self, psql: Any, name: str, on: str) -> None:
        if self.database(psql, name).content:
            raise CheError("It is not empty", on)

    def empty(self, psql: Any, name: str) -> None:
        held = self.database(psql, name)
        if held.is_used:
            self.lost.append(f"emptied {name}")
        held.content = ""
        self.death.wrote(f"empty {name}")

    def load_into(self, target: Target, _repository: Any, part: Part) -> DatabaseProperties:
        held = self.database(target.place.psql, target.place.database.name)
        assert not held.content
        self.load(part, held)
        return FIGURES.properties

    def load_beside(self, target: Target, _repository: Any, part: Part, _beside: Any) -> DatabaseProperties:
        server, names = self.server_of(target.place.psql), names_of(target)
        server.databases[names.staged], server.roles[names.role] = Held(), "loader"
        self.load(part, server.databases[names.staged])
        del server.roles[names.role]
        self.death.wrote(f"hand {names.staged} over")
        return FIGURES.properties

    def load(self, part: Part, held: Held) -> None:
        for role in sorted(self.writers & {part.role}):
            self.writers.discard(role)
            self.servers[self.at[role][0]].databases[self.at[role][1]].content += ", and more"
        assert part.database is not None
        content = part.database.tables[0].checksum
        for loaded in (f"half {content}", content):
            held.content = loaded
            self.death.wrote(f"load {part.role}: {loaded}")

    # The backups.

    def back_up(self, _cluster: Any, request: Any) -> Object:
        self.death.require()
        made = f"{len(self.backups) + 1:064x}"
        self.backups[made] = {
            role: self.servers[server].databases[name].content for role, (server, name) in self.at.items()
        }
        self.death.wrote(f"back up {request.run_id}")
        return {"id": made}

    def fetch(self, _repository: Any, backup: str, *_limits: Any) -> Any:
        contents = self.backups[backup]
        parts = [
            Part("database", NAMES[role], REPOSITORY, backup, 1, 100, database=figures(role, content))
            for role, content in contents.items()
        ]
        return holding(*parts)

    # What there is.

    @property
    def state(self) -> Object:
        held = ("at", "backups", "writers", "lost", "lists")
        servers = {name: server.state for name, server in self.servers.items()}
        own = {key: getattr(self, key) for key in held}
        return copy.deepcopy({"objects": self.api.objects, "servers": servers, "own": own})

    def become(self, state: Mapping[str, Any]) -> None:
        found = copy.deepcopy(dict(state))
        self.api.objects = found["objects"]
        for name, server in found["servers"].items():
            self.servers[name].become(server)
        for key, value in found["own"].items():
            setattr(self, key, value)


def figures(role: str, content: str) -> DatabaseFigures:
    return replace(FIGURES, role=role, tables=(replace(FIGURES.tables[0], checksum=content),))


def names_of(target: Target) -> StagedNames:
    return target._names


def as_method(function: Callable[..., Any]) -> Callable[..., Any]:
    """What a class can have for a method, which a method of something else is not."""
    return lambda *arguments: function(*arguments)  # noqa: PLW0108


def make_world(monkeypatch: pytest.MonkeyPatch, rolled: tuple[str, ...], lag: int = 0) -> World:
    """An installation on its operator's own server."""
    world = World(FakeApi(), rolled, lag)
    install(world.api, with_keycloak="keycloak" in rolled)
    patches: dict[Any, dict[str, Any]] = {
        _source: {
            "mark": world.mark,
            "schema_mark": lambda psql, _name: str(bool(world.server_of(psql))),
            "close_for_writing": world.close,
            "open_for_writing": world.reopen,
            "live_figures": world.figures,
        },
        _phases: {
            "live_figures": world.figures,
            "back_up": world.back_up,
        },
        _backups: {
            "fetch": world.fetch,
            "open_repository": lambda *_arguments, **_options: a_repository(FakeRestic()),
        },
        _migrate: {"open_repository": lambda *_arguments, **_options: a_repository(FakeRestic())},
        _plan: {"check_database": lambda *_arguments: {"checks": [], "warnings": [], "server": {"version": "9.6.24"}}},
        _target: {
            "require_empty": world.require_empty,
            "empty": world.empty,
            "emptied_tables": lambda *_arguments: [],
        },
        Target: {
            "_load_into": as_method(world.load_into),
            "_load_beside": as_method(world.load_beside),
        },
        PodPsql: {"__call__": as_method(world.pod_psql)},
        JobPsql: {"__call__": as_method(world.job_psql)},
    }
    for owner, replaced in patches.items():
        for name, value in replaced.items():
            monkeypatch.setattr(owner, name, value)
    return world


def run(world: World, at: int = 0, **changes: Any) -> Object | None:
    """Migrate, or abort; None where it was killed after the write of that number."""
    return killing.run(world, partial(migrate, world.api.cluster, asked(**changes)), at)


def kills(world: World, **changes: Any) -> Iterator[str]:
    """Kill it after each of its writes in turn; in between all is as it was before."""
    return killing.kills(world, partial(migrate, world.api.cluster, asked(**changes)))
