# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Saved objects put into the cluster, wave by wave, each wave validated before it is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._installation import served_che_cluster_kind
from ansible_collections.community.che.plugins.module_utils._che._strip import normalise
from ansible_collections.community.che.plugins.module_utils._kube._bulk import run_all
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import (
    ClusterError,
    Conflict,
    NotFound,
    Unreachable,
)
from ansible_collections.community.che.plugins.module_utils._kube._find import find_many
from ansible_collections.community.che.plugins.module_utils._kube._insist import (
    surely_create,
    surely_replace,
    written_since,
)
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CLAIM,
    CONFIG_MAP,
    NAMESPACE,
    SECRET,
    Kind,
    kind_of,
)
from ansible_collections.community.che.plugins.module_utils._restore._plan import (
    CHANGE,
    CREATE,
    Step,
    in_place_of,
    plan_objects,
)

Object = dict[str, Any]

# With what the webhook of Che's operator refuses a second CheCluster, wherever in the cluster the first one is.
ONLY_ONE = "only one CheCluster is allowed"

# How often the operator may write the status of an object between a look at it and its replacement.
_STATUS_WRITES = 5


def live_objects(cluster: Cluster, namespace: str, saved: Iterable[Object]) -> dict[tuple[str, str], Object]:
    """What the cluster holds under the names of saved objects, by kind and name."""
    names: dict[Kind, list[str]] = defaultdict(list)
    for obj in saved:
        names[kind_of(obj)].append(str(obj["metadata"]["name"]))
    live = {}
    for kind, wanted in names.items():
        for name, found in find_many(cluster, kind, wanted, namespace if kind.namespaced else "").items():
            live[kind.kind, name] = {**found, "apiVersion": kind.api_version, "kind": kind.kind}
    return live


def all_live(cluster: Cluster, namespace: str, che_cluster: str) -> dict[tuple[str, str], Object]:
    """What the cluster holds of the kinds that a backup may hold, by kind and name.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        che_cluster: The CheCluster's name.
    """
    live = {}
    for kind, name, place in (
        (NAMESPACE, namespace, ""),
        (served_che_cluster_kind(cluster), che_cluster, namespace),
    ):
        found = cluster.find(kind, name, place) if kind else None
        if kind and found is not None:
            live[kind.kind, name] = {**found, "apiVersion": kind.api_version, "kind": kind.kind}
    for kind in (SECRET, CONFIG_MAP, CLAIM):
        live.update({(kind.kind, obj["metadata"]["name"]): obj for obj in cluster.list(kind, namespace)})
    return live


def completions(
    cluster: Cluster, saved: Sequence[Object], live: Mapping[tuple[str, str], Object]
) -> dict[tuple[str, str], Object]:
    """What the API server would store of each CheCluster that differs from the one that is there.

    Of one that it refuses nothing is known: the validation says why.

    Raises:
        Unreachable: It does not answer.
    """
    found = {}
    for step in plan_objects([obj for obj in saved if obj["kind"] == "CheCluster"], live):
        if step.action == CHANGE and step.live is not None:
            try:
                found[step.kind, step.name] = completed(cluster, step.saved, step.live)
            except Unreachable:
                raise
            except ClusterError:
                continue
    return found


def completed(cluster: Cluster, wanted: Object, live: Object) -> Object:
    """What the API server would store of an object: with the defaults of its schema, and as webhooks change it.

    Raises:
        ClusterError: It refuses the object.
    """
    for _attempt in range(_STATUS_WRITES):
        try:
            return cluster.replace(in_place_of(live, wanted), dry_run=True)
        except Conflict:
            live = cluster.get(kind_of(wanted), str(wanted["metadata"]["name"]), str(wanted["metadata"]["namespace"]))
    return cluster.replace(in_place_of(live, wanted), dry_run=True)


@dataclass(frozen=True)
class Validated:
    """What the API server said of steps, without carrying them out.

    Args:
        waiting: The steps whose check must wait, as the namespace or the kind that they need is yet to be created.
        refused: The steps that it would refuse, and why.
    """

    waiting: tuple[Step, ...]
    refused: tuple[tuple[Step, ClusterError], ...]


