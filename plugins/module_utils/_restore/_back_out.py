# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way back: everything as it was before a restore began, from any point of it before its commit.

Databases first, as they are what may be open to users; then the objects; then what the restore has created goes. Each
step can be run again after it was interrupted at any point.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._strip import normalise, strip
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import Conflict, NotFound
from ansible_collections.community.che.plugins.module_utils._kube._insist import (
    surely_create,
    surely_replace,
)
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CLAIM,
    CONFIG_MAP,
    DEPLOYMENT,
    NAMESPACE,
    POD,
    SECRET,
    kind_of,
)
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline, wait_for
from ansible_collections.community.che.plugins.module_utils._restore._databases import Restorer
from ansible_collections.community.che.plugins.module_utils._restore._login_keeper import follow_own_secrets
from ansible_collections.community.che.plugins.module_utils._restore._objects import is_ours, live_objects
from ansible_collections.community.che.plugins.module_utils._restore._plan import CREATE, Step, in_place_of
from ansible_collections.community.che.plugins.module_utils._restore._ready import await_che
from ansible_collections.community.che.plugins.module_utils._restore._work import Work
from ansible_collections.community.che.plugins.module_utils._run._journal import ABORT, COMMIT

Object = dict[str, Any]

# What an operator makes for a CheCluster and what goes with it.
_OWNED_KINDS = (DEPLOYMENT, POD, SECRET, CONFIG_MAP, CLAIM)
_TRIES = 5


def require_way_back(work: Work, restorer: Restorer) -> None:
    """Refuse an abort that could not bring the databases back. One that has begun already has looked.

    Raises:
        CheError: A database that was replaced has been removed already, by the commit or by somebody.
    """
    journal = work.journal.content
    goes_whole = work.plan.makes_namespace and journal.phase != COMMIT
    if journal.phase == ABORT or goes_whole or restorer.can_swap_back():
        return
    what = "The restore is committed: a" if journal.phase == COMMIT else "A"
    then = "."
    if journal.safety_backup:
        then = f", then restore the safety backup {journal.safety_backup[:8]} to go back to what was there before."
    raise CheError(
        f"{what} database that it replaced is removed already",
        f"restore {journal.restore}",
        f"Run it again to end it{then}",
    )


def put_back(work: Work, restorer: Restorer) -> None:
    """Put everything back as it was before the restore began, and close its journal.

    What somebody else has changed meanwhile, and the restore has not, stays as it is.

    Raises:
        CheError: Something could not be put back; the journal is left, so that the abort can be run again.
    """
    journal, plan, namespace = work.journal, work.plan, work.namespace
    _require_kinds(work)
    journal.note(phase=ABORT)
    if plan.makes_namespace:
        remove_namespace(work.cluster, namespace, work.deadline)
        return
    # Databases are found by the CheCluster; somebody may have removed it.
    _put_back_lost(work)
    if plan.installation_exists or journal.content.closed_at:
        work.run.warnings += restorer.swap_back()
    work.run.warnings += _put_back_changed(work)
    if plan.installation_exists:
        restorer.open_with_own_secrets()
        follow_own_secrets(work)
    restorer.clean_up()
    _remove_created(work)
    if plan.installation_exists and plan.was_ready:
        await_che(work.cluster, namespace, plan.che_cluster, work.deadline)
    _require_previous(work)
    journal.close()


def _require_kinds(work: Work) -> None:
    """What is not served under the plan's version looks as if it were not there."""
    for step in work.plan.steps:
        matters = step.live is not None or work.journal.content.cluster_written
        if step.needs_operator and matters and not work.plan.makes_namespace:
            kind = kind_of(step.saved)
            if not work.cluster.serves(kind):
                raise CheError(
                    f"The cluster does not serve the kind CheCluster as {kind.api_version}, which the restore has used",
                    "CustomResourceDefinition checlusters.org.eclipse.che",
                    "Install the operator of Che in the version that there was before, then run the task again.",
                )


def remove_namespace(cluster: Cluster, namespace: str, deadline: Deadline) -> None:
    """Remove the namespace that a restore has created, with all that is in it, and wait until it is gone."""
    cluster.delete(NAMESPACE, namespace)
    wait_for(
        lambda: True if cluster.find(NAMESPACE, namespace) is None else None,
        deadline,
        "the namespace that the restore had created to go",
        on=NAMESPACE.named(namespace),
        next_step="Its status names what holds it: often a finalizer whose operator does not run.",
    )


def _put_back_lost(work: Work) -> None:
    """Create anew what was there before and is not any more, by whomever it was removed."""
    steps = [step for step in work.plan.steps if step.live is not None and step.kind != NAMESPACE.kind]
    live = _live(work, steps)
    for step in steps:
        if (step.kind, step.name) not in live:
            surely_create(work.cluster, strip(step.live or {}))


