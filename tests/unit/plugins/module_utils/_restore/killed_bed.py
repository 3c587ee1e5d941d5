# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An installation whose restores are killed after any write, to the API server or a database server, and judged whole.

The operator and the controllers do what they do at once. Che's pods know the password that there was when they began.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._choice import DATABASE, Choice
from ansible_collections.community.che.plugins.module_utils._database._sql import password_verifier
from ansible_collections.community.che.plugins.module_utils._database._staging import StagedNames
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    CHE_CLUSTER_V2,
    DEPLOYMENT,
    NAMESPACE,
    POD,
    SECRET,
    Kind,
)
from ansible_collections.community.che.plugins.module_utils._restore._database_place import DatabaseQuestion
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import KEEP, RESTORE, DatabasePlan
from ansible_collections.community.che.plugins.module_utils._restore._plan import LEAVE
from unit.che_objects import NAME, PART_OF, READY, available, dump_log, encoded
from unit.fake_api import FakeApi, Request
from unit.fake_restic import FakeRestic
from unit.plugins.module_utils._restore.fake_postgres import OLD, Death, Postgres, Session

Object = dict[str, Any]

SAVED, LIVE = "saved", "live"
_RECORD = re.compile(r"/(configmaps/che-(run-|restore-journal)|leases/|pods/)")


@dataclass(frozen=True)
class Shape:
    """An installation as it was saved.

    Args:
        kind: The version of its CheCluster.
        roles: Its databases: what each is used for, with its name and the role that owns it.
        users: The Deployment that uses each database.
        server: The Deployment of their server.
    """

    kind: Kind
    roles: Mapping[str, tuple[str, str]]
    users: Mapping[str, str]
    server: str

    def che_cluster(self, password: str, **changes: Any) -> Object:
        """Its spec: one of v1 holds the login of Che's own database itself."""
        if self.kind is CHE_CLUSTER_V2:
            return {"devEnvironments": {"secondsOfRunBeforeIdling": 60}, **changes}
        database = {"chePostgresUser": "pgche", "chePostgresPassword": password, "chePostgresDb": "dbche"}
        return {"database": database, "auth": {"identityProviderPostgresSecret": "keycloak-login"}, **changes}

    def secret(self, password: str) -> tuple[str, dict[str, str]]:
        if self.kind is CHE_CLUSTER_V2:
            login = {"database_name": "openvsx", "database_user": "vsx", "database_password": password}
            return "openvsx-credentials", encoded(**login)
        return "keycloak-login", encoded(password=password)


V1 = Shape(
    CHE_CLUSTER_V1,
    {"che": ("dbche", "pgche"), "keycloak": ("keycloak", "keycloak")},
    {"che": "che", "keycloak": "keycloak"},
    "postgres",
)
V2 = Shape(CHE_CLUSTER_V2, {"openvsx": ("openvsx", "vsx")}, {"openvsx": "openvsx-server"}, "openvsx-database")


