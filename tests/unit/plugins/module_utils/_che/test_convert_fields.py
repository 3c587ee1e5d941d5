# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CheCluster v1 as v2, field by field: what goes where."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._convert import Converted, convert
from ansible_collections.community.che.plugins.module_utils._che._convert_rule import CONVERTED, DROPPED, IGNORED, Note
from unit.plugins.module_utils._che.converting import NOW, SOURCE, at, cluster, converted, spec_after, thing


def note_of(result: Converted, path: str) -> Note:
    (note,) = [note for note in result.notes if note.path == path]
    return note


# Where it stands and what stands there, one by one: the whole of the new spec.
CASES: list[tuple[str, Any, dict[str, Any]]] = [
    ("server.cheHost", "che.example.org", {"networking": {"hostname": "che.example.org"}}),
    ("server.cheDebug", "false", {"components": {"cheServer": {"debug": False}}}),
    ("server.cheClusterRoles", "one, two", {"components": {"cheServer": {"clusterRoles": ["one", "two"]}}}),
    ("server.cheWorkspaceClusterRole", "role", {"devEnvironments": {"user": {"clusterRoles": ["role"]}}}),
    ("server.nonProxyHosts", "a|.b", {"components": {"cheServer": {"proxy": {"nonProxyHosts": ["a", ".b"]}}}}),
    (
        "server.gitSelfSignedCert",
        True,
        {"devEnvironments": {"trustedCerts": {"gitTrustedCertsConfigMapName": "che-git-self-signed-cert"}}},
    ),
    ("server.gitSelfSignedCert", False, {}),
    ("dashboard.warning", "Beware", {"components": {"dashboard": {"headerMessage": {"show": True, "text": "Beware"}}}}),
    ("metrics.enable", False, {"components": {"metrics": {"enable": False}}}),
    ("k8s.ingressClass", "traefik", {"networking": {"annotations": {"kubernetes.io/ingress.class": "traefik"}}}),
    (
        "server.cheServerIngress",
        {"labels": "a=b, c=d", "annotations": {"e": "f"}},
        {"networking": {"labels": {"a": "b", "c": "d"}, "annotations": {"e": "f"}}},
    ),
    (
        "k8s.securityContextRunAsUser",
        "1724",
        {
            "components": {
                name: {"deployment": {"securityContext": {"runAsUser": 1724}}} for name in ("cheServer", "dashboard")
            }
        },
    ),
    (
        "auth.gatewayEnv",
        [{"name": "A", "value": "b"}],
        {
            "networking": {
                "auth": {
                    "gateway": {
                        "deployment": {"containers": [{"name": "gateway", "env": [{"name": "A", "value": "b"}]}]}
                    }
                }
            }
        },
    ),
    ("devWorkspace.runningLimit", 5, {"components": {"devWorkspace": {"runningLimit": "5"}}}),
    (
        "storage.pvcClaimSize",
        "5Gi",
        {"devEnvironments": {"storage": {"perUserStrategyPvcConfig": {"claimSize": "5Gi"}}}},
    ),
]


@pytest.mark.parametrize(("path", "value", "wanted"), CASES)
def test_what_stands_where(path: str, value: Any, wanted: dict[str, Any]) -> None:
    result = converted(at(path, value))
    assert spec_after(result) == wanted
    assert {note.became for note in result.notes} == {CONVERTED}


UNCLEAR = {
    "a flag that is none": ("server.cheDebug", "perhaps"),
    "labels without a value": ("server.cheServerIngress", {"labels": "team"}),
    "a number that is none": ("k8s.securityContextFsGroup", "root"),
    "a strategy of the old engine": ("storage.pvcStrategy", "unique"),
    "one namespace for all": ("server.workspaceNamespaceDefault", "workspaces"),
    "a namespace for each workspace": ("server.workspaceNamespaceDefault", "<username>-<workspaceid>"),
    "a user without a password": ("server.proxyUser", "proxy"),
    "a trust store that is not in the backup": ("server.serverTrustStoreConfigMapName", "store"),
    "workspaces of the old engine": ("devWorkspace.enable", False),
}


@pytest.mark.parametrize(("path", "value"), UNCLEAR.values(), ids=UNCLEAR.keys())
def test_what_has_no_counterpart_is_left_to_the_administrator(path: str, value: Any) -> None:
    result = converted(at(path, value))
    assert spec_after(result) == {}
    (note,) = result.decisions
    assert note.why
    assert "perhaps" not in str(note)


def test_the_ingress_own_annotations_count_more_than_its_class() -> None:
    annotations = {"kubernetes.io/ingress.class": "own", "a": "b"}
    spec = {"k8s": {"ingressClass": "nginx"}, "server": {"cheServerIngress": {"annotations": annotations}}}
    assert spec_after(converted(spec)) == {"networking": {"annotations": annotations}}


@pytest.mark.parametrize("openshift", [True, False])
def test_only_one_platform_reads_ingresses_and_the_other_routes(openshift: bool) -> None:
    target = replace(NOW, infrastructure="Openshift 4" if openshift else "Kubernetes")
    spec = {
        "k8s": {"ingressDomain": "ingress.example"},
        "server": {"cheServerRoute": {"domain": "route.example"}},
    }
    result = converted(spec, target)
    assert spec_after(result) == {"networking": {"domain": "route.example" if openshift else "ingress.example"}}
    assert sorted(note.became for note in result.notes) == [CONVERTED, IGNORED]


