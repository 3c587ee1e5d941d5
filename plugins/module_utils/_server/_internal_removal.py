# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backup server that this collection runs in the cluster, taken down."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CLAIM,
    DEPLOYMENT,
    SECRET,
    SERVICE,
    kind_of,
)
from ansible_collections.community.che.plugins.module_utils._server import _internal_objects as objects
from ansible_collections.community.che.plugins.module_utils._server._configure import Outcome
from ansible_collections.community.che.plugins.module_utils._server._converge import is_ours
from ansible_collections.community.che.plugins.module_utils._server._desired import pending_secret_name
from ansible_collections.community.che.plugins.module_utils._server._internal_objects import CONFIGURATION
from ansible_collections.community.che.plugins.module_utils._server._internal_place import configuration, place_of
from ansible_collections.community.che.plugins.module_utils._server._internal_request import InternalRequest

_KEPT = "The volume with the backups and their password stay; internal.remove_data: true removes them too."


def take_down(cluster: Cluster, request: InternalRequest) -> Outcome:
    """Remove the internal backup server; its volume and the password of its repository only where that is asked for.

    Raises:
        UsageError: The password is there, and its volume must be elsewhere.
    """
    stored = configuration(cluster, request.namespace)
    home, place = request.namespace, place_of(request, stored)
    parts = [
        *((DEPLOYMENT, name, place) for name in (objects.DEPLOYMENT_NAME, objects.OLD_DEPLOYMENT_NAME)),
        (SERVICE, objects.SERVICE_NAME, place),
        (SECRET, objects.IDENTITY, place),
        (SECRET, objects.CREDENTIALS, home),
        (SECRET, objects.CONNECTION, home),
    ]
    if request.remove_data:
        if stored is None:
            _require_volume(cluster, home, place)
        parts += [(CLAIM, objects.DATA, place), (SECRET, objects.REPOSITORY_PASSWORD, home)]
        # What an interrupted change of the password has left is about a repository that is gone.
        parts.append((SECRET, pending_secret_name(CONFIGURATION), home))
    gone = []
    for kind, name, namespace in [*([(kind_of(stored.raw), CONFIGURATION, home)] if stored else []), *parts]:
        found = cluster.find(kind, name, namespace)
        if found is not None and is_ours(found):
            gone.append(kind.named(name, namespace))
            if not request.check_mode:
                cluster.delete(kind, name, namespace)
    return Outcome(
        name=CONFIGURATION,
        stored_as=stored.stored_as if stored else "",
        changed=bool(gone),
        before={"objects": gone} if gone else {},
        note="" if request.remove_data or not gone else _KEPT,
    )


def _require_volume(cluster: Cluster, home: str, place: str) -> None:
    """Without its configuration nothing says where the server ran; the password must not go alone."""
    password = cluster.find(SECRET, objects.REPOSITORY_PASSWORD, home)
    if password and is_ours(password) and cluster.find(CLAIM, objects.DATA, place) is None:
        raise UsageError(
            "The repository password of the internal backup server is there, and its volume is not",
            CLAIM.named(objects.DATA, place),
            f"Say with internal.namespace where the server ran. If the volume is gone, delete the Secret "
            f"{objects.REPOSITORY_PASSWORD} by hand.",
        )
