# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is looked at before a restore begins, each with what blocks and how that is lifted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._choice import Choice
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V2,
    CONFIG_MAP,
    DEPLOYMENT,
    NAMESPACE,
    RESOURCE_QUOTA,
)
from ansible_collections.community.che.plugins.module_utils._restore import _space
from ansible_collections.community.che.plugins.module_utils._restore._checks import Check, require_none_blocked
from ansible_collections.community.che.plugins.module_utils._restore._database_place import Obstacle
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import (
    KEEP,
    LEAVE,
    MADE_ANEW,
    RESTORE,
    DatabasePlan,
)
from ansible_collections.community.che.plugins.module_utils._restore._plan import CREATE, Step
from ansible_collections.community.che.plugins.module_utils._restore._preflight import check
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Installation
from unit.che_objects import FIGURES, add_operator, available, deployment_spec, install
from unit.fake_api import FakeApi

MIB = 2**20


@pytest.fixture(autouse=True)
def namespace(api: FakeApi) -> None:
    api.add(NAMESPACE, "che")
    add_operator(api)


def config_map(name: str) -> Step:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "che"}, "data": {}}
    return Step(CREATE, obj, None)


def a_plan(steps: int = 0, databases: tuple[DatabasePlan, ...] = (), exists: bool = True) -> Plan:
    installation = Installation("che", "eclipse-che", "org.eclipse.che/v2", "7.42.0", "Kubernetes", "")
    made = [config_map(f"c{number}") for number in range(steps)]
    return Plan("b" * 64, installation, made, databases, "eclipse-che", exists)


def checked(api: FakeApi, plan: Plan, user: int | None = None) -> dict[str, Check]:
    jobs = SimpleNamespace(run_as_user=user)
    request: Any = SimpleNamespace(
        namespace="che",
        id="latest",
        mappings=Mappings(),
        jobs=jobs,
        choice=Choice(),
        existing="replace",
        safety_backup=True,
    )
    found = check(api.cluster, request, plan)
    # What blocks counts for more than what has passed beside it.
    return {held.name: held for held in sorted(found, key=lambda held: held.result == "blocked")}


def database(action: str = RESTORE, megabytes: int = 10, **more: Any) -> DatabasePlan:
    part: Any = SimpleNamespace(name="dbche", bytes=megabytes * MIB, database=FIGURES, dump=None, role="che")
    server = {"metadata": {"name": "postgres", "namespace": "che"}}
    return DatabasePlan(part, action, **{"live": FIGURES, "server": server, **more})


def test_all_is_well(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_space, "free_bytes", lambda _cluster, _server: 1000 * MIB)
    api.kinds = (CHE_CLUSTER_V2,)
    found = checked(api, a_plan(steps=3, databases=(database(),)))
    assert {held.result for held in found.values()} == {"passed"}
    assert {"backup", "kinds", "operator", "validation", "databases", "space"} <= set(found)
    assert found["kinds"].message == "the cluster serves CheCluster as org.eclipse.che/v2"
    assert api.written == []
    require_none_blocked(list(found.values()))


def test_an_operator_that_does_not_run_blocks(api: FakeApi) -> None:
    api.add(DEPLOYMENT, "che-operator", "openshift-operators", spec=deployment_spec(), status=available(0))
    assert checked(api, a_plan(databases=(database(server=None),)))["operator"].lift == "Start it."


@pytest.mark.parametrize("there", [True, False])
def test_what_needs_no_operator_is_restored_without_it(api: FakeApi, there: bool) -> None:
    if there:
        api.add(DEPLOYMENT, "che-operator", "openshift-operators", spec=deployment_spec(), status=available(0))
    else:
        api.cluster.delete(DEPLOYMENT, "che-operator", "openshift-operators")
    found = checked(api, a_plan(steps=1, databases=(database(KEEP),)))["operator"]
    assert (found.result, "nothing that is restored needs it" in found.message) == ("warned", True)


@pytest.mark.parametrize(("needed", "result"), [(True, "waits"), (False, "warned")])
def test_a_kind_that_is_not_served_is_told_though_the_operator_runs(api: FakeApi, needed: bool, result: str) -> None:
    api.kinds = ()
    found = checked(api, a_plan(exists=False, databases=(database(RESTORE if needed else KEEP, server=None),)))
    assert (found["operator"].result, found["kinds"].result) == ("passed", result)
    assert ("7.42.0" in found["kinds"].lift) is needed


@pytest.mark.parametrize(("exists", "result"), [(True, "blocked"), (False, "waits")])
def test_a_missing_operator_is_waited_for_only_where_nothing_is_at_stake(
    api: FakeApi, exists: bool, result: str
) -> None:
    api.cluster.delete(DEPLOYMENT, "che-operator", "openshift-operators")
    found = checked(api, a_plan(exists=exists, databases=(database(server=None),)))["operator"]
    assert (found.result, "7.42.0" in found.lift) == (result, True)


def test_what_the_credentials_do_not_show_is_unknown(api: FakeApi) -> None:
    api.fail("get", "/deployments|/resourcequotas", 403, "forbidden")
    found = checked(api, a_plan(steps=1))
    assert (found["operator"].result, found["quota"].result) == ("unknown", "unknown")