def test_the_certificate_of_a_host_of_its_own_counts() -> None:
    result = converted({"server": {"cheHostTLSSecret": "host"}, "k8s": {"tlsSecretName": "ingress"}})
    assert spec_after(result) == {"networking": {"tlsSecretName": "host"}}
    assert note_of(result, "k8s.tlsSecretName").became == IGNORED


def test_image_and_tag_become_one() -> None:
    result = converted({"server": {"cheImage": "quay.io/che", "cheImageTag": "7.42", "cheImagePullPolicy": "Always"}})
    container = {"name": "che", "image": "quay.io/che:7.42", "imagePullPolicy": "Always"}
    assert spec_after(result) == {"components": {"cheServer": {"deployment": {"containers": [container]}}}}
    assert "old version" in note_of(result, "server.cheImage").why


def test_the_size_of_claims_follows_the_strategy() -> None:
    spec = {"storage": {"pvcStrategy": "per-workspace", "pvcClaimSize": "5Gi", "workspacePVCStorageClassName": "fast"}}
    assert spec_after(converted(spec))["devEnvironments"]["storage"] == {
        "pvcStrategy": "per-workspace",
        "perWorkspaceStrategyPvcConfig": {"claimSize": "5Gi", "storageClass": "fast"},
    }
    spec["storage"]["perWorkspaceStrategyPvcClaimSize"] = "7Gi"
    storage = spec_after(converted(spec))["devEnvironments"]["storage"]
    assert storage["perUserStrategyPvcConfig"] == {"claimSize": "5Gi"}
    assert storage["perWorkspaceStrategyPvcConfig"] == {"claimSize": "7Gi", "storageClass": "fast"}


def test_a_proxy_password_in_plain_text_becomes_a_secret() -> None:
    spec = {"server": {"proxyURL": "http://proxy", "proxyUser": "me", "proxyPassword": "s3cr3t"}}
    result = converted(spec, NOW, thing("Secret", "proxy-credentials"))

    *_others, made = result.objects
    assert made == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "proxy-credentials-2",
            "namespace": "eclipse-che",
            "labels": {"app.kubernetes.io/part-of": "che.eclipse.org"},
        },
        "type": "Opaque",
        "data": {"user": "bWU=", "password": "czNjcjN0"},
    }
    proxy = spec_after(result)["components"]["cheServer"]["proxy"]
    assert proxy == {"url": "http://proxy", "credentialsSecretName": "proxy-credentials-2"}
    assert "s3cr3t" not in repr(result)
    beside = convert([cluster(spec)], SOURCE, NOW, ["proxy-credentials", "proxy-credentials-2"])
    assert beside.objects[-1]["metadata"]["name"] == "proxy-credentials-3"


def test_a_proxy_secret_counts_more_than_plain_text() -> None:
    spec = {"server": {"proxySecret": "named", "proxyUser": "me", "proxyPassword": "s3cr3t"}}
    result = converted(spec)
    assert len(result.objects) == 1
    assert spec_after(result) == {"components": {"cheServer": {"proxy": {"credentialsSecretName": "named"}}}}
    assert note_of(result, "server.proxyPassword").became == IGNORED


def test_a_trust_store_is_found_by_its_labels() -> None:
    store = thing("ConfigMap", "store", data={"ca.crt": "..."})
    namesake = thing("Secret", "store")
    result = converted(at("server.serverTrustStoreConfigMapName", "store"), NOW, store, namesake)
    assert result.objects[1]["metadata"]["labels"] == {
        "app.kubernetes.io/part-of": "che.eclipse.org",
        "app.kubernetes.io/component": "ca-bundle",
    }
    assert result.objects[1]["data"] == store["data"]
    assert result.objects[2] is namesake or result.objects[2] == namesake
    assert "labels" not in store["metadata"]


REGISTRIES = [("devfile", "externalDevfileRegistries"), ("plugin", "externalPluginRegistries")]


@pytest.mark.parametrize(("registry", "list_name"), REGISTRIES)
def test_the_address_of_a_registry_counts_where_it_was_set(registry: str, list_name: str) -> None:
    switch = f"external{registry.title()}Registry"
    own = {f"{registry}RegistryUrl": "https://registry", switch: False}
    foreign = {**own, switch: True}
    assert note_of(converted({"server": own}), f"server.{registry}RegistryUrl").became == DROPPED
    assert spec_after(converted({"server": foreign}))["components"][f"{registry}Registry"] == {
        "disableInternalRegistry": True,
        list_name: [{"url": "https://registry"}],
    }


KEYCLOAK = "https://keycloak-eclipse-che.apps.old.example/auth"


def test_only_the_address_of_ones_own_keycloak_is_left_out() -> None:
    spec = at("auth.identityProviderURL", KEYCLOAK)
    assert converted(spec).notes[0].became == DROPPED
    foreign = {"auth": {"identityProviderURL": KEYCLOAK, "externalIdentityProvider": True}}
    assert spec_after(converted(foreign)) == {"networking": {"auth": {"identityProviderURL": KEYCLOAK}}}
    elsewhere = at("auth.identityProviderURL", "https://keycloak.example.org/auth")
    assert converted(elsewhere).notes[0].became == CONVERTED
