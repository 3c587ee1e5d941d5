# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client: pages, dry runs, what is repeated and for how long, and the class of each error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._kube import _client, _kinds
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import (
    ClusterError,
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
    POD,
    SECRET,
)
from unit.fake_api import FakeApi, FakeClock, Request
from urllib3.exceptions import MaxRetryError, ProtocolError

SECRETS = SECRET.path("che")


def a_secret(name: str = "s", **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "che", **metadata}}


@pytest.fixture
def cluster(api: FakeApi) -> Cluster:
    api.add(_kinds.NAMESPACE, "che")
    return api.cluster


def test_a_list_is_read_page_by_page(api: FakeApi, cluster: Cluster) -> None:
    api.page = 2
    for number in range(5):
        api.add(SECRET, f"s{number}", "che")

    names = [item["metadata"]["name"] for item in cluster.list(SECRET, "che")]

    assert names == ["s0", "s1", "s2", "s3", "s4"]
    lists = [request for request in api.requests if request.path == SECRETS]
    assert [request.query.get("continue") for request in lists] == [None, "2", "4"]
    assert {request.query["limit"] for request in lists} == {str(_client.PAGE)}


def test_items_of_a_list_carry_apiversion_and_kind(api: FakeApi, cluster: Cluster) -> None:
    api.add(SECRET, "s", "che")

    (item,) = cluster.list(SECRET, "che")

    assert (item["apiVersion"], item["kind"]) == ("v1", "Secret")


def test_selectors_reach_the_server(api: FakeApi, cluster: Cluster) -> None:
    api.add(SECRET, "mine", "che", metadata={"labels": {"a": "b"}})
    api.add(SECRET, "other", "che")

    assert [item["metadata"]["name"] for item in cluster.list(SECRET, "che", labels="a=b")] == ["mine"]
    assert [item["metadata"]["name"] for item in cluster.list(SECRET, "che", fields="metadata.name=other")] == ["other"]


def test_a_page_without_items_is_an_empty_list(api: FakeApi) -> None:
    class Empty(FakeApi):
        def _handle(self, request: Request) -> dict[str, Any]:
            return {"items": None, "metadata": {}}

    assert list(Empty().cluster.list(SECRET, "che")) == []


def test_a_dry_run_stores_nothing(api: FakeApi, cluster: Cluster) -> None:
    cluster.create(a_secret(), dry_run=True)
    assert cluster.find(SECRET, "s", "che") is None

    created = cluster.create(a_secret())
    cluster.replace({**created, "data": {"k": "dg=="}}, dry_run=True)

    assert "data" not in cluster.get(SECRET, "s", "che")


def test_replacing_what_somebody_changed_is_a_conflict(api: FakeApi, cluster: Cluster) -> None:
    seen = cluster.create(a_secret())
    api.add(SECRET, "s", "che", data={"k": "dg=="})

    with pytest.raises(Conflict):
        cluster.replace(seen)


def test_delete_says_whether_it_was_there_and_takes_what_it_owned(api: FakeApi, cluster: Cluster) -> None:
    owner = cluster.create(a_secret())
    cluster.create(a_secret("owned", ownerReferences=[{"uid": owner["metadata"]["uid"]}]))

    assert cluster.delete(SECRET, "s", "che") is True
    assert cluster.delete(SECRET, "s", "che") is False
    assert api.names(SECRET, "che") == []
    assert api.written[-1].query == {"propagationPolicy": "Background"}


def test_serves_asks_for_the_version_not_only_the_group(api: FakeApi) -> None:
    api.kinds = (CHE_CLUSTER_V2,)

    assert api.cluster.serves(CHE_CLUSTER_V2)
    assert not api.cluster.serves(_kinds.CHE_CLUSTER_V1)
    assert api.cluster.serves_group("org.eclipse.che")
    assert not api.cluster.serves_group("route.openshift.io")


def test_a_log_is_text_whatever_the_container_printed(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_client.Cluster, "_send", lambda *args: b"caf\xe9 \xff\n")

    assert api.cluster.log("p", "che", "c") == "caf\ufffd \ufffd\n"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Rejected),
        (401, Forbidden),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (422, Rejected),
        (410, ClusterError),
    ],
)
def test_each_status_has_its_class(
    api: FakeApi, cluster: Cluster, clock: FakeClock, status: int, kind: type[ClusterError]
) -> None:
    api.fail("post", SECRETS, status, "words of the server.")

    with pytest.raises(ClusterError) as caught:
        cluster.create(a_secret())

    assert type(caught.value) is kind
    assert caught.value.status == status or kind in (Forbidden, Rejected)
    assert "words of the server" in str(caught.value)
    assert "server.." not in str(caught.value)
    assert caught.value.on == "Secret che/s"
    assert not clock.waits