def validate(cluster: Cluster, steps: Sequence[Step]) -> Validated:
    """Have the API server check every step that it can check now, without carrying it out.

    Raises:
        Unreachable: It does not answer.
    """
    sent = [step for step in steps if step.writes]
    makes_namespace = any(step.kind == "Namespace" and step.action == CREATE for step in sent)
    needs_earlier = any(step.wave < 2 and step.action == CREATE for step in sent)
    asked = [step for step in sent if not (makes_namespace and step.wave > 0)]
    waiting = [step for step in sent if step not in asked]
    refused = []
    answers = run_all([partial(_refusal, cluster, step) for step in asked]).require()
    for step, error in zip(asked, answers):
        # A webhook refuses a CheCluster whose Secrets are missing, which are about to be created; and where the kind
        # itself is missing, the restore stops until it is there.
        later = needs_earlier or isinstance(error, NotFound)
        if error is not None and step.needs_operator and later and not _stays_refused(error):
            waiting.append(step)
        elif error is not None:
            refused.append((step, error))
    return Validated(tuple(waiting), tuple(refused))


def _stays_refused(error: ClusterError) -> bool:
    """Whether nothing that a restore creates first would change the API server's mind."""
    return isinstance(error, Conflict) or ONLY_ONE in error.what


def _refusal(cluster: Cluster, step: Step) -> ClusterError | None:
    try:
        _send_one(cluster, step, dry_run=True)
    except Unreachable:
        raise
    except ClusterError as error:
        return error
    return None


def is_ours(step: Step, live: Object | None, began: str) -> bool:
    """Whether what is there was written by this restore, whatever its operator has made of it since.

    Args:
        step: What the restore does with the object.
        live: The object as it is now.
        began: When the restore began, by the API server's clock.
    """
    if live is None:
        return False
    return step.is_done_in(live) or normalise(live) == normalise(step.saved) or written_since(live, began)


def write(cluster: Cluster, steps: Sequence[Step], began: str = "") -> None:
    """Carry the steps out: each wave is validated as a whole, then written.

    Args:
        cluster: Where.
        steps: What to do, in the order of their waves.
        began: When the restore began, by the API server's clock; given when some of them may have been carried out by a
            run that was interrupted.

    Raises:
        ClusterError: The API server refused one; nothing of its wave and of later ones was written if validation did.
    """
    for _wave, group in groupby(steps, key=lambda step: step.wave):
        wave = [step for step in group if step.writes]
        if began:
            wave = _remaining(cluster, wave, began)
        _send(cluster, wave, dry_run=True)
        _send(cluster, wave, dry_run=False)


def _remaining(cluster: Cluster, steps: Sequence[Step], began: str) -> list[Step]:
    """The steps that an interrupted run has not carried out yet; what it has written may have been changed since."""
    namespace = next((str(step.saved["metadata"].get("namespace", "")) for step in steps), "")
    live = live_objects(cluster, namespace, [step.saved for step in steps])
    return [step for step in steps if not _is_done(step, live.get((step.kind, step.name)), began)]


def _is_done(step: Step, live: Object | None, began: str) -> bool:
    return (step.kind == "Namespace" and live is not None) or is_ours(step, live, began)


def _send(cluster: Cluster, steps: Sequence[Step], dry_run: bool) -> None:
    run_all([partial(_send_one, cluster, step, dry_run=dry_run) for step in steps]).require()


def _send_one(cluster: Cluster, step: Step, dry_run: bool) -> None:
    if step.action == CREATE:
        _create(cluster, step, dry_run)
    else:
        _replace(cluster, step, dry_run)


def _create(cluster: Cluster, step: Step, dry_run: bool) -> None:
    try:
        if dry_run:
            cluster.create(step.body, dry_run=True)
        else:
            surely_create(cluster, step.body)
    except Conflict as conflict:
        conflict.next_step = "It was created since the plan was made: run the task again for a new plan."
        raise
    except NotFound as missing:
        missing.next_step = (
            "The cluster does not serve its kind, or its namespace is gone: install the operator of Che."
        )
        raise


def _replace(cluster: Cluster, step: Step, dry_run: bool) -> None:
    for _attempt in range(_STATUS_WRITES):
        try:
            _put(cluster, step, dry_run)
            return
        except Conflict as conflict:
            step = _renewed(cluster, step, conflict)
    _put(cluster, step, dry_run)


def _put(cluster: Cluster, step: Step, dry_run: bool) -> None:
    if dry_run:
        cluster.replace(step.body, dry_run=True)
    else:
        surely_replace(cluster, step.body)


def _renewed(cluster: Cluster, step: Step, conflict: Conflict) -> Step:
    """The step as it stands when only its object's status changed, which the operator writes whenever it likes."""
    found = live_objects(cluster, str(step.saved["metadata"].get("namespace", "")), [step.saved])
    current = found.get((step.kind, step.name))
    if step.live is None or current is None or normalise(current) != normalise(step.live):
        conflict.next_step = "It was changed since the plan was made: run the task again for a new plan."
        raise conflict
    return replace(step, live=current)
