# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Deployment uses which database, whatever the product is called."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._components import users_of


def made_by_operator(name: str, flavour: str, component: str) -> dict[str, Any]:
    labels = {"name": flavour, "instance": flavour, "part-of": "che.eclipse.org", "component": component}
    return {"metadata": {"name": name, "labels": {f"app.kubernetes.io/{key}": value for key, value in labels.items()}}}


def installation(flavour: str) -> list[dict[str, Any]]:
    others = ("postgres", "keycloak", "openvsx-database", "openvsx-server", "devfile-registry", "che-gateway")
    dashboard = made_by_operator(f"{flavour}-dashboard", flavour, f"{flavour}-dashboard")
    return [dashboard, made_by_operator(flavour, flavour, flavour), *(made_by_operator(n, flavour, n) for n in others)]


def names(role: str, deployments: list[dict[str, Any]]) -> list[str]:
    return [deployment["metadata"]["name"] for deployment in users_of(role, deployments)]


@pytest.mark.parametrize("flavour", ["che", "codeready", "devspaces", "of-our-own"])
def test_the_server_has_the_name_of_its_flavour(flavour: str) -> None:
    assert names("che", installation(flavour)) == [flavour]


@pytest.mark.parametrize(("role", "name"), [("keycloak", "keycloak"), ("openvsx", "openvsx-server")])
def test_the_others_have_names_of_their_own(role: str, name: str) -> None:
    assert names(role, installation("devspaces")) == [name]


def test_a_server_without_labels_is_known_by_its_name() -> None:
    bare = [{"metadata": {"name": name}} for name in ("devspaces", "something", "postgres")]
    assert names("che", bare) == ["devspaces"]


def test_what_has_the_name_of_a_flavour_and_is_something_else_is_no_server() -> None:
    assert names("che", [made_by_operator("che", "devspaces", "che-gateway")]) == []
