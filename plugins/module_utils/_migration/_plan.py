# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a migration is about to do, and whether the server that the databases go to will do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._installation import find_che_cluster
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._external import (
    changes_to,
    external_settings,
    leads_elsewhere,
    require_section,
)
from ansible_collections.community.che.plugins.module_utils._che._move import changes_to_embedded, patched, way_back
from ansible_collections.community.che.plugins.module_utils._database._versions import obstacle
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._external_database._authority import known_authorities
from ansible_collections.community.che.plugins.module_utils._external_database._check import check_database
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._migration._places import Place, Settings, find_places
from ansible_collections.community.che.plugins.module_utils._migration._request import MigrationRequest
from ansible_collections.community.che.plugins.module_utils._migration._way_back import Way


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
    require_section(che.api_version, request.che_version or che.version)
    if request.external is None:
        names = request.embedded
        patch = changes_to_embedded(che, names.name, names.secret, names.identity_secret)
        return Plan(che, Way(patch, way_back(che.raw.get("spec"), patch)))
    wanted = request.external.database
    patch = changes_to(che, wanted, external_settings(che.api_version, wanted))
    if patch and not leads_elsewhere(che, wanted):
        # Only how Che opens it changes. What it holds is not to be moved onto itself.
        words = "Nothing to move: the databases are there. How Che opens them is changed by external_database"
        return Plan(che, Way({}, {}), nothing_to_do=words)
    trusted = known_authorities(cluster, request.namespace)
    return Plan(che, Way(patch, way_back(che.raw.get("spec"), patch), request.external.ca_certificate, trusted))


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
    checks, warnings = [], []
    for role, place in targets.items():
        if role not in sources or request.external is None:
            continue
        own = replace(request.external.check.database, name=place.database.name, secret=place.database.secret)
        asked = replace(
            request.external.check, database=own, user=place.database.user, run_id=f"{request.run_id[:24]}-{role[:3]}"
        )
        found = check_database(cluster, asked)
        checks += found["checks"]
        warnings += found["warnings"]
        if not request.id:
            _require_version(sources[role], str(found["server"]["version"]))
    for role, source in sources.items():
        if not request.id:
            _require_owner(source)
        if request.external is None and role in targets:
            _require_version(source, targets[role].psql("SHOW server_version;\n").strip())
    return replace(plan, checks=checks, warnings=warnings)


def _require_owner(source: Place) -> None:
    """Refuse to begin with what can't be closed in the end."""
    script = "SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database();\n"
    if source.deployment is None and source.psql(script).strip() != "t":
        raise CheError(
            "The role that Che connects as does not own it, and so can't close it for writing",
            source.on,
            f"Run ALTER DATABASE ... OWNER TO {source.database.user} on its server.",
        )


def _require_version(source: Place, version: str) -> None:
    misfit = obstacle(source.psql("SHOW server_version;\n").strip(), version)
    if misfit:
        raise CheError(misfit.rstrip("."), source.on)
