# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Saved objects put into the cluster, wave by wave, each wave validated before it is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._strip import normalise
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import ClusterError, Conflict, NotFound
from ansible_collections.community.che.plugins.module_utils._kube._kinds import kind_of
from ansible_collections.community.che.plugins.module_utils._restore._plan import CHANGE, CREATE, Step

Object = dict[str, Any]

# How often the operator may write the status of an object between a look at it and its replacement.
_STATUS_WRITES = 5


def live_objects(cluster: Cluster, namespace: str, saved: Iterable[Object]) -> dict[tuple[str, str], Object]:
    """What the cluster holds under the names of saved objects, by kind and name."""
    live = {}
    for obj in saved:
        kind, name = kind_of(obj), str(obj["metadata"]["name"])
        found = cluster.find(kind, name, namespace if kind.namespaced else "")
        if found is not None:
            live[kind.kind, name] = {**found, "apiVersion": kind.api_version, "kind": kind.kind}
    return live


def validate(cluster: Cluster, steps: Sequence[Step]) -> list[Step]:
    """Have the API server check every step that it can check now, without carrying it out.

    Returns:
        The steps whose check must wait, as the namespace or the kind that they need is yet to be created.

    Raises:
        ClusterError: It would refuse one of them.
    """
    if any(step.kind == "Namespace" and step.action == CREATE for step in steps):
        _send(cluster, [step for step in steps if step.wave == 0], dry_run=True)
        return [step for step in steps if step.wave > 0 and step.action != "keep"]
    waiting = []
    for step in steps:
        try:
            _send(cluster, [step], dry_run=True)
        except ClusterError as error:
            if step.wave < 2 or not _needs_earlier_waves(steps) or isinstance(error, Conflict):
                raise
            # A webhook refuses a CheCluster whose Secrets are missing; they are about to be created.
            waiting.append(step)
    return waiting


def _needs_earlier_waves(steps: Sequence[Step]) -> bool:
    return any(step.wave < 2 and step.action == CREATE for step in steps)


def write(cluster: Cluster, steps: Sequence[Step]) -> None:
    """Carry the steps out: each wave is validated as a whole, then written.

    Raises:
        ClusterError: The API server refused one; nothing of its wave and of later ones was written if validation did.
    """
    for _wave, group in groupby(steps, key=lambda step: step.wave):
        wave = list(group)
        _send(cluster, wave, dry_run=True)
        _send(cluster, wave, dry_run=False)


def _send(cluster: Cluster, steps: Sequence[Step], dry_run: bool) -> None:
    for step in steps:
        if step.action == CREATE:
            _create(cluster, step, dry_run)
        elif step.action == CHANGE:
            _replace(cluster, step, dry_run)


def _create(cluster: Cluster, step: Step, dry_run: bool) -> None:
    try:
        cluster.create(step.body, dry_run=dry_run)
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
            cluster.replace(step.body, dry_run=dry_run)
            return
        except Conflict as conflict:
            step = _renewed(cluster, step, conflict)
    cluster.replace(step.body, dry_run=dry_run)


def _renewed(cluster: Cluster, step: Step, conflict: Conflict) -> Step:
    """The step as it stands when only its object's status changed, which the operator writes whenever it likes."""
    found = live_objects(cluster, str(step.saved["metadata"].get("namespace", "")), [step.saved])
    current = found.get((step.kind, step.name))
    if step.live is None or current is None or normalise(current) != normalise(step.live):
        conflict.next_step = "It was changed since the plan was made: run the task again for a new plan."
        raise conflict
    return replace(step, live=current)
