# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a migration is about to do, and whether the server that the databases go to will do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._installation import find_che_cluster
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import (
    database_secret_of,
    identity_secret_of,
)
from ansible_collections.community.che.plugins.module_utils._che._external import (
    ExternalDatabase,
    changes_to,
    external_settings,
    identity_leads_elsewhere,
    leads_elsewhere,
    require_section,
)
from ansible_collections.community.che.plugins.module_utils._che._lost_servers import require_servers
from ansible_collections.community.che.plugins.module_utils._che._move import changes_to_embedded, patched, way_back
from ansible_collections.community.che.plugins.module_utils._che._versions import telling_version
from ansible_collections.community.che.plugins.module_utils._database._versions import obstacle
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._external_database._authority import known_authorities
from ansible_collections.community.che.plugins.module_utils._external_database._check import check_database
from ansible_collections.community.che.plugins.module_utils._external_database._concerned import KEYCLOAK
from ansible_collections.community.che.plugins.module_utils._external_database._request import CheckRequest
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT, SECRET
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._migration._places import Place, Settings, find_places
from ansible_collections.community.che.plugins.module_utils._migration._request import Embedded, MigrationRequest
from ansible_collections.community.che.plugins.module_utils._migration._way_back import Way
from ansible_collections.community.che.plugins.module_utils._restore._checks import PASSED, WARNED, Check, parted


@dataclass(frozen=True)
class Plan:
    """What is about to be done.

    Args:
        che: The CheCluster.
        way: What becomes of it, and back.
        checks: What was looked at, as a task returns it.
        warnings: What is worth a warning.
        nothing_to_do: Why there is nothing to do, where ``way`` changes nothing.
    """

    che: CheCluster
    way: Way
    checks: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    nothing_to_do: str = "Nothing to move: the databases are there"


def plan_of(cluster: Cluster, request: MigrationRequest) -> Plan:
    """See what becomes of the CheCluster, and back.

    Raises:
        CheError: There is none, or Che of this version has no database.
    """
    che = CheCluster(find_che_cluster(cluster, request.namespace, request.che_cluster))
    require_section(che.api_version, telling_version(che.version, request.che_version))
    if request.external is None:
        patch = _homewards(cluster, che, request.embedded)
        return Plan(che, Way(patch, way_back(che.raw.get("spec"), patch), che=_kept(che)))
    wanted = request.external.database
    patch = changes_to(che, wanted, external_settings(che.api_version, wanted))
    if patch and not leads_elsewhere(che, wanted):
        # Only how Che opens it changes. What it holds is not to be moved onto itself.
        words = "Nothing to move: the databases are there. How Che opens them is changed by external_database"
        return Plan(che, Way({}, {}), nothing_to_do=words)
    if patch:
        _require_other_server(cluster, che, wanted)
    trusted = known_authorities(cluster, request.namespace)
    back, authorities = way_back(che.raw.get("spec"), patch), request.external.ca_certificate
    return Plan(che, Way(patch, back, authorities, trusted, _kept(che)))


def _require_other_server(cluster: Cluster, che: CheCluster, wanted: ExternalDatabase) -> None:
    """Refuse to fill the identity provider's database with itself: nobody must empty it for that.

    Raises:
        CheError: There is one, on the server that Che is to go to.
    """
    # Listed, as everywhere else in a migration: who may do no more than that needs no other right.
    running = {item["metadata"]["name"] for item in cluster.list(DEPLOYMENT, che.namespace)}
    has_provider = bool(che.generation.identity_database_secret) and KEYCLOAK in running
    if has_provider and not identity_leads_elsewhere(che, wanted):
        raise CheError(
            "Its identity provider's database is on that server already, and as it is always called keycloak, it can't "
            "move to another one there",
            f"CheCluster {che.namespace}/{che.name}",
            "Name another server with database_host, to which both go.",
        )


def _homewards(cluster: Cluster, che: CheCluster, names: Embedded) -> dict[str, Any]:
    """What makes Che use the operator's own server, with the Secrets named that open its databases.

    The operator of v1 takes a CheCluster that names none for a new one, and writes new passwords into the Secrets that
    are there, which the server does not know (``pkg/deploy/server/default_values_reconciler.go`` of 7.42, ``Sync`` of
    ``pkg/deploy/sync.go``).
    """
    bare = patched(che, changes_to_embedded(che, names.name, names.secret, names.identity_secret))
    # What is not there is refused later, or of an identity provider that does not run.
    found = [
        name if name and cluster.find(SECRET, name, che.namespace) else ""
        for name in (database_secret_of(bare), identity_secret_of(bare))
    ]
    return changes_to_embedded(che, names.name, names.secret or found[0], names.identity_secret or found[1])


