# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing what was planned: checked first, wave by wave, and never over somebody else's change."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._kube._errors import (
    Conflict,
    Forbidden,
    NotFound,
    Rejected,
    Unreachable,
)
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V2,
    CONFIG_MAP,
    NAMESPACE,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._restore._objects import (
    Validated,
    live_objects,
    validate,
    write,
)
from ansible_collections.community.che.plugins.module_utils._restore._plan import Step, plan_objects
from unit.fake_api import FakeApi, FakeClock, Request
from urllib3.exceptions import ProtocolError

Object = dict[str, Any]


def obj(kind: str, name: str, **content: Any) -> Object:
    version = "org.eclipse.che/v2" if kind == "CheCluster" else "v1"
    metadata = {"name": name} if kind == "Namespace" else {"name": name, "namespace": "che"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


SAVED = [
    obj("Namespace", "che"),
    obj("ConfigMap", "config", data={"a": "1"}),
    obj("Secret", "secret", data={"k": "dg=="}),
    obj("CheCluster", "eclipse-che", spec={"a": 1}),
]


def plan(api: FakeApi) -> list[Step]:
    return plan_objects(SAVED, live_objects(api.cluster, "che", SAVED))


@pytest.fixture
def there(api: FakeApi) -> FakeApi:
    """A cluster in which all of it exists and differs."""
    api.add(NAMESPACE, "che")
    api.add(CONFIG_MAP, "config", "che", data={"a": "2", "added": "3"})
    api.add(SECRET, "secret", "che", data={"k": "b2xk"})
    api.add(CHE_CLUSTER_V2, "eclipse-che", "che", spec={"a": 2}, status={"chePhase": "Active"})
    return api


def test_live_objects_are_found_by_kind_and_name(there: FakeApi) -> None:
    found = live_objects(there.cluster, "che", [*SAVED, obj("Secret", "missing")])

    assert set(found) == {
        ("Namespace", "che"),
        ("ConfigMap", "config"),
        ("Secret", "secret"),
        ("CheCluster", "eclipse-che"),
    }
    assert found["CheCluster", "eclipse-che"]["kind"] == "CheCluster"


def test_a_namespace_that_is_gone_holds_nothing(api: FakeApi) -> None:
    assert live_objects(api.cluster, "che", SAVED) == {}


def test_what_is_written_is_what_was_saved(there: FakeApi) -> None:
    write(there.cluster, plan(there))

    for kind, name, part in [
        (CONFIG_MAP, "config", "data"),
        (SECRET, "secret", "data"),
        (CHE_CLUSTER_V2, "eclipse-che", "spec"),
    ]:
        written = there.at(kind, name, "che")
        assert written is not None
        assert written[part] == next(item for item in SAVED if item["metadata"]["name"] == name)[part]


def test_a_whole_installation_is_created_in_order(api: FakeApi) -> None:
    write(api.cluster, plan(api))

    assert [request.path.rsplit("/", 1)[-1] for request in api.written] == [
        "namespaces",
        "configmaps",
        "secrets",
        "checlusters",
    ]


def test_each_wave_is_checked_as_a_whole_before_any_of_it_is_written(there: FakeApi) -> None:
    write(there.cluster, plan(there))

    order = [(request.path.rsplit("/", 1)[-1], request.dry) for request in there.requests if request.method == "put"]
    assert order == [
        ("config", True),
        ("secret", True),
        ("config", False),
        ("secret", False),
        ("eclipse-che", True),
        ("eclipse-che", False),
    ]


def test_nothing_of_a_wave_is_written_when_one_of_it_is_refused(there: FakeApi) -> None:
    steps = plan(there)
    there.fail("put", "secret$", 422, "data: Invalid value")

    with pytest.raises(Rejected):
        write(there.cluster, steps)
    assert there.written == []


def test_validation_writes_nothing(there: FakeApi) -> None:
    assert validate(there.cluster, plan(there)) == Validated((), ())
    assert there.written == []
    assert sum(request.dry for request in there.requests) == 3


def test_validation_tells_what_the_server_would_refuse(there: FakeApi) -> None:
    there.fail("put", "checlusters", 422, "spec.a: Invalid value")

    ((step, error),) = validate(there.cluster, plan(there)).refused

    assert (step.kind, error.what) == ("CheCluster", "spec.a: Invalid value")


def test_without_its_namespace_only_the_namespace_can_be_checked_now(api: FakeApi) -> None:
    steps = plan(api)

    waiting = validate(api.cluster, steps).waiting

    assert [step.kind for step in waiting] == ["ConfigMap", "Secret", "CheCluster"]
    assert (api.names(NAMESPACE), api.written) == ([], [])


def test_a_checluster_that_is_refused_for_a_secret_yet_to_come_is_checked_later(there: FakeApi) -> None:
    there.cluster.delete(SECRET, "secret", "che")
    steps = plan(there)
    there.fail("put", "checlusters", 500, "failed calling webhook: Secret secret not found")

    assert [step.kind for step in validate(there.cluster, steps).waiting] == ["CheCluster"]


def test_a_secret_that_is_refused_is_never_put_off(there: FakeApi) -> None:
    there.cluster.delete(CONFIG_MAP, "config", "che")
    steps = plan(there)
    there.fail("put", "secret$", 403, "secrets is forbidden")

    validated = validate(there.cluster, steps)

    assert [(step.kind, type(error)) for step, error in validated.refused] == [("Secret", Forbidden)]
    assert validated.waiting == ()


def test_a_server_that_does_not_answer_is_no_verdict_on_an_object(there: FakeApi, clock: FakeClock) -> None:
    def away(_request: Request) -> None:
        raise ProtocolError("Connection refused")

    there.react("put", "", away)

    with pytest.raises(Unreachable):
        validate(there.cluster, plan(there))


def test_a_later_change_by_somebody_else_is_not_overwritten(there: FakeApi) -> None:
    steps = plan(there)
    there.add(CONFIG_MAP, "config", "che", data={"theirs": "x"})

    with pytest.raises(Conflict, match="new plan") as caught:
        write(there.cluster, steps)

    assert "ConfigMap che/config" in caught.value.on
    kept = there.at(CONFIG_MAP, "config", "che")
    assert kept is not None and kept["data"] == {"theirs": "x"}


def test_an_object_that_appeared_meanwhile_is_not_overwritten(there: FakeApi) -> None:
    there.cluster.delete(SECRET, "secret", "che")
    steps = plan(there)
    there.add(SECRET, "secret", "che", data={"k": "dGhlaXJz"})

    with pytest.raises(Conflict, match="new plan"):
        write(there.cluster, steps)


def test_a_change_of_the_status_alone_is_no_conflict(there: FakeApi) -> None:
    """The operator writes the CheCluster's status as soon as the wave before it is there."""
    steps = plan(there)

    def operator(_request: Any) -> None:
        che = there.at(CHE_CLUSTER_V2, "eclipse-che", "che")
        assert che is not None
        content = {key: che[key] for key in ("spec",)}
        there.add(CHE_CLUSTER_V2, "eclipse-che", "che", status={"chePhase": "Updating"}, **content)

    there.follow("put", "secret$", operator)

    write(there.cluster, steps)

    written = there.at(CHE_CLUSTER_V2, "eclipse-che", "che")
    assert written is not None and written["spec"] == {"a": 1}


def test_a_change_of_the_spec_is_a_conflict(there: FakeApi) -> None:
    steps = plan(there)
    there.add(CHE_CLUSTER_V2, "eclipse-che", "che", spec={"a": 3})

    with pytest.raises(Conflict):
        write(there.cluster, steps)

    kept = there.at(CHE_CLUSTER_V2, "eclipse-che", "che")
    assert kept is not None and kept["spec"] == {"a": 3}


def test_a_kind_that_is_not_served_says_what_to_install(api: FakeApi) -> None:
    steps = plan(api)
    api.fail("post", "checlusters", 404, "the server could not find the requested resource")

    with pytest.raises(NotFound, match="install the operator"):
        write(api.cluster, steps)


def test_what_is_kept_is_not_touched(there: FakeApi) -> None:
    write(there.cluster, plan(there))
    before = len(there.requests)

    steps = plan(there)
    write(there.cluster, steps)

    assert {step.action for step in steps} == {"keep"}
    assert [request for request in there.requests[before:] if request.method != "get"] == []