@dataclass
class World:
    """A cluster in memory, its operator, its database server, and the repository.

    Args:
        api: The cluster.
        restic: The repository.
        shape: The installation.
        restored: The databases that a restore loads anew, by what they are used for.
        missing: Those of them that their server does not have.
        death: What kills.
        saved: All that there was when it was backed up.
        before: All that there was before the restore.
        options: What a task asks for, and has to ask for again to go on.
    """

    api: FakeApi
    restic: FakeRestic
    shape: Shape
    restored: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    death: Death = field(default_factory=Death)
    saved: Object = field(default_factory=dict)
    before: Object = field(default_factory=dict)
    options: Object = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = Postgres(self.death)
        self.api.reactions.append(lambda _request: self.death.require())
        self.api.follow("delete", "/pods/", lambda request: self.start_anew(request.path.rpartition("/")[2]))
        self.api.follow("delete", "/namespaces/che$", lambda _request: self.lose_namespace())
        for method in ("post", "put"):
            self.api.follow(method, "/checlusters", lambda request: None if request.dry else self.operate())
        self.api.followers.append(self.count)

    def count(self, request: Request) -> None:
        if request.writes:
            self.death.wrote(f"{request.method} {request.path}")

    def operate(self) -> None:
        """What the operator does about a CheCluster: server and Deployments where they are missing, and its status."""
        found = self.api.at(self.shape.kind, NAME, "che")
        assert found is not None
        is_v2 = self.shape.kind is CHE_CLUSTER_V2
        status = READY if is_v2 else {"cheClusterRunning": "Available", "cheVersion": "7.42.0"}
        # Its status is its own to write, and so is the version then.
        self.api._store(self.shape.kind.path("che", NAME), {**found, "status": status}, found)
        if self.api.at(DEPLOYMENT, self.shape.server, "che") is None:
            self.deploy(self.shape.server)
            for role, (database, user) in self.shape.roles.items():
                # Its volume may have been there before. The server takes the password that it is started with.
                self.server.databases.setdefault(database, "made by the operator")
                self.server.roles[user] = verifier(user, self.password(role, self.api.objects))
        for role, name in self.shape.users.items():
            if self.api.at(DEPLOYMENT, name, "che") is None:
                self.deploy(name, {**PART_OF, "role": role})

    def deploy(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        held = {"app": name, **(labels or {})}
        template = {"spec": {"containers": [{"name": "db", "image": "postgres"}]}}
        spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
        metadata = {"labels": held, "ownerReferences": [self.owner()]}
        self.api.add(DEPLOYMENT, name, "che", metadata=metadata, spec=spec, status=available())
        if "role" in held:
            self.start(name, held, 1)

    def start(self, name: str, labels: Mapping[str, str], number: int) -> None:
        """A pod of Che's, which reads the password once."""
        condition = {"conditions": [{"type": "Ready", "status": "True"}]}
        knows = {"password": self.password(labels["role"], self.api.objects)}
        metadata = {"labels": dict(labels), "annotations": knows, "ownerReferences": [self.owner()]}
        metadata["creationTimestamp"] = self.api._now()
        self.api.add(POD, f"{name}-{number}", "che", metadata=metadata, status=condition)

    def owner(self) -> Object:
        found = self.api.at(self.shape.kind, NAME, "che")
        assert found is not None
        return {"kind": "CheCluster", "name": NAME, "uid": found["metadata"]["uid"], "apiVersion": found["apiVersion"]}

    def start_anew(self, pod: str) -> None:
        name, _dash, number = pod.rpartition("-")
        deployment = self.api.at(DEPLOYMENT, name, "che")
        assert deployment is not None
        self.start(name, deployment["metadata"]["labels"], int(number) + 1)

    def lose_namespace(self) -> None:
        for path in [path for path in self.api.objects if "/namespaces/che/" in path]:
            del self.api.objects[path]
        self.api.objects.pop(NAMESPACE.path("", "che"), None)
        self.server.become({"databases": {}, "closed": set(), "roles": {}})

    def start_all_anew(self) -> None:
        """What may happen to Che's pods at any time."""
        for path in [path for path in self.api.objects if "/pods/" in path]:
            del self.api.objects[path]
            self.start_anew(path.rpartition("/")[2])

    def password(self, role: str, objects: Mapping[str, Object]) -> str:
        """With which password Che comes to a database where there are these objects."""
        if role == "che":
            found = objects.get(self.shape.kind.path("che", NAME))
            return str(found and found["spec"]["database"]["chePostgresPassword"])
        found = objects.get(SECRET.path("che", self.shape.secret("")[0]))
        key = "database-password" if role == "openvsx" else "password"
        return next((word for word in (SAVED, LIVE) if found and found["data"][key] == encoded(p=word)["p"]), "unknown")

    @property
    def loaded(self) -> set[str]:
        """The databases that are loaded anew by a task that asks for some parts alone, or for all."""
        return self.restored if self.options.get("choice", Choice()).takes(DATABASE) else set()

    @property
    def state(self) -> Object:
        held = {"objects": self.api.objects, "files": self.restic.files, "taken": self.restic.taken}
        return {**{key: copy.deepcopy(value) for key, value in held.items()}, "server": self.server.state}

    def become(self, state: Mapping[str, Any]) -> None:
        self.api.objects = copy.deepcopy(state["objects"])
        self.restic.files, self.restic.taken = dict(state["files"]), list(state["taken"])
        self.server.become(state["server"])

    def content(self) -> Object:
        """All that is judged: objects but for records and status, the server, and what Che's pods believe."""
        found = {path: judged(obj) for path, obj in self.api.objects.items() if not _RECORD.search(path)}
        pods = {path: obj for path, obj in self.api.objects.items() if "/pods/" in path}
        believed = {
            pod["metadata"]["labels"]["role"]: pod["metadata"]["annotations"]["password"] for pod in pods.values()
        }
        server = self.server.state
        if self.api.at(DEPLOYMENT, self.shape.server, "che") is None:
            # Of what lies on its volume alone.
            server["roles"] = dict.fromkeys(server["roles"], "that of its next start")
        return {**found, "server": server, "believed": believed}

    def plan(self, question: DatabaseQuestion) -> list[DatabasePlan]:
        plans = []
        for part in question.parts:
            figures = part.database
            assert figures is not None
            restores = part.role in self.loaded
            live = replace(figures, tables=(replace(figures.tables[0], rows=9),)) if restores else figures
            lost, missing = not question.installation_exists, self.lacks(part.role)
            other = KEEP if question.request.choice.takes(DATABASE) else LEAVE
            known = None if lost or missing else live
            plans.append(DatabasePlan(part, RESTORE if restores else other, known, missing=missing))
        return plans

    def lacks(self, role: str) -> bool:
        return role in self.missing and self.shape.roles[role][0] not in self.server.databases

    def hold_place(self, psql: Session, names: StagedNames, _user: str) -> Any:
        if names.replaced not in self.server.databases:
            self.server.databases[names.replaced] = "nothing"
            self.server.closed.add(names.replaced)
            self.death.wrote("hold place")
        return SimpleNamespace(obstacles=())

    def load(self, staged: Any) -> None:
        self.server.databases[staged.names.staged] = SAVED
        self.server.roles[staged.names.role] = "loader"
        self.death.wrote("load")

    def dump(self, _cluster: Any, job: Any, _secret: Any, _deadline: Any) -> str:
        environment = {item["name"]: item["value"] for item in job["spec"]["template"]["spec"]["containers"][0]["env"]}
        tags = environment["CHE_TAGS"].split(",")
        name = next(tag.partition("=")[2] for tag in tags if tag.startswith("name="))
        role = next(role for role, (database, _user) in self.shape.roles.items() if database == name)
        snapshot = self.restic.save({f"db/{name}.sql": b"y" * 100}, tags).snapshot_id
        return dump_log(snapshot).replace('"role": "openvsx"', f'"role": "{role}"')


def judged(obj: Object) -> Object:
    metadata = {
        key: value
        for key, value in obj["metadata"].items()
        if key not in ("resourceVersion", "managedFields", "creationTimestamp", "uid", "ownerReferences") and value
    }
    return {**{key: value for key, value in obj.items() if key != "status"}, "metadata": metadata}


def verifier(user: str, password: str) -> str:
    return password_verifier(user, password, OLD)