def _put_back_changed(work: Work) -> list[str]:
    """Put back every object that the restore has replaced, and that was lost with what it created."""
    _put_back_lost(work)
    warnings = []
    steps = [step for step in work.plan.steps if step.live is not None and step.kind != NAMESPACE.kind]
    live = _live(work, steps)
    for step in steps:
        current = live.get((step.kind, step.name))
        before = strip(step.live or {})
        if current is None:
            continue
        if step.writes and normalise(current) != normalise(before):
            if _is_ours(work, step, current):
                _replace(work.cluster, step, before, current)
            else:
                warnings.append(f"{step.kind} {step.name} was changed by somebody else meanwhile, and stays so.")
    return warnings


def _replace(cluster: Cluster, step: Step, before: Object, current: Object) -> None:
    for _attempt in range(_TRIES):
        try:
            surely_replace(cluster, in_place_of(current, before))
            return
        except Conflict:
            # Its operator writes its status whenever it likes.
            current = {**cluster.get(kind_of(before), step.name, before["metadata"]["namespace"])}
    surely_replace(cluster, in_place_of(current, before))


def _remove_created(work: Work) -> None:
    """Remove what the restore has created: the CheCluster first, as its operator makes anew what it misses."""
    steps = [step for step in work.plan.steps if step.action == CREATE and step.kind != NAMESPACE.kind]
    live = _live(work, steps)
    for step in reversed(steps):
        current = live.get((step.kind, step.name))
        if current is not None and not _is_ours(work, step, current):
            work.run.warnings.append(f"{step.kind} {step.name} was created by somebody else meanwhile, and stays.")
            continue
        if current is not None:
            _remove(work, step)
        if step.needs_operator and work.cluster.serves(kind_of(step.saved)):
            # Also when an abort that was interrupted has removed it: what it owned may be on its way out still.
            _await_removal(work, step)


def _remove(work: Work, step: Step) -> None:
    """Remove what the restore has created, and no data that was there before it."""
    owned = _owned(work, step) if step.needs_operator else []
    # The operator may have made itself the owner of a claim that was there: Kubernetes would remove what lies on it.
    keeps_data = any(obj["kind"] == CLAIM.kind and not _is_new(work, obj) for obj in owned)
    kind = kind_of(step.saved)
    work.cluster.delete(kind, step.name, work.namespace, "Orphan" if keeps_data else "Background")
    if not keeps_data:
        return
    wait_for(
        lambda: True if work.cluster.find(kind, step.name, work.namespace) is None else None,
        work.deadline,
        "the CheCluster to go",
        on=kind.named(step.name, work.namespace),
        next_step="Check that the operator of Che runs: it removes its own finalizers.",
    )
    for obj in owned:
        if _is_new(work, obj):
            work.cluster.delete(kind_of(obj), obj["metadata"]["name"], work.namespace)


def _owned(work: Work, step: Step) -> list[Object]:
    """What belongs to a CheCluster: what its operator made for it, and what that has made its own."""
    found = [obj for kind in _OWNED_KINDS for obj in work.cluster.list(kind, work.namespace)]
    return [obj for obj in found if _is_owned(obj, step)]


def _is_new(work: Work, obj: Object) -> bool:
    return str(obj["metadata"].get("creationTimestamp", "")) >= work.journal.began


def _await_removal(work: Work, step: Step) -> None:
    """Wait until a CheCluster is gone with all that its operator made, and give back what was there before it."""
    cluster, namespace = work.cluster, work.namespace
    mine = {(held.kind, held.name) for held in work.plan.steps if held.live is not None}

    def gone() -> bool | None:
        if cluster.find(kind_of(step.saved), step.name, namespace) is not None:
            return None
        owned = _owned(work, step)
        for obj in owned:
            if (obj["kind"], obj["metadata"]["name"]) in mine:
                # The operator has made itself the owner of what was given to it.
                freed = {key: value for key, value in obj["metadata"].items() if key != "ownerReferences"}
                # Kubernetes may be removing it at this moment; then it is put back below.
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
    _put_back_changed(work)


def _is_owned(obj: Object, step: Step) -> bool:
    owners = obj["metadata"].get("ownerReferences") or []
    return any((owner.get("kind"), owner.get("name")) == (step.kind, step.name) for owner in owners)


def _require_previous(work: Work) -> None:
    """Hold everything against what the plan saw before the restore began."""
    steps = [step for step in work.plan.steps if step.kind != NAMESPACE.kind]
    live = _live(work, steps)
    differing = []
    for step in steps:
        current = live.get((step.kind, step.name))
        foreign = current is not None and not (step.writes and _is_ours(work, step, current))
        same = (normalise(current) if current else None) == (normalise(step.live) if step.live else None)
        if not same and not foreign:
            differing.append(f"{step.kind}/{step.name}")
    if differing:
        raise CheError(
            f"These objects are not as they were before: {', '.join(sorted(differing)[:10])}",
            f"namespace {work.namespace}",
            "Something changes them. Run the task again.",
        )


def _is_ours(work: Work, step: Step, current: Object) -> bool:
    return (step.needs_operator and work.journal.content.cluster_written) or is_ours(step, current, work.journal.began)


def _live(work: Work, steps: Sequence[Step]) -> dict[tuple[str, str], Object]:
    return live_objects(work.cluster, work.namespace, [step.saved for step in steps])
