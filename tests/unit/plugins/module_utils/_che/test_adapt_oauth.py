# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The OAuthClient of an installation, of which a cluster has one by each name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._place import V1, V2
from unit.plugins.module_utils._che.adapting import OLD, TWIN, adapted, cluster, spec_after, told

MADE_UP = "eclipse-che-openshift-identity-provider-a1b2c3"
ELSEWHERE = replace(OLD, namespace="che-2")


def with_client(name: str, secret: str, api_version: str = V2) -> dict[str, Any]:
    auth = {"oAuthClientName": name, "oAuthSecret": secret, "oAuthScope": "user:full"}
    return cluster({"auth": auth} if api_version == V1 else {"networking": {"auth": auth}}, api_version)


@pytest.mark.parametrize("api_version", [V1, V2])
def test_what_the_operator_made_up_is_cleared_under_another_name(api_version: str) -> None:
    result = adapted(with_client(MADE_UP, "aB3dE6gH9jK2", api_version), ELSEWHERE, namespace="che-2")
    spec = spec_after(result)
    assert (spec if api_version == V1 else spec["networking"])["auth"] == {"oAuthScope": "user:full"}
    assert "aB3dE6gH9jK2" not in told(result.changes)
    assert len(result.changes) == 3


@pytest.mark.parametrize(
    ("name", "secret"), [("che-client", "aB3dE6gH9jK2"), ("other-openshift-identity-provider-a1b2c3", "x")]
)
def test_what_somebody_chose_is_kept(name: str, secret: str) -> None:
    obj = with_client(name, secret)
    assert spec_after(adapted(obj, ELSEWHERE, namespace="che-2")) == obj["spec"]


def test_a_secret_of_somebody_is_kept_beside_a_name_that_was_made_up() -> None:
    result = adapted(with_client(MADE_UP, "my-oauth-secret"), ELSEWHERE, namespace="che-2")
    assert spec_after(result)["networking"]["auth"] == {"oAuthSecret": "my-oauth-secret", "oAuthScope": "user:full"}


def test_on_another_cluster_the_name_is_free() -> None:
    obj = with_client(MADE_UP, "aB3dE6gH9jK2")
    assert spec_after(adapted(obj, TWIN)) == obj["spec"]
