# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proof that what was restored is what was saved."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._restore._objects import live_objects
from ansible_collections.community.che.plugins.module_utils._restore._plan import LEAVE, Step
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import object_digest

# A cluster labels and annotates its namespaces by itself.
_NOT_COMPARED = ("Namespace", "PersistentVolumeClaim")


def verify_objects(cluster: Cluster, namespace: str, steps: Iterable[Step]) -> int:
    """Compare what the cluster holds now with what was to be there: the digests are those of the manifest, wherever the
    objects were neither converted nor adapted.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        steps: What was restored.

    Returns:
        How many objects were compared.

    Raises:
        CheError: Some differ; it names them.
    """
    compared = [step for step in steps if step.kind not in _NOT_COMPARED and step.action != LEAVE]
    live = live_objects(cluster, namespace, [step.saved for step in compared])
    differing = [
        f"{step.kind}/{step.name}"
        for step in compared
        if (step.kind, step.name) not in live or object_digest(live[step.kind, step.name]) != object_digest(step.saved)
    ]
    if differing:
        raise CheError(
            f"These objects differ from the backup: {', '.join(sorted(differing)[:10])}",
            f"namespace {namespace}",
            "Something changes them: run the task with check mode and diff to see what, and stop it.",
        )
    return len(compared)
