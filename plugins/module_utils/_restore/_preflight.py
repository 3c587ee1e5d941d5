# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the cluster is asked before a restore changes anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._backup._installation import served_che_cluster_kind
from ansible_collections.community.che.plugins.module_utils._backup._whose import require_named_elsewhere
from ansible_collections.community.che.plugins.module_utils._che._choice import DATABASE, KEEP
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CLUSTER_INGRESS,
    DEPLOYMENT,
    NAMESPACE,
    RESOURCE_QUOTA,
    STORAGE_CLASS,
)
from ansible_collections.community.che.plugins.module_utils._restore._checks import (
    BLOCKED,
    PASSED,
    UNKNOWN,
    WAITS,
    WARNED,
    Check,
)
from ansible_collections.community.che.plugins.module_utils._restore._database_place import TAKE_UP
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import DatabasePlan
from ansible_collections.community.che.plugins.module_utils._restore._live_databases import live_databases
from ansible_collections.community.che.plugins.module_utils._restore._objects import validate
from ansible_collections.community.che.plugins.module_utils._restore._operator import (
    CRD,
    find_operator,
    how_to_install,
)
from ansible_collections.community.che.plugins.module_utils._restore._plan import CHANGE, CREATE
from ansible_collections.community.che.plugins.module_utils._restore._quotas import held_against, needed
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._restore._safety_backup import safety_checks
from ansible_collections.community.che.plugins.module_utils._restore._space import room_beside
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan

_UID_RANGE = "openshift.io/sa.scc.uid-range"
_FEW = 5
_MAKE_ACCEPTABLE = (
    "See to it that the API server takes it: it says what is wrong. "
    "Or leave the object out: choose others with names or kinds."
)


@dataclass(frozen=True)
class _Asked:
    """What all checks are about."""

    cluster: Cluster
    request: RestoreRequest
    plan: Plan


def check(cluster: Cluster, request: RestoreRequest, plan: Plan) -> list[Check]:
    """Look at everything that could keep the restore from ending well, and have each object validated.

    Raises:
        Unreachable: The API server does not answer.
    """
    asked = _Asked(cluster, request, plan)
    proof = "it has no manifest" if plan.unproven else "its objects are those of its manifest"
    return [
        Check("backup", PASSED, f"it is complete, and {proof}", plan.backup[:8]),
        *plan.checks,
        *_another_clusters(asked),
        *_kind(asked),
        *_operator(asked),
        *_beside(asked),
        *_objects(asked),
        *_unsaved(asked),
        *_safety_backup(asked),
        *_quotas(asked),
        *_user_ids(asked),
        *_databases(asked),
        *_space(asked),
    ]


def _another_clusters(asked: _Asked) -> Iterator[Check]:
    """One that is meant was named, or mapped; and where no Che is, none is replaced."""
    request, plan = asked.request, asked.plan
    if not plan.installation_exists or request.mappings != Mappings():
        return
    try:
        require_named_elsewhere(asked.cluster, request.id, plan.installation, plan.backup)
    except CheError as refusal:
        yield Check("backup", BLOCKED, refusal.what, plan.backup[:8], refusal.next_step)


def _objects(asked: _Asked) -> Iterator[Check]:
    validated = validate(asked.cluster, asked.plan.steps)
    sent = [step for step in asked.plan.steps if step.writes]
    accepted = len(sent) - len(validated.waiting) - len(validated.refused)
    yield Check("validation", PASSED, f"the API server accepts {accepted} objects in a dry run")
    for step, error in validated.refused:
        on = error.on or f"{step.kind} {step.name}"
        yield Check("validation", BLOCKED, error.what, on, error.next_step or _MAKE_ACCEPTABLE)
    for step in validated.waiting:
        yield Check("object", WAITS, "it can be validated only once others are there", f"{step.kind}/{step.name}")


