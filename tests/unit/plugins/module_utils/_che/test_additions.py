# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cluster adds to a CheCluster: its schema's defaults and what its operator fills in, and nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._additions import with_additions

Object = dict[str, Any]

V1_SPEC: Object = {"k8s": {"ingressDomain": "apps.example"}, "auth": {"openShiftoAuth": False}}
NOTE = "che.eclipse.org/checluster-defaults-cleanup"


def che(spec: Object | None, version: str = "v2", **metadata: Any) -> Object:
    made = {"apiVersion": f"org.eclipse.che/{version}", "kind": "CheCluster"}
    return {**made, "metadata": {"name": "eclipse-che", "namespace": "che", **metadata}, "spec": spec}


def spec_of(wanted: Any, live: Object, completed: Any = None, version: str = "v2") -> Any:
    """The spec that is to be, with what the cluster has added; nothing that was given is changed."""
    given = [che(copy.deepcopy(spec), version) for spec in (wanted, live, wanted if completed is None else completed)]
    before = copy.deepcopy(given)
    merged = with_additions(*given)
    assert given == before
    return merged["spec"]


@pytest.mark.parametrize(
    ("wanted", "live", "completed", "expected"),
    [
        # A value, a map, a list and an item's field that only the schema has set.
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": -1}}, {"a": {"b": 1, "c": -1}}, {"a": {"b": 1, "c": -1}}),
        ({}, {"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 1}}}),
        (None, {"a": ["x"]}, {"a": ["x"]}, {"a": ["x"]}),
        ({"a": None}, {"a": False}, {"a": False}, {"a": False}),
        ({"a": [{"n": 1}]}, {"a": [{"n": 1, "d": 0}]}, {"a": [{"n": 1, "d": 0}]}, {"a": [{"n": 1, "d": 0}]}),
        # What a user has set beside it, or instead of it.
        ({}, {"a": {"d": 1, "u": 2}}, {"a": {"d": 1}}, {"a": {"d": 1}}),
        ({}, {"a": {"d": 5}}, {"a": {"d": 1}}, {}),
        ({}, {"a": True}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"a": 2}, {"a": 1}),
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        # Lists count as wholes.
        ({"a": ["x"]}, {"a": ["x", "y"]}, {"a": ["x"]}, {"a": ["x"]}),
        ({"a": ["x", "y"]}, {"a": ["y", "x"]}, {"a": ["x", "y"]}, {"a": ["x", "y"]}),
        ({"a": []}, {"a": ["d"]}, {"a": []}, {"a": []}),
        ({"a": [{"n": 1}]}, {"a": [{"n": 1, "u": 0}]}, {"a": [{"n": 1}]}, {"a": [{"n": 1}]}),
    ],
)
def test_defaults_of_the_schema_are_taken_and_nothing_else(
    wanted: Any, live: Object, completed: Object, expected: Any
) -> None:
    assert spec_of(wanted, live, completed) == expected


def at(path: str, value: Any) -> Object:
    for step in reversed(path.split(".")):
        value = {step: value}
    found: Object = value
    return found


@pytest.mark.parametrize(
    ("version", "path", "made_up", "set_by_somebody"),
    [
        ("v1", "server.cheHost", "che-che.apps.example", "che.mine.example"),
        ("v1", "server.cheHost", "apps.example", "other-che.apps.example"),
        ("v1", "server.cheHost", "codeready-che.apps.example", "che-che.apps.example.org"),
        ("v1", "server.cheFlavor", "che", "mine"),
        ("v1", "server.cheLogLevel", "INFO", "DEBUG"),
        ("v1", "server.cheDebug", "false", "true"),
        ("v1", "server.serverExposureStrategy", "multi-host", "default-host"),
        ("v1", "server.gitSelfSignedCert", False, True),
        ("v1", "database.externalDb", False, True),
        ("v1", "database.externalDb", False, 0),
        ("v1", "database.chePostgresSecret", "postgres-credentials", "mine"),
        ("v1", "database.chePostgresHostName", "postgres", "db.example"),
        ("v1", "database.postgresVersion", "13.3", "mine"),
        ("v1", "storage.pvcClaimSize", "10Gi", "20Gi"),
        ("v1", "auth.nativeUserMode", True, False),
        ("v1", "auth.oAuthSecret", "aB3dE6gH9jK2", "a secret of mine"),
        ("v1", "auth.oAuthClientName", "eclipse-che-openshift-identity-provider-a1b2c3", "mine"),
        ("v1", "auth.identityProviderURL", "https://keycloak-che.apps.example/auth", "https://sso.apps.example"),
        ("v1", "auth.identityProviderURL", "https://che-che.apps.example/auth", "https://che-che.apps.example/sso"),
        ("v1", "auth.identityProviderClientId", "che-public", "che-private"),
        ("v1", "metrics.enable", False, True),
        ("v1", "server.customCheProperties.A", None, "b"),
        ("v2", "components.pluginRegistry.openVSXURL", "https://open-vsx.org", ""),
        ("v2", "components.imagePuller.enable", False, True),
        ("v2", "networking.auth.oAuthSecret", "aB3dE6gH9jK2", "che-oauth-client"),
        ("v2", "networking.hostname", None, "che-che.apps.example"),
        ("v2", "components.cheServer.debug", None, False),
    ],
)
def test_what_the_operator_fills_in_is_taken_and_what_somebody_set_is_not(
    version: str, path: str, made_up: Any, set_by_somebody: Any
) -> None:
    wanted: Object = V1_SPEC if version == "v1" else {"networking": {"domain": "apps.example"}}
    for value, taken in ((made_up, True), (set_by_somebody, False)):
        live = merged(wanted, at(path, value))
        assert (spec_of(wanted, live, version=version) == live) is (taken and value is not None)


def merged(first: Any, second: Any) -> Any:
    if not isinstance(first, dict) or not isinstance(second, dict):
        return second
    return {**first, **{key: merged(first.get(key), value) for key, value in second.items()}}


def test_a_host_that_was_made_up_of_another_domain_is_not_taken() -> None:
    live = {"k8s": {"ingressDomain": "old.example"}, "server": {"cheHost": "che-che.old.example"}}
    assert spec_of({"k8s": {"ingressDomain": "new.example"}}, live, version="v1") == {
        "k8s": {"ingressDomain": "new.example"}
    }


def test_where_no_domain_is_set_the_operator_s_own_counts() -> None:
    live = che({"server": {"cheHost": "che-che.apps.example"}}, "v1")
    live["status"] = {"devworkspaceStatus": {"workspaceBaseDomain": "apps.example"}}
    wanted = che({}, "v1")
    assert with_additions(wanted, live, wanted)["spec"] == live["spec"]


def test_the_address_of_an_external_identity_provider_is_somebody_s() -> None:
    wanted = merged(V1_SPEC, {"auth": {"externalIdentityProvider": True}})
    live = merged(wanted, {"auth": {"identityProviderURL": "https://keycloak-che.apps.example/auth"}})
    assert spec_of(wanted, live, version="v1") == wanted


@pytest.mark.parametrize(("enabled", "taken"), [(True, True), (False, False)])
def test_the_image_puller_is_told_its_images_once_it_is_on(enabled: bool, taken: bool) -> None:
    told = {
        "images": "che=quay.io/eclipse/che:1;udi=quay.io/udi@sha256:00",
        "deploymentName": "kubernetes-image-puller",
    }
    wanted = {"components": {"imagePuller": {"enable": enabled}}}
    live = merged(wanted, {"components": {"imagePuller": {"spec": told}}})
    assert spec_of(wanted, live) == (live if taken else wanted)


def test_the_operator_s_notes_are_those_of_the_live_one() -> None:
    """By the notes of an older one it would take out again what it took for a default then."""
    wanted = che({}, annotations={NOTE: "old", "mine": "1"})
    found = with_additions(wanted, che({}, annotations={NOTE: "new", "theirs": "2"}), wanted)
    assert found["metadata"]["annotations"] == {NOTE: "new", "mine": "1"}
    assert with_additions(wanted, che({}), wanted) == wanted


def test_no_note_is_made_up() -> None:
    assert with_additions(che({}), che({}), che({})) == che({})


@pytest.mark.parametrize("change", [{"kind": "Secret"}, {"apiVersion": "org.eclipse.che/v3"}])
def test_other_kinds_and_versions_are_compared_as_they_are(change: Object) -> None:
    wanted, live = {**che({}), **change}, {**che({"a": 1}), **change}
    assert with_additions(wanted, live, live) == wanted


def test_two_versions_are_not_mixed() -> None:
    wanted, live = che({}, "v1"), che({"a": 1}, "v2")
    assert with_additions(wanted, live, live) == wanted
