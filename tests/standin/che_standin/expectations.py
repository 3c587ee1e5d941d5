# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup of the stand-in must save and what it must leave out.

The committed expectations.json holds the same, for tests that read files only.
"""

from __future__ import annotations

import json
from typing import Any

from standin_operator import children

from . import manifests, pki

Object = dict[str, Any]

NAMESPACE = "eclipse-che"
KINDS = ("ConfigMap", "PersistentVolumeClaim", "Secret")
DERIVED = "derived: made by the operator"
UNRELATED = "unrelated to Che, or must not be restored"


def expectations(variant: str, extra: int = 0) -> Object:
    """Names of all objects of a variant.

    Returns:
        ``saved``: sorted list of ``Kind/name``; ``not_saved``: why, by ``Kind/name``.
    """
    given = manifests.saved(variant, NAMESPACE)
    cluster = given[-1]
    made = children.credentials(cluster, "any")
    keep = [*given, *made, *pki.generated_objects(variant, NAMESPACE), *manifests.extra(extra, NAMESPACE)]
    derived = [*children.infrastructure(cluster), *children.config(cluster, {})]
    not_saved = {_key(obj): DERIVED for obj in derived if obj["kind"] in KINDS}
    not_saved |= {_key(obj): UNRELATED for obj in manifests.unrelated(NAMESPACE)}
    not_saved["ConfigMap/kube-root-ca.crt"] = "derived: made by Kubernetes"
    return {"saved": sorted(_key(obj) for obj in keep), "not_saved": dict(sorted(not_saved.items()))}


def render() -> str:
    """The text of expectations.json."""
    return (
        json.dumps({variant: expectations(variant) for variant in manifests.VARIANTS}, indent=2, ensure_ascii=False)
        + "\n"
    )


def _key(obj: Object) -> str:
    return f"{obj['kind']}/{obj['metadata']['name']}"