def _unsaved(asked: _Asked) -> Iterator[Check]:
    """What would be replaced where no CheCluster is left: no safety backup can be made, as that is of a CheCluster."""
    replaced = sorted(f"{step.kind} {step.name}" for step in asked.plan.steps if step.action == CHANGE)
    if asked.plan.installation_exists or not replaced:
        return
    on = ", ".join(replaced[:_FEW]) + (f" and {len(replaced) - _FEW} more" if len(replaced) > _FEW else "")
    if asked.request.safety_backup:
        message = "It would be replaced, and without a CheCluster no backup of it can be made"
        lift = f"{TAKE_UP.format(name=asked.plan.che_cluster)} Or leave it as it is, with existing: keep."
        yield Check("safety backup", BLOCKED, message, on, lift)
    else:
        yield Check("safety backup", WARNED, "it is replaced, and nothing of it is saved", on)


def _safety_backup(asked: _Asked) -> Iterator[Check]:
    plan = asked.plan
    if asked.request.safety_backup and plan.installation_exists and plan.changes:
        yield from safety_checks(asked.cluster, asked.request.namespace, plan.che_cluster)


def _kind(asked: _Asked) -> Iterator[Check]:
    """The one kind that does not come with every cluster; an operator may run where its CRD was removed."""
    served = served_che_cluster_kind(asked.cluster)
    if served is not None:
        yield Check("kinds", PASSED, f"the cluster serves CheCluster as {served.api_version}", CRD)
    elif asked.plan.needs_operator:
        message = "the cluster does not serve the kind CheCluster; the restore stops where it needs it"
        yield Check("kinds", WAITS, message, CRD, how_to_install(asked.plan.installation))
    else:
        yield Check("kinds", WARNED, "the cluster does not serve the kind CheCluster; nothing restored needs it", CRD)


def _operator(asked: _Asked) -> Iterator[Check]:
    operator = find_operator(asked.cluster, asked.request.namespace)
    how = how_to_install(asked.plan.installation)
    if operator.runs:
        yield Check("operator", PASSED, "the operator of Che runs", operator.on)
    elif not operator.seen:
        yield Check("operator", UNKNOWN, "the credentials do not let one see whether it runs", operator.on)
    elif not asked.plan.needs_operator:
        yield Check("operator", WARNED, "it does not run; nothing that is restored needs it", operator.on)
    elif operator.deployment is not None:
        yield Check("operator", BLOCKED, "The operator of Che does not run", operator.on, "Start it.")
    elif asked.plan.installation_exists:
        yield Check("operator", BLOCKED, "There is no operator of Che", operator.on, how)
    else:
        yield Check("operator", WAITS, "there is no operator of Che; the restore stops where it needs it", lift=how)


def _beside(asked: _Asked) -> Iterator[Check]:
    """What the plan would have been told by the cluster around the namespace, had the credentials reached so far."""
    cluster = asked.cluster
    if not _may_read(lambda: cluster.list(STORAGE_CLASS)):
        message = "the credentials do not let one see whether the storage classes that are named are there"
        yield Check("storage classes", UNKNOWN, message)
    if not _may_read(lambda: [cluster.find(NAMESPACE, "kube-system")]):
        message = "the credentials do not let one see which cluster this is; its apps domain alone tells"
        yield Check("cluster", UNKNOWN, message, NAMESPACE.named("kube-system"))
    if cluster.serves_group("config.openshift.io") and not _may_read(
        lambda: [cluster.find(CLUSTER_INGRESS, "cluster")]
    ):
        message = "the credentials do not let one see the cluster's apps domain; that of a CheCluster here tells"
        yield Check("apps domain", UNKNOWN, message, CLUSTER_INGRESS.named("cluster"))


def _may_read(read: Callable[[], Iterable[object]]) -> bool:
    try:
        next(iter(read()), None)
    except Forbidden:
        return False
    return True


