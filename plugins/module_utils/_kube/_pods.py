# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pods of a Deployment."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT, POD


def pods_of(cluster: Cluster, deployment: Object) -> Iterator[Object]:
    """The pods that a Deployment's selector finds.

    Raises:
        CheError: It selects by no labels, so that its pods can't be told from others.
    """
    metadata = deployment["metadata"]
    labels = deployment["spec"]["selector"].get("matchLabels") or {}
    if not labels:
        on = DEPLOYMENT.named(metadata["name"], metadata["namespace"])
        raise CheError("Its pods can't be told by labels", on, "Give its selector matchLabels.")
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return cluster.list(POD, metadata["namespace"], labels=selector)
