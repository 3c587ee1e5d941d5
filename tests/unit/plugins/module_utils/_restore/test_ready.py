# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting until Che runs, with the reason when it does not, and restarting only what used a database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import WaitExpired
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CHE_CLUSTER_V2, DEPLOYMENT, POD
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore._ready import (
    Reaction,
    await_che,
    end_users,
    is_available,
    mark,
    require_users,
)
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
        (a_deployment(1, 1, observedGeneration=1, replicas=1, updatedReplicas=1, availableReplicas=1), True),
        # The one that is available is the old one, which goes once the new one is ready.
        (a_deployment(1, 1, observedGeneration=1, replicas=2, updatedReplicas=1, availableReplicas=1), False),
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
    api.add(DEPLOYMENT, "che", "che", metadata={"labels": PART_OF}, spec=SPEC, status={})
    api.add(POD, "che-1", "che", metadata={"labels": LABELS}, status=IS_READY)
    looks: list[int] = []

    def happen(_request: Request) -> None:
        looks.append(1)
        if len(looks) == 3:
            api.add(CHE_CLUSTER_V2, NAME, "che", status=READY)
        if len(looks) == 5:
            add_server(api)

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
    api.add(DEPLOYMENT, "che", "che", metadata={"labels": PART_OF}, spec=SPEC, status={})

    with pytest.raises(WaitExpired) as caught:
        await_che(api.cluster, "che", NAME, Deadline(30))

    message = str(caught.value)
    assert "postgres is not ready" in message and "Deployment che is not available" in message
    assert f"CheCluster che/{NAME}" in message


LABELS = {"app": "che", "component": "che"}
SPEC = {**deployment_spec(), "selector": {"matchLabels": LABELS}}
IS_READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def add_server(api: FakeApi, name: str = "che", generation: int = 1, observed: int | None = None) -> None:
    status = {**available(), "observedGeneration": observed or generation}
    metadata = {"labels": PART_OF, "generation": generation}
    api.add(DEPLOYMENT, name, "che", metadata=metadata, spec=SPEC, status=status)


def add_pod(api: FakeApi, name: str, **metadata: Any) -> None:
    api.add(POD, name, "che", metadata={"labels": LABELS, **metadata}, status=IS_READY)


def pods(api: FakeApi) -> list[str]:
    return api.names(POD, "che")


@pytest.mark.parametrize("old", ["gone", "on its way out"])
def test_a_server_is_not_ready_by_the_word_of_a_deployment_that_has_not_noticed(
    api: FakeApi, clock: FakeClock, old: str
) -> None:
    install(api)
    add_server(api)
    if old != "gone":
        add_pod(api, "che-1", deletionTimestamp="2026-03-01T00:00:00Z")
    looks: list[int] = []

    def start(_request: Request) -> None:
        looks.append(1)
        if len(looks) == 3:
            add_pod(api, "che-2")

    api.react("get", "checlusters$", start)

    await_che(api.cluster, "che", NAME, Deadline(600))

    assert len(looks) == 3


def seconds_to_be_ready(api: FakeApi, clock: FakeClock, reaction: Reaction | None, most: int = 60) -> float:
    began = clock.now
    await_che(api.cluster, "che", NAME, Deadline(most), reaction)
    return clock.now - began


@pytest.fixture
def running(api: FakeApi, clock: FakeClock) -> FakeApi:
    install(api)
    add_server(api)
    add_pod(api, "che-1")
    return api


def at_second(api: FakeApi, clock: FakeClock, second: float, happen: Callable[[], object]) -> None:
    """What an operator does that is not asked: once, with the first look from then on."""
    began, left = clock.now, [happen]
    api.react("get", "checlusters$", lambda _request: left.pop()() if left and clock.now >= began + second else None)


def test_an_operator_that_has_nothing_to_do_is_given_the_time_to_begin(running: FakeApi, clock: FakeClock) -> None:
    before = mark(running.cluster, "che", NAME)
    assert 8 <= seconds_to_be_ready(running, clock, Reaction(before)) < 11
    # A run that goes on does not know what there was before.
    assert 8 <= seconds_to_be_ready(running, clock, Reaction()) < 11
    # That time may have passed with something else; what Che was not ready for before that, comes next.
    reaction = Reaction(before)
    clock.sleep(20)
    assert 2.5 <= seconds_to_be_ready(running, clock, reaction) < 3


def test_one_that_has_done_something_already_is_waited_for_no_longer_than_its_next_step(
    running: FakeApi, clock: FakeClock
) -> None:
    reaction = Reaction(mark(running.cluster, "che", NAME))
    add_server(running, generation=2)
    assert 2.5 <= seconds_to_be_ready(running, clock, reaction) < 3


@pytest.mark.parametrize("second", [1.0, 4.0, 7.0])
def test_what_it_rolls_out_later_is_waited_for(running: FakeApi, clock: FakeClock, second: float) -> None:
    reaction = Reaction(mark(running.cluster, "che", NAME))
    at_second(running, clock, second, lambda: add_server(running, generation=2, observed=1))
    at_second(running, clock, 20, lambda: add_server(running, generation=2))
    assert seconds_to_be_ready(running, clock, reaction) >= 22.5


