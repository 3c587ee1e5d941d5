# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is saved of Che's namespace and what is not, object by object."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._selection import (
    NEVER,
    RULES,
    never_reason,
    rule_for,
    select,
)

OURS = {"app.kubernetes.io/part-of": "che.eclipse.org"}
BY_OPERATOR = {**OURS, "app.kubernetes.io/managed-by": "che-operator"}
OWNED = [{"apiVersion": "org.eclipse.che/v2", "kind": "CheCluster", "name": "eclipse-che", "uid": "1"}]

CLUSTER = CheCluster(
    {
        "apiVersion": "org.eclipse.che/v2",
        "kind": "CheCluster",
        "metadata": {"name": "eclipse-che", "namespace": "eclipse-che"},
        "spec": {
            "networking": {"tlsSecretName": "named-tls", "auth": {"oAuthSecret": "named-oauth"}},
            "gitServices": {"github": [{"secretName": "named-github"}]},
            "devEnvironments": {"trustedCerts": {"gitTrustedCertsConfigMapName": "ca-certs"}},
            "components": {
                "dashboard": {
                    "deployment": {
                        "volumes": [
                            {"name": "a", "configMap": {"name": "named-and-generated"}},
                            {"name": "b", "configMap": {"name": "sync-workspaces-config"}},
                            {"name": "c", "configMap": {"name": "ca-certs-merged"}},
                            {"name": "d", "secret": {"secretName": "che-token-x7x2p"}},
                        ]
                    }
                }
            },
        },
    }
)
PLAIN_CLUSTER = CheCluster({**CLUSTER.raw, "spec": {}})


def thing(kind: str, name: str, labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "eclipse-che", "labels": labels or {}}
    metadata.update({key: more.pop(key) for key in ("annotations", "ownerReferences") if key in more})
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}


