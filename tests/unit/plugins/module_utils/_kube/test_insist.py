# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes whose answer was lost: carried out once, told apart from those of others."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._kube import _insist
from ansible_collections.community.che.plugins.module_utils._kube._errors import ClusterError, Conflict, Unreachable
from ansible_collections.community.che.plugins.module_utils._kube._insist import (
    surely_create,
    surely_replace,
    written_since,
)
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, NAMESPACE, SECRET
from unit.fake_api import FakeApi, FakeClock, Request
from urllib3.exceptions import ProtocolError

Object = dict[str, Any]


@pytest.fixture(autouse=True)
def namespace(api: FakeApi, clock: FakeClock) -> None:
    api.add(NAMESPACE, "che")


def obj(**data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "che"}, "data": data}


def live(api: FakeApi) -> Object:
    found = api.at(CONFIG_MAP, "c", "che")
    assert found is not None
    return found


def lose(api: FakeApi, method: str, times: int = 1, carried_out: bool = True) -> None:
    left = [times]

    def drop(_request: Request) -> None:
        if left[0]:
            left[0] -= 1
            raise ProtocolError("Connection aborted")

    (api.follow if carried_out else api.react)(method, "/configmaps", drop)


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_creation_whose_answer_is_lost_is_done_once(api: FakeApi, carried_out: bool) -> None:
    lose(api, "post", carried_out=carried_out)
    assert surely_create(api.cluster, obj(a="1"))["metadata"]["uid"] == live(api)["metadata"]["uid"]
    assert live(api)["data"] == {"a": "1"}


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_replacement_whose_answer_is_lost_is_done_once(api: FakeApi, carried_out: bool) -> None:
    before = surely_create(api.cluster, obj(a="1", b="2"))
    lose(api, "put", carried_out=carried_out)
    after = surely_replace(api.cluster, {**before, "data": {"a": "1"}})
    assert after["metadata"]["resourceVersion"] == live(api)["metadata"]["resourceVersion"]
    assert live(api)["data"] == {"a": "1"}


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_again(api: FakeApi, status: int) -> None:
    api.fail("post", "/configmaps", status, "etcdserver: request timed out", times=3)
    surely_create(api.cluster, obj(a="1"))
    assert live(api)["data"] == {"a": "1"}


def test_one_that_stays_in_trouble_is_given_up_in_time(api: FakeApi, clock: FakeClock) -> None:
    api.fail("post", "/configmaps", 503, "no")
    with pytest.raises(ClusterError):
        surely_create(api.cluster, obj())
    assert sum(clock.waits) == pytest.approx(_insist.PATIENCE_SECONDS, abs=2)


@pytest.mark.parametrize(("status", "words"), [(422, "data: Invalid value"), (500, "failed calling webhook x")])
def test_a_refusal_is_no_trouble(api: FakeApi, clock: FakeClock, status: int, words: str) -> None:
    api.fail("post", "/configmaps", status, words)
    with pytest.raises(ClusterError, match=words):
        surely_create(api.cluster, obj())
    assert clock.waits == []


def test_what_was_there_already_is_somebody_else_s(api: FakeApi) -> None:
    api.add(CONFIG_MAP, "c", "che", data={"a": "1"})
    with pytest.raises(Conflict):
        surely_create(api.cluster, obj(a="1"))


def test_what_another_process_of_ours_has_made_meanwhile_is_not_taken_for_one_s_own(api: FakeApi) -> None:
    """Both write under the same name: only what is in it tells them apart."""
    lose(api, "post", carried_out=False)
    api.react("post", "/configmaps", lambda _request: None)
    others = [True]

    def be_quicker(request: Request) -> None:
        if others and request.method == "post" and len(api.requests) > 1:
            others.clear()
            api.cluster.create(obj(holder="other"))

    api.react("post", "/configmaps", be_quicker)
    with pytest.raises(Conflict):
        surely_create(api.cluster, obj(holder="me"))
    assert live(api)["data"] == {"holder": "other"}


def test_a_change_by_somebody_else_is_a_conflict_also_when_an_answer_was_lost(api: FakeApi) -> None:
    before = surely_create(api.cluster, obj(a="1"))
    lose(api, "put", carried_out=False)
    api.react("put", "/configmaps", lambda _request: meddle(api))
    with pytest.raises(Conflict):
        surely_replace(api.cluster, {**before, "data": {"a": "2"}})


