# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which databases an installation runs now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.community.che.plugins.module_utils._backup._installation import find_che_cluster
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import Database, find_databases
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT, SECRET


def live_databases(
    cluster: Cluster, namespace: str, objects: Sequence[Object], che_cluster: str = ""
) -> Iterator[tuple[Database, Object]]:
    """The databases that an installation runs now, each with the Deployment of its server.

    Where the Secret with a database's credentials is lost, the saved one tells them.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        objects: The objects of the backup.
        che_cluster: The CheCluster's name; empty for that of the one among these, or else the only one.
    """
    deployments = {item["metadata"]["name"]: item for item in cluster.list(DEPLOYMENT, namespace)}
    saved = next((obj["metadata"]["name"] for obj in objects if obj["kind"] == "CheCluster"), None)
    found = CheCluster(find_che_cluster(cluster, namespace, che_cluster or saved))
    live = list(cluster.list(SECRET, namespace))
    present = {secret["metadata"]["name"] for secret in live}
    lost = [obj for obj in objects if obj["kind"] == SECRET.kind and obj["metadata"]["name"] not in present]
    for database in find_databases(found, deployments.values(), [*live, *lost]):
        yield database, deployments[database.deployment]
