# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CheCluster of either version, read through its table."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster, Reference
from ansible_collections.community.che.plugins.module_utils._che._errors import UnknownCheClusterError

V1 = "org.eclipse.che/v1"
V2 = "org.eclipse.che/v2"


def che_cluster(version: str, spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None) -> CheCluster:
    metadata = {"name": "eclipse-che", "namespace": "eclipse-che"}
    raw = {"apiVersion": version, "kind": "CheCluster", "metadata": metadata, "spec": spec or {}}
    return CheCluster({**raw, "status": status} if status else raw)


def at(path: str, value: object) -> dict[str, Any]:
    """Build the tree that has a value at a path of names and list indices."""
    tree: Any = value
    for step in reversed(path.split(".")):
        tree = [tree] if step == "0" else {step: tree}
    assert isinstance(tree, dict)
    return tree


@pytest.mark.parametrize(
    ("version", "path", "kind"),
    [
        (V1, "server.cheHostTLSSecret", "Secret"),
        (V1, "server.proxySecret", "Secret"),
        (V1, "k8s.tlsSecretName", "Secret"),
        (V1, "database.chePostgresSecret", "Secret"),
        (V1, "auth.identityProviderSecret", "Secret"),
        (V1, "auth.identityProviderPostgresSecret", "Secret"),
        (V1, "imagePuller.spec.imagePullSecrets", "Secret"),
        (V1, "server.serverTrustStoreConfigMapName", "ConfigMap"),
        (V2, "networking.tlsSecretName", "Secret"),
        (V2, "gitServices.github.0.secretName", "Secret"),
        (V2, "gitServices.gitlab.0.secretName", "Secret"),
        (V2, "gitServices.bitbucket.0.secretName", "Secret"),
        (V2, "gitServices.azure.0.secretName", "Secret"),
        (V2, "components.cheServer.proxy.credentialsSecretName", "Secret"),
        (V2, "components.database.credentialsSecretName", "Secret"),
        (V2, "components.openVSXRegistry.credentialsSecretName", "Secret"),
        (V2, "components.imagePuller.spec.imagePullSecrets", "Secret"),
        (V2, "devEnvironments.trustedCerts.gitTrustedCertsConfigMapName", "ConfigMap"),
        (V2, "components.cheServer.deployment.containers.0.env.0.valueFrom.secretKeyRef.name", "Secret"),
        (V2, "components.cheServer.deployment.containers.0.env.0.valueFrom.configMapKeyRef.name", "ConfigMap"),
        (V2, "components.dashboard.deployment.volumes.0.secret.secretName", "Secret"),
        (V2, "components.dashboard.deployment.volumes.0.configMap.name", "ConfigMap"),
        (V2, "components.openVSXRegistry.server.deployment.volumes.0.configMap.name", "ConfigMap"),
        (V2, "networking.auth.gateway.deployment.volumes.0.projected.sources.0.secret.name", "Secret"),
        (V2, "networking.auth.gateway.deployment.volumes.0.projected.sources.0.configMap.name", "ConfigMap"),
    ],
)
def test_every_field_that_names_an_object(version: str, path: str, kind: str) -> None:
    assert che_cluster(version, at(path, "the-name")).references() == (Reference(kind, "the-name"),)


def test_a_switch_names_an_object() -> None:
    assert che_cluster(V1, at("server.gitSelfSignedCert", True)).references() == (
        Reference("ConfigMap", "che-git-self-signed-cert"),
    )
    assert che_cluster(V1, at("server.gitSelfSignedCert", False)).references() == ()


def test_references_are_sorted_and_each_stands_once() -> None:
    names = "hcfbgdae"
    spec = {"gitServices": {forge: [{"secretName": name} for name in names] for forge in ("github", "gitlab")}}
    assert che_cluster(V2, spec).references() == tuple(Reference("Secret", name) for name in sorted(names))


def test_pull_secrets_are_a_list_in_one_string() -> None:
    spec = at("components.imagePuller.spec.imagePullSecrets", "one;two, three;")
    assert [reference.name for reference in che_cluster(V2, spec).references()] == ["one", "three", "two"]


@pytest.mark.parametrize("empty", ["", None, 5, [], {}])
def test_a_field_without_a_name_names_nothing(empty: object) -> None:
    assert che_cluster(V2, at("networking.tlsSecretName", empty)).references() == ()


