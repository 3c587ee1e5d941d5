# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proof that what was restored is what was saved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._che._additions import with_additions
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._restore._objects import completed, live_objects
from ansible_collections.community.che.plugins.module_utils._restore._plan import KEEP, LEAVE, Step, is_leaving
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import object_digest

# A cluster labels and annotates its namespaces by itself.
NOT_COMPARED = ("Namespace", "PersistentVolumeClaim")


@dataclass(frozen=True)
class Proof:
    """What a comparison has proven.

    Args:
        objects: How many objects are as they were to be.
        warnings: What was so when the restore began, and was changed by somebody else since.
    """

    objects: int
    warnings: tuple[str, ...]


def verify_objects(cluster: Cluster, namespace: str, steps: Iterable[Step]) -> Proof:
    """Compare what the cluster holds now with what was to be there: the digests are those of the manifest, wherever the
    objects were neither converted nor adapted, and the cluster itself has added nothing.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        steps: What was restored.

    Raises:
        CheError: Some that were written differ, or any is gone or about to be; it names them.
        ClusterError: The API server does not say what it would make of a CheCluster.
    """
    compared = [step for step in steps if step.kind not in NOT_COMPARED and step.action != LEAVE]
    live = live_objects(cluster, namespace, [step.saved for step in compared])
    leaving = [step for step in compared if _is_leaving(live.get((step.kind, step.name)))]
    if leaving:
        raise CheError(
            f"These objects are being deleted: {', '.join(sorted(map(_named, leaving))[:10])}",
            f"namespace {namespace}",
            "Nothing stays of them: find out who has deleted them.",
        )
    differing: list[Step] = []
    changed: list[Step] = []
    for step in compared:
        current = live.get((step.kind, step.name))
        if current is not None and _is_as_it_was_to_be(cluster, step, current):
            continue
        # It was not written, and so nothing that is run again would write it.
        others = current is not None and step.action == KEEP
        (changed if others else differing).append(step)
    if differing:
        raise CheError(
            f"These objects differ from the backup: {', '.join(sorted(map(_named, differing))[:10])}",
            f"namespace {namespace}",
            "Something changes them: run the task with check mode and diff to see what, and stop it.",
        )
    return Proof(len(compared) - len(changed), tuple(sorted(map(_warning, changed))))


def _is_as_it_was_to_be(cluster: Cluster, step: Step, live: Object) -> bool:
    """Whether all that was to be is there, and nothing else but what the cluster itself adds."""
    expected = object_digest(live)
    if object_digest(step.saved) == expected:
        return True
    # One that was kept had the defaults of its schema when the plan saw it, and the plan has them.
    defaults = completed(cluster, step.saved, live) if step.needs_operator and step.writes else step.saved
    return object_digest(with_additions(step.saved, live, defaults)) == expected


def _is_leaving(live: Object | None) -> bool:
    return live is not None and is_leaving(live)


def _named(step: Step) -> str:
    return f"{step.kind}/{step.name}"


def _warning(step: Step) -> str:
    return (
        f"{step.kind} {step.name} was as in the backup when the restore began, was changed by somebody else meanwhile, "
        "and stays so. Another restore brings it back."
    )
