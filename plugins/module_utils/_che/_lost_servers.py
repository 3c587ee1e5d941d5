# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases that an installation has, and that nobody finds as what would tell of them is not there at the moment.

What runs tells which databases there are. While the Deployment of a server is gone, as after somebody has deleted it
with the operator down, its databases would be left out without a word.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import (
    SERVERS,
    Database,
    external_database,
    identity_secret_of,
    wants_identity_provider,
)
from ansible_collections.community.che.plugins.module_utils._che._errors import LostServerError
from ansible_collections.community.che.plugins.module_utils._che._versions import needs_no_database

# Che for a single user (up to 7.42) keeps what it has in a file.
_MULTIUSER = "CHE_MULTIUSER"
_LIFT = "Let the operator of Che make it again, then run the task again."


def require_servers(cluster: CheCluster, found: Iterable[Database], secrets: Collection[str], lift: str = "") -> None:
    """Refuse an installation of which a database is known to be there, and was not found.

    Args:
        cluster: The CheCluster; where its version does not tell whether Che has a database, nothing is known.
        found: The databases that were found.
        secrets: The names of the Secrets of its namespace: the identity provider's shows that it has a database.
        lift: What else can be done, as a full sentence.

    Raises:
        LostServerError: One was not.
    """
    roles = {database.role for database in found}
    if needs_no_database(cluster.version) is not False or _is_of_one_user(cluster):
        return
    if "che" not in roles and not external_database(cluster):
        what = "The server of Che's database is not there"
        raise LostServerError(what, _deployment(cluster, SERVERS["che"][0]), f"{_LIFT} {lift}".strip())
    has_provider = wants_identity_provider(cluster, cluster.version) and identity_secret_of(cluster) in secrets
    if "keycloak" not in roles and has_provider:
        what = "The identity provider is not there, which has a database too"
        raise LostServerError(what, _deployment(cluster, "keycloak"), f"{_LIFT} {lift}".strip())


def _deployment(cluster: CheCluster, name: str) -> str:
    return f"Deployment {cluster.namespace}/{name}"


def _is_of_one_user(cluster: CheCluster) -> bool:
    return cluster.setting(f"{cluster.generation.properties}.{_MULTIUSER}").lower() == "false"
