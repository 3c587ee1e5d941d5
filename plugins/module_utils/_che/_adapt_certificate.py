# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates for the host that Che had on the old cluster.

They do not block a restore: Che starts with them, and they may well be for all hosts of a domain; but browsers refuse
one for another host.
"""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._che._adapt_address import address_of
from ansible_collections.community.che.plugins.module_utils._che._adapt_job import Job, Object
from ansible_collections.community.che.plugins.module_utils._che._adapt_namespace import secret_texts
from ansible_collections.community.che.plugins.module_utils._che._certificate import covers
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._objects import kind_of, name_of
from ansible_collections.community.che.plugins.module_utils._che._place import V1, V2

_NAMES = {V1: ("server.cheHostTLSSecret", "k8s.tlsSecretName"), V2: ("networking.tlsSecretName",)}
# What the operator makes where no other one is named.
_OWN = ("che-tls", "self-signed-certificate")
_CERTIFICATE = "tls.crt"


def warn_of_certificates(before: tuple[Object, ...], after: tuple[Object, ...], job: Job) -> None:
    """Warn of each certificate that isn't known to fit the address that Che gets."""
    old, new = _cluster(before), _cluster(after)
    if old is None or new is None or (address_of(old) == address_of(new) and not job.domain_differs):
        return
    host = new.setting(new.generation.host)
    named = {new.setting(path) for path in _NAMES[new.api_version]} | set(_OWN)
    for obj in after:
        if kind_of(obj) == "Secret" and name_of(obj) in named and not _fits(obj, host):
            what = (
                f"its certificate is not for {host}" if host else "its certificate is for the host on the old cluster"
            )
            next_step = "Replace it; where the operator made it, delete it after the restore, and it is made anew."
            job.ledger.warn(obj, f"data.{_CERTIFICATE}", what, next_step)


def _cluster(objects: tuple[Object, ...]) -> CheCluster | None:
    return next((CheCluster(obj) for obj in objects if kind_of(obj) == "CheCluster"), None)


def _fits(secret: Object, host: str) -> bool:
    held = dict(secret_texts(secret))
    return bool(host) and covers(held.get(_CERTIFICATE) or held.get("ca.crt") or "", host)
