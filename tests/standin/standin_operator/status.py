# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""CheCluster's status, from what its Deployments report. Pure: no requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .generation import databases, generation, identity_secret, release
from .names import CHE_VERSIONS

Object = dict[str, Any]


def is_available(deployment: Object) -> bool:
    """True when the newest template runs and answers; a Deployment scaled to 0 is not available."""
    status = deployment.get("status", {})
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 1)
        and status.get("updatedReplicas", 0) >= 1
        and status.get("availableReplicas", 0) >= 1
        and not status.get("unavailableReplicas")
    )


def missing(wanted: Iterable[str], deployments: Mapping[str, Object]) -> list[str]:
    """Names of the Deployments that are not there or not available."""
    return [name for name in wanted if name not in deployments or not is_available(deployments[name])]


def status_of(cluster: Object, not_available: list[str]) -> Object:
    """The status that this CheCluster should show.

    Args:
        cluster: The CheCluster.
        not_available: Names of the Deployments that are still missing.
    """
    ready = not not_available
    version = generation(cluster)
    spec = cluster["spec"]
    host = spec.get("server", {}).get("cheHost") or spec.get("networking", {}).get("hostname") or ""
    message = "" if ready else "Deployments not available: " + ", ".join(not_available)
    status: Object = {
        "cheVersion": CHE_VERSIONS[release(cluster)],
        "cheURL": f"https://{host}",
        "message": message,
        "reason": "",
    }
    if version == "v1":
        status["cheClusterRunning"] = "Available" if ready else "Unavailable"
        status["dbProvisioned"] = bool(databases(cluster)) and "postgres" not in not_available
        if identity_secret(cluster):
            # Never taken back: the operator sets an identity provider up once in a CheCluster's life.
            was = cluster.get("status", {}).get("keycloakProvisioned", False)
            status["keycloakProvisioned"] = was or "keycloak" not in not_available
    else:
        status["chePhase"] = "Active" if ready else "Inactive"
        status["gatewayPhase"] = "Established" if ready else "Initializing"
    return status