def secret(name: str, labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    return thing("Secret", name, labels, **{"type": "Opaque", **more})


def config_map(name: str, labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    return thing("ConfigMap", name, labels, **more)


def claim(name: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    return thing("PersistentVolumeClaim", name, labels)


def component(name: str, labels: dict[str, str] | None = None) -> dict[str, str]:
    return {**(OURS if labels is None else labels), "app.kubernetes.io/component": name}


SAVED = {
    "a Secret that the CheCluster names, without any label": secret("named-tls"),
    "an OAuth Secret that the CheCluster names": secret("named-oauth"),
    "a git service's Secret that the CheCluster names": secret("named-github"),
    "a ConfigMap that the CheCluster names although the operator made it": config_map(
        "named-and-generated", BY_OPERATOR, ownerReferences=OWNED
    ),
    "a trust store that the CheCluster names although it has a generated one's name": config_map(
        "ca-certs", component("ca-bundle", BY_OPERATOR)
    ),
    "the database's credentials": secret("postgres-credentials", BY_OPERATOR),
    "the identity provider's credentials": secret("che-identity-secret", BY_OPERATOR),
    "the identity provider's database credentials": secret("che-identity-postgres-secret", BY_OPERATOR),
    "the OpenVSX database's credentials": secret("openvsx-credentials", BY_OPERATOR, ownerReferences=OWNED),
    "a given certificate, which the operator then owns": secret(
        "che-tls", OURS, type="kubernetes.io/tls", ownerReferences=OWNED
    ),
    "the self-signed certificate": secret("self-signed-certificate", BY_OPERATOR),
    "a git OAuth Secret": secret("github-oauth-config", component("oauth-scm-configuration")),
    "a CA bundle": config_map("corporate-ca", component("ca-bundle")),
    "a ConfigMap for every user": config_map("settings-xml", component("workspaces-config")),
    "a Secret for every user": secret("npm-token", component("workspaces-config")),
    "a claim for every user": claim("shared-cache", component("workspaces-config")),
    "an editor definition": config_map("my-editor", component("editor-definition")),
    "an editor definition made from a copy of a generated one": config_map(
        "copied-editor", component("editor-definition", BY_OPERATOR)
    ),
    "getting-started samples": config_map("my-samples", component("getting-started-samples")),
    "a ConfigMap mounted into Che's containers": config_map(
        "plugins-env", annotations={"che.eclipse.org/mount-as": "env"}
    ),
    "a Secret mounted into Che's containers": secret(
        "proxy-ca", OURS, annotations={"che.eclipse.org/mount-as": "file"}
    ),
    "a Secret labelled as part of Che": secret("something", OURS),
    "a ConfigMap labelled as part of Che": config_map("something", OURS),
    "a user's pull secret": secret("registry", OURS, type="kubernetes.io/dockerconfigjson"),
}

SKIPPED = {
    "the map of copied objects, named or not": (config_map("sync-workspaces-config", OURS), "never restored"),
    "the merged CA bundle, which has a label of its own, named or not": (
        config_map("ca-certs-merged", component("workspaces-config", BY_OPERATOR), ownerReferences=OWNED),
        "derived",
    ),
    "the cluster's root CA, labelled by the operator": (
        config_map("kube-root-ca.crt", component("ca-bundle")),
        "derived",
    ),
    "the identity provider's CA": (config_map("oidc-issuer-ca", component("ca-bundle", BY_OPERATOR)), "derived"),
    "a service account's token, named or not": (
        secret("che-token-x7x2p", OURS, type="kubernetes.io/service-account-token"),
        "token of a service account",
    ),
    "a service account's pull secret on OpenShift 4.15": (
        secret(
            "che-dockercfg-8zq2v",
            OURS,
            type="kubernetes.io/dockercfg",
            annotations={"kubernetes.io/service-account.name": "che"},
        ),
        "pull secret of a service account",
    ),
    "a service account's pull secret on OpenShift 4.16": (
        secret(
            "che-dockercfg-9zq2v",
            OURS,
            type="kubernetes.io/dockercfg",
            annotations={"openshift.io/internal-registry-auth-token.service-account": "che"},
        ),
        "pull secret of a service account",
    ),
    "the certificate as a ConfigMap": (
        config_map("self-signed-certificate", component("ca-bundle", BY_OPERATOR), ownerReferences=OWNED),
        "generated",
    ),
    "the generated editors": (config_map("editors-definitions", component("editor-definition")), "generated"),
    "a generated ConfigMap of a later version": (
        config_map("new-in-8", component("ca-bundle", BY_OPERATOR), ownerReferences=OWNED),
        "generated",
    ),
    "the server's generated settings": (config_map("che", component("che", BY_OPERATOR)), "generated"),
    "the same of Dev Spaces": (
        config_map("che", {**OURS, "app.kubernetes.io/managed-by": "devspaces-operator"}),
        "generated",
    ),
    "a running workspace's route": (
        config_map("workspace1a2b", {**OURS, "controller.devfile.io/devworkspace_id": "workspace1a2b"}),
        "route of one workspace",
    ),
    "the database's claim": (claim("postgres-data", BY_OPERATOR), "made anew by the operator"),
    "the OpenVSX server's claim": (claim("openvsx-server", BY_OPERATOR), "made anew by the operator"),
    "an internal backup server's password": (
        secret("backup-rest-server-repo-password", {"app.kubernetes.io/part-of": "backup.che.eclipse.org"}),
        "belongs to the backup itself",
    ),
    "a run's record": (
        config_map("che-run-1", {**OURS, "app.kubernetes.io/managed-by": "community.che"}),
        "belongs to the backup itself",
    ),
    "somebody else's Secret": (secret("grafana-admin"), "not part of Che"),
    "somebody else's ConfigMap": (
        config_map("grafana", {"app.kubernetes.io/part-of": "grafana"}),
        "not part of Che",
    ),
}


@pytest.mark.parametrize("obj", SAVED.values(), ids=SAVED.keys())
def test_saved(obj: dict[str, Any]) -> None:
    selection = select([obj], CLUSTER)
    assert (selection.saved, selection.skipped) == ((obj,), ())


@pytest.mark.parametrize(("obj", "reason"), SKIPPED.values(), ids=SKIPPED.keys())
def test_skipped(obj: dict[str, Any], reason: str) -> None:
    selection = select([obj], CLUSTER)
    assert selection.saved == ()
    (skipped,) = selection.skipped
    assert (skipped.kind, skipped.name) == (obj["kind"], obj["metadata"]["name"])
    assert reason in skipped.reason


@pytest.mark.parametrize("name", ["ca-certs", "named-and-generated"])
def test_generated_objects_are_skipped_when_nobody_names_them(name: str) -> None:
    obj = config_map(name, component("ca-bundle", BY_OPERATOR), ownerReferences=OWNED)
    (skipped,) = select([obj], PLAIN_CLUSTER).skipped
    assert "generated" in skipped.reason


def test_the_kind_counts_as_much_as_the_name() -> None:
    objects = [config_map("named-tls"), secret("ca-certs-merged", OURS), secret("sync-workspaces-config", OURS)]
    selection = select(objects, CLUSTER)
    assert [obj["metadata"]["name"] for obj in selection.saved] == ["ca-certs-merged", "sync-workspaces-config"]


def test_objects_keep_their_order() -> None:
    objects = [secret(name, OURS) for name in "cab"]
    assert select(objects, CLUSTER).saved == tuple(objects)


def test_every_rule_decides_on_some_object_above() -> None:
    objects = [*SAVED.values(), *(obj for obj, _reason in SKIPPED.values())]
    named = frozenset(CLUSTER.references())
    assert {RULES.index(rule_for(obj, named)) for obj in objects} == set(range(len(RULES)))


@pytest.mark.parametrize("obj", [obj for obj, _reason in SKIPPED.values()], ids=SKIPPED.keys())
def test_what_is_never_saved_is_never_restored(obj: dict[str, Any]) -> None:
    rule = rule_for(obj, frozenset())
    assert never_reason(obj) == (rule.reason if rule in NEVER else "")


@pytest.mark.parametrize("obj", SAVED.values(), ids=SAVED.keys())
def test_nothing_that_is_saved_is_refused_on_its_way_back(obj: dict[str, Any]) -> None:
    assert never_reason(obj) == ""
