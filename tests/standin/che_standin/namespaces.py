# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Namespaces come at once and take their time to go."""

from __future__ import annotations

from . import manifests
from .cluster import Cluster
from .errors import StandinError
from .progress import step

GONE_SECONDS = 180


def delete(cluster: Cluster, name: str, wait: bool = True) -> None:
    """Deletes a namespace with everything in it, and by default waits until it is gone."""
    with step(f"delete namespace {name}"):
        if cluster.delete(manifests.namespace(name)) and wait:
            _await_gone(cluster, name)


def await_end(cluster: Cluster, name: str) -> None:
    """Waits for a namespace that is on its way out, as nothing can be made in it."""
    present = cluster.find("v1", "Namespace", name)
    if present and "deletionTimestamp" in present["metadata"]:
        _await_gone(cluster, name)


def _await_gone(cluster: Cluster, name: str) -> None:
    try:
        cluster.wait_gone(manifests.namespace(name), GONE_SECONDS)
    except StandinError as error:
        found = cluster.find("v1", "Namespace", name) or {}
        reasons = [c.get("message", "") for c in found.get("status", {}).get("conditions", []) if c["status"] == "True"]
        raise StandinError(f"{error}: {' '.join(reasons)}") from error