def test_a_namespace_that_is_being_deleted_is_no_missing_permission(api: FakeApi, cluster: Cluster) -> None:
    words = 'secrets "s" is forbidden: unable to create new content in namespace che because it is being terminated'
    api.fail("post", SECRETS, 403, words)

    with pytest.raises(Rejected, match="Wait until the namespace is gone"):
        cluster.create(a_secret())


@pytest.mark.parametrize(
    ("words", "next_step"),
    [
        ('admission webhook "v.kb.io" denied the request: only one CheCluster is allowed', ""),
        ("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no", ""),
        ('secrets "s" is forbidden: exceeded quota: q, requested: secrets=1, limited: secrets=3', "quota"),
    ],
)
def test_what_admission_refuses_is_no_missing_permission(
    api: FakeApi, cluster: Cluster, words: str, next_step: str
) -> None:
    api.fail("post", SECRETS, 403, words)

    with pytest.raises(Rejected) as caught:
        cluster.create(a_secret())

    assert "permission" not in caught.value.next_step
    assert next_step in caught.value.next_step


def test_a_webhook_that_breaks_down_has_rejected_the_object(api: FakeApi, cluster: Cluster, clock: FakeClock) -> None:
    api.fail("post", SECRETS, 500, 'failed calling webhook "x"')

    with pytest.raises(Rejected, match="failed calling webhook"):
        cluster.create(a_secret())

    assert not clock.waits, "the object may have been stored: sending it again is not safe"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_reading_is_repeated_while_the_server_recovers(
    api: FakeApi, cluster: Cluster, clock: FakeClock, status: int
) -> None:
    api.add(SECRET, "s", "che")
    api.fail("get", SECRETS, status, times=3)

    assert cluster.get(SECRET, "s", "che")["metadata"]["name"] == "s"
    assert clock.waits == [1.0, 1.0, 1.0]


def test_a_throttled_write_is_repeated_as_it_was_not_carried_out(
    api: FakeApi, cluster: Cluster, clock: FakeClock
) -> None:
    api.fail("post", SECRETS, 429, times=2)

    assert cluster.create(a_secret())["metadata"]["name"] == "s"
    assert len(api.written) == 3


@pytest.mark.parametrize("status", [502, 503, 504])
def test_another_write_is_sent_once(api: FakeApi, cluster: Cluster, clock: FakeClock, status: int) -> None:
    api.fail("post", SECRETS, status)

    with pytest.raises(ClusterError) as caught:
        cluster.create(a_secret())

    assert caught.value.status == status
    assert len(api.written) == 1


def test_a_deletion_is_repeated_as_twice_is_the_same_as_once(api: FakeApi, cluster: Cluster, clock: FakeClock) -> None:
    api.add(SECRET, "s", "che")
    api.fail("delete", SECRETS, 503, times=2)

    assert cluster.delete(SECRET, "s", "che") is True
    assert len(clock.waits) == 2


@pytest.mark.parametrize("verb", ["delete", "patch"])
def test_a_conflict_of_what_names_no_version_was_only_a_race(
    api: FakeApi, cluster: Cluster, clock: FakeClock, verb: str
) -> None:
    api.add(SECRET, "s", "che", data={})
    api.fail(verb, SECRETS, 409, "the object has been modified", times=2)

    if verb == "delete":
        assert cluster.delete(SECRET, "s", "che") is True
    else:
        assert cluster.merge(SECRET, "s", "che", {"data": {"a": "1"}})["data"] == {"a": "1"}
    assert len(clock.waits) == 2


@pytest.mark.parametrize("verb", ["delete", "patch"])
def test_a_conflict_of_what_names_a_version_is_told(
    api: FakeApi, cluster: Cluster, clock: FakeClock, verb: str
) -> None:
    api.add(SECRET, "s", "che", data={})
    api.fail(verb, SECRETS, 409, "the object has been modified")
    body = {"delete": {"preconditions": {"uid": "u"}}, "patch": {"metadata": {"resourceVersion": "1"}}}[verb]

    with pytest.raises(Conflict):
        cluster.request(verb, SECRET.path("che", "s"), body=body, content_type="application/merge-patch+json")
    assert clock.waits == []


