# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The authority of a database's server, made known to Che as its documentation has it."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._che._authorities import BUNDLE_LABELS
from ansible_collections.community.che.plugins.module_utils._external_database._diff import titled
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP
from ansible_collections.community.che.plugins.module_utils._server._converge import converge

NAME = "external-postgres-ca"
_KEY = "external-postgres-ca.crt"


def ensure_authority(cluster: Cluster, namespace: str, certificate: str, check_mode: bool) -> bool:
    """Have Che trust the certificates (PEM), if there are any; whether there was, or would be, something to do."""
    if not certificate:
        return False
    wanted: Object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": namespace, "labels": BUNDLE_LABELS},
        "data": {_KEY: certificate},
    }
    return converge(cluster, wanted, cluster.find(CONFIG_MAP, NAME, namespace), check_mode)


def authority_diff(known: str | None, certificate: str) -> Object:
    """What ``ensure_authority`` changes, for a task's ``diff``.

    Args:
        known: What ``known_authorities`` said before.
        certificate: What is trusted then.
    """
    before = {} if known is None else {"data": {_KEY: known}}
    return titled(f"ConfigMap/{NAME}", before, {"data": {_KEY: certificate}})


def known_authorities(cluster: Cluster, namespace: str) -> str | None:
    """The certificates (PEM) that ``ensure_authority`` has made known; None where it has not."""
    config_map = cluster.find(CONFIG_MAP, NAME, namespace)
    return None if config_map is None else str((config_map.get("data") or {}).get(_KEY, ""))


def trust_besides(cluster: Cluster, namespace: str, certificate: str, check_mode: bool) -> bool:
    """Have Che trust an authority besides those that it trusts already; returns whether there was something to do."""
    wanted = besides(known_authorities(cluster, namespace), certificate)
    return ensure_authority(cluster, namespace, wanted, check_mode)


def trust_as_before(cluster: Cluster, namespace: str, before: str | None, certificate: str) -> None:
    """Undo ``trust_besides``, unless somebody has written something else since.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        before: What ``known_authorities`` said before.
        certificate: What was trusted besides.
    """
    now = known_authorities(cluster, namespace)
    if now is None or now == before or now != besides(before, certificate):
        return
    if before is None:
        cluster.delete(CONFIG_MAP, NAME, namespace)
    else:
        ensure_authority(cluster, namespace, before, check_mode=False)


def besides(there: str | None, certificate: str) -> str:
    """The certificates that are there, and another one."""
    known = there or ""
    return known if certificate.strip() in known else f"{known.rstrip()}\n{certificate}".lstrip()
