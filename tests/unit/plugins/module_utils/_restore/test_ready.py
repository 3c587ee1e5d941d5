# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting until Che runs, with the reason when it does not, and restarting only what used a database."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import WaitExpired
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CHE_CLUSTER_V2, DEPLOYMENT, POD
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore._ready import await_che, is_available, restart
from unit.che_objects import NAME, PART_OF, READY, available, deployment_spec, install
from unit.fake_api import FakeApi, FakeClock, Request


def a_deployment(generation: int = 1, wanted: int | None = 1, **status: int) -> dict[str, Any]:
    spec = {} if wanted is None else {"replicas": wanted}
    return {"metadata": {"generation": generation}, "spec": spec, "status": status}


@pytest.mark.parametrize(
    ("deployment", "ready"),
    [
        (a_deployment(1, 1, observedGeneration=1, updatedReplicas=1, availableReplicas=1), True),
        (a_deployment(1, None, observedGeneration=1, updatedReplicas=1, availableReplicas=1), True),
        (a_deployment(1, 0, observedGeneration=1), True),
        (a_deployment(1, 1), False),
        (a_deployment(2, 1, observedGeneration=1, updatedReplicas=1, availableReplicas=1), False),
        (a_deployment(1, 2, observedGeneration=1, updatedReplicas=2, availableReplicas=1), False),
        (a_deployment(1, 2, observedGeneration=1, updatedReplicas=1, availableReplicas=2), False),
    ],
)
def test_a_deployment_is_available_when_its_newest_generation_runs_in_full(
    deployment: dict[str, Any], ready: bool
) -> None:
    assert is_available(deployment) is ready


def test_che_that_is_ready_is_returned_at_once(api: FakeApi, clock: FakeClock) -> None:
    install(api)
    assert await_che(api.cluster, "che", NAME, Deadline(60)).name == NAME
    assert not clock.waits


def test_both_the_operator_and_the_deployments_must_agree(api: FakeApi, clock: FakeClock) -> None:
    install(api, status={"chePhase": "Inactive"})
    api.add(DEPLOYMENT, "che", "che", metadata={"labels": PART_OF}, spec=deployment_spec(), status={})
    looks: list[int] = []

    def happen(_request: Request) -> None:
        looks.append(1)
        if len(looks) == 3:
            api.add(CHE_CLUSTER_V2, NAME, "che", status=READY)
        if len(looks) == 5:
            api.add(DEPLOYMENT, "che", "che", metadata={"labels": PART_OF}, spec=deployment_spec(), status=available())

    api.react("get", "checlusters$", happen)

    await_che(api.cluster, "che", NAME, Deadline(600))

    assert len(looks) == 5


def test_deployments_of_others_are_not_waited_for(api: FakeApi, clock: FakeClock) -> None:
    install(api)
    api.add(DEPLOYMENT, "theirs", "che", spec=deployment_spec(), status={})
    await_che(api.cluster, "che", NAME, Deadline(1))
    assert not clock.waits


def test_giving_up_says_what_was_lacking(api: FakeApi, clock: FakeClock) -> None:
    install(api, status={"chePhase": "Inactive", "message": "postgres is not ready"})
    api.add(DEPLOYMENT, "che", "che", metadata={"labels": PART_OF}, spec=deployment_spec(), status={})

    with pytest.raises(WaitExpired) as caught:
        await_che(api.cluster, "che", NAME, Deadline(30))

    message = str(caught.value)
    assert "postgres is not ready" in message and "Deployment che is not available" in message
    assert f"CheCluster che/{NAME}" in message


def pods(api: FakeApi) -> list[str]:
    return api.names(POD, "che")


def test_only_the_pods_of_what_used_the_database_are_replaced(api: FakeApi) -> None:
    install(api)
    spec = {**deployment_spec(), "selector": {"matchLabels": {"app": "che", "component": "che"}}}
    api.add(DEPLOYMENT, "che", "che", spec=spec)
    api.add(POD, "che-1", "che", metadata={"labels": {"app": "che", "component": "che"}})
    api.add(POD, "gateway", "che", metadata={"labels": {"app": "che", "component": "gateway"}})

    restart(api.cluster, "che", "openvsx")
    assert pods(api) == ["che-1", "gateway"]
    restart(api.cluster, "che", "che")
    assert pods(api) == ["gateway"]


def test_a_deployment_without_labels_does_not_lose_the_pods_of_others(api: FakeApi) -> None:
    install(api)
    api.add(DEPLOYMENT, "che", "che", spec={**deployment_spec(), "selector": {"matchExpressions": []}})
    api.add(POD, "another", "che")

    with pytest.raises(CheError, match="labels"):
        restart(api.cluster, "che", "che")
    assert pods(api) == ["another"]