def test_a_merge_is_repeated_as_well(api: FakeApi, cluster: Cluster, clock: FakeClock) -> None:
    api.add(CONFIG_MAP, "c", "che", data={})
    api.fail("patch", "configmaps", 503, times=2)

    assert cluster.merge(CONFIG_MAP, "c", "che", {"data": {"a": "1"}})["data"] == {"a": "1"}


@pytest.mark.parametrize("status", [429, 503])
def test_repeating_ends(api: FakeApi, cluster: Cluster, clock: FakeClock, status: int) -> None:
    api.fail("get", SECRETS, status, "come back later")

    with pytest.raises(ClusterError, match="come back later"):
        cluster.get(SECRET, "s", "che")

    assert sum(clock.waits) <= _client.RETRY_SECONDS + 1


def raising(error: Exception) -> Callable[[Request], None]:
    def reaction(_request: Request) -> None:
        raise error

    return reaction


def test_a_silent_server_is_asked_again_for_reading_and_then_named_unreachable(
    api: FakeApi, cluster: Cluster, clock: FakeClock
) -> None:
    api.react("get", SECRETS, raising(ProtocolError("Connection aborted")))

    with pytest.raises(Unreachable, match="Connection aborted") as caught:
        cluster.get(SECRET, "s", "che")

    assert caught.value.next_step
    assert 1 < len(clock.waits) <= _client.RETRY_SECONDS + 1


def test_a_write_without_answer_is_not_repeated(api: FakeApi, cluster: Cluster, clock: FakeClock) -> None:
    api.react("post", SECRETS, raising(MaxRetryError(None, "/x", ProtocolError("gone"))))

    with pytest.raises(Unreachable):
        cluster.create(a_secret())

    assert not clock.waits


@pytest.mark.parametrize("body", ["not JSON", json.dumps(["a", "list"]), json.dumps({"kind": "Status"}), None])
def test_an_error_without_a_readable_body_still_says_something(
    api: FakeApi, cluster: Cluster, body: str | None
) -> None:
    def refuse(_request: Request) -> None:
        from kubernetes.client.exceptions import ApiException
        from kubernetes.dynamic.exceptions import api_exception

        error = ApiException(status=403, reason="Forbidden")
        error.body, error.headers = body, None
        raise api_exception(error)

    api.react("get", SECRETS, refuse)

    with pytest.raises(Forbidden) as caught:
        cluster.get(SECRET, "s", "che")
    assert caught.value.what == "Forbidden"


def test_a_merge_leaves_other_fields_alone(api: FakeApi, cluster: Cluster) -> None:
    api.add(CONFIG_MAP, "c", "che", data={"a": "1", "b": "2"})

    cluster.merge(CONFIG_MAP, "c", "che", {"data": {"b": "3", "c": "4"}})

    assert cluster.get(CONFIG_MAP, "c", "che")["data"] == {"a": "1", "b": "3", "c": "4"}


def test_every_kind_is_found_by_what_its_objects_say() -> None:
    kinds = [value for value in vars(_kinds).values() if isinstance(value, _kinds.Kind)]

    assert len(kinds) >= 11
    for kind in kinds:
        assert _kinds.kind_of({"apiVersion": kind.api_version, "kind": kind.kind}) is kind
    with pytest.raises(KeyError):
        _kinds.kind_of({"apiVersion": "v1", "kind": "Unheard"})


def test_paths_and_names() -> None:
    assert POD.path("che", "p") == "/api/v1/namespaces/che/pods/p"
    assert POD.path() == "/api/v1/pods"
    assert CHE_CLUSTER_V2.path("che") == "/apis/org.eclipse.che/v2/namespaces/che/checlusters"
    assert _kinds.NAMESPACE.path("", "che") == "/api/v1/namespaces/che"
    assert _kinds.NAMESPACE.path("ignored", "che") == "/api/v1/namespaces/che"
    assert _kinds.NAMESPACE.named("che", "che") == "Namespace che"
    assert _kinds.name_of(a_secret()) == "Secret che/s"


def test_a_dry_run_hears_of_fields_that_a_kind_does_not_have(api: FakeApi) -> None:
    api.add(NAMESPACE, "che")
    api.cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "che"}}, True)
    assert api.requests[-1].query == {"fieldManager": "community.che", "dryRun": "All", "fieldValidation": "Strict"}


@pytest.mark.parametrize("status", [500, 503])
def test_a_dry_run_is_repeated_as_it_changes_nothing(api: FakeApi, clock: FakeClock, status: int) -> None:
    api.add(NAMESPACE, "che")
    api.fail("post", "/secrets", status, "etcdserver: request timed out", times=2)
    api.cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "che"}}, True)
    assert len(clock.waits) == 2
