# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CheCluster made to use a database on another server: looked at first, written once, and waited for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._installation import (
    che_cluster_kind,
    find_che_cluster,
    has_che_cluster,
)
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import database_secret_of
from ansible_collections.community.che.plugins.module_utils._che._external import (
    ExternalDatabase,
    changes_to,
    external_settings,
    identity_leads_elsewhere,
    leads_elsewhere,
    require_section,
)
from ansible_collections.community.che.plugins.module_utils._che._generations import GENERATIONS
from ansible_collections.community.che.plugins.module_utils._che._move import says, way_back
from ansible_collections.community.che.plugins.module_utils._che._versions import telling_version
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Halt, UsageError
from ansible_collections.community.che.plugins.module_utils._external_database._authority import (
    authority_diff,
    besides,
    ensure_authority,
    known_authorities,
)
from ansible_collections.community.che.plugins.module_utils._external_database._check import check_database
from ansible_collections.community.che.plugins.module_utils._external_database._concerned import CHE, concerned
from ansible_collections.community.che.plugins.module_utils._external_database._diff import (
    settings_before,
    settings_diff,
)
from ansible_collections.community.che.plugins.module_utils._external_database._identity import (
    Identity,
    find_identity,
    foreseen_identity,
)
from ansible_collections.community.che.plugins.module_utils._external_database._request import ConfigureRequest
from ansible_collections.community.che.plugins.module_utils._external_database._stale import stale_roles
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import WaitExpired
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline, wait_for
from ansible_collections.community.che.plugins.module_utils._restore._ready import await_che, end_users, users_in
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import (
    OpenMigration,
    require_no_migration,
)

_LOOK = "Look at the log of Che's server, that of its operator, and the namespace's events."


def configure(cluster: Cluster, request: ConfigureRequest) -> dict[str, Any]:
    """Make Che use the database, and return what the task returns.

    Where there is no CheCluster yet, the settings are returned for the one that is to be made. It will need the
    authority of the server, which is made known all the same.

    Raises:
        CheError: Che of this version has no database, its data would be left behind, the database will not do, or Che
            does not become ready with it. A Che that was ready before is brought back to the database from before.
    """
    che = _find(cluster, request)
    api_version = che.api_version if che else request.api_version
    require_section(api_version, telling_version(che.version if che else "", request.che_version))
    asked = request.database.identity_secret
    identity = find_identity(cluster, che, asked) if che else foreseen_identity(api_version, request.che_version, asked)
    wanted = replace(request.database, identity_secret=identity.asked)
    settings = external_settings(api_version, wanted)
    told: dict[str, Any] = {"changed": False, "patch": {"spec": settings}, "checks": [], "warnings": [], "diff": []}
    told["installation"] = _installation(cluster, che, api_version, wanted, identity)
    if che is None:
        _trust(cluster, request, known_authorities(cluster, request.namespace), told)
        return told
    patch = changes_to(che, wanted, settings)
    if patch:
        _require_no_migration(cluster, request, told)
    moves = bool(patch) and leads_elsewhere(che, wanted)
    if moves:
        _require_data(che, request)
        identity.require_secret(_named(che))
    _look(cluster, request, identity, told, in_use=not moves)
    known = known_authorities(cluster, request.namespace)
    told["diff"].append(settings_diff(che, patch))
    _trust(cluster, request, known, told)
    secrets = request.secrets(identity.effective)
    # What the operator writes anew for the CheCluster starts anew with that.
    anew = concerned(che, patch)
    stale = [role for role in stale_roles(cluster, request.namespace, secrets) if role not in anew]
    told["changed"] = told["changed"] or bool(patch or stale)
    if request.check_mode:
        return told
    deadline = Deadline(request.timeout)
    if patch:
        _switch(cluster, che, patch, known, deadline)
    end_users(cluster, request.namespace, stale, deadline)
    # Also where there is nothing to do: a run before this one may have been killed before it could see that.
    _await(cluster, che, deadline)
    return told


def _require_no_migration(cluster: Cluster, request: ConfigureRequest, told: dict[str, Any]) -> None:
    """Refuse to change a CheCluster that a migration is changing; who only asks is told, and may be about to end that.

    Raises:
        CheError: A migration has not ended.
    """
    try:
        require_no_migration(cluster, request.namespace, "configure")
    except CheError as unfinished:
        if not request.check_mode:
            raise
        told["warnings"].append(str(unfinished))


def _look(
    cluster: Cluster, request: ConfigureRequest, identity: Identity, told: dict[str, Any], *, in_use: bool
) -> None:
    """Look at each database that Che would use.

    Raises:
        CheError: One will not do.
    """
    on = f"namespace {request.namespace}"
    for check in request.checks(identity.effective, in_use):
        try:
            found = check_database(cluster, check)
        except CheError as error:
            if check.database.secret == identity.effective and not identity.asked and not in_use:
                error.next_step += " The identity provider's Secret for another server is named by identity_secret."
            raise
        if not in_use:
            identity.require_set_up(check.database.name, found["server"].get("contents"), on)
        told["checks"] += found["checks"]
        told["warnings"] += found["warnings"]
    told["warnings"] += identity.warnings(request.database.tls)


def _trust(cluster: Cluster, request: ConfigureRequest, known: str | None, told: dict[str, Any]) -> None:
    """Have Che trust the server's authority, besides what is known or in its place."""
    wanted = request.ca_certificate
    # A migration that waits may yet go back to a server whose authority is another one.
    if wanted and OpenMigration.find(cluster, request.namespace) is not None:
        wanted = besides(known, wanted)
    if ensure_authority(cluster, request.namespace, wanted, request.check_mode):
        told["changed"] = True
        told["diff"].append(authority_diff(known, wanted))


