# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CheCluster made to use a database on another server: looked at first, written once, and waited for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._installation import (
    che_cluster_kind,
    find_che_cluster,
    served_che_cluster_kind,
)
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import JDBC_URL, identity_secret_of
from ansible_collections.community.che.plugins.module_utils._che._external import (
    changes_to,
    external_settings,
    require_section,
)
from ansible_collections.community.che.plugins.module_utils._che._generations import GENERATIONS
from ansible_collections.community.che.plugins.module_utils._errors import CheError, UsageError
from ansible_collections.community.che.plugins.module_utils._external_database._authority import (
    ensure_authority,
    trust_besides,
)
from ansible_collections.community.che.plugins.module_utils._external_database._check import check_database
from ansible_collections.community.che.plugins.module_utils._external_database._request import ConfigureRequest
from ansible_collections.community.che.plugins.module_utils._external_database._stale import stale_roles
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline, wait_for
from ansible_collections.community.che.plugins.module_utils._restore._ready import await_che, end_users, users_in
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import (
    OpenMigration,
    require_no_migration,
)

_CHE, _KEYCLOAK = "che", "keycloak"
_HIDDEN = "********"


def configure(cluster: Cluster, request: ConfigureRequest) -> dict[str, Any]:
    """Make Che use the database, and return what the task returns.

    Where there is no CheCluster yet, nothing is done; the settings are returned for the one that is to be made.

    Raises:
        CheError: Che of this version has no database, its data would be left behind, the database will not do, or Che
            does not become ready with it.
    """
    che = _find(cluster, request)
    api_version = che.api_version if che else request.api_version
    require_section(api_version, request.che_version or (che.version if che else ""))
    settings = external_settings(api_version, request.database)
    told: dict[str, Any] = {"changed": False, "patch": {"spec": settings}, "checks": [], "warnings": [], "diff": {}}
    told["installation"] = _installation(cluster, che, api_version)
    if che is None:
        return told
    patch = changes_to(che, request.database, settings)
    if patch:
        require_no_migration(cluster, request.namespace, "configure")
    _require_data(che, patch, request)
    for check in request.checks(with_identity=_uses_identity_secret(api_version, request)):
        found = check_database(cluster, check)
        told["checks"] += found["checks"]
        told["warnings"] += found["warnings"]
    # A migration that waits may yet go back to a server whose authority is another one.
    waits = OpenMigration.find(cluster, request.namespace) is not None
    ensure = trust_besides if waits else ensure_authority
    trusted = ensure(cluster, request.namespace, request.ca_certificate, request.check_mode)
    stale = [] if patch else stale_roles(cluster, request.namespace, request.secrets)
    told.update(changed=bool(patch or stale) or trusted, diff=settings_diff(che, patch))
    if request.check_mode or not (patch or stale):
        return told
    deadline = Deadline(request.timeout)
    if patch:
        write_settings(cluster, che, patch, deadline, generation_of(cluster, che.namespace))
    end_users(cluster, request.namespace, stale, deadline)
    await_che(cluster, request.namespace, che.name, deadline)
    return told


def _installation(cluster: Cluster, che: CheCluster | None, api_version: str) -> dict[str, Any]:
    """What decides which databases a server has to have, and with which rights.

    The operator keeps the Deployment of an identity provider for as long as it runs one, wherever its database is.
    """
    generation = GENERATIONS[api_version]
    keycloak = cluster.find(DEPLOYMENT, _KEYCLOAK, che.namespace) if che else None
    has_identity = keycloak is not None and bool(generation.identity_database_secret)
    return {
        "che_cluster": che.name if che else "",
        "credentials_secret": che.setting(che.generation.database_secret) if che else "",
        "identity_provider": has_identity,
        "identity_secret": identity_secret_of(che) if che and has_identity else "",
        "documented_superuser": generation.documented_superuser,
    }


def _uses_identity_secret(api_version: str, request: ConfigureRequest) -> bool:
    return bool(request.database.identity_secret and GENERATIONS[api_version].identity_database_secret)


def _find(cluster: Cluster, request: ConfigureRequest) -> CheCluster | None:
    kind = served_che_cluster_kind(cluster)
    if kind is not None and any(True for _found in cluster.list(kind, request.namespace)):
        return CheCluster(find_che_cluster(cluster, request.namespace, request.che_cluster))
    if not request.api_version:
        raise UsageError(
            "There is no CheCluster, and the settings differ from one API version to the other",
            f"namespace {request.namespace}",
            "Say for which one they are to be made with api_version, and che_version.",
        )
    return None


def _require_data(che: CheCluster, patch: Mapping[str, Any], request: ConfigureRequest) -> None:
    """Refuse to leave an installation's data behind unasked: Che begins anew in a database that is empty."""
    generation = che.generation
    where = (generation.external_database, generation.database_host, generation.database_port, generation.database_name)
    moves = any(_holds(patch, path) for path in where)
    if moves and not request.leave_data:
        raise CheError(
            "Che would use another database than now, and what is in that one would stay there",
            f"CheCluster {che.namespace}/{che.name}",
            "Set leave_data to true when the other database holds what Che needs, or Che may begin anew.",
        )


def _holds(tree: Any, path: str) -> bool:
    for step in path.split("."):
        if not isinstance(tree, Mapping) or step not in tree:
            return False
        tree = tree[step]
    return True


def write_settings(
    cluster: Cluster, che: CheCluster, patch: Mapping[str, Any], deadline: Deadline, before: int | None
) -> None:
    """Write a JSON merge patch of a CheCluster's spec, and wait until its operator has changed Che's Deployment.

    Args:
        cluster: Where.
        che: The CheCluster.
        patch: What changes.
        deadline: When to give up.
        before: The Deployment's ``generation_of`` before anything of this was written.

    Raises:
        WaitExpired: It does not.
    """
    cluster.merge(che_cluster_kind(cluster), che.name, che.namespace, {"spec": patch})
    wait_for(
        lambda: generation_of(cluster, che.namespace) != before or None,
        deadline,
        "Che's operator to take the settings over",
        on=f"CheCluster {che.namespace}/{che.name}",
        next_step="Check that the operator of Che runs, and its log. The CheCluster has the settings.",
    )


def generation_of(cluster: Cluster, namespace: str) -> int | None:
    """How often the spec of Che's Deployment was written; None where there is none."""
    found = users_in(cluster, namespace, (_CHE,))[_CHE]
    return int(found[0]["metadata"]["generation"]) if found else None


def settings_diff(che: CheCluster, patch: Mapping[str, Any]) -> Object:
    """What a patch of its spec changes, for a task's ``diff``: the rest of a CheCluster may hold secrets."""
    spec = che.raw.get("spec") or {}
    title = f"CheCluster/{che.name}"
    return {
        "before_header": title,
        "after_header": title,
        "before": _of(spec, patch),
        "after": _without_removed(patch),
    }


def _of(spec: Any, patch: Mapping[str, Any]) -> Object:
    found: Object = {}
    for key, value in patch.items():
        there = spec.get(key) if isinstance(spec, Mapping) else None
        if isinstance(value, Mapping):
            found[key] = _of(there, value)
        elif there is not None:
            found[key] = _shown(key, there)
    return found


def _shown(key: str, value: Any) -> Any:
    # v1 may hold passwords as they are, and so may the driver's URL of either.
    return _HIDDEN if "assword" in key or (key == JDBC_URL and "assword" in str(value)) else value


def _without_removed(patch: Mapping[str, Any]) -> Object:
    return {
        key: _without_removed(value) if isinstance(value, Mapping) else _shown(key, value)
        for key, value in patch.items()
        if value is not None
    }
