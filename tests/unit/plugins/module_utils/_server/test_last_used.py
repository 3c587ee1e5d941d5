# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which server tasks use that name none, and when that changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CONFIG_MAP,
    NAMESPACE,
    SERVER_CONFIGURATION,
)
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._server._last_used import (
    choose_before_update,
    choose_unnamed,
    last_used,
    make_default,
)
from ansible_collections.community.che.plugins.module_utils._server._options import DEFAULT_NAME
from ansible_collections.community.che.plugins.module_utils._server._stored import (
    LAST_USED_ANNOTATION,
    StoredServer,
    list_stored,
    read_stored,
    to_object,
)
from unit.fake_api import FakeApi


def a_server(name: str, last_used: str = "") -> StoredServer:
    return StoredServer(name, RestServer(f"{name}.example"), "password", last_used=last_used)


EARLY, LATE = a_server("early", "2026-01-01T00:00:00+00:00"), a_server("late", "2026-01-01T01:00:00.5+01:00")


@pytest.mark.parametrize(
    ("servers", "chosen"),
    [
        ([], None),
        ([a_server("one")], ("one", "the only one configured")),
        ([a_server("one"), a_server("two")], None),
        ([a_server("one"), a_server(DEFAULT_NAME)], (DEFAULT_NAME, "it has the default name")),
        ([a_server(DEFAULT_NAME), EARLY], ("early", "the last one used")),
        # Half a second later, in another time zone.
        ([EARLY, LATE, a_server(DEFAULT_NAME)], ("late", "the last one used")),
        ([a_server("one", "yesterday"), a_server("two")], None),
        ([a_server("one", "2026-01-01T00:00:00"), a_server("two")], ("one", "the last one used")),
    ],
)
def test_the_choice(servers: list[StoredServer], chosen: tuple[str, str] | None) -> None:
    choice = choose_unnamed(servers)
    assert (choice and (choice[0].name, choice[1])) == chosen


ANNOTATED = replace(a_server("annotated"), before_update=True)
INTERNAL = replace(a_server("internal"), internal=True)


@pytest.mark.parametrize(
    ("servers", "chosen"),
    [
        ([], None),
        ([a_server("one")], ("one", "the only one configured")),
        ([LATE, ANNOTATED, INTERNAL], ("annotated", "it has the annotation che.eclipse.org/backup-before-update")),
        ([LATE, a_server(DEFAULT_NAME), INTERNAL], ("internal", "it is the internal one")),
        ([LATE, a_server(DEFAULT_NAME)], None),
    ],
)
def test_the_choice_before_an_update(servers: list[StoredServer], chosen: tuple[str, str] | None) -> None:
    choice = choose_before_update(servers)
    assert (choice and (choice[0].name, choice[1])) == chosen


def test_two_annotated_servers_are_a_question() -> None:
    with pytest.raises(CheError, match="annotated, another"):
        choose_before_update([ANNOTATED, replace(ANNOTATED, name="another")])


@pytest.mark.parametrize(("value", "meant"), [("true", True), ("True ", True), ("false", False), ("", False)])
def test_the_annotation_is_read(api: FakeApi, value: str, meant: bool) -> None:
    obj = to_object(a_server("one"), "che")
    obj["metadata"].setdefault("annotations", {})["che.eclipse.org/backup-before-update"] = value
    assert read_stored(obj).before_update is meant


@pytest.fixture(params=[CONFIG_MAP, SERVER_CONFIGURATION], ids=["ConfigMap", "CheBackupServerConfiguration"])
def stored(api: FakeApi, request: pytest.FixtureRequest) -> FakeApi:
    """Two servers, one of them of the default name, in the one kind of storage or the other."""
    api.add(NAMESPACE, "che")
    api.kinds = (SERVER_CONFIGURATION,) if request.param is SERVER_CONFIGURATION else ()
    for name in (DEFAULT_NAME, "second"):
        server = StoredServer(name, RestServer(f"{name}.example"), "password", stored_as=request.param.kind)
        api.cluster.create(to_object(server, "che"))
    api.requests.clear()
    return api


def use(api: FakeApi, name: str, host: str = "") -> bool:
    return make_default(api.cluster, "che", name, RestServer(host or f"{name}.example"))


def latest(api: FakeApi) -> str:
    found = last_used(list_stored(api.cluster, "che"))
    return found.name if found else ""


def test_naming_another_one_makes_it_the_default_once(stored: FakeApi) -> None:
    assert use(stored, "second") is True
    assert latest(stored) == "second"
    assert use(stored, "second") is False
    assert len(stored.written) == 1

    assert use(stored, DEFAULT_NAME) is True
    assert latest(stored) == DEFAULT_NAME


def test_check_mode_tells_and_writes_nothing(stored: FakeApi) -> None:
    assert make_default(stored.cluster, "che", "second", RestServer("second.example"), check_mode=True) is True
    assert not stored.written


def test_the_one_that_was_chosen_anyway_is_noted_without_news(stored: FakeApi) -> None:
    assert use(stored, DEFAULT_NAME) is False
    assert latest(stored) == DEFAULT_NAME


def test_saying_all_of_a_stored_one_names_it(stored: FakeApi) -> None:
    assert use(stored, "", "second.example") is True
    assert latest(stored) == "second"


@pytest.mark.parametrize(("name", "host"), [("gone", ""), ("", "elsewhere.example")])
def test_one_that_is_not_stored_changes_nothing(stored: FakeApi, name: str, host: str) -> None:
    assert use(stored, name, host) is False
    assert not stored.written


def test_a_clock_that_is_ahead_does_not_keep_its_server_the_last(stored: FakeApi) -> None:
    kind = SERVER_CONFIGURATION if stored.kinds else CONFIG_MAP
    future = {"metadata": {"annotations": {LAST_USED_ANNOTATION: "2999-01-01T00:00:00+00:00"}}}
    stored.cluster.merge(kind, DEFAULT_NAME, "che", future)
    assert use(stored, "second") is True
    assert latest(stored) == "second"


def test_one_that_can_not_be_used_is_passed_over(stored: FakeApi) -> None:
    kind = SERVER_CONFIGURATION if stored.kinds else CONFIG_MAP
    labels = {"community.che/kind": "CheBackupServerConfiguration"}
    stored.add(kind, "broken", "che", metadata={"labels": labels}, spec={}, data={"spec": "{}"})
    assert use(stored, "second") is True
