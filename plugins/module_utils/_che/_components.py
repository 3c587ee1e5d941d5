# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Deployments of Che use which of its databases.

Source: the operator calls Che's server by its own flavour, ``che``, ``codeready`` or ``devspaces``, in the name of the
Deployment, and in the labels ``name`` and ``component`` alike; all else that it makes has the flavour for ``name``
and another ``component`` (``pkg/deploy/labels.go``, ``pkg/deploy/server/server_deployment.go``).
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.community.che.plugins.module_utils._che._objects import RawObject, name_of

#: The flavours: Eclipse Che, CodeReady Workspaces, OpenShift Dev Spaces.
PRODUCTS = ("che", "codeready", "devspaces")

_PREFIX = "app.kubernetes.io/"
_PART_OF = "che.eclipse.org"
_KEYCLOAK = "keycloak"
_OPENVSX_SERVER = "openvsx-server"


def users_of(role: str, deployments: Iterable[RawObject]) -> list[RawObject]:
    """The Deployments whose pods have sessions with the database of a role.

    Args:
        role: ``che``, ``keycloak`` or ``openvsx``.
        deployments: Those of Che's namespace.
    """
    if role == "che":
        return [deployment for deployment in deployments if _is_server(deployment)]
    name = {"keycloak": _KEYCLOAK, "openvsx": _OPENVSX_SERVER}[role]
    return [deployment for deployment in deployments if name_of(deployment) == name]


def _is_server(deployment: RawObject) -> bool:
    """Whether it is Che's server, of whatever flavour."""
    labels = deployment["metadata"].get("labels") or {}
    flavour = labels.get(f"{_PREFIX}name")
    if flavour and labels.get(f"{_PREFIX}part-of") == _PART_OF:
        return bool(labels.get(f"{_PREFIX}component") == flavour)
    # Where somebody has taken the labels off, its operator still goes by the name.
    return name_of(deployment) in PRODUCTS