def meddle(api: FakeApi) -> None:
    api.add(CONFIG_MAP, "c", "che", data={"a": "theirs"})


def test_what_the_server_has_filled_in_does_not_make_it_somebody_else_s(api: FakeApi) -> None:
    def fill(_request: Request) -> None:
        live(api)["data"]["default"] = "x"
        raise ProtocolError("Connection aborted")

    followers = [fill]
    api.follow("post", "/configmaps", lambda request: followers.pop()(request) if followers else None)
    assert surely_create(api.cluster, obj(a="1"))["data"] == {"a": "1", "default": "x"}


@pytest.mark.parametrize("empty", ["", [], {}, False, 0, None], ids=repr)
def test_what_the_server_leaves_out_as_it_is_empty_does_not_make_it_somebody_else_s(api: FakeApi, empty: Any) -> None:
    """As a real one does with the value of a variable in the environment of a Job."""
    api.complete(CONFIG_MAP, lambda stored: stored["data"].pop("empty"))
    lose(api, "post")
    sent = {**obj(), "data": {"a": "1", "empty": empty}}
    assert surely_create(api.cluster, sent)["data"] == {"a": "1"}


@pytest.mark.parametrize("there", [{"key": "bWluZQ=="}, {"key": "dGhlaXJz"}], ids=["mine", "theirs"])
def test_a_secret_is_told_by_what_is_in_it(api: FakeApi, there: dict[str, str]) -> None:
    """What is sent as text comes back encoded."""
    metadata = {"name": "s", "namespace": "che"}
    sent = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"key": "mine"}, "type": "Opaque"}

    def make(_request: Request) -> None:
        if SECRET.path("che", "s") not in api.objects:
            api.add(SECRET, "s", "che", type="Opaque", data=there)
            raise ProtocolError("Connection aborted")

    api.react("post", "/secrets", make)
    if there["key"] == "bWluZQ==":
        assert surely_create(api.cluster, sent)["data"] == there
    else:
        with pytest.raises(Conflict):
            surely_create(api.cluster, sent)


@pytest.mark.parametrize("by", ["me", "others"])
def test_what_says_nothing_but_who_has_made_it_is_told_by_that(api: FakeApi, by: str) -> None:
    """A Namespace that a restore has made goes when that is aborted; one of others must not."""
    sent = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new", "annotations": {"made-by": "me"}}}

    def make(_request: Request) -> None:
        if NAMESPACE.path("", "new") not in api.objects:
            api.add(NAMESPACE, "new", metadata={"annotations": {"made-by": by}, "labels": {"name": "new"}}, spec={})
            raise ProtocolError("Connection aborted")

    api.react("post", "/namespaces", make)
    if by == "me":
        assert surely_create(api.cluster, sent)["metadata"]["labels"] == {"name": "new"}
    else:
        with pytest.raises(Conflict):
            surely_create(api.cluster, sent)


def test_a_moment_in_the_past_and_one_to_come(api: FakeApi) -> None:
    surely_create(api.cluster, obj(a="1"))
    assert written_since(live(api), "2026-01-01T00:00:00Z")
    assert not written_since(live(api), "2027-01-01T00:00:00Z")
    meddle(api)
    assert not written_since(live(api), "2026-01-01T00:00:00Z")
    with pytest.raises(Unreachable):
        lose(api, "post", times=1000, carried_out=False)
        surely_create(api.cluster, {**obj(), "metadata": {"name": "d", "namespace": "che"}})


@pytest.mark.parametrize("method", ["post", "put"])
def test_a_conflict_with_nothing_is_asked_again(api: FakeApi, method: str) -> None:
    """As of a quota that many count at once."""
    before = obj(a="1") if method == "post" else {**surely_create(api.cluster, obj(a="0")), "data": {"a": "1"}}
    api.fail(method, "/configmaps", 409, "Operation cannot be fulfilled on resourcequotas", times=2)
    (surely_create if method == "post" else surely_replace)(api.cluster, before)
    assert live(api)["data"] == {"a": "1"}
