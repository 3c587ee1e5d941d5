# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where an installation stands, or stood when it was saved."""

from __future__ import annotations

from dataclasses import dataclass

V1 = "org.eclipse.che/v1"
V2 = "org.eclipse.che/v2"


@dataclass(frozen=True)
class Place:
    """A cluster and the namespace in it, as far as an installation depends on them.

    Args:
        namespace: Che's own namespace.
        apps_domain: The domain of its routes or ingresses; empty when it isn't known.
        infrastructure: ``Kubernetes``, or ``OpenShift`` in any spelling, with or without its version.
        api_version: The newest API version of CheCluster that is served, or that the backup holds.
        che_version: As the operator reports it; empty when it isn't known.
        storage_classes: The names of the cluster's storage classes; None when they can't be listed.
        cluster_id: What tells this cluster from others, such as the uid of its namespace ``kube-system``; empty when it
            isn't known.
        runs_database: Whether this version of Che has a database of its own, where its number does not tell: the
            operator runs one, or its CheCluster says that one is external. None when that isn't known either.
    """

    namespace: str
    apps_domain: str
    infrastructure: str
    api_version: str
    che_version: str
    storage_classes: frozenset[str] | None = None
    cluster_id: str = ""
    runs_database: bool | None = None

    @property
    def openshift(self) -> bool:
        """Whether it is an OpenShift cluster."""
        return self.infrastructure.lower().startswith("openshift")

    def is_cluster_of(self, other: Place) -> bool | None:
        """Tell whether both are the same cluster; None when that can't be told."""
        if self.cluster_id and other.cluster_id:
            return self.cluster_id == other.cluster_id
        if self.openshift != other.openshift:
            return False
        if self.apps_domain and other.apps_domain and self.apps_domain != other.apps_domain:
            return False
        return None
