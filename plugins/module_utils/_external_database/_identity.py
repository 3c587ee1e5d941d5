# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The identity provider that Che's operator of v1 may run: its database lies on whatever server Che's own lies on."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import identity_secret_of
from ansible_collections.community.che.plugins.module_utils._che._external import DISABLE, PREFER
from ansible_collections.community.che.plugins.module_utils._che._generations import GENERATIONS
from ansible_collections.community.che.plugins.module_utils._che._objects import flag_at
from ansible_collections.community.che.plugins.module_utils._che._versions import may_run_identity_provider
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._external_database._concerned import KEYCLOAK
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT


@dataclass(frozen=True)
class Identity:
    """An installation's identity provider, and the Secret that opens its database.

    Args:
        runs: Whether the operator runs one, or will; it keeps the Deployment for as long as it does, wherever the
            database is.
        present: The Secret that it works with now; empty where there is none, or the CheCluster holds the password.
        is_named: Whether it is the CheCluster that names that one, and not the operator's own choice.
        asked: The Secret that the task names for it; empty where it names none, or none is needed.
        is_set_up: Whether the operator has noted that it has set it up, which it does once.
    """

    runs: bool
    present: str
    is_named: bool
    asked: str
    is_set_up: bool = False

    @property
    def effective(self) -> str:
        """The Secret with which it would work; empty where there is none."""
        return self.asked or self.present

    def warnings(self, tls: str) -> list[str]:
        """What has to be said of how it speaks to the server: only Che's own driver goes by the task's ``tls``."""
        if not self.effective or tls in (DISABLE, PREFER):
            return []
        return [
            "The identity provider takes TLS when the server offers it, does not verify whose server it is, and can't "
            f"be told to do otherwise. tls: {tls} is for Che alone."
        ]

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

    def require_set_up(self, database: str, things: int | None, on: str) -> None:
        """Refuse an empty database for one that was set up: its operator makes realm, client and users no second time.

        Without them Che's server does not start (``syncKeycloakResources`` of ``pkg/deploy/identity-provider``; Che's
        ``OIDCInfoProvider``).

        Args:
            database: The database that was looked at; Che's own may be empty.
            things: How much it holds; None where nobody has looked.
            on: The CheCluster, for the reader.

        Raises:
            CheError: It would work with an empty database.
        """
        if self.is_set_up and database == KEYCLOAK and things == 0:
            raise CheError(
                "The identity provider would begin in an empty database, and its operator sets it up only once, as "
                "status.keycloakProvisioned notes: nobody could log in",
                on,
                "Move the databases with database_migration, by the role with external_postgresql_migrate. To begin "
                "anew, delete the CheCluster, and make it again with these settings.",
            )


def foreseen_identity(api_version: str, che_version: str, asked: str) -> Identity:
    """What there will be of it where there is no CheCluster yet: what its version has, as the documents take it to.

    Args:
        api_version: Of the CheCluster that is to be made.
        che_version: Of Che.
        asked: The Secret that the task names; who names one knows what the new CheCluster will say.
    """
    knows = bool(GENERATIONS[api_version].identity_database_secret)
    return Identity(runs=knows and may_run_identity_provider(che_version), present="", is_named=False, asked=asked)


def find_identity(cluster: Cluster, che: CheCluster, asked: str) -> Identity:
    """What there is of it.

    Args:
        cluster: Where.
        che: The CheCluster.
        asked: The Secret that the task names.
    """
    generation = che.generation
    knows = bool(generation.identity_database_secret)
    runs = knows and cluster.find(DEPLOYMENT, KEYCLOAK, che.namespace) is not None
    return Identity(
        runs=runs,
        present=identity_secret_of(che) if runs else "",
        is_named=bool(che.setting(generation.identity_database_secret)),
        # An operator that has done all its work, and runs none, will run none.
        asked=asked if knows and (runs or not che.is_ready()) else "",
        is_set_up=runs and flag_at(che.raw, "status.keycloakProvisioned"),
    )