def _quotas(asked: _Asked) -> Iterator[Check]:
    """A dry run is held against a quota too, but one by one; here all is added up."""
    if asked.plan.makes_namespace:
        return
    try:
        quotas = list(asked.cluster.list(RESOURCE_QUOTA, asked.request.namespace))
    except Forbidden:
        yield Check("quota", UNKNOWN, "the credentials do not let one see the namespace's quotas")
        return
    created = [step.saved for step in asked.plan.steps if step.action == CREATE]
    wanted = needed(created, _runs_job(asked))
    for quota in quotas:
        yield from held_against(quota, wanted)
    if quotas:
        yield Check("quota", PASSED, f"{len(quotas)} quotas were held against what is created")


def _runs_job(asked: _Asked) -> bool:
    """Whether a database is loaded, or dumped for the safety backup."""
    plan = asked.plan
    if any(item.restores for item in plan.databases):
        return True
    if not (asked.request.safety_backup and plan.installation_exists and plan.changes):
        return False
    try:
        found = live_databases(asked.cluster, asked.request.namespace, plan.objects, plan.che_cluster)
        return any(True for _found in found)
    except CheError:
        # One runs whose credentials are lost, or nobody can tell.
        return True


def _user_ids(asked: _Asked) -> Iterator[Check]:
    """On OpenShift each namespace has its own range of user ids, and a Job must be of it."""
    wanted = asked.request.jobs.run_as_user
    namespace = asked.cluster.find(NAMESPACE, asked.request.namespace)
    given = str(((namespace or {}).get("metadata", {}).get("annotations") or {}).get(_UID_RANGE, ""))
    first, _slash, size = given.partition("/")
    if wanted is None or not (first.isdigit() and size.isdigit()):
        return
    on = NAMESPACE.named(asked.request.namespace)
    if int(first) <= wanted < int(first) + int(size):
        yield Check("user ids", PASSED, f"{wanted} is of the namespace's range {given}", on)
    else:
        lift = "Leave run_as_user out, so that the cluster chooses."
        yield Check("user ids", BLOCKED, f"run_as_user {wanted} is not of the namespace's range {given}", on, lift)


def _databases(asked: _Asked) -> Iterator[Check]:
    for item in asked.plan.databases:
        on = f"database {item.part.name}"
        for obstacle in item.obstacles if item.restores else ():
            yield Check("databases", BLOCKED, obstacle.what, on, obstacle.lift)
        if item.missing:
            yield Check("databases", WARNED, item.note.rstrip("."), on)
        elif item.restores and not item.live_version:
            if item.note:
                yield Check("databases", WARNED, item.note.rstrip("."), on)
            message = "nothing is known of its server yet"
            yield Check("databases", WAITS if not asked.plan.installation_exists else UNKNOWN, message, on)
        elif not item.obstacles:
            action = f"it loads into PostgreSQL {item.live_version}" if item.restores else "it stays as it is"
            surprises = bool(item.note) and asked.request.choice.takes(DATABASE) and asked.request.existing != KEEP
            yield Check("databases", WARNED if surprises else PASSED, item.note.rstrip(".") or action, on)
        if item.leftovers:
            message = f"an earlier restore left {', '.join(item.leftovers)} on its server"
            yield Check("databases", WARNED, message, on, "Drop that by hand when you are sure that it is not needed.")


def _space(asked: _Asked) -> Iterator[Check]:
    """The second database lies beside the first one until the commit."""
    servers: dict[str, list[DatabasePlan]] = defaultdict(list)
    for item in asked.plan.databases:
        if item.restores and item.server is not None:
            servers[item.server["metadata"]["name"]].append(item)
    for name, items in servers.items():
        on = DEPLOYMENT.named(name, asked.request.namespace)
        try:
            room = room_beside(asked.cluster, items[0].server or {}, sum(item.part.bytes for item in items))
        except CheError as error:
            yield Check("space", UNKNOWN, f"the space on its volume can't be seen: {error.what}", on)
            continue
        if room.suffices:
            yield Check("space", PASSED, room.told, on)
        else:
            yield Check("space", BLOCKED, room.told, on, "Make room on the database's volume, or enlarge it.")
