# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every field of CheCluster v1, with a value that can be found again.

Written down from ``api/v1/checluster_types.go`` of the operator as of 7.42 and as of its last change: the names alone.
"""

from __future__ import annotations

from typing import Any

_TEXTS = {
    "server": """airGapContainerRegistryHostname airGapContainerRegistryOrganization cheImage cheImageTag
        cheImagePullPolicy cheFlavor cheHost cheHostTLSSecret cheLogLevel cheClusterRoles cheWorkspaceClusterRole
        serverTrustStoreConfigMapName dashboardImage dashboardImagePullPolicy dashboardMemoryLimit
        dashboardMemoryRequest dashboardCpuLimit dashboardCpuRequest devfileRegistryUrl devfileRegistryImage
        devfileRegistryPullPolicy devfileRegistryMemoryLimit devfileRegistryMemoryRequest devfileRegistryCpuLimit
        devfileRegistryCpuRequest pluginRegistryUrl pluginRegistryImage pluginRegistryPullPolicy
        pluginRegistryMemoryLimit pluginRegistryMemoryRequest pluginRegistryCpuLimit pluginRegistryCpuRequest proxyURL
        proxyPort nonProxyHosts proxyUser proxyPassword proxySecret serverMemoryRequest serverMemoryLimit
        serverCpuLimit serverCpuRequest serverExposureStrategy singleHostGatewayImage
        singleHostGatewayConfigSidecarImage workspaceDefaultEditor openVSXRegistryURL""",
    "database": """chePostgresHostName chePostgresPort chePostgresUser chePostgresPassword chePostgresDb
        chePostgresSecret postgresImage postgresVersion postgresImagePullPolicy pvcClaimSize""",
    "auth": """identityProviderURL identityProviderAdminUserName identityProviderPassword identityProviderSecret
        identityProviderRealm identityProviderClientId identityProviderPostgresPassword identityProviderPostgresSecret
        oAuthClientName oAuthSecret oAuthScope identityToken identityProviderImage identityProviderImagePullPolicy
        gatewayAuthenticationSidecarImage gatewayAuthorizationSidecarImage gatewayHeaderRewriteSidecarImage""",
    "storage": """pvcClaimSize pvcJobsImage postgresPVCStorageClassName workspacePVCStorageClassName
        perWorkspaceStrategyPvcClaimSize perWorkspaceStrategyPVCStorageClassName""",
    "dashboard": "warning",
    "k8s": "ingressDomain ingressStrategy ingressClass tlsSecretName singleHostExposureType",
    "devWorkspace": "controllerImage runningLimit",
}
_FLAGS = {
    "server": """allowUserDefinedWorkspaceNamespaces allowAutoProvisionUserNamespace selfSignedCert gitSelfSignedCert
        tlsSupport useInternalClusterSVCNames disableInternalClusterSVCNames externalDevfileRegistry
        externalPluginRegistry""",
    "database": "externalDb",
    "auth": """initialOpenShiftOAuthUser externalIdentityProvider updateAdminPassword openShiftoAuth nativeUserMode
        debug""",
    "storage": "preCreateSubPaths",
    "metrics": "enable",
    "imagePuller": "enable",
    "devWorkspace": "enable",
}
_VARIABLES = {
    "server": "cheServerEnv devfileRegistryEnv pluginRegistryEnv dashboardEnv",
    "database": "postgresEnv",
    "auth": "gatewayEnv gatewayConfigBumpEnv gatewayOAuthProxyEnv gatewayKubeRbacProxyEnv",
    "devWorkspace": "env",
}
_RESOURCES = ("database.chePostgresContainerResources", "auth.identityProviderContainerResources")
_INGRESSES = (
    "server.dashboardIngress",
    "server.devfileRegistryIngress",
    "server.pluginRegistryIngress",
    "server.cheServerIngress",
    "auth.identityProviderIngress",
)
_SERVICES = ("github", "gitlab", "bitbucket")


def mark(path: str) -> str:
    """A text that stands nowhere else, and is a valid name."""
    return f"mark-{path.lower().replace('.', '-')}-end"


def fields() -> dict[str, Any]:
    """A value for every field, by its path."""
    found: dict[str, Any] = {}
    for section, names in _TEXTS.items():
        found.update({f"{section}.{name}": mark(f"{section}.{name}") for name in names.split()})
    for section, names in _FLAGS.items():
        found.update({f"{section}.{name}": True for name in names.split()})
    for section, names in _VARIABLES.items():
        for path in (f"{section}.{name}" for name in names.split()):
            found[path] = [{"name": "A_VARIABLE", "value": mark(path)}]
    for path in _RESOURCES:
        found[path] = {"limits": {"memory": mark(path), "cpu": "1"}, "request": {"memory": "1Gi", "cpu": "1m"}}
    for path in _INGRESSES:
        found[f"{path}.labels"] = f"label={mark(f'{path}.labels')}"
        found[f"{path}.annotations"] = {"example.org/note": mark(f"{path}.annotations")}
        route = path.replace("Ingress", "Route")
        found[f"{route}.labels"] = f"label={mark(f'{route}.labels')}"
        found[f"{route}.annotations"] = {"example.org/note": mark(f"{route}.annotations")}
        found[f"{route}.domain"] = mark(f"{route}.domain")
    for service in _SERVICES:
        path = f"gitServices.{service}"
        found[path] = [{"secretName": mark(path), "endpoint": "https://git.example.org"}]
    return {**found, **_OF_A_KIND}


_OF_A_KIND: dict[str, Any] = {
    "server.cheDebug": "true",
    "server.workspaceNamespaceDefault": "<username>-mark-server-workspacenamespacedefault-end",
    "server.customCheProperties": {"CHE_SOMETHING": mark("server.customCheProperties")},
    "server.singleHostGatewayConfigMapLabels": {"app": mark("server.singleHostGatewayConfigMapLabels")},
    "server.workspacesDefaultPlugins": [{"editor": mark("server.workspacesDefaultPlugins"), "plugins": ["a"]}],
    "server.workspacePodNodeSelector": {"disk": mark("server.workspacePodNodeSelector")},
    "server.workspacePodTolerations": [{"key": mark("server.workspacePodTolerations")}],
    "server.workspaceDefaultComponents": [{"name": mark("server.workspaceDefaultComponents")}],
    "server.externalDevfileRegistries": [{"url": mark("server.externalDevfileRegistries")}],
    "storage.pvcStrategy": "per-workspace",
    "k8s.securityContextFsGroup": "41724",
    "k8s.securityContextRunAsUser": "41725",
    "imagePuller.spec": {"images": mark("imagePuller.spec"), "daemonsetName": "puller"},
    "devWorkspace.secondsOfInactivityBeforeIdling": 4711,
    "devWorkspace.secondsOfRunBeforeIdling": 0,
}
FIELDS = fields()


def spec_of(paths: list[str]) -> dict[str, Any]:
    """A spec with some of the fields."""
    spec: dict[str, Any] = {}
    for path in paths:
        *way, last = path.split(".")
        tree = spec
        for step in way:
            tree = tree.setdefault(step, {})
        tree[last] = FIELDS[path]
    return spec
