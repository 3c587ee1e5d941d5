# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""From v1 to v2: what Che's server, its registries and its proxy are told.

Source of the fields: ``api/v1/checluster_types.go`` of 7.33 to 7.60 and ``api/v2/checluster_types.go``.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._authorities import BUNDLE_LABELS
from ansible_collections.community.che.plugins.module_utils._che._convert_rule import (
    CONVERTED,
    DECIDE,
    DROPPED,
    IGNORED,
    Context,
    Outcome,
    Rule,
    as_flag,
    as_list,
    ask,
    drop,
    move,
    moved,
)

_PROXY = "components.cheServer.proxy"
_DEVFILES = "components.devfileRegistry.externalDevfileRegistries"
_PLUGINS = "components.pluginRegistry.externalPluginRegistries"
_PROXY_SECRET = "proxy-credentials"
_PART_OF = {"app.kubernetes.io/part-of": "che.eclipse.org"}
# What makes Che trust the certificates of a ConfigMap.
_EXPOSURE = "each Che stands behind one gateway under one host"


def _ignored(why: str, *paths: str) -> tuple[Rule, ...]:
    return tuple(ask(path, lambda _value, _context: Outcome(IGNORED, why=why)) for path in paths)


def _trust_store(value: Any, context: Context) -> Outcome:
    if value not in context.config_maps:
        labels = " and ".join(f"{key}={text}" for key, text in BUNDLE_LABELS.items())
        return Outcome(DECIDE, why=f"the backup does not hold the ConfigMap {value}; give it the labels {labels}")
    return Outcome(
        CONVERTED,
        f"the labels of ConfigMap {value}",
        why="v2 finds certificates to trust by these labels, not by a name",
        labels=(str(value), BUNDLE_LABELS),
    )


def _git_certificates(value: Any, _context: Context) -> Outcome:
    to = "devEnvironments.trustedCerts.gitTrustedCertsConfigMapName"
    if value is not True:
        return Outcome(CONVERTED, to, why="off, which v2 says by leaving it out")
    # The name that the switch stands for in v1.
    return moved(to, "che-git-self-signed-cert")


def _namespace_template(value: Any, _context: Context) -> Outcome:
    to = "devEnvironments.defaultNamespace.template"
    if "<workspaceid>" in str(value):
        return Outcome(DECIDE, why=f"v2 has one namespace for each user and none for each workspace; set {to}")
    if "<username>" not in str(value) and "<userid>" not in str(value):
        return Outcome(DECIDE, why=f"v2 refuses a namespace that all users share; set {to}")
    return moved(to, value)


def _proxy_user(_value: Any, context: Context) -> Outcome:
    if context.text("server.proxySecret"):
        return Outcome(IGNORED, why="server.proxySecret counts")
    user, password = context.text("server.proxyUser"), context.text("server.proxyPassword")
    if not (user and password):
        return Outcome(DECIDE, why="a user and a password belong together; name a Secret with both in " + _PROXY)
    name = context.free_name(_PROXY_SECRET)
    return Outcome(
        CONVERTED,
        f"{_PROXY}.credentialsSecretName",
        name,
        why=f"Secret {name}, which is made for it",
        secret=(name, {"user": user, "password": password}),
    )


def _registry_url(path: str, switch: str, to: str) -> Rule:
    """Both registries have one field for an address that somebody set and one that the operator filled in."""

    def decide(value: Any, context: Context) -> Outcome:
        if not context.flag(switch):
            return Outcome(DROPPED, why="filled in by the operator for the registry that it runs")
        return moved(to, [{"url": value}])

    return ask(path, decide)


RULES = (
    move("server.airGapContainerRegistryHostname", "containerRegistry.hostname"),
    move("server.airGapContainerRegistryOrganization", "containerRegistry.organization"),
    *_ignored("the operator knows which product it installs", "server.cheFlavor"),
    move("server.cheLogLevel", "components.cheServer.logLevel"),
    move("server.cheDebug", "components.cheServer.debug", as_flag),
    move("server.cheClusterRoles", "components.cheServer.clusterRoles", as_list(",")),
    move("server.cheWorkspaceClusterRole", "devEnvironments.user.clusterRoles", as_list(",")),
    ask("server.workspaceNamespaceDefault", _namespace_template),
    move("server.allowAutoProvisionUserNamespace", "devEnvironments.defaultNamespace.autoProvision"),
    *drop("users work in the namespace that the template gives them", "server.allowUserDefinedWorkspaceNamespaces"),
    *drop("the operator finds out by itself", "server.selfSignedCert"),
    ask("server.serverTrustStoreConfigMapName", _trust_store),
    ask("server.gitSelfSignedCert", _git_certificates),
    *drop("TLS is always on", "server.tlsSupport"),
    *drop(
        "Che's parts always speak to each other inside the cluster",
        "server.useInternalClusterSVCNames",
        "server.disableInternalClusterSVCNames",
    ),
    *drop(
        _EXPOSURE,
        "server.serverExposureStrategy",
        "server.dashboardIngress",
        "server.dashboardRoute",
        "server.devfileRegistryIngress",
        "server.devfileRegistryRoute",
        "server.pluginRegistryIngress",
        "server.pluginRegistryRoute",
    ),
    _registry_url("server.devfileRegistryUrl", "server.externalDevfileRegistry", _DEVFILES),
    move("server.externalDevfileRegistry", "components.devfileRegistry.disableInternalRegistry"),
    move("server.externalDevfileRegistries", _DEVFILES),
    _registry_url("server.pluginRegistryUrl", "server.externalPluginRegistry", _PLUGINS),
    move("server.externalPluginRegistry", "components.pluginRegistry.disableInternalRegistry"),
    move("server.openVSXRegistryURL", "components.pluginRegistry.openVSXURL"),
    move("server.customCheProperties", "components.cheServer.extraProperties"),
    move("server.proxyURL", f"{_PROXY}.url"),
    move("server.proxyPort", f"{_PROXY}.port"),
    move("server.nonProxyHosts", f"{_PROXY}.nonProxyHosts", as_list("|")),
    move("server.proxySecret", f"{_PROXY}.credentialsSecretName"),
    ask("server.proxyUser", _proxy_user),
    ask("server.proxyPassword", _proxy_user),
    move("server.singleHostGatewayConfigMapLabels", "networking.auth.gateway.configLabels"),
    move("server.workspacesDefaultPlugins", "devEnvironments.defaultPlugins"),
    move("server.workspacePodNodeSelector", "devEnvironments.nodeSelector"),
    move("server.workspacePodTolerations", "devEnvironments.tolerations"),
    move("server.workspaceDefaultEditor", "devEnvironments.defaultEditor"),
    move("server.workspaceDefaultComponents", "devEnvironments.defaultComponents"),
)
