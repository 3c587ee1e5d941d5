# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""With which role and password Che comes to the databases that its operator runs, before a restore and after it.

A Secret or a CheCluster that comes back with another password than the server knows would lock Che out at its next
start, whether its database is restored too or not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.community.che.plugins.module_utils._backup._installation import served_che_cluster_kind
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import Database, known_databases
from ansible_collections.community.che.plugins.module_utils._database import _sql as sql
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT, SECRET
from ansible_collections.community.che.plugins.module_utils._restore._checks import BLOCKED, PASSED, UNKNOWN, Check
from ansible_collections.community.che.plugins.module_utils._restore._plan import Step
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql

_CHE_CLUSTER = "CheCluster"
_OTHER_NAME = (
    "Give the live CheCluster and its Secret the saved names first, or leave out what names them: see names, kinds and "
    "existing."
)
_NO_ROLE = (
    "Make that role on the server, with LOGIN and as the owner of the database, or leave out what names it: see names, "
    "kinds and existing."
)

Objects = Mapping[tuple[str, str], "Object | None"]


@dataclass(frozen=True)
class Login:
    """A database to which Che comes with another login once a restore has written its objects.

    Args:
        before: The database as it was; None where its credentials were lost, so that nobody knows them.
        after: The database as Che looks for it then.
        server: The Deployment of its server.
    """

    before: Database | None
    after: Database
    server: Object = field(repr=False)

    @property
    def is_renamed(self) -> bool:
        """Whether Che looks for another database, or comes as another role."""
        before, after = self.before, self.after
        return before is not None and (before.name, before.user) != (after.name, after.user)


def changed_logins(cluster: Cluster, namespace: str, che_cluster: str, steps: Sequence[Step]) -> list[Login]:
    """The databases whose logins the steps of a restore change, before they are carried out or afterwards.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        che_cluster: The name of the CheCluster.
        steps: What happens to each object.
    """
    if not any(step.writes and step.kind in (SECRET.kind, _CHE_CLUSTER) for step in steps):
        return []
    servers = {item["metadata"]["name"]: item for item in cluster.list(DEPLOYMENT, namespace)}
    live = _live(cluster, namespace, che_cluster)
    before = _databases({**live, **{_key(step): step.live for step in steps}}, servers.values())
    planned = {_key(step): step.saved if step.writes else step.live for step in steps}
    after = _databases({**live, **planned}, servers.values())
    return [
        Login(before.get(role), database, servers[database.deployment])
        for role, database in after.items()
        if _opened_by(before.get(role)) != _opened_by(database)
    ]


def live_logins(cluster: Cluster, namespace: str, che_cluster: str) -> dict[str, tuple[Database, Object]]:
    """Every database whose credentials are there, as Che looks for it now, with the Deployment of its server."""
    servers = {item["metadata"]["name"]: item for item in cluster.list(DEPLOYMENT, namespace)}
    found = _databases(_live(cluster, namespace, che_cluster), servers.values())
    return {role: (database, servers[database.deployment]) for role, database in found.items()}


def _live(cluster: Cluster, namespace: str, che_cluster: str) -> Objects:
    live: dict[tuple[str, str], Object | None] = {
        (SECRET.kind, obj["metadata"]["name"]): obj for obj in cluster.list(SECRET, namespace)
    }
    kind = served_che_cluster_kind(cluster)
    found = cluster.find(kind, che_cluster, namespace) if kind else None
    if kind and found is not None:
        live[_CHE_CLUSTER, che_cluster] = {**found, "apiVersion": kind.api_version, "kind": kind.kind}
    return live


def _key(step: Step) -> tuple[str, str]:
    return step.kind, step.name


def _databases(objects: Objects, deployments: Collection[Object]) -> dict[str, Database]:
    che_cluster = next((obj for (kind, _name), obj in objects.items() if kind == _CHE_CLUSTER and obj), None)
    if che_cluster is None:
        return {}
    secrets = [obj for (kind, _name), obj in objects.items() if kind == SECRET.kind and obj]
    return known_databases(CheCluster(che_cluster), deployments, secrets)


def _opened_by(database: Database | None) -> tuple[str, ...]:
    return (database.name, database.user, database.password) if database else ()


def login_checks(cluster: Cluster, logins: Sequence[Login]) -> Iterator[Check]:
    """What becomes of each changed login, and what is in the way of it.

    Raises:
        Forbidden: The credentials lack the permission to execute in pods.
    """
    for login in logins:
        before, after = login.before, login.after
        on = f"database {after.name}"
        if before is not None and login.is_renamed:
            what = f"It is {before.name} of the role {before.user} here, and {after.name} of {after.user} once restored"
            yield Check("logins", BLOCKED, what, f"database {before.name}", _OTHER_NAME)
            continue
        known = _knows_role(PodPsql(cluster, login.server), after)
        if known is None:
            what = f"its server can't be asked now; it is to learn the password of the role {after.user} once restored"
            yield Check("logins", UNKNOWN, what, on)
        elif known:
            what = f"its role {after.user} gets the restored password, and what uses it is started anew"
            yield Check("logins", PASSED, what, on)
        else:
            yield Check("logins", BLOCKED, _unknown_role(after), on, _NO_ROLE)


def _unknown_role(database: Database) -> str:
    return f"Its server has no role {database.user} that Che could come as"


def _knows_role(psql: sql.Psql, database: Database) -> bool | None:
    try:
        return _has_role(psql, database)
    except Forbidden:
        raise
    except CheError:
        return None


def _has_role(psql: sql.Psql, database: Database) -> bool:
    """Whether the server has the role that Che comes as.

    A superuser is that only as the owner of the database: no forged backup is to choose another one's password.
    """
    answer = psql(
        f"{sql.SAFE_PATH}SELECT count(*) FROM pg_roles AS r WHERE rolname = {sql.text(database.user)} AND (NOT rolsuper"
        f" OR EXISTS (SELECT FROM pg_database WHERE datname = {sql.text(database.name)} AND datdba = r.oid));\n"
    )
    return answer.strip() == "1"


def require_role(psql: sql.Psql, database: Database) -> None:
    """Refuse a login that the server has no role for.

    Raises:
        CheError: It has none.
    """
    if not _has_role(psql, database):
        raise CheError(_unknown_role(database), f"database {database.name}", _NO_ROLE)


def bring_in_step(psql: sql.Psql, database: Database) -> None:
    """Have the server know the password with which Che comes."""
    version = int(psql("SHOW server_version_num;\n"))
    verifier = sql.password_verifier(database.user, database.password, version)
    psql(f"ALTER ROLE {sql.name(database.user)} PASSWORD {sql.text(verifier)};\n")