def test_one_that_is_seen_in_che_s_own_namespace_is_enough(api: FakeApi) -> None:
    api.add(DEPLOYMENT, "che-operator", "che", spec=deployment_spec(), status=available())
    api.fail("get", "^/apis/apps/v1/deployments|/openshift-operators/|/operators/", 403, "forbidden")
    assert checked(api, a_plan())["operator"].result == "passed"


@pytest.mark.parametrize(
    ("hard", "used", "result"),
    [
        ("10", "7", "passed"),
        ("10", "8", "blocked"),
        ("1k", "997", "passed"),
        ("1k", "998", "blocked"),
        ("x", "0", "passed"),
    ],
)
def test_what_is_created_is_held_against_quotas_all_together(api: FakeApi, hard: str, used: str, result: str) -> None:
    status = {"hard": {"count/configmaps": hard}, "used": {"count/configmaps": used}}
    api.add(RESOURCE_QUOTA, "small", "che", status=status)
    found = checked(api, a_plan(steps=3))["quota"]
    assert found.result == result
    assert (found.on == "ResourceQuota che/small") is (result == "blocked")


def test_the_job_of_a_database_counts_too(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_space, "free_bytes", lambda _cluster, _server: 1000 * MIB)
    api.add(RESOURCE_QUOTA, "small", "che", status={"hard": {"pods": "5"}, "used": {"pods": "5"}})
    assert checked(api, a_plan())["quota"].result == "passed"
    # The safety backup dumps databases too, where there is anything to save.
    assert checked(api, a_plan(steps=1, exists=False))["quota"].result == "passed"
    assert checked(api, a_plan(steps=1))["quota"].result == "blocked"
    assert checked(api, a_plan(databases=(database(),)))["quota"].result == "blocked"


@pytest.mark.parametrize(("has_database", "result"), [(True, "blocked"), (False, "passed")])
def test_the_safety_backup_of_an_installation_without_a_database_needs_no_job(
    api: FakeApi, has_database: bool, result: str
) -> None:
    install(api, database=has_database)
    api.add(RESOURCE_QUOTA, "small", "che", status={"hard": {"pods": "5"}, "used": {"pods": "5"}})
    assert checked(api, a_plan(steps=1))["quota"].result == result


@pytest.mark.parametrize(("user", "result"), [(1000650000, "passed"), (1000660000, "blocked"), (1, "blocked")])
def test_a_user_id_has_to_be_of_the_namespace_s_range(api: FakeApi, user: int, result: str) -> None:
    api.add(NAMESPACE, "che", metadata={"annotations": {"openshift.io/sa.scc.uid-range": "1000650000/10000"}})
    assert checked(api, a_plan(), user)["user ids"].result == result
    assert "user ids" not in checked(api, a_plan())


@pytest.mark.parametrize(("free", "result"), [(80, "passed"), (79, "blocked")])
def test_all_databases_of_a_server_need_room_together(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, free: int, result: str
) -> None:
    monkeypatch.setattr(_space, "free_bytes", lambda _cluster, _server: free * MIB)
    found = checked(api, a_plan(databases=(database(megabytes=30), database(), database(LEAVE, 500))))
    assert found["space"].result == result


def test_room_that_can_t_be_seen_is_unknown(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_cluster: Any, _server: Any) -> int:
        raise CheError("df does not tell")

    monkeypatch.setattr(_space, "free_bytes", refuse)
    assert checked(api, a_plan(databases=(database(),)))["space"].result == "unknown"


def test_what_keeps_a_database_from_being_replaced_blocks(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_space, "free_bytes", lambda _cluster, _server: 1000 * MIB)
    found = checked(
        api,
        a_plan(databases=(database(obstacles=(Obstacle("It has 2 prepared transactions", "Remove that first."),)),)),
    )
    assert (found["databases"].result, found["databases"].message) == ("blocked", "It has 2 prepared transactions")


def test_one_that_its_server_does_not_have_is_no_unknown(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_space, "free_bytes", lambda _cluster, _server: 1000 * MIB)
    missing = database(live=None, missing=True, note=MADE_ANEW)
    found = checked(api, a_plan(databases=(missing,)))["databases"]
    assert (found.result, found.message) == ("warned", MADE_ANEW[:-1])


def test_what_an_earlier_restore_left_is_told(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_space, "free_bytes", lambda _cluster, _server: 1000 * MIB)
    found = checked(api, a_plan(databases=(database(leftovers=("che-replaced-r1-0011",)),)))
    assert "che-replaced-r1-0011" in found["databases"].message


def test_an_object_that_the_api_server_refuses_blocks(api: FakeApi) -> None:
    api.fail("post", "configmaps", 422, "data: Invalid value")
    found = checked(api, a_plan(steps=1))["validation"]
    assert (found.result, found.message) == ("blocked", "data: Invalid value")
    assert "leave the object out" in found.lift
    assert api.at(CONFIG_MAP, "c0", "che") is None
