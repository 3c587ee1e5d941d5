# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The authority of a database's server, made known to Che as its documentation has it."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._che._authorities import BUNDLE_LABELS
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


def trust_besides(cluster: Cluster, namespace: str, certificate: str, check_mode: bool) -> bool:
    """Have Che trust an authority besides those that it trusts already; returns whether there was something to do."""
    config_map = cluster.find(CONFIG_MAP, NAME, namespace) or {}
    there = str((config_map.get("data") or {}).get(_KEY, ""))
    if certificate.strip() in there:
        return False
    return ensure_authority(cluster, namespace, f"{there.rstrip()}\n{certificate}".lstrip(), check_mode)
