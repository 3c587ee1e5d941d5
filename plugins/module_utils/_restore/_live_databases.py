# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which databases an installation runs now, and which it would look for once it is restored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.community.che.plugins.module_utils._backup._installation import find_che_cluster
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import Database, find_databases
from ansible_collections.community.che.plugins.module_utils._che._errors import CredentialsError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT, SECRET


def live_databases(cluster: Cluster, namespace: str, objects: Sequence[Object]) -> Iterator[tuple[Database, Object]]:
    """The databases that an installation runs now, each with the Deployment of its server.

    Where the Secret with a database's credentials is lost, the saved one tells them.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        objects: The objects of the backup; the CheCluster among them says which one is meant.
    """
    deployments = {item["metadata"]["name"]: item for item in cluster.list(DEPLOYMENT, namespace)}
    name = next((obj["metadata"]["name"] for obj in objects if obj["kind"] == "CheCluster"), None)
    che_cluster = CheCluster(find_che_cluster(cluster, namespace, name))
    live = list(cluster.list(SECRET, namespace))
    present = {secret["metadata"]["name"] for secret in live}
    lost = [obj for obj in objects if obj["kind"] == SECRET.kind and obj["metadata"]["name"] not in present]
    for database in find_databases(che_cluster, deployments.values(), [*live, *lost]):
        yield database, deployments[database.deployment]


def restored_databases(cluster: Cluster, namespace: str, objects: Sequence[Object]) -> dict[str, Database]:
    """The databases by their roles, as the restored CheCluster and its Secrets call them.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        objects: The objects as they are to be.

    Returns:
        None where no CheCluster is restored, or its credentials are nowhere.
    """
    che_cluster = next((CheCluster(obj) for obj in objects if obj["kind"] == "CheCluster"), None)
    if che_cluster is None:
        return {}
    restored = [obj for obj in objects if obj["kind"] == SECRET.kind]
    names = {secret["metadata"]["name"] for secret in restored}
    others = [secret for secret in cluster.list(SECRET, namespace) if secret["metadata"]["name"] not in names]
    try:
        found = find_databases(che_cluster, cluster.list(DEPLOYMENT, namespace), [*restored, *others])
    except CredentialsError:
        return {}
    return {database.role: database for database in found}
