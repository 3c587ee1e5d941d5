# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proof that what was restored is what was saved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._restore._objects import live_objects
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import object_digest

# A cluster labels and annotates its namespaces by itself.
_NOT_COMPARED = ("Namespace", "PersistentVolumeClaim")


def verify_objects(cluster: Cluster, namespace: str, saved: Iterable[dict[str, Any]], digests: dict[str, str]) -> int:
    """Compare what the cluster holds now with the manifest.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        saved: The objects that were restored.
        digests: What the manifest says of them, by ``Kind/name``.

    Returns:
        How many objects were compared.

    Raises:
        CheError: Some differ; it names them.
    """
    compared = [obj for obj in saved if obj["kind"] not in _NOT_COMPARED]
    live = {f"{kind}/{name}": obj for (kind, name), obj in live_objects(cluster, namespace, compared).items()}
    names = [f"{obj['kind']}/{obj['metadata']['name']}" for obj in compared]
    differing = [name for name in names if name not in live or object_digest(live[name]) != digests[name]]
    if differing:
        raise CheError(
            f"These objects differ from the backup: {', '.join(sorted(differing)[:10])}",
            f"namespace {namespace}",
            "Something changes them: run the task with check mode and diff to see what, and stop it.",
        )
    return len(compared)
