# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Deployments Che's operator writes anew when a CheCluster says something else about databases. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import JDBC_URL, identity_secret_of
from ansible_collections.community.che.plugins.module_utils._che._move import patched
from ansible_collections.community.che.plugins.module_utils._che._objects import flag_at

#: Both are the names of Deployments, and the roles of the databases that these use.
CHE, KEYCLOAK = "che", "keycloak"


def concerned(che: CheCluster, patch: Mapping[str, Any]) -> list[str]:
    """The roles whose Deployments a JSON merge patch of a CheCluster's spec changes.

    Credentials in plain text, for one, may go without anybody noticing: where a Secret is named, that one counts.
    """
    after = patched(che, patch)
    found = [CHE] if _che(che) != _che(after) else []
    return [*found, KEYCLOAK] if _keycloak(che) != _keycloak(after) else found


def _che(che: CheCluster) -> tuple[Any, ...]:
    """All that its operator makes Che's Deployment, and the ConfigMap that this goes by, of."""
    generation = che.generation
    name = che.setting(generation.database_name) or "dbche"
    url = che.setting(f"{generation.properties}.{JDBC_URL}")
    secret = che.setting(generation.database_secret)
    plain = (che.setting(generation.database_user), che.setting(generation.database_password))
    return (
        flag_at(che.raw, f"spec.{generation.external_database}"),
        url or "jdbc:postgresql://{}:{}/{}".format(*_address(che), name),
        secret or plain,
    )


def _keycloak(che: CheCluster) -> tuple[Any, ...]:
    if not che.generation.identity_database_secret:
        return ()
    # It knows nothing of the URL, and its database and its role have always the same names.
    plain = che.setting(che.generation.identity_database_password)
    return (*_address(che), identity_secret_of(che) or plain)


def _address(che: CheCluster) -> tuple[str, str]:
    generation = che.generation
    return che.setting(generation.database_host) or "postgres", che.setting(generation.database_port) or "5432"
