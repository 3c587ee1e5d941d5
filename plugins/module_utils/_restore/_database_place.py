# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a saved database has a place where it is restored to, and what is in the way of one without a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._backup._installation import find_che_cluster
from ansible_collections.community.che.plugins.module_utils._che._choice import FAIL, KEEP
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import (
    SERVERS,
    Database,
    external_database,
    wants_database,
)
from ansible_collections.community.che.plugins.module_utils._che._place import Place
from ansible_collections.community.che.plugins.module_utils._che._versions import kept_dump, needs_no_database
from ansible_collections.community.che.plugins.module_utils._database import _sql as sql
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CLAIM, DEPLOYMENT
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Part

KEPT_AS_ASKED = "It is there, and existing is keep."
ASK = "Set existing to replace or keep, or leave the database out by parts."
#: How what is there without a CheCluster can be saved, or given up.
TAKE_UP = (
    "Restore the CheCluster alone first, with names: CheCluster/{name}. Its operator takes up what is there, and the "
    "next restore backs that up. Or set safety_backup to false, if what is there may be lost."
)
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
class DatabaseQuestion:
    """What the plan of databases depends on.

    Args:
        cluster: Where.
        request: What the task asks for.
        target: The place that is restored to.
        parts: The backup's databases.
        objects: The objects as they are to be, the CheCluster among them.
        installation_exists: Whether there is a CheCluster now, and so its databases.
        che_cluster: Its name; empty for that of the restored one, or the only one.
    """

    cluster: Cluster
    request: RestoreRequest
    target: Place
    parts: Sequence[Part]
    objects: Sequence[Object]
    installation_exists: bool
    che_cluster: str = ""

    def live_che_cluster(self) -> CheCluster | None:
        """The CheCluster as it is."""
        if not self.installation_exists:
            return None
        restored = self._restored()
        name = self.che_cluster or (restored.name if restored else None)
        return CheCluster(find_che_cluster(self.cluster, self.request.namespace, name))

    def next_che_cluster(self) -> CheCluster | None:
        """The CheCluster as it is to be."""
        restored = self._restored()
        stays = restored is None or (self.installation_exists and self.request.existing == KEEP)
        return self.live_che_cluster() if stays else restored

    def _restored(self) -> CheCluster | None:
        return next((CheCluster(obj) for obj in self.objects if obj["kind"] == "CheCluster"), None)


def why_kept_out(part: Part, che_cluster: CheCluster | None) -> str:
    """Why a saved database is left though its server may be there: Che won't look at it; empty where it will.

    Args:
        part: The database.
        che_cluster: The CheCluster as it is to be.
    """
    if che_cluster is None or part.role == "openvsx" or not external_database(che_cluster):
        return ""
    return _KEPT_OUT.format(snapshot=part.snapshot[:8], name=part.name)


def why_left(question: DatabaseQuestion, part: Part, che_cluster: CheCluster | None) -> str:
    """Why a saved database without a server has no place once all is restored; empty where it is to have one.

    Args:
        question: What is restored, and where.
        part: The database.
        che_cluster: The CheCluster as it is to be.
    """
    version = question.target.che_version
    if part.role != "openvsx" and needs_no_database(version):
        return kept_dump(part.name, version, part.snapshot)
    if che_cluster is not None and not wants_database(che_cluster, part.role, version):
        kept = f"snapshot {part.snapshot[:8]}, file db/{part.name}.sql"
        return f"Che runs no database for that here. Its dump is kept in the backup: {kept}."
    return ""


def without_server(question: DatabaseQuestion, part: Part) -> Obstacle | None:
    """What keeps a database from being restored that has a place, and no server now.

    Where no CheCluster is left either, the operator makes the server while the restore waits for it. Beside a
    CheCluster it may be lost for the moment only: the safety backup of a restore that went on would lack what is in it.
    """
    if not question.installation_exists:
        if question.next_che_cluster() is not None:
            return None
        return Obstacle("There is no CheCluster, and none is restored", "Restore the CheCluster too: see parts.")
    live = question.live_che_cluster()
    if live is not None and wants_database(live, part.role, question.target.che_version):
        missing = ", ".join(_missing(question, part.role))
        return Obstacle(
            f"Its server is not there now: {missing or 'it was made a moment ago'}",
            "Wait until the operator of Che has made it, then run the task again. Where this Che has no such database, "
            "leave it out with parts: installation.",
        )
    return Obstacle(
        "The CheCluster that is restored has its operator run this database, and the one that is there has not",
        "Restore the objects first, with parts: installation. Once the operator has set the database up, run the task "
        "again without that.",
    )


def _missing(question: DatabaseQuestion, role: str) -> Iterator[str]:
    (server, _claim), namespace = SERVERS[role], question.request.namespace
    for name in (server, role) if role == "keycloak" else (server,):
        if question.cluster.find(DEPLOYMENT, name, namespace) is None:
            yield f"there is no {DEPLOYMENT.named(name, namespace)}"


def way_to_make(database: Database, *, is_superuser: bool) -> Obstacle:
    """What keeps a database from being made that its server does not have, and how it is lifted by hand.

    Args:
        database: The database.
        is_superuser: Whether the role that it would belong to is a superuser; else there is no such role.
    """
    user = sql.name(database.user)
    where = f"In the pod of its server ({DEPLOYMENT.kind} {database.deployment}), by psql as its superuser: "
    if is_superuser:
        what = f"There is no such database on its server, and its role {database.user} is a superuser"
        made = f"CREATE DATABASE {sql.name(database.name)} OWNER {user};"
        return Obstacle(what, f"{where}{made} Then run the task again.")
    what = f"There is no such database on its server, nor the role {database.user} that it would belong to"
    return Obstacle(what, f"{where}CREATE ROLE {user} LOGIN; Then run the task again, which gives it its password.")


def left_without_che(question: DatabaseQuestion, part: Part) -> str:
    """What may hold a database where no CheCluster is left, so that nothing can be told of it; empty for nothing."""
    deployment, claim = SERVERS[part.role]
    for kind, name in ((CLAIM, claim), (DEPLOYMENT, deployment)):
        found = question.cluster.find(kind, name, question.request.namespace)
        # One that is being removed can't be saved by anybody.
        if found is not None and "deletionTimestamp" not in found["metadata"]:
            return kind.named(name, question.request.namespace)
    return ""


def at_stake(question: DatabaseQuestion, held_by: str) -> Iterator[Obstacle]:
    """What keeps a database from being replaced that nobody can look into.

    Args:
        question: What is restored, and where.
        held_by: What holds it.
    """
    if question.request.existing == FAIL:
        yield Obstacle(f"{held_by} is there, what is on it can't be seen, and existing is fail", ASK)
    elif question.request.safety_backup:
        che_cluster = question.next_che_cluster()
        yield Obstacle(
            f"It would take the place of what is on {held_by}, of which no backup can be made without a CheCluster",
            TAKE_UP.format(name=che_cluster.name if che_cluster else ""),
        )
