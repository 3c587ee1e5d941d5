# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore has created, on its way out: a CheCluster with all that its operator made, and with no older data."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._errors import Conflict, NotFound
from ansible_collections.community.che.plugins.module_utils._kube._insist import surely_replace
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CLAIM,
    CONFIG_MAP,
    DEPLOYMENT,
    POD,
    SECRET,
    kind_of,
)
from ansible_collections.community.che.plugins.module_utils._kube._wait import wait_for
from ansible_collections.community.che.plugins.module_utils._restore._plan import Step
from ansible_collections.community.che.plugins.module_utils._restore._work import Work

Object = dict[str, Any]

# What an operator makes for a CheCluster and what goes with it.
_OWNED_KINDS = {kind.kind: kind for kind in (DEPLOYMENT, POD, SECRET, CONFIG_MAP, CLAIM)}


def remove(work: Work, step: Step) -> None:
    """Have an object removed that the restore has created, and no data that was there before it.

    Args:
        work: The abort.
        step: The object's. Where it is a CheCluster, ``await_removal`` sees to the rest.
    """
    owned = _owned(work, step) if step.needs_operator else []
    # The operator may have made itself the owner of a claim that was there: Kubernetes would remove what lies on it.
    keeps_data = any(obj["kind"] == CLAIM.kind and not _is_new(work, obj) for obj in owned)
    if keeps_data:
        # Kubernetes lets go of everything then, and nothing else would tell a run after this one whose it was.
        work.journal.note(let_go=json.dumps([_identity(obj) for obj in owned if _is_new(work, obj)]))
    work.cluster.delete(
        kind_of(step.saved), step.name, work.namespace, propagation="Orphan" if keeps_data else "Background"
    )


def await_removal(work: Work, step: Step) -> None:
    """Wait until a CheCluster is gone with all that its operator made; what it had made its own is left without it.

    Raises:
        WaitExpired: Something of it is still there at the deadline.
    """
    cluster, namespace = work.cluster, work.namespace
    mine = {(held.kind, held.name) for held in work.plan.steps if held.live is not None}

    def gone() -> bool | None:
        if cluster.find(kind_of(step.saved), step.name, namespace) is not None:
            return None
        _remove_let_go(work)
        owned = _owned(work, step)
        for obj in owned:
            if (obj["kind"], obj["metadata"]["name"]) in mine:
                # The operator has made itself the owner of what was given to it.
                freed = {key: value for key, value in obj["metadata"].items() if key != "ownerReferences"}
                # Kubernetes may be removing it at this moment; then the abort puts it back.
                with suppress(Conflict, NotFound):
                    surely_replace(cluster, {**obj, "metadata": freed})
        return None if owned else True

    wait_for(
        gone,
        work.deadline,
        "what the operator made for the CheCluster to go",
        on=kind_of(step.saved).named(step.name, namespace),
        next_step="Check that the operator of Che runs: it removes its own finalizers.",
    )


def _remove_let_go(work: Work) -> None:
    """Remove what the operator had made for a CheCluster that went without it."""
    for kind_name, name, uid in json.loads(work.journal.content.let_go):
        kind = _OWNED_KINDS[kind_name]
        live = work.cluster.find(kind, name, work.namespace)
        if live is not None and live["metadata"]["uid"] == uid:
            work.cluster.delete(kind, name, work.namespace)


def _owned(work: Work, step: Step) -> list[Object]:
    """What belongs to a CheCluster: what its operator made for it, and what that has made its own."""
    found = [obj for kind in _OWNED_KINDS.values() for obj in work.cluster.list(kind, work.namespace)]
    return [obj for obj in found if _is_owned(obj, step)]


def _is_owned(obj: Object, step: Step) -> bool:
    owners = obj["metadata"].get("ownerReferences") or []
    return any((owner.get("kind"), owner.get("name")) == (step.kind, step.name) for owner in owners)


def _is_new(work: Work, obj: Object) -> bool:
    return str(obj["metadata"].get("creationTimestamp", "")) >= work.journal.began


def _identity(obj: Object) -> tuple[str, str, str]:
    return str(obj["kind"]), str(obj["metadata"]["name"]), str(obj["metadata"]["uid"])
