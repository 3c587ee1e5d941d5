# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The identity provider that Che's operator of v1 may run: its database lies on whatever server Che's own lies on."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import identity_secret_of
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._external_database._concerned import KEYCLOAK
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT


@dataclass(frozen=True)
class Identity:
    """An installation's identity provider, and the Secret that opens its database.

    Args:
        runs: Whether the operator runs one; it keeps the Deployment for as long as it does, wherever the database is.
        present: The Secret that it works with now; empty where there is none, or the CheCluster holds the password.
        is_named: Whether it is the CheCluster that names that one, and not the operator's own choice.
        asked: The Secret that the task names for it; empty where it names none, or none is needed.
    """

    runs: bool
    present: str
    is_named: bool
    asked: str

    @property
    def effective(self) -> str:
        """The Secret with which it would work; empty where there is none."""
        return self.asked or self.present

    def require_secret(self, on: str) -> None:
        """Refuse to take Che to another server, where nobody could log in any more.

        Raises:
            CheError: There is an identity provider, and nobody has said how it opens its database there.
        """
        if self.runs and not self.asked and not self.is_named:
            raise CheError(
                "Its operator runs an identity provider, whose database goes along, and how that is opened there was "
                "not said",
                on,
                "Make a role and a database on the other server, both called keycloak, and name the Secret with the "
                "password by identity_secret.",
            )


def find_identity(cluster: Cluster, che: CheCluster | None, asked: str) -> Identity:
    """What there is of it; where nobody knows yet whether there will be one, the task is believed.

    Args:
        cluster: Where.
        che: The CheCluster; None where there is none yet.
        asked: The Secret that the task names.
    """
    if che is None:
        return Identity(runs=False, present="", is_named=False, asked=asked)
    generation = che.generation
    knows = bool(generation.identity_database_secret)
    runs = knows and cluster.find(DEPLOYMENT, KEYCLOAK, che.namespace) is not None
    return Identity(
        runs=runs,
        present=identity_secret_of(che) if runs else "",
        is_named=bool(che.setting(generation.identity_database_secret)),
        # An operator that has done all its work, and runs none, will run none.
        asked=asked if knows and (runs or not che.is_ready()) else "",
    )
