# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of Che on another cluster: its domain, its host, its identity provider, its certificate.

What an operator made up is cleared when it no longer fits, so that the operator makes it up anew. What somebody set is
changed by a mapping or not at all; where it can't be right any more, the restore is blocked until a mapping says what
is meant.
"""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._che._adapt_job import Job, Object
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._generated import (
    host_of,
    is_generated_host,
    is_generated_identity_url,
    is_service,
    is_under,
)
from ansible_collections.community.che.plugins.module_utils._che._generations import GENERATIONS
from ansible_collections.community.che.plugins.module_utils._che._ledger import CLEARED
from ansible_collections.community.che.plugins.module_utils._che._masking import shown_text
from ansible_collections.community.che.plugins.module_utils._che._objects import flag_at, kind_of
from ansible_collections.community.che.plugins.module_utils._che._place import V1, V2
from ansible_collections.community.che.plugins.module_utils._che._tree import with_text

_DOMAINS = {V1: ("k8s.ingressDomain", "server.cheServerRoute.domain"), V2: ("networking.domain",)}
_IDENTITY = {V1: "auth.identityProviderURL", V2: "networking.auth.identityProviderURL"}


def adapt_addresses(obj: Object, job: Job) -> Object:
    """The rule for the CheCluster's addresses."""
    if kind_of(obj) != "CheCluster":
        return obj
    cluster = CheCluster(obj)
    host, identity = cluster.generation.host, _IDENTITY[cluster.api_version]
    wanted = {path: _domain(obj, path, cluster.setting(path), job) for path in _DOMAINS[cluster.api_version]}
    wanted[host] = _host(obj, host, cluster.setting(host), job)
    wanted[identity] = _identity(obj, identity, cluster.setting(identity), job)
    for path, value in wanted.items():
        if value != cluster.setting(path):
            obj = {**obj, "spec": with_text(obj.get("spec") or {}, path, value)}
    return obj


def handled_paths(api_version: str) -> tuple[str, ...]:
    """The paths that the rule above decides about."""
    host = GENERATIONS[api_version].host
    return tuple(f"spec.{path}" for path in (*_DOMAINS[api_version], host, _IDENTITY[api_version]))


def address_of(cluster: CheCluster) -> tuple[str, ...]:
    """What Che's address follows from: its host, and every domain that is set."""
    paths = (cluster.generation.host, *_DOMAINS[cluster.api_version])
    return tuple(map(cluster.setting, paths))


def mapped_domain(host: str, job: Job) -> str | None:
    """Return a host below the domain that its own domain maps to; None when no mapping is about it."""
    for old in sorted(job.mappings.apps_domain, key=len, reverse=True):
        if is_under(host, old):
            return host[: len(host) - len(old)] + (job.mapped("apps_domain", old) or "")
    return None


def _domain(obj: Object, field: str, domain: str, job: Job) -> str:
    path = f"spec.{field}"
    if not domain:
        return domain
    mapped = mapped_domain(domain, job)
    if mapped is not None:
        job.ledger.change(obj, path, domain, mapped, "mapping apps_domain")
        return mapped
    if job.moved and domain != job.target.apps_domain:
        what = f"{domain} is a domain of the old cluster, {job.its_domain}"
        job.ledger.block(obj, path, what, "mappings.apps_domain")
    return domain


def _host(obj: Object, field: str, host: str, job: Job) -> str:
    path = f"spec.{field}"
    if job.mappings.host:
        job.ledger.change(obj, path, host, job.mappings.host, "mapping host")
        return job.mappings.host
    if not host:
        return host
    generated = is_generated_host(host, job.source)
    mapped = mapped_domain(host, job)
    if generated and (job.renamed or (job.domain_differs and mapped is None)):
        job.ledger.change(obj, path, host, "", CLEARED)
        return ""
    if mapped is not None:
        job.ledger.change(obj, path, host, mapped, "mapping apps_domain")
        return mapped
    if job.domain_differs and is_under(host, job.source.apps_domain):
        what = f"{host} was chosen below the apps domain of the old cluster, {job.its_domain}"
        job.ledger.block(obj, path, what, "mappings.host or mappings.apps_domain")
    elif job.moved:
        job.ledger.warn(obj, path, f"{host} is kept", "Its DNS record has to lead to this cluster.")
    elif job.renamed:
        next_step = "Two installations can't have the same: name mappings.host if the old one stays."
        job.ledger.warn(obj, path, f"{host} is kept", next_step)
    return host


def _identity(obj: Object, field: str, url: str, job: Job) -> str:
    path, wanted = f"spec.{field}", job.mappings.identity_provider
    if wanted:
        job.ledger.change(obj, path, shown_text(url), wanted, "mapping identity_provider")
        return wanted
    if not url:
        return url
    host = host_of(url)
    if is_generated_identity_url(url, job.source) and not flag_at(obj, "spec.auth.externalIdentityProvider"):
        return _generated_identity(obj, path, url, job)
    if job.domain_differs and is_under(host, job.source.apps_domain):
        what = f"the identity provider {host} is below the apps domain of the old cluster"
        job.ledger.block(obj, path, what, "mappings.identity_provider")
    elif job.moved and is_service(host):
        job.ledger.block(obj, path, f"the identity provider {host} is of the old cluster", "mappings.identity_provider")
    return url


def _generated_identity(obj: Object, path: str, url: str, job: Job) -> str:
    host = host_of(url)
    mapped = mapped_domain(host, job)
    if job.renamed or (job.domain_differs and mapped is None):
        job.ledger.change(obj, path, shown_text(url), "", CLEARED)
        return ""
    if mapped is None or mapped == host:
        return url
    changed = url.replace(host, mapped, 1)
    job.ledger.change(obj, path, shown_text(url), shown_text(changed), "mapping apps_domain")
    return changed
