# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets of a backup that stay as they are: what they open is not restored with them, and may have been moved on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.community.che.plugins.module_utils._che._choice import KEEP
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import Database, find_external_databases
from ansible_collections.community.che.plugins.module_utils._che._errors import CredentialsError, UnusableServerError
from ansible_collections.community.che.plugins.module_utils._che._versions import needs_no_database
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT, SECRET
from ansible_collections.community.che.plugins.module_utils._restore._checks import WARNED, Check
from ansible_collections.community.che.plugins.module_utils._restore._plan import CHANGE, plan_objects
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._server._stored import list_usable

Objects = Mapping[tuple[str, str], Object]


@dataclass(frozen=True)
class Left:
    """What is left of the objects of a backup.

    Args:
        objects: Those that are restored.
        checks: What the others are, and why they stay; and what opens what is not restored.
    """

    objects: tuple[Object, ...] = field(repr=False)
    checks: tuple[Check, ...]


def without_what_stays(
    cluster: Cluster, request: RestoreRequest, objects: Sequence[Object], live: Objects, che_cluster: str, version: str
) -> Left:
    """The objects of a backup without Secrets whose present content may be the only one that works.

    Args:
        cluster: Where.
        request: What the task asks for.
        objects: The objects of the backup.
        live: What is there, by kind and name.
        che_cluster: The name of the CheCluster.
        version: That of Che, where it is restored to.
    """
    secrets = [obj for obj in objects if obj["kind"] == SECRET.kind]
    differing = {step.name for step in plan_objects(secrets, live) if step.action == CHANGE}
    of_servers = _of_servers(cluster, request) & differing
    reads_none = needs_no_database(version)
    of_others = [] if reads_none else _of_others(cluster, request, objects, live, che_cluster)
    stay = of_servers | {login.secret for login in of_others if login.stays(request, differing)}
    return Left(
        tuple(obj for obj in objects if obj["kind"] != SECRET.kind or obj["metadata"]["name"] not in stay),
        (
            *(_told_of_server(name) for name in sorted(of_servers)),
            *(login.told(login.secret in stay) for login in of_others),
        ),
    )


def _of_servers(cluster: Cluster, request: RestoreRequest) -> set[str]:
    """What opens the configured backup servers, and the one that the task says.

    A Secret that the administrator made and labelled as Che's is in backups. As it was then, it may hold a repository
    password that has been replaced since; the one that is there now may be the only copy of the one that works. Without
    the one that the task names neither its next run nor an abort gets at the plan.
    """
    said = request.server
    named = (said.password_secret, said.credentials_secret, said.ca_secret) if said.is_inline else ()
    stored = (name for server in list_usable(cluster, request.namespace) for name in server.secrets)
    return {*filter(None, named), *stored}


def _told_of_server(name: str) -> Check:
    told = "It opens a backup server and stays as it is; the backup has another one"
    return Check("backup servers", WARNED, told, f"Secret {name}")


@dataclass(frozen=True)
class _Login:
    """Another way into a database of somebody else's than there is now."""

    before: Database | None
    after: Database

    @property
    def secret(self) -> str:
        return self.after.secret

    def stays(self, request: RestoreRequest, differing: Collection[str]) -> bool:
        """Whether its Secret stays: it opens the same database as now, and nobody has asked for it by its name."""
        named = {self.secret, f"{SECRET.kind}/{self.secret}"} & set(request.choice.names)
        same = self.before is not None and _place(self.before) == _place(self.after)
        return same and not named and self.secret in differing

    def told(self, stays: bool) -> Check:
        after = self.after
        where = f"the database {after.name} on {after.host}, which a restore never touches"
        on = f"Secret {self.secret}" if self.secret else "CheCluster"
        if stays:
            told = f"It opens {where}, and stays as it is; the backup has another one"
            lift = f"If the server knows the saved one, restore it by its name: names: Secret/{self.secret}."
            return Check("external database", WARNED, told, on, lift)
        told = f"Che comes as {after.user} with the saved password to {where}"
        lift = "See to it that the server knows that login, or Che does not get in."
        return Check("external database", WARNED, told, on, lift)


def _place(database: Database) -> tuple[str, int, str, str]:
    return database.host, database.port, database.name, database.secret


def _of_others(
    cluster: Cluster, request: RestoreRequest, objects: Sequence[Object], live: Objects, che_cluster: str
) -> list[_Login]:
    saved = {(obj["kind"], obj["metadata"]["name"]): obj for obj in objects}
    then = {**saved, **live} if request.existing == KEEP else {**live, **saved}
    deployments = list(cluster.list(DEPLOYMENT, request.namespace))
    before = _external(live, che_cluster, deployments)
    after = _external(then, che_cluster, deployments)
    found = [_Login(before.get(role), database) for role, database in after.items()]
    return [login for login in found if login.before != login.after]


def _external(objects: Objects, name: str, deployments: Sequence[Object]) -> dict[str, Database]:
    """The databases on somebody else's server, by role; none where the ways to them are not to be known."""
    che_cluster = objects.get(("CheCluster", name))
    secrets = [obj for (kind, _name), obj in objects.items() if kind == SECRET.kind]
    if che_cluster is None:
        return {}
    try:
        found = find_external_databases(CheCluster(che_cluster), deployments, secrets)
    except (CredentialsError, UnusableServerError):
        return {}
    return {database.role: database for database in found}