def test_what_never_comes_up_is_told_though_all_was_ready_before(running: FakeApi, clock: FakeClock) -> None:
    reaction = Reaction(mark(running.cluster, "che", NAME))
    at_second(running, clock, 2, lambda: add_server(running, generation=2, observed=1))
    with pytest.raises(WaitExpired, match="Deployment che is not available"):
        seconds_to_be_ready(running, clock, reaction)


def test_each_of_its_steps_is_waited_for(running: FakeApi, clock: FakeClock) -> None:
    reaction = Reaction(mark(running.cluster, "che", NAME))
    at_second(running, clock, 1, lambda: add_server(running, generation=2))
    at_second(running, clock, 3, lambda: add_server(running, "dashboard"))
    at_second(running, clock, 3, lambda: add_server(running, "gateway"))
    at_second(running, clock, 5, lambda: running.add(CHE_CLUSTER_V2, NAME, "che", status={"chePhase": "Inactive"}))
    at_second(running, clock, 30, lambda: running.add(CHE_CLUSTER_V2, NAME, "che", status=READY))
    assert seconds_to_be_ready(running, clock, reaction) >= 32.5


def test_only_the_pods_of_what_used_the_database_are_replaced(api: FakeApi) -> None:
    install(api)
    add_server(api)
    add_pod(api, "che-1")
    api.add(POD, "gateway", "che", metadata={"labels": {**LABELS, "component": "gateway"}})

    end_users(api.cluster, "che", ["openvsx", "keycloak"])
    assert pods(api) == ["che-1", "gateway"]
    end_users(api.cluster, "che", ["che"], grace_seconds=1)
    assert pods(api) == ["gateway"]
    assert [request.query.get("gracePeriodSeconds") for request in api.written] == ["1"]


def test_only_those_that_have_started_since_are_replaced(api: FakeApi) -> None:
    """A container that has started anew in its pod has read its environment anew too."""
    install(api)
    add_server(api)
    for name, created, started in (("old", 1, 2), ("new", 5, 5), ("restarted", 1, 6), ("waiting", 1, 0)):
        add_pod(api, name, creationTimestamp=f"2026-03-01T00:00:0{created}Z")
        state = {"running": {"startedAt": f"2026-03-01T00:00:0{started}Z"}} if started else {"waiting": {}}
        api.objects[POD.path("che", name)]["status"] = {"containerStatuses": [{"state": state}]}

    end_users(api.cluster, "che", ["che"], since="2026-03-01T00:00:05Z")

    assert pods(api) == ["old", "waiting"]


@pytest.mark.parametrize("name", ["codeready", "devspaces"])
def test_the_server_of_another_flavour_is_started_anew_too(api: FakeApi, name: str) -> None:
    install(api)
    add_server(api, name)
    add_pod(api, f"{name}-1")

    end_users(api.cluster, "che", ["che"])

    assert pods(api) == []


def linger(api: FakeApi, name: str, looks: int) -> None:
    """Have a pod end only after so many looks at it, and another one come for it."""
    left = [looks]

    def delete(_request: Request) -> None:
        pod = api.objects[POD.path("che", name)]
        api.react("get", "/pods$", lambda _request: end(pod))
        add_pod(api, f"{name}-successor")

    def end(pod: dict[str, Any]) -> None:
        left[0] -= 1
        if left[0] > 0:
            api.objects[POD.path("che", name)] = pod
        else:
            api.objects.pop(POD.path("che", name), None)

    api.react("delete", f"/pods/{name}$", delete)


def test_what_used_the_database_is_waited_for_and_what_comes_for_it_is_not(api: FakeApi, clock: FakeClock) -> None:
    install(api)
    add_server(api)
    add_pod(api, "che-1")
    linger(api, "che-1", looks=5)

    end_users(api.cluster, "che", ["che"], Deadline(600))

    assert pods(api) == ["che-1-successor"]
    assert len(clock.waits) == 4


def test_a_pod_that_does_not_end_is_named(api: FakeApi, clock: FakeClock) -> None:
    install(api)
    add_server(api)
    add_pod(api, "che-1")
    linger(api, "che-1", looks=1_000_000)

    with pytest.raises(WaitExpired, match="che-1 is still there") as caught:
        end_users(api.cluster, "che", ["che"], Deadline(60))

    assert "Deployment che/che" in caught.value.on
    assert "--force" in caught.value.next_step


def test_what_uses_a_database_must_be_known(api: FakeApi, clock: FakeClock) -> None:
    install(api)
    require_users(api.cluster, "che", [], Deadline(30))
    with pytest.raises(WaitExpired, match="there is none for che"):
        require_users(api.cluster, "che", ["che"], Deadline(30))
    add_server(api)
    require_users(api.cluster, "che", ["che"], Deadline(30))


def test_a_deployment_without_labels_does_not_lose_the_pods_of_others(api: FakeApi) -> None:
    install(api)
    api.add(DEPLOYMENT, "che", "che", spec={**deployment_spec(), "selector": {"matchExpressions": []}})
    api.add(POD, "another", "che")

    with pytest.raises(CheError, match="labels"):
        end_users(api.cluster, "che", ["che"])
    assert pods(api) == ["another"]
