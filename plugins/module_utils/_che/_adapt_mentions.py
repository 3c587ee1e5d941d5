# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of the old cluster in texts that no mapping is about.

They are not rewritten, as what stands there may be another application that stays where it is.
"""

from __future__ import annotations

import re

from ansible_collections.community.che.plugins.module_utils._che._adapt_address import handled_paths
from ansible_collections.community.che.plugins.module_utils._che._adapt_job import Job, Object
from ansible_collections.community.che.plugins.module_utils._che._adapt_namespace import secret_texts
from ansible_collections.community.che.plugins.module_utils._che._ledger import rewrite, title_of
from ansible_collections.community.che.plugins.module_utils._che._objects import kind_of

_SERVICE = re.compile(
    r"(?<![\w.-])(?:[a-z0-9-]+\.)*[a-z0-9-]+\.(?P<namespace>[a-z0-9-]+)\.svc(?:\.cluster\.local)?(?![\w-]|\.\w)"
)


def warn_of_old_domain(objects: tuple[Object, ...], job: Job) -> None:
    """Warn of each text below the apps domain that is left."""
    old = job.source.apps_domain
    leaves = job.mappings.apps_domain.get(old, old) != old or (
        job.domain_differs and old not in job.mappings.apps_domain
    )
    if not old or not leaves:
        return
    mentioned = re.compile(rf"(?<![\w-]){re.escape(old)}(?![\w-]|\.\w)")
    for obj in objects:
        handled = handled_paths(str(obj.get("apiVersion"))) if kind_of(obj) == "CheCluster" else ()
        for path in _found(obj, mentioned):
            if path not in handled:
                what = f"it mentions {old}, the apps domain of the old cluster, and is restored as it is"
                job.ledger.warn(obj, path, what, "Change it by hand if it means Che.")


def warn_of_services(objects: tuple[Object, ...], job: Job) -> None:
    """Warn of each text with a Service of another namespace than Che's, once on another cluster.

    What a rule has changed or blocked, or a mapping has said to be meant so, is decided already.
    """
    if not job.moved:
        return
    blocked = {(finding.object, finding.path) for finding in job.ledger.blockers}
    decided = blocked | {(change.object, change.path) for change in job.ledger.changes}
    meant = {*job.mappings.database_hosts.values(), *job.mappings.image_registries.values()}
    for obj in objects:
        for path, service in _found(obj, _SERVICE).items():
            if (title_of(obj), path) not in decided and service["namespace"] != job.namespace:
                if service.group() in meant or service.group() in job.mappings.identity_provider:
                    continue
                what = "it holds the address of a Service of the old cluster, and is restored as it is"
                job.ledger.warn(obj, path, what, "See to it that this cluster has the same, or change it by hand.")


def _found(obj: Object, wanted: re.Pattern[str]) -> dict[str, re.Match[str]]:
    """The texts in which something stands, by their paths."""
    found: dict[str, re.Match[str]] = {}

    def visit(path: str, _key: str, held: str) -> str:
        match = wanted.search(held)
        if match:
            found[path[1:]] = match
        return held

    rewrite({key: obj[key] for key in ("spec", "data") if key in obj and kind_of(obj) != "Secret"}, visit, "")
    rewrite((obj.get("metadata") or {}).get("annotations") or {}, visit, ".metadata.annotations")
    if kind_of(obj) == "Secret":
        for key, held in secret_texts(obj):
            visit(f".data.{key}", key, held)
    return found