def test_what_users_containers_name_is_not_of_this_namespace() -> None:
    spec = at("devEnvironments.gatewayContainer.env.0.valueFrom.secretKeyRef.name", "of-a-user")
    assert che_cluster(V2, spec).references() == ()


@pytest.mark.parametrize(("version", "path"), [(V1, "auth.oAuthSecret"), (V2, "networking.auth.oAuthSecret")])
def test_an_oauth_secret_is_never_shown(version: str, path: str) -> None:
    cluster = che_cluster(version, at(path, "perhaps-the-secret-itself"))
    assert cluster.oauth_secret == "perhaps-the-secret-itself"
    assert cluster.references() == ()
    assert "perhaps" not in repr(cluster)


@pytest.mark.parametrize(
    ("version", "status", "reason"),
    [
        (V1, {"cheClusterRunning": "Available"}, ""),
        (V1, {"cheClusterRunning": "Unavailable"}, "cheClusterRunning is Unavailable"),
        (
            V1,
            {"cheClusterRunning": "Available, Rolling Update in Progress"},
            "cheClusterRunning is Available, Rolling Update in Progress",
        ),
        (V1, {"chePhase": "Active"}, "cheClusterRunning is not set"),
        (V2, {"chePhase": "Active"}, ""),
        (V2, {"chePhase": "Active", "reason": ""}, ""),
        (V2, {"chePhase": "Inactive", "message": "waiting"}, "chePhase is Inactive: waiting"),
        # Both do stand side by side.
        (
            V2,
            {"chePhase": "Active", "reason": "InstallOrUpdateFailed", "message": "no TLS"},
            "chePhase is Active: InstallOrUpdateFailed: no TLS",
        ),
        (V2, None, "chePhase is not set"),
    ],
)
def test_ready(version: str, status: dict[str, Any] | None, reason: str) -> None:
    cluster = che_cluster(version, status=status)
    assert cluster.not_ready_reason() == reason
    assert cluster.is_ready() == (not reason)


def test_what_is_being_deleted_is_not_ready() -> None:
    raw = dict(che_cluster(V2, status={"chePhase": "Active"}).raw)
    raw["metadata"] = {"name": "eclipse-che", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert CheCluster(raw).not_ready_reason() == "it is being deleted"


@pytest.mark.parametrize(
    ("version", "spec", "status", "host"),
    [
        (V1, at("server.cheHost", "che.example.org"), None, "che.example.org"),
        (V2, at("networking.hostname", "che.example.org"), None, "che.example.org"),
        (V2, at("networking.hostname", "old.example.org"), {"cheURL": "https://new.example.org/"}, "new.example.org"),
        (V2, {}, None, ""),
    ],
)
def test_host(version: str, spec: dict[str, Any], status: dict[str, Any] | None, host: str) -> None:
    assert che_cluster(version, spec, status).host() == host


@pytest.mark.parametrize(
    ("version", "spec", "status"),
    [
        (V1, at("k8s.ingressDomain", "apps.example.org"), None),
        (V1, {}, at("devworkspaceStatus.workspaceBaseDomain", "apps.example.org")),
        (V2, at("networking.domain", "apps.example.org"), {"workspaceBaseDomain": "other.example.org"}),
        (V2, {}, {"workspaceBaseDomain": "apps.example.org"}),
    ],
)
def test_apps_domain(version: str, spec: dict[str, Any], status: dict[str, Any] | None) -> None:
    assert che_cluster(version, spec, status).apps_domain() == "apps.example.org"


def test_identity() -> None:
    cluster = che_cluster(V1, status={"cheVersion": "7.42.0"})
    assert (cluster.api_version, cluster.name, cluster.namespace, cluster.version) == (
        V1,
        "eclipse-che",
        "eclipse-che",
        "7.42.0",
    )


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"apiVersion": "org.eclipse.che/v3", "kind": "CheCluster"},
        {"apiVersion": V2, "kind": "CheClusterBackup"},
        {"kind": "CheCluster"},
        {"apiVersion": ["v2"], "kind": {}},
    ],
)
def test_other_objects_are_refused(raw: dict[str, object]) -> None:
    with pytest.raises(UnknownCheClusterError) as caught:
        CheCluster(raw)
    assert caught.value.next_step


def test_passwords_in_the_spec_are_not_shown() -> None:
    assert "hunter2" not in repr(che_cluster(V1, at("database.chePostgresPassword", "hunter2")))
