# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fields of CheCluster v2 that have a counterpart in v1.

Written down from ``api/v2/checluster_types.go`` of the operator, for the database as of 7.50 to 7.61: the names alone.
"""

from __future__ import annotations

_CONTAINER = ("name", "image", "imagePullPolicy", "env", "resources.request", "resources.limits", "resources")
_SINGLE = {
    "networking": "labels annotations domain hostname tlsSecretName",
    "networking.auth": "identityProviderURL oAuthClientName oAuthSecret oAuthScope identityToken",
    "networking.auth.gateway": "configLabels",
    "containerRegistry": "hostname organization",
    "components.cheServer": "logLevel debug clusterRoles extraProperties",
    "components.cheServer.proxy": "url port nonProxyHosts credentialsSecretName",
    "components.dashboard": "headerMessage",
    "components.pluginRegistry": "disableInternalRegistry externalPluginRegistries openVSXURL",
    "components.devfileRegistry": "disableInternalRegistry externalDevfileRegistries",
    "components.metrics": "enable",
    "components.imagePuller": "enable spec",
    "components.devWorkspace": "runningLimit",
    "components.database": "externalDb postgresHostName postgresPort postgresDb credentialsSecretName",
    "components.database.pvc": "claimSize storageClass",
    "gitServices": "github gitlab bitbucket azure",
    "devEnvironments": """defaultPlugins nodeSelector tolerations defaultEditor defaultComponents
        secondsOfInactivityBeforeIdling secondsOfRunBeforeIdling""",
    "devEnvironments.storage": "pvcStrategy",
    "devEnvironments.storage.perUserStrategyPvcConfig": "claimSize storageClass",
    "devEnvironments.storage.perWorkspaceStrategyPvcConfig": "claimSize storageClass",
    "devEnvironments.defaultNamespace": "template autoProvision",
    "devEnvironments.trustedCerts": "gitTrustedCertsConfigMapName",
    "devEnvironments.user": "clusterRoles",
}
_DEPLOYMENTS = (
    "networking.auth.gateway",
    *(f"components.{name}" for name in ("cheServer", "dashboard", "pluginRegistry", "devfileRegistry", "database")),
)
_RESOURCES = tuple(f"resources.{bound}.{what}" for bound in ("request", "limits") for what in ("cpu", "memory"))

#: By path; an item of a list of containers as ``containers[]``.
V2_FIELDS = frozenset(
    (
        *(f"{section}.{name}" for section, names in _SINGLE.items() for name in names.split()),
        *(f"{part}.deployment.containers[].{name}" for part in _DEPLOYMENTS for name in (*_CONTAINER, *_RESOURCES)),
        *(f"{part}.deployment.securityContext.{name}" for part in _DEPLOYMENTS for name in ("runAsUser", "fsGroup")),
    )
)
