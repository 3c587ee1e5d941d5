# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan: what is created, changed and kept, what exactly is sent, and what a diff may show."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._restore._plan import (
    CHANGE,
    CREATE,
    KEEP,
    Step,
    diff_of,
    plan_objects,
)

Object = dict[str, Any]
VERSIONS = {"Namespace": "v1", "Secret": "v1", "ConfigMap": "v1", "CheCluster": "org.eclipse.che/v2"}


def saved(kind: str = "ConfigMap", name: str = "c", **content: Any) -> Object:
    metadata = {"name": name, "namespace": "che", **content.pop("metadata", {})}
    return {"apiVersion": VERSIONS.get(kind, "v1"), "kind": kind, "metadata": metadata, **content}


def live(obj: Object, **content: Any) -> Object:
    """An object as a cluster holds it: with all that a cluster adds."""
    added = {"uid": "u1", "resourceVersion": "42", "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [{}]}
    metadata = {**obj["metadata"], **added, **content.pop("metadata", {})}
    return {**obj, "metadata": metadata, "status": {"phase": "Active"}, **content}


def plan_one(wanted: Object, found: Object | None) -> Step:
    there = {} if found is None else {(found["kind"], found["metadata"]["name"]): found}
    (step,) = plan_objects([wanted], there)
    return step


def test_what_is_missing_is_created_as_it_was_saved() -> None:
    step = plan_one(saved(data={"a": "1"}), None)

    assert (step.action, step.body) == (CREATE, saved(data={"a": "1"}))


def test_what_equals_the_backup_is_kept_whatever_the_cluster_added() -> None:
    wanted = saved(data={"a": "1"})
    found = live(wanted, metadata={"labels": {}, "annotations": None}, binaryData={})

    assert plan_one(wanted, found).action == KEEP


@pytest.mark.parametrize(
    "difference",
    [
        {"data": {"a": "1", "added": "2"}},
        {"data": {"a": "2"}},
        {"data": {}},
        {"metadata": {"labels": {"new": "label"}}},
        {"metadata": {"annotations": {"new": "annotation"}}},
        {"immutable": True},
    ],
)
def test_what_differs_is_replaced_whole(difference: dict[str, Any]) -> None:
    wanted = saved(data={"a": "1"}, metadata={"labels": {"l": "1"}})

    step = plan_one(wanted, live(wanted, **difference))

    assert step.action == CHANGE
    assert step.body["data"] == {"a": "1"}
    assert step.body["metadata"]["labels"] == {"l": "1"}
    assert "immutable" not in step.body and "annotations" not in step.body["metadata"]


def test_a_replacement_carries_what_ties_the_live_object_to_its_cluster() -> None:
    ties = {
        "resourceVersion": "42",
        "uid": "u1",
        "ownerReferences": [{"uid": "owner"}],
        "finalizers": ["oauthclients.finalizers.che.eclipse.org"],
    }
    wanted = saved("CheCluster", "eclipse-che", spec={"a": 1})

    body = plan_one(wanted, live(wanted, spec={"a": 2}, metadata=ties)).body

    assert {key: body["metadata"][key] for key in ties} == ties
    assert body["spec"] == {"a": 1}
    assert "status" not in body and "managedFields" not in body["metadata"]


def test_a_replacement_does_not_invent_ties() -> None:
    wanted = saved(data={"a": "1"})
    body = plan_one(wanted, live(wanted, data={})).body
    assert set(body["metadata"]) == {"name", "namespace", "resourceVersion", "uid"}


def test_planning_leaves_its_input_alone() -> None:
    wanted, found = saved(data={"a": "1"}), live(saved(data={"a": "2"}))
    before = json.dumps([wanted, found])

    step = plan_one(wanted, found)
    _ = step.body, diff_of(step)

    assert json.dumps([wanted, found]) == before


@pytest.mark.parametrize("kind", ["Namespace", "PersistentVolumeClaim"])
def test_namespaces_and_claims_that_exist_are_never_changed(kind: str) -> None:
    wanted = saved(kind, metadata={"labels": {"a": "1"}}, spec={"x": 1})
    assert plan_one(wanted, live(wanted, metadata={"labels": {"b": "2"}}, spec={"x": 2})).action == KEEP
    assert plan_one(wanted, None).action == CREATE


def test_a_new_namespace_does_not_bring_the_ranges_of_another_cluster() -> None:
    annotations = {"openshift.io/sa.scc.uid-range": "1000650000/10000", "openshift.io/sa.scc.mcs": "s0", "note": "kept"}
    wanted = saved("Namespace", "che", metadata={"annotations": annotations})

    assert plan_one(wanted, None).body["metadata"]["annotations"] == {"note": "kept"}


def test_steps_come_in_waves() -> None:
    objects = [
        saved("CheCluster"),
        saved("Secret", "b"),
        saved("ConfigMap", "a"),
        saved("Namespace"),
        saved("Secret", "a"),
    ]

    steps = plan_objects(objects, {})

    assert [(step.wave, step.kind, step.name) for step in steps] == [
        (0, "Namespace", "c"),
        (1, "ConfigMap", "a"),
        (1, "Secret", "a"),
        (1, "Secret", "b"),
        (2, "CheCluster", "c"),
    ]


def test_objects_of_the_same_name_and_another_kind_are_not_mixed_up() -> None:
    secret, config = saved("Secret", "same"), saved("ConfigMap", "same")
    steps = plan_objects([secret, config], {("Secret", "same"): live(secret)})
    assert {step.kind: step.action for step in steps} == {"Secret": KEEP, "ConfigMap": CREATE}


SECRET_VALUE = "aHVudGVyMg=="


def a_secret(value: str = SECRET_VALUE) -> Object:
    note = {"kubectl.kubernetes.io/last": f'{{"data":{{"password":"{value}"}}}}'}
    return saved("Secret", "s", data={"password": value, "same": "c2FtZQ=="}, metadata={"annotations": note})


def test_a_diff_of_a_secret_shows_which_keys_change_and_no_value() -> None:
    diff = diff_of(plan_one(a_secret(), live(a_secret("b2xk"))))
    before, after = diff["before"]["data"], diff["after"]["data"]

    assert SECRET_VALUE not in json.dumps(diff) and "b2xk" not in json.dumps(diff)
    assert before["password"] != after["password"]
    assert before["same"] == after["same"]
    assert diff["before_header"] == "Secret/s"


def test_a_diff_does_not_help_to_guess_a_secret() -> None:
    """A plain hash of a password that people choose can be found in a list."""
    import hashlib

    text = json.dumps(diff_of(plan_one(a_secret(), None)))

    assert hashlib.sha256(SECRET_VALUE.encode()).hexdigest()[:16] not in text
    assert hashlib.sha256(b"hunter2").hexdigest()[:16] not in text


def test_a_diff_of_a_new_object_has_nothing_before() -> None:
    diff = diff_of(plan_one(saved(data={"a": "1"}), None))
    assert (diff["before"], diff["after"]["data"]) == ({}, {"a": "1"})


@pytest.mark.parametrize(
    "spec",
    [
        {"networking": {"auth": {"oAuthSecret": "hunter2"}}},
        {"auth": {"oAuthSecret": "hunter2", "identityProviderPostgresPassword": "hunter2"}},
        {"database": {"chePostgresPassword": "hunter2"}},
        {"server": {"proxyPassword": "hunter2", "customCheProperties": {"CHE_MAIL_PASSWORD": "hunter2"}}},
        {"components": {"cheServer": {"extraProperties": {"CHE_OAUTH_TOKEN": "hunter2"}}}},
        {"components": {"cheServer": {"extraProperties": {"CHE_OAUTH_OPENSHIFT_CLIENTSECRET": "hunter2"}}}},
        {"server": {"customCheProperties": {"CHE_OAUTH_GITHUB_CLIENTSECRET": "hunter2"}}},
        {"server": {"customCheProperties": {"CHE_JDBC_URL": "jdbc:postgresql://db/x?user=che&password=hunter2"}}},
        {"server": {"proxyURL": "http://bob:hunter2@proxy:3128"}},
        {"components": {"cheServer": {"proxy": {"url": "http://bob:hunter2@proxy:3128"}}}},
        {"components": {"a": {"deployment": {"containers": [{"env": [{"name": "SMTP_PASS", "value": "hunter2"}]}]}}}},
        {"components": {"a": {"deployment": {"containers": [{"env": [{"name": "DB_PWD", "value": "hunter2"}]}]}}}},
        {
            "components": {
                "dashboard": {"deployment": {"containers": [{"env": [{"name": "API_TOKEN", "value": "hunter2"}]}]}}
            }
        },
    ],
)
def test_a_diff_of_a_checluster_hides_the_passwords_that_it_may_hold(spec: dict[str, Any]) -> None:
    wanted = saved("CheCluster", spec=spec)

    diff = diff_of(plan_one(wanted, live(wanted, spec={})))

    assert "hunter2" not in json.dumps(diff)
    assert diff["before"] != diff["after"]


def test_a_diff_of_a_checluster_shows_everything_else() -> None:
    spec = {
        "networking": {"tlsSecretName": "che-tls", "domain": "example.org"},
        "components": {"a": {"env": [{"name": "X", "value": "y"}]}},
    }
    assert diff_of(plan_one(saved("CheCluster", spec=spec), None))["after"]["spec"] == spec


def test_a_diff_of_a_config_map_hides_the_credentials_in_its_urls() -> None:
    diff = diff_of(plan_one(saved(data={"proxy": "http://bob:hunter2@proxy:3128", "a": "1"}), None))
    assert "hunter2" not in json.dumps(diff)
    assert diff["after"]["data"]["a"] == "1"


def test_a_step_s_repr_shows_no_content() -> None:
    assert SECRET_VALUE not in repr(plan_one(a_secret(), live(a_secret())))


def a_change(before: dict[str, str], wanted: dict[str, str]) -> Step:
    saved = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": wanted}
    return Step(CHANGE, saved, {**saved, "data": before})


@pytest.mark.parametrize(
    ("now", "done"),
    [
        ({"key": "value"}, True),
        ({"key": "value", "added": "x"}, False),
        ({"key": "theirs"}, True),
        ({"key": "theirs", "added": "x"}, False),
        ({"key": "value", "added": "y"}, False),
    ],
)
def test_a_change_that_takes_away_is_told_by_what_is_gone(now: dict[str, str], done: bool) -> None:
    step = a_change({"key": "value", "added": "x"}, {"key": "value"})

    assert step.is_done_in({**step.saved, "data": now}) is done


def test_a_step_that_changes_nothing_is_never_done_by_it() -> None:
    step = a_change({"key": "value"}, {"key": "value"})

    assert replace(step, action=KEEP).is_done_in(step.saved) is False
