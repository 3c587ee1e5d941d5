# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup's databases, loaded beside the live ones, counted, handed over and dropped. The live ones are left alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.community.che.plugins.module_utils._backup._installation import served_che_cluster_kind
from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._che._databases import Database
from ansible_collections.community.che.plugins.module_utils._database._compare import compare, compare_properties
from ansible_collections.community.che.plugins.module_utils._database._facts import DatabaseFacts, as_saved, read_facts
from ansible_collections.community.che.plugins.module_utils._database._load import LoadResult
from ansible_collections.community.che.plugins.module_utils._database._scratch import scratch_names
from ansible_collections.community.che.plugins.module_utils._database._staging import (
    StagedNames,
    clean_up,
    hand_over,
)
from ansible_collections.community.che.plugins.module_utils._drill._course import Course
from ansible_collections.community.che.plugins.module_utils._drill._request import DrillRequest
from ansible_collections.community.che.plugins.module_utils._drill._scratch import Scratch
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import JobFailed
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore._live_databases import live_databases
from ansible_collections.community.che.plugins.module_utils._restore._loading import LOAD_AGAIN, Beside, Loading
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from ansible_collections.community.che.plugins.module_utils._restore._space import room_beside
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Part

_DAMAGED = (
    "Drill once more; when that fails too, verify the backup with community.che.backup_verify, and make a new one."
)


@dataclass(frozen=True)
class Server:
    """A database of the live installation, on whose server one of the backup can be loaded.

    Args:
        database: The live database. Only where it is and what it is given is read.
        deployment: The Deployment of its server.
    """

    database: Database
    deployment: Object = field(repr=False)


@dataclass(frozen=True)
class Target:
    """What happens to one database of the backup.

    Args:
        part: The database.
        server: Where it is loaded; None where it is not.
        why_not: Why not, as a sentence without its full stop.
    """

    part: Part
    server: Server | None = None
    why_not: str = ""

    def shown(self) -> dict[str, str]:
        """As check mode returns it."""
        return {"name": self.part.name, "action": "load" if self.server else "skip", "why": self.why_not}


def live_servers(cluster: Cluster, namespace: str, objects: Sequence[Object]) -> list[Server]:
    """The databases that the live installation runs; none where there is no installation.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        objects: The backup's objects; the CheCluster among them says which one is meant.

    Raises:
        CheError: One runs, and its credentials are not there.
    """
    kind = served_che_cluster_kind(cluster)
    name = next((str(obj["metadata"]["name"]) for obj in objects if obj["kind"] == "CheCluster"), "")
    if kind is None or not name or cluster.find(kind, name, namespace) is None:
        return []
    return [Server(database, server) for database, server in live_databases(cluster, namespace, objects)]


def targets(cluster: Cluster, parts: Sequence[Part], servers: Sequence[Server]) -> list[Target]:
    """Say for each database of the backup where it is loaded.

    Raises:
        CheError: A server's volume has not enough room for all that is loaded beside its databases, which a restore
            needs as well.
    """
    by_role = {server.database.role: server for server in servers}
    beside: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        if part.role in by_role:
            beside[by_role[part.role].database.deployment].append(part)
    # All that one server is given stays there until the drill has ended.
    unknown = {name: _why_unknown(cluster, by_role[found[0].role], found) for name, found in beside.items()}
    return [_target(part, by_role.get(part.role), unknown) for part in parts]


def _target(part: Part, server: Server | None, unknown: Mapping[str, str]) -> Target:
    if server is None:
        return Target(part, why_not="Che's operator runs no server for it here")
    why_not = unknown[server.database.deployment]
    return Target(part, why_not=why_not) if why_not else Target(part, server)


def _why_unknown(cluster: Cluster, server: Server, parts: Sequence[Part]) -> str:
    """Why it can't be seen whether a server has room for these databases; empty where it has."""
    try:
        room = room_beside(cluster, server.deployment, sum(part.bytes for part in parts))
    except CheError as unknown:
        return f"the room on its server's volume can't be seen: {unknown.what}"
    if not room.suffices:
        names = ", ".join(part.name for part in parts)
        raise CheError(
            f"No room for a second database: {room.told}",
            f"database {names}" if len(parts) == 1 else f"databases {names}",
            "Make room, or enlarge the volume: a restore could not begin either.",
        )
    return ""


@dataclass(frozen=True)
class Loader:
    """What every load of one drill has in common."""

    cluster: Cluster
    request: DrillRequest
    repository: Repository
    scratch: Scratch
    deadline: Deadline

    def drill(self, target: Target, course: Course) -> None:
        """Load one database into a scratch one, compare it, and hand it over as a restore does.

        It is left there: what cleans up does so also when this was interrupted.

        Raises:
            CheError: It can't be loaded, or is not what the manifest says.
        """
        part, server = target.part, target.server
        if server is None:
            course.skip_database(part.name, target.why_not)
            return
        psql = PodPsql(self.cluster, server.deployment)
        names = scratch_names(server.database.name, self.request.run_id)
        facts = self._facts(psql, server.database)
        saved = part.database
        facts = as_saved(facts, saved) if saved else facts
        loaded = self._load(target, Beside(server.database, server.deployment, psql), names, facts)
        course.proven("databases", 1)
        if saved is None:
            course.unproven(f"database {part.name}", "it was loaded, but nothing was counted when it was saved")
            return
        _require_same(compare(saved, loaded.figures), part)
        hand_over(psql, names, facts, server.database.user)
        _require_same(_other_properties(psql, names, server.database.user, saved), part)
        course.proven("tables", len(saved.tables))
        course.proven("rows", sum(table.rows for table in saved.tables))
        course.proven("sequences", len(saved.sequences))
        course.proven("large_objects", saved.large_objects.count)

    def drop(self, target: Target) -> None:
        """Drop what was made for one database, if anything was."""
        if target.server is not None:
            names = scratch_names(target.server.database.name, self.request.run_id)
            clean_up(PodPsql(self.cluster, target.server.deployment), names)

    def _facts(self, psql: PodPsql, database: Database) -> DatabaseFacts:
        facts = read_facts(psql, database.name, database.user)
        if facts is None:
            what = "The server has no such database, whose owner and locale the new one is given"
            lift = "Restore it, or, where its server was only just set up, let Che make it; then drill again."
            raise CheError(what, f"database {database.name}", lift)
        return facts

    def _load(self, target: Target, beside: Beside, names: StagedNames, facts: DatabaseFacts) -> LoadResult:
        loading = Loading(
            self.cluster,
            self.repository,
            self.request.namespace,
            self.request.run_id,
            self.request.jobs,
            self.deadline,
            self.scratch.labels,
        )
        try:
            return loading.load(target.part, beside, names, facts)
        except JobFailed as failure:
            failure.next_step = _DAMAGED if failure.next_step == LOAD_AGAIN else failure.next_step
            raise


def _other_properties(psql: PodPsql, names: StagedNames, user: str, saved: DatabaseFigures) -> list[str]:
    """How what the database was given besides its contents differs, now that it was handed over."""
    given = read_facts(psql, names.staged, user)
    if given is None:
        return ["the loaded database is gone"]
    return compare_properties(saved, replace(saved, properties=given.properties))


def _require_same(differences: Sequence[str], part: Part) -> None:
    if differences:
        what = f"What was loaded is not what was saved: {'; '.join(differences[:5])}"
        raise CheError(what, f"database {part.name}", _DAMAGED)
