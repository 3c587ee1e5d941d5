# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""From v1 to v2: images, resources and variables of Che's own containers.

Source of the fields: ``api/v1/checluster_types.go`` of 7.33 to 7.60 and ``api/v2/checluster_types.go``.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._convert_rule import (
    CONVERTED,
    DROPPED,
    Context,
    Outcome,
    Rule,
    ask,
    drop,
    move,
    moved,
)

_OLD_IMAGE = "an image of the old version: check that this Che runs with it, or take it out"
_GATEWAY = "networking.auth.gateway.deployment.containers"
_SERVER = "components.cheServer.deployment"
_DASHBOARD = "components.dashboard.deployment"


def _image(path: str, to: str) -> Rule:
    return move(path, f"{to}.image", why=_OLD_IMAGE)


def _component(prefix: str, container: str) -> tuple[Rule, ...]:
    """What v1 says about the one container of a component, except its image."""
    return (
        move(f"server.{prefix}MemoryLimit", f"{container}.resources.limits.memory"),
        move(f"server.{prefix}MemoryRequest", f"{container}.resources.request.memory"),
        move(f"server.{prefix}CpuLimit", f"{container}.resources.limits.cpu"),
        move(f"server.{prefix}CpuRequest", f"{container}.resources.request.cpu"),
    )


def _server_image(value: Any, context: Context) -> Outcome:
    tag = context.text("server.cheImageTag")
    image = f"{value}:{tag}" if tag else value
    return moved(f"{_SERVER}.containers[che].image", image, why=_OLD_IMAGE)


def _server_tag(_value: Any, context: Context) -> Outcome:
    if not context.text("server.cheImage"):
        return Outcome(DROPPED, why="a tag without an image; the operator chooses the image of its version")
    return Outcome(CONVERTED, f"{_SERVER}.containers[che].image", why="together with server.cheImage")


# Where a component has one container, the operator takes the first of the list, whatever it is called.
RULES = (
    ask("server.cheImage", _server_image),
    ask("server.cheImageTag", _server_tag),
    move("server.cheImagePullPolicy", f"{_SERVER}.containers[che].imagePullPolicy"),
    *_component("server", f"{_SERVER}.containers[che]"),
    move("server.cheServerEnv", f"{_SERVER}.containers[che].env"),
    _image("server.dashboardImage", f"{_DASHBOARD}.containers[che-dashboard]"),
    move("server.dashboardImagePullPolicy", f"{_DASHBOARD}.containers[che-dashboard].imagePullPolicy"),
    *_component("dashboard", f"{_DASHBOARD}.containers[che-dashboard]"),
    move("server.dashboardEnv", f"{_DASHBOARD}.containers[che-dashboard].env"),
    *(
        rule
        for registry in ("devfileRegistry", "pluginRegistry")
        for container in (f"components.{registry}.deployment.containers[{registry.replace('Registry', '-registry')}]",)
        for rule in (
            _image(f"server.{registry}Image", container),
            move(f"server.{registry}PullPolicy", f"{container}.imagePullPolicy"),
            *_component(registry, container),
            move(f"server.{registry}Env", f"{container}.env"),
        )
    ),
    _image("server.singleHostGatewayImage", f"{_GATEWAY}[gateway]"),
    _image("server.singleHostGatewayConfigSidecarImage", f"{_GATEWAY}[configbump]"),
    _image("auth.gatewayAuthenticationSidecarImage", f"{_GATEWAY}[oauth-proxy]"),
    _image("auth.gatewayAuthorizationSidecarImage", f"{_GATEWAY}[kube-rbac-proxy]"),
    *drop("its work is done by the gateway itself", "auth.gatewayHeaderRewriteSidecarImage"),
    move("auth.gatewayEnv", f"{_GATEWAY}[gateway].env"),
    move("auth.gatewayConfigBumpEnv", f"{_GATEWAY}[configbump].env"),
    move("auth.gatewayOAuthProxyEnv", f"{_GATEWAY}[oauth-proxy].env"),
    move("auth.gatewayKubeRbacProxyEnv", f"{_GATEWAY}[kube-rbac-proxy].env"),
    move("dashboard.warning", "components.dashboard.headerMessage", lambda text: {"show": True, "text": text}),
    move("metrics.enable", "components.metrics.enable"),
    move("imagePuller.enable", "components.imagePuller.enable"),
    move("imagePuller.spec", "components.imagePuller.spec"),
)
