# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""From v1 to v2: addresses, sign-in, storage, and what only one platform knows.

Source of the fields: ``api/v1/checluster_types.go`` of 7.33 to 7.60 and ``api/v2/checluster_types.go``.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._convert_rule import (
    DECIDE,
    DROPPED,
    IGNORED,
    Context,
    Decide,
    Outcome,
    Rule,
    as_labels,
    as_number,
    ask,
    drop,
    move,
    moved,
)
from ansible_collections.community.che.plugins.module_utils._che._generated import is_generated_identity_url

_NO_KEYCLOAK = "Che has no identity provider of its own since 7.43; users sign in with the cluster's or one by OIDC"
_STORAGE = "devEnvironments.storage"
_TLS = "networking.tlsSecretName"
_STRATEGIES = ("common", "per-user", "per-workspace", "ephemeral")
_INGRESS_CLASS = "kubernetes.io/ingress.class"


def _only(openshift: bool, rule: Rule) -> Rule:
    """A rule about a field that only one platform reads."""

    def decide(value: Any, context: Context) -> Outcome:
        if context.target.openshift != openshift:
            return Outcome(IGNORED, why=f"read on {'OpenShift' if openshift else 'Kubernetes'} alone")
        return rule.decide(value, context)

    return Rule(rule.path, decide)


def _exposure(openshift: bool, section: str) -> tuple[Rule, ...]:
    return tuple(
        _only(openshift, rule)
        for rule in (
            move(f"{section}.labels", "networking.labels", as_labels),
            move(f"{section}.annotations", "networking.annotations"),
            *((move(f"{section}.domain", "networking.domain"),) if openshift else ()),
        )
    )


def _ingress_certificate(value: Any, context: Context) -> Outcome:
    if context.text("server.cheHostTLSSecret"):
        return Outcome(IGNORED, why="server.cheHostTLSSecret counts")
    return moved(_TLS, value)


def _identity_url(value: Any, context: Context) -> Outcome:
    to = "networking.auth.identityProviderURL"
    if is_generated_identity_url(str(value), context.source) and not context.flag("auth.externalIdentityProvider"):
        return Outcome(DROPPED, why=f"filled in by the operator for its own Keycloak. {_NO_KEYCLOAK}: set {to}")
    return moved(to, value, why="it has to be the issuer of an OIDC provider now")


def _security(field: str, to: str) -> Rule:
    def decide(value: Any, _context: Context) -> Outcome:
        servers = (f"components.{name}.deployment.securityContext.{to}" for name in ("cheServer", "dashboard"))
        return moved(" and ".join(servers), value, as_number)

    return _only(False, ask(f"k8s.{field}", decide))


def _strategy(value: Any, _context: Context) -> Outcome:
    if value not in _STRATEGIES:
        return Outcome(DECIDE, why=f"v2 knows {', '.join(_STRATEGIES)}; set {_STORAGE}.pvcStrategy")
    return moved(f"{_STORAGE}.pvcStrategy", value)


def _claim(field: str, instead: str) -> Decide:
    """v1 had one size and one class for claims of every strategy before it had those of the per-workspace one."""

    def decide(value: Any, context: Context) -> Outcome:
        per_workspace = context.text("storage.pvcStrategy") == "per-workspace" and not context.text(instead)
        strategy = "perWorkspace" if per_workspace else "perUser"
        return moved(f"{_STORAGE}.{strategy}StrategyPvcConfig.{field}", value)

    return decide


def _engine(value: Any, _context: Context) -> Outcome:
    if value is True:
        return Outcome(DROPPED, why="the DevWorkspace engine is the only one")
    return Outcome(DECIDE, why="workspaces of the old engine are rows of the database, and do not exist in v2")


def _ingress_class(value: Any, _context: Context) -> Outcome:
    return moved("networking.annotations", {_INGRESS_CLASS: value})


def _without_keycloak(*paths: str) -> tuple[Rule, ...]:
    return drop(_NO_KEYCLOAK, *(f"auth.{path}" for path in paths))


RULES = (
    move("server.cheHost", "networking.hostname"),
    move("server.cheHostTLSSecret", _TLS),
    # Before the ingress's own annotations, which count more.
    _only(False, ask("k8s.ingressClass", _ingress_class)),
    *_exposure(False, "server.cheServerIngress"),
    *_exposure(True, "server.cheServerRoute"),
    _only(False, move("k8s.ingressDomain", "networking.domain")),
    _only(False, ask("k8s.tlsSecretName", _ingress_certificate)),
    _security("securityContextFsGroup", "fsGroup"),
    _security("securityContextRunAsUser", "runAsUser"),
    *drop("each Che stands behind one gateway under one host", "k8s.ingressStrategy", "k8s.singleHostExposureType"),
    ask("auth.identityProviderURL", _identity_url),
    move("auth.oAuthClientName", "networking.auth.oAuthClientName"),
    move(
        "auth.oAuthSecret",
        "networking.auth.oAuthSecret",
        why="as it is, in plain text; v2 takes the name of a Secret with the key oAuthSecret as well",
    ),
    move("auth.oAuthScope", "networking.auth.oAuthScope"),
    move("auth.identityToken", "networking.auth.identityToken"),
    *_without_keycloak(
        "initialOpenShiftOAuthUser",
        "externalIdentityProvider",
        "identityProviderAdminUserName",
        "identityProviderPassword",
        "identityProviderSecret",
        "identityProviderRealm",
        "identityProviderClientId",
        "identityProviderPostgresPassword",
        "identityProviderPostgresSecret",
        "updateAdminPassword",
        "openShiftoAuth",
        "identityProviderImage",
        "identityProviderImagePullPolicy",
        "identityProviderIngress",
        "identityProviderRoute",
        "identityProviderContainerResources",
        "nativeUserMode",
        "debug",
    ),
    ask("storage.pvcStrategy", _strategy),
    ask("storage.pvcClaimSize", _claim("claimSize", "storage.perWorkspaceStrategyPvcClaimSize")),
    ask(
        "storage.workspacePVCStorageClassName",
        _claim("storageClass", "storage.perWorkspaceStrategyPVCStorageClassName"),
    ),
    move("storage.perWorkspaceStrategyPvcClaimSize", f"{_STORAGE}.perWorkspaceStrategyPvcConfig.claimSize"),
    move("storage.perWorkspaceStrategyPVCStorageClassName", f"{_STORAGE}.perWorkspaceStrategyPvcConfig.storageClass"),
    *drop("workspaces make their folders themselves", "storage.preCreateSubPaths", "storage.pvcJobsImage"),
    ask("devWorkspace.enable", _engine),
    *drop("that operator is installed on its own", "devWorkspace.controllerImage", "devWorkspace.env"),
    # The field that newer operators read instead is filled from it by themselves; older ones know only this.
    move("devWorkspace.runningLimit", "components.devWorkspace.runningLimit", str),
    move("devWorkspace.secondsOfInactivityBeforeIdling", "devEnvironments.secondsOfInactivityBeforeIdling"),
    move("devWorkspace.secondsOfRunBeforeIdling", "devEnvironments.secondsOfRunBeforeIdling"),
    move("gitServices.github", "gitServices.github"),
    move("gitServices.gitlab", "gitServices.gitlab"),
    move("gitServices.bitbucket", "gitServices.bitbucket"),
)
