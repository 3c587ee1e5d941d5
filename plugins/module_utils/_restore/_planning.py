# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a restore: the backup fetched, and compared with what is there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._backup._whose import whose_latest
from ansible_collections.community.che.plugins.module_utils._che._choice import FAIL, KEEP, missing_references
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster, Reference
from ansible_collections.community.che.plugins.module_utils._che._selection import SELECTABLE_KINDS, select
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._restore._checks import BLOCKED, WARNED, Check
from ansible_collections.community.che.plugins.module_utils._restore._database_place import DatabaseQuestion
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import plan_databases
from ansible_collections.community.che.plugins.module_utils._restore._desired import Desired, desired
from ansible_collections.community.che.plugins.module_utils._restore._fetch import fetch
from ansible_collections.community.che.plugins.module_utils._restore._kept_secrets import without_what_stays
from ansible_collections.community.che.plugins.module_utils._restore._leaving import leaving
from ansible_collections.community.che.plugins.module_utils._restore._logins import changed_logins, login_checks
from ansible_collections.community.che.plugins.module_utils._restore._meant import meant
from ansible_collections.community.che.plugins.module_utils._restore._objects import all_live, completions
from ansible_collections.community.che.plugins.module_utils._restore._operator import find_operator
from ansible_collections.community.che.plugins.module_utils._restore._places import source_of, target_of
from ansible_collections.community.che.plugins.module_utils._restore._plan import CHANGE, Step, plan_objects
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import DatabasePlace

Live = Mapping[tuple[str, str], Object]


def make_plan(cluster: Cluster, request: RestoreRequest, repository: Repository) -> Plan:
    """Fetch the backup that is asked for, and compare what is to be with what is there.

    Raises:
        CheError: There is no such backup, or it is not what it says.
        Forbidden: The credentials lack a permission.
    """
    whose = whose_latest(cluster, request.namespace, moved=bool(request.mappings.namespace))
    fetched = fetch(repository, request.asked_id, whose)
    saved = fetched.manifest.installation
    about = meant(cluster, request, fetched)
    name = about.name
    live = all_live(cluster, request.namespace, name)
    che_cluster = live.get(("CheCluster", name))
    operator = find_operator(cluster, request.namespace)
    target = target_of(cluster, request.namespace, live, name, operator, saved)
    wanted = desired(fetched, source_of(saved), target, request)
    left = without_what_stays(cluster, request, wanted.objects, live, name, target.che_version)
    additions = completions(cluster, left.objects, live)
    steps = plan_objects(left.objects, live, leave_existing=request.existing == KEEP, completed=additions)
    question = DatabaseQuestion(
        cluster, request, target, fetched.databases, wanted.objects, che_cluster is not None, che_cluster=name
    )
    databases = plan_databases(question)
    return Plan(
        backup=fetched.backup.id,
        installation=saved,
        unproven=fetched.unproven,
        steps=steps,
        databases=databases,
        che_cluster=name,
        installation_exists=che_cluster is not None,
        was_ready=che_cluster is not None and CheCluster(che_cluster).is_ready(),
        left_alone=_left_alone(wanted, che_cluster, live),
        desired=wanted,
        checks=(
            *about.checks,
            *wanted.checks,
            *leaving(steps, che_cluster if any(item.restores for item in databases) else None),
            *_existing(request, steps),
            *_missing(left.objects, live),
            *left.checks,
            *_not_saved(saved.databases),
            *_logins(cluster, request.namespace, che_cluster, steps),
        ),
    )


def _logins(cluster: Cluster, namespace: str, che_cluster: Object | None, steps: Sequence[Step]) -> list[Check]:
    """What becomes of the passwords of databases; where no CheCluster is left there is nobody to ask."""
    if che_cluster is None:
        return []
    name = str(che_cluster["metadata"]["name"])
    return list(login_checks(cluster, changed_logins(cluster, namespace, name, steps)))


def _existing(request: RestoreRequest, steps: Sequence[Step]) -> list[Check]:
    if request.existing != FAIL:
        return []
    lift = "Set existing to replace or keep, or choose other objects."
    return [
        Check("existing", BLOCKED, "It is there and is not what was saved", f"{step.kind} {step.name}", lift)
        for step in steps
        if step.action == CHANGE
    ]


def _missing(objects: Sequence[Object], live: Live) -> list[Check]:
    """What the CheCluster names, and neither the restore nor the cluster provides."""
    there: Collection[Reference] = [Reference(kind, name) for kind, name in live]
    lift = "Choose it too, or create it first."
    return [
        Check("references", WARNED, "The CheCluster names it, and it is neither there nor restored", str(name), lift)
        for name in (f"{reference.kind} {reference.name}" for reference in missing_references(objects, there))
    ]


def _left_alone(wanted: Desired, che_cluster: Object | None, live: Live) -> tuple[str, ...]:
    """What belongs to Che, is there, and is not in the backup, be it chosen or not: it stays as it is."""
    mine = next((obj for obj in wanted.objects if obj["kind"] == "CheCluster"), che_cluster)
    if mine is None:
        return ()
    others = [obj for obj in live.values() if obj["kind"] in SELECTABLE_KINDS]
    selected = {f"{obj['kind']}/{obj['metadata']['name']}" for obj in select(others, CheCluster(mine)).saved}
    saved = {f"{obj['kind']}/{obj['metadata']['name']}" for obj in wanted.objects}
    return tuple(sorted(selected - saved - {*wanted.left_out}))


def _not_saved(places: Sequence[DatabasePlace]) -> list[Check]:
    """What the installation had, and its backup has not."""
    told = "It is not in the backup: that was asked for when it was made, or its server did not have it"
    return [
        Check("databases", WARNED, told, f"database {place.name} of {place.host or 'the operator of Che'}")
        for place in places
        if not place.saved
    ]