def _installation(
    cluster: Cluster, che: CheCluster | None, api_version: str, wanted: ExternalDatabase, identity: Identity
) -> dict[str, Any]:
    """What decides which databases a server has to have, with which rights, and what has to be moved there."""
    unfinished = OpenMigration.find(cluster, che.namespace) if che else None
    return {
        "che_cluster": che.name if che else "",
        "credentials_secret": database_secret_of(che) if che else "",
        "identity_provider": identity.runs,
        "identity_secret": identity.present,
        "identity_is_set_up": identity.is_set_up,
        "documented_superuser": GENERATIONS[api_version].documented_superuser,
        "moves": che is not None and leads_elsewhere(che, wanted),
        "identity_moves": che is not None and identity.runs and identity_leads_elsewhere(che, wanted),
        "migration": unfinished.content.migration if unfinished else "",
    }


def _find(cluster: Cluster, request: ConfigureRequest) -> CheCluster | None:
    if has_che_cluster(cluster, request.namespace):
        return CheCluster(find_che_cluster(cluster, request.namespace, request.che_cluster))
    if not request.api_version:
        raise UsageError(
            "There is no CheCluster, and the settings differ from one API version to the other",
            f"namespace {request.namespace}",
            "Say for which one they are to be made with api_version, and che_version.",
        )
    return None


def _named(che: CheCluster) -> str:
    return f"CheCluster {che.namespace}/{che.name}"


def _require_data(che: CheCluster, request: ConfigureRequest) -> None:
    """Refuse to leave an installation's data behind unasked: Che begins anew in a database that is empty."""
    if not request.leave_data:
        raise CheError(
            "Che would use another database than now, and what is in that one would stay there",
            _named(che),
            "Set leave_data to true when the other database holds what Che needs, or Che may begin anew.",
        )


def _switch(cluster: Cluster, che: CheCluster, patch: Mapping[str, Any], known: str | None, deadline: Deadline) -> None:
    """Write the CheCluster, and wait until Che is ready; where it was ready before and does not become so, go back.

    Args:
        cluster: Where.
        che: The CheCluster as it is.
        patch: What changes.
        known: The authorities that Che was told to trust before; None for none.
        deadline: When to give up.

    Raises:
        CheError: Che does not become ready with it; says which database it uses from now on.
    """
    before = generations_of(cluster, che.namespace, concerned(che, patch))
    try:
        write_settings(cluster, che, patch, deadline, before)
        await_che(cluster, che.namespace, che.name, deadline)
    except Halt as error:
        advice = _LOOK if isinstance(error, WaitExpired) else error.next_step
        error.next_step = f"{advice} {_gone_back(cluster, che, patch, known)}".strip()
        raise


def _gone_back(cluster: Cluster, che: CheCluster, patch: Mapping[str, Any], known: str | None) -> str:
    """Put the CheCluster back, if Che worked with it; says what has become of it."""
    said_before = json.dumps(settings_before(che, patch), sort_keys=True)
    if not che.is_ready():
        return f"As Che was not ready before either, the CheCluster has the new settings. It said before: {said_before}"
    back = way_back(che.raw.get("spec"), patch)
    try:
        live = CheCluster(find_che_cluster(cluster, che.namespace, che.name))
        if says(live.raw.get("spec"), patch, back):
            cluster.merge(che_cluster_kind(cluster), che.name, che.namespace, {"spec": back})
        elif not says(live.raw.get("spec"), back, patch):
            return f"Somebody else has changed the CheCluster meanwhile, which said before: {said_before}"
        # An authority that is trusted besides does no harm, and the next attempt needs it.
        if known:
            ensure_authority(cluster, che.namespace, known, check_mode=False)
    except Halt as failure:
        return f"The CheCluster could not be put back ({failure.what}). It said before: {said_before}"
    return (
        "The CheCluster is as it was before, so that its operator brings Che back to the database from before. If Che "
        "only needs more time, run the task again with a longer timeout."
    )


def _await(cluster: Cluster, che: CheCluster, deadline: Deadline) -> None:
    try:
        await_che(cluster, che.namespace, che.name, deadline)
    except WaitExpired as error:
        error.next_step = _LOOK
        raise


def write_settings(
    cluster: Cluster,
    che: CheCluster,
    patch: Mapping[str, Any],
    deadline: Deadline,
    before: Mapping[str, int | None],
    besides: Callable[[], None] = lambda: None,
) -> None:
    """Write a JSON merge patch of a CheCluster's spec, and wait until its operator has done something about it.

    Args:
        cluster: Where.
        che: The CheCluster.
        patch: What changes.
        deadline: When to give up.
        before: For each role whose Deployment the operator has to write anew, what ``generations_of`` said before
            anything of this was written. One that there was none of is waited for if it is Che's own.
        besides: Changes what else its operator goes by, as soon as the CheCluster is written.

    Raises:
        WaitExpired: It does nothing about it.
    """
    cluster.merge(che_cluster_kind(cluster), che.name, che.namespace, {"spec": patch})
    besides()

    def is_done() -> bool | None:
        now = generations_of(cluster, che.namespace, awaited)
        return all(now[role] != before[role] for role in awaited) or None

    awaited = [role for role, generation in before.items() if role == CHE or generation is not None]
    wait_for(
        is_done,
        deadline,
        "Che's operator to take the settings over",
        on=_named(che),
        next_step="Check that the operator of Che runs, and its log.",
    )


def generations_of(cluster: Cluster, namespace: str, roles: Iterable[str]) -> dict[str, int | None]:
    """How often the specs of the Deployments that use these roles' databases were written; None where there is none."""
    users = users_in(cluster, namespace, roles)
    return {role: int(found[0]["metadata"]["generation"]) if found else None for role, found in users.items()}
