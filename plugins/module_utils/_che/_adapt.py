# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Saved objects made to fit another cluster or another namespace: by explicit mappings, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._adapt_address import adapt_addresses
from ansible_collections.community.che.plugins.module_utils._che._adapt_certificate import warn_of_certificates
from ansible_collections.community.che.plugins.module_utils._che._adapt_database import adapt_databases
from ansible_collections.community.che.plugins.module_utils._che._adapt_images import adapt_images
from ansible_collections.community.che.plugins.module_utils._che._adapt_job import AdaptRule, Job, Object
from ansible_collections.community.che.plugins.module_utils._che._adapt_mentions import (
    warn_of_old_domain,
    warn_of_services,
)
from ansible_collections.community.che.plugins.module_utils._che._adapt_namespace import adapt_namespace
from ansible_collections.community.che.plugins.module_utils._che._adapt_oauth import adapt_oauth_client
from ansible_collections.community.che.plugins.module_utils._che._adapt_storage import (
    adapt_storage_classes,
    adapt_user_ids,
)
from ansible_collections.community.che.plugins.module_utils._che._generated import is_under
from ansible_collections.community.che.plugins.module_utils._che._ledger import Change, Finding
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from ansible_collections.community.che.plugins.module_utils._che._objects import RawObject
from ansible_collections.community.che.plugins.module_utils._che._place import Place
from ansible_collections.community.che.plugins.module_utils._che._shape import require_shape

_RULES: tuple[AdaptRule, ...] = (
    adapt_addresses,
    adapt_oauth_client,
    adapt_databases,
    adapt_storage_classes,
    adapt_user_ids,
    adapt_images,
    adapt_namespace,
)


@dataclass(frozen=True)
class Adapted:
    """What an adaptation makes of an installation's objects.

    Args:
        objects: All objects, in their order. They hold secrets, so they are not shown.
        changes: What is another value now, value by value.
        blockers: What is bound to the old place, and nobody said what is meant; nothing may be restored before that.
        warnings: What the administrator should know.
    """

    objects: tuple[dict[str, Any], ...] = field(repr=False)
    changes: tuple[Change, ...] = ()
    blockers: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


def adapt(objects: Iterable[RawObject], source: Place, target: Place, mappings: Mappings) -> Adapted:
    """Adapt an installation's objects to the place that they are restored to.

    Args:
        objects: The stripped objects of a backup, with a CheCluster of either version.
        source: Where they were saved.
        target: Where they are to be restored.
        mappings: What is called otherwise there.

    Returns:
        On the same cluster and without a mapping the very same objects, and nothing else.

    Raises:
        UnusableObjectError: An object is not shaped as its kind is.
        UnknownCheClusterError: The CheCluster is of a version that is not known.
    """
    job = Job(source, target, mappings)
    came = tuple(dict(obj) for obj in require_shape(objects))
    _judge_places(job)
    adapted = tuple(_by_rules(obj, job) for obj in came)
    warn_of_certificates(came, adapted, job)
    warn_of_old_domain(adapted, job)
    warn_of_services(adapted, job)
    _warn_of_unused(job)
    ledger = job.ledger
    return Adapted(adapted, tuple(ledger.changes), tuple(ledger.blockers), tuple(ledger.warnings))


def _by_rules(obj: Object, job: Job) -> Object:
    for rule in _RULES:
        obj = rule(obj, job)
    return obj


def _judge_places(job: Job) -> None:
    source, target, wanted = job.source, job.target, job.mappings.namespace
    blockers = job.ledger.blockers
    if source.openshift != target.openshift:
        what = f"the backup is of {source.infrastructure}, this cluster is {target.infrastructure}"
        next_step = "Sign-in and addresses of Che differ between them: no mapping translates one into the other."
        blockers.append(Finding("cluster", "", what, next_step))
    if wanted and wanted != target.namespace:
        what = f"mappings.namespace is {wanted}, the task restores into {target.namespace}"
        blockers.append(Finding("namespace", "", what, "Name the same namespace in both."))
    elif not wanted and source.namespace != target.namespace:
        what = f"the backup is of the namespace {source.namespace}, the task restores into {target.namespace}"
        blockers.append(Finding("namespace", "", what, "Name mappings.namespace if that is meant."))
    if (
        source.is_cluster_of(target) is None
        and source.apps_domain
        and not (target.apps_domain or job.mappings.apps_domain)
    ):
        what = f"whether it is the one that was saved is not known; the apps domain {source.apps_domain} is kept"
        job.ledger.warnings.append(Finding("cluster", "", what, "Name mappings.apps_domain if it has another one."))
    if target.apps_domain and (job.moved or target.openshift):
        for old, new in job.mappings.apps_domain.items():
            if old != new and not is_under(new, target.apps_domain):
                what = f"{new} is not the apps domain of this cluster, which is {target.apps_domain}"
                job.ledger.warnings.append(Finding(f"mappings.apps_domain, {old}", "", what))


def _warn_of_unused(job: Job) -> None:
    mapped: dict[str, Mapping[str, str]] = {
        "apps_domain": {old: new for old, new in job.mappings.apps_domain.items() if old != job.source.apps_domain},
        "storage_classes": job.mappings.storage_classes,
        "user_ids": job.mappings.user_ids,
        "image_registries": job.mappings.image_registries,
        "database_hosts": job.mappings.database_hosts,
    }
    for name, pairs in mapped.items():
        for old in pairs:
            if (name, old) not in job.ledger.used:
                finding = Finding(f"mappings.{name}, {old}", "", "nothing is mapped by it", "Check its spelling.")
                job.ledger.warnings.append(finding)
    if job.mappings.namespace and not job.renamed:
        job.ledger.warnings.append(Finding("mappings.namespace", "", "nothing is mapped by it: the name is the same"))
