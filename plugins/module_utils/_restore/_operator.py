# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operator of Che, without which a CheCluster stays a piece of paper."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.community.che.plugins.module_utils._backup._installation import served_che_cluster_kind
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT
from ansible_collections.community.che.plugins.module_utils._restore._ready import is_available
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Installation

# Eclipse Che, CodeReady Workspaces, OpenShift Dev Spaces.
_NAMES = ("che-operator", "codeready-operator", "devspaces-operator")
_USUAL_NAMESPACES = ("openshift-operators", "operators")
CRD = "CustomResourceDefinition checlusters.org.eclipse.che"


@dataclass(frozen=True)
class Operator:
    """What is known of it.

    Args:
        seen: Whether the credentials let one see where it would be.
        deployment: Its Deployment; None where there is none.
    """

    seen: bool
    deployment: Object | None

    @property
    def runs(self) -> bool:
        """Whether it is there and available."""
        return (
            self.deployment is not None
            and bool(self.deployment["spec"].get("replicas", 1))
            and is_available(self.deployment)
        )

    @property
    def on(self) -> str:
        """How messages name it."""
        if self.deployment is None:
            return "operator of Che"
        metadata = self.deployment["metadata"]
        return DEPLOYMENT.named(metadata["name"], metadata["namespace"])


def find_operator(cluster: Cluster, namespace: str) -> Operator:
    """Look for the operator: everywhere, or where it usually is when the credentials see no more.

    Args:
        cluster: Where.
        namespace: The namespace of Che, which may be the operator's own too.
    """
    try:
        return Operator(True, _best([obj for name in _NAMES for obj in _named(cluster, "", name)]))
    except Forbidden:
        pass
    found, seen = [], True
    for place in (namespace, *_USUAL_NAMESPACES):
        try:
            found += [obj for name in _NAMES for obj in _named(cluster, place, name)]
        except Forbidden:
            seen = False
    return Operator(seen or bool(found), _best(found))


def version_of(operator: Operator) -> str:
    """The version of Che that an operator deploys, from the variable in which all of them have it; empty if unknown."""
    if operator.deployment is None:
        return ""
    containers = operator.deployment["spec"]["template"]["spec"].get("containers") or []
    variables = [variable for container in containers for variable in container.get("env") or []]
    return next((str(variable.get("value", "")) for variable in variables if variable.get("name") == "CHE_VERSION"), "")


def _named(cluster: Cluster, namespace: str, name: str) -> list[Object]:
    return list(cluster.list(DEPLOYMENT, namespace, fields=f"metadata.name={name}"))


def _best(found: list[Object]) -> Object | None:
    return next((obj for obj in found if is_available(obj)), found[0] if found else None)


def require_operator(cluster: Cluster, namespace: str, api_version: str, saved: Installation) -> None:
    """Refuse to create a CheCluster that nobody would look at.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        api_version: That of the CheCluster that is to be created.
        saved: Where the backup comes from.

    Raises:
        CheError: The kind is not served, or no operator runs; where the credentials do not let one see whether it does,
            it is taken to run.
    """
    served = served_che_cluster_kind(cluster)
    if served is None:
        raise CheError("The cluster does not serve the kind CheCluster", CRD, how_to_install(saved))
    if served.api_version != api_version:
        raise CheError(
            f"The cluster serves the kind CheCluster as {served.api_version}, and the plan was made for {api_version}",
            CRD,
            "Run the task with state: aborted, then restore anew: the plan converts it then.",
        )
    operator = find_operator(cluster, namespace)
    if operator.seen and not operator.runs:
        missing = operator.deployment is None
        what = "There is no operator of Che" if missing else "The operator of Che does not run"
        raise CheError(what, operator.on, how_to_install(saved) if missing else "Start it.")


def how_to_install(saved: Installation) -> str:
    """What to do where the operator, or the kind CheCluster, is missing.

    Args:
        saved: Where the backup comes from.
    """
    version = saved.che_version or "of the same version"
    if saved.infrastructure.lower().startswith("openshift"):
        way = f"from OperatorHub: subscribe with startingCSV eclipse-che.v{version} or that of your product"
    else:
        way = f"with the manifests of its release, github.com/eclipse-che/che-operator, tag {version}, folder deploy"
    return f"The backup was made of Che {version}. Install its operator, {way}. Nothing is installed by this task."