def _kept(che: CheCluster) -> Object:
    """What tells where a CheCluster's databases are: its spec, and what it needs to be read as one."""
    metadata = {"name": che.name, "namespace": che.namespace}
    return {"apiVersion": che.api_version, "kind": "CheCluster", "metadata": metadata, "spec": che.raw.get("spec")}


def checked(cluster: Cluster, request: MigrationRequest, plan: Plan, deadline: Deadline) -> Plan:
    """Look at the server that the databases go to.

    Raises:
        CheError: It will not do.
    """
    if request.check_mode and request.external is not None:
        # Nor need the Secrets be there: the tasks before may have had to leave them out.
        return replace(plan, checks=check_database(cluster, request.external.check)["checks"])
    settings = Settings(cluster, request.namespace, request.run_id, request.jobs, deadline, plan.way.authorities)
    sources = find_places(settings, plan.che)
    targets = find_places(settings, patched(plan.che, plan.way.there))
    if request.check_mode:
        # The server that is left is asked by Jobs, of which check mode makes none.
        return plan
    found = _looked_at(cluster, request.external.check, sources, targets) if request.external else {}
    checks = [check for one in found.values() for check in one["checks"]]
    warnings = [words for one in found.values() for words in one["warnings"]]
    if not request.id:
        secrets = {secret["metadata"]["name"] for secret in cluster.list(SECRET, request.namespace)}
        require_servers(plan.che, [place.database for place in sources.values()], secrets)
    # Where a backup is restored, what is left may be lost.
    for role, source in {} if request.id else sources.items():
        _require_owner(source)
        if role in targets:
            version = str(found[role]["server"]["version"]) if role in found else _version(targets[role])
            back = _judged_versions(source, version)
            checks.append(back.shown())
            warnings += [back.sentence] if back.result == WARNED else []
    return replace(plan, checks=checks, warnings=warnings)


def _looked_at(
    cluster: Cluster, check: CheckRequest, sources: Mapping[str, Place], targets: Mapping[str, Place]
) -> dict[str, dict[str, Any]]:
    """What is found of each database on another server that something goes to, by their roles.

    Raises:
        CheError: One will not do.
    """
    moved = [role for role in targets if role in sources]
    # All of them take their connections from one server.
    needs = replace(check.needs, connections_beside=check.needs.connections * (len(moved) - 1))
    found = {}
    for role in moved:
        database = targets[role].database
        own = replace(check.database, name=database.name, secret=database.secret)
        run_id = f"{check.run_id[:24]}-{role[:3]}"
        found[role] = check_database(
            cluster, replace(check, database=own, user=database.user, run_id=run_id, needs=needs)
        )
    return found


def _require_owner(source: Place) -> None:
    """Refuse to begin with what can't be closed in the end."""
    script = "SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database();\n"
    if source.deployment is None and source.psql(script).strip() != "t":
        raise CheError(
            "The role that Che connects as does not own it, and so can't close it for writing",
            source.on,
            f"Run ALTER DATABASE ... OWNER TO {source.database.user} on its server.",
        )


def _version(place: Place) -> str:
    return place.psql("SHOW server_version;\n").strip()


def _judged_versions(source: Place, version: str) -> Check:
    """Whether another migration could bring back what goes to a server now.

    Args:
        source: What goes there.
        version: Of that server.

    Raises:
        CheError: It can't even go there.
    """
    left = _version(source)
    misfit, lift = parted(obstacle(left, version))
    if misfit:
        raise CheError(misfit, source.on, lift)
    what, _lift = parted(obstacle(version, left))
    if not what:
        return Check("way back", PASSED, f"PostgreSQL {left} takes back what PostgreSQL {version} holds", source.on)
    told = f"once it is committed, no migration leads back: {what[:1].lower()}{what[1:]}"
    return Check("way back", WARNED, told, source.on, "Until the commit state: aborted goes back.")
