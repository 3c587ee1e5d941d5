# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in operator against an API server in memory."""

from __future__ import annotations

from typing import Any

import pytest
from che_standin import manifests
from standin_operator import children, reconcile, workloads
from standin_operator.__main__ import Loop
from standin_operator.api import ApiError
from standin_operator.generation import FINALIZERS, databases, finalizers, generation
from standin_operator.status import is_available
from unit.standin.fake_api import FakeApi

NS = "che-test"
CHE = f"/apis/org.eclipse.che/v1/namespaces/{NS}/checlusters/eclipse-che"
SECRETS = f"/api/v1/namespaces/{NS}/secrets"
CONFIG_MAPS = f"/api/v1/namespaces/{NS}/configmaps"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NS}/deployments"


def che_cluster(variant: str = "v1") -> dict[str, Any]:
    obj = manifests.saved(variant, NS)[-1]
    obj["metadata"] |= {"uid": "4711", "resourceVersion": "1"}
    return obj


def api_with(variant: str = "v1") -> FakeApi:
    api = FakeApi((manifests.generation(variant),))
    api.put(CHE.replace("/v1/", f"/{manifests.generation(variant)}/"), che_cluster(variant))
    return api


def rounds(api: FakeApi, count: int = 1) -> None:
    for _ in range(count):
        for cluster in reconcile.Clusters(api).list_all():
            reconcile.reconcile(api, cluster)


def make_available(api: FakeApi) -> None:
    for path, obj in api.objects.items():
        if path.startswith(DEPLOYMENTS):
            obj["status"] = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1}


def test_che_waits_for_its_database() -> None:
    api = api_with()
    rounds(api, 2)
    assert api.names("deployments") == ["postgres"]
    make_available(api)
    rounds(api)
    assert api.names("deployments") == [
        "che", "che-dashboard", "che-gateway", "devfile-registry", "plugin-registry", "postgres",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("variant", "key", "ready", "version"),
    [
        ("v1", "cheClusterRunning", "Available", "7.42.0"),
        ("v1-keycloak", "cheClusterRunning", "Available", "7.38.0"),
        ("v2-database", "chePhase", "Active", "7.58.0"),
        ("v2", "chePhase", "Active", "7.122.0"),
        ("v2-openvsx", "chePhase", "Active", "7.122.0"),
    ],
)
def test_status_follows_the_deployments(variant: str, key: str, ready: str, version: str) -> None:
    api = api_with(variant)
    path = next(iter(api.objects))
    rounds(api, 2)
    assert api.objects[path]["status"][key] != ready
    make_available(api)
    rounds(api)
    make_available(api)
    rounds(api)
    assert api.objects[path]["status"][key] == ready
    assert api.objects[path]["status"]["cheVersion"] == version
    api.objects[f"{DEPLOYMENTS}/che"]["status"] = {"observedGeneration": 1}  # scaled to 0
    rounds(api)
    assert api.objects[path]["status"][key] != ready


def test_a_round_without_a_change_writes_nothing() -> None:
    api = api_with("v2-openvsx")
    for _ in range(3):
        rounds(api)
        make_available(api)
    rounds(api, 2)
    api.writes.clear()
    rounds(api, 3)
    assert api.writes == []


@pytest.mark.parametrize("labels", [{}, {"app.kubernetes.io/managed-by": "che-operator"}])
def test_existing_credentials_are_kept_where_they_are_named(labels: dict[str, str]) -> None:
    api = api_with()
    api.objects[CHE]["spec"]["database"]["chePostgresSecret"] = "postgres-credentials"
    given = {"metadata": {"name": "postgres-credentials", "labels": labels}, "data": {"password": "b2xk"}}
    api.put(f"{SECRETS}/postgres-credentials", given)
    rounds(api, 2)
    assert api.objects[f"{SECRETS}/postgres-credentials"] == given


@pytest.mark.parametrize(
    ("status", "available"),
    [
        ({"observedGeneration": 2, "updatedReplicas": 1, "availableReplicas": 1}, True),
        ({"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1}, False),
        ({"observedGeneration": 2, "updatedReplicas": 0, "availableReplicas": 1}, False),
        ({"observedGeneration": 2, "updatedReplicas": 1, "availableReplicas": 0}, False),
        ({"observedGeneration": 2, "updatedReplicas": 1, "availableReplicas": 1, "unavailableReplicas": 1}, False),
        ({}, False),
    ],
)
def test_available_means_the_newest_template_answers(status: dict[str, int], available: bool) -> None:
    assert is_available({"metadata": {"generation": 2}, "status": status}) is available


def test_generated_credentials_differ_and_are_marked() -> None:
    passwords = set()
    for _ in range(2):
        api = api_with()
        rounds(api)
        passwords.add(api.objects[f"{SECRETS}/postgres-credentials"]["stringData"]["password"])
    assert len(passwords) == 2
    assert all(password.startswith(manifests.SECRET_MARKER) for password in passwords)


def test_everything_made_is_owned_and_labelled() -> None:
    api = api_with("v2-openvsx")
    for _ in range(3):
        rounds(api)
        make_available(api)
    made = [obj for path, obj in api.objects.items() if "/checlusters/" not in path]
    assert len(made) > 15
    for obj in made:
        assert obj["metadata"]["ownerReferences"][0]["uid"] == "4711", obj["metadata"]["name"]
        assert obj["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "che-operator"
        assert obj["metadata"]["labels"]["app.kubernetes.io/part-of"] == "che.eclipse.org"


def test_a_given_tls_secret_gets_an_owner() -> None:
    api = api_with()
    api.put(f"{SECRETS}/che-tls", {"metadata": {"name": "che-tls"}})
    rounds(api)
    assert api.objects[f"{SECRETS}/che-tls"]["metadata"]["ownerReferences"][0]["name"] == "eclipse-che"


def test_certificates_of_others_are_merged_and_drift_is_corrected() -> None:
    api = api_with()
    bundle = {"app.kubernetes.io/component": "ca-bundle", "app.kubernetes.io/part-of": "che.eclipse.org"}
    api.put(f"{CONFIG_MAPS}/mine", {"metadata": {"name": "mine", "labels": bundle}, "data": {"a": "CERT"}})
    rounds(api, 2)
    merged = api.objects[f"{CONFIG_MAPS}/ca-certs-merged"]
    assert merged["data"] == {"tls-ca-bundle.pem": "CERT"}
    merged["data"]["tls-ca-bundle.pem"] = "forged"
    rounds(api)
    assert merged["data"] == {"tls-ca-bundle.pem": "CERT"}


def test_a_deployment_follows_the_spec_but_keeps_its_replicas() -> None:
    api = api_with()
    rounds(api)
    postgres = api.objects[f"{DEPLOYMENTS}/postgres"]
    postgres["spec"]["replicas"] = 0
    rounds(api)
    assert postgres["spec"]["replicas"] == 0
    api.objects[CHE]["spec"]["database"]["chePostgresDb"] = "other"
    rounds(api)
    environment = {v["name"]: v.get("value") for v in postgres["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert environment["POSTGRESQL_DATABASE"] == "other"
    assert postgres["spec"]["replicas"] == 0


def test_finalizers_come_and_go_and_others_stay() -> None:
    api = api_with()
    api.objects[CHE]["metadata"]["finalizers"] = ["example.org/other"]
    rounds(api)
    assert set(api.objects[CHE]["metadata"]["finalizers"]) == {"example.org/other", *finalizers(che_cluster())}
    api.objects[CHE]["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z"
    api.writes.clear()
    rounds(api, 2)
    assert api.objects[CHE]["metadata"]["finalizers"] == ["example.org/other"]
    assert len(api.writes) == 1, "a namespace that goes away must not be written to"


def test_the_finalizers_of_an_earlier_generation_go_as_well() -> None:
    api = api_with()
    later = {"deletionTimestamp": "2024-01-01T00:00:00Z", "finalizers": ["example.org/other", *FINALIZERS["v2"]]}
    api.objects[CHE]["metadata"] |= later
    rounds(api)
    assert api.objects[CHE]["metadata"]["finalizers"] == ["example.org/other"]


@pytest.mark.parametrize("external_database", [False, True])
@pytest.mark.parametrize(
    ("variant", "section", "key", "name"),
    [
        ("v1", "database", "chePostgresSecret", "postgres-credentials"),
        ("v1-keycloak", "database", "chePostgresSecret", "postgres-credentials"),
        ("v1-keycloak", "auth", "identityProviderPostgresSecret", "che-identity-postgres-secret"),
    ],
)
def test_a_secret_that_a_v1_spec_does_not_name_is_overwritten_once_and_named(
    variant: str, section: str, key: str, name: str, external_database: bool
) -> None:
    api = api_with(variant)
    spec = api.objects[CHE]["spec"]
    spec["database"]["externalDb"] = external_database
    spec[section].pop(key, None)
    api.put(f"{SECRETS}/{name}", {"metadata": {"name": name}, "stringData": {"password": "old"}})
    rounds(api)
    written = api.objects[f"{SECRETS}/{name}"]["stringData"]["password"]
    assert written.startswith(manifests.SECRET_MARKER)
    assert spec[section][key] == name
    rounds(api, 2)
    assert api.objects[f"{SECRETS}/{name}"]["stringData"]["password"] == written


def test_where_its_database_is_is_written_back_into_a_v1_spec_that_does_not_say_it() -> None:
    api = api_with()
    api.objects[CHE]["spec"]["database"] = {"externalDb": True, "chePostgresSecret": "mine", "chePostgresPort": "6432"}
    rounds(api)
    filled_in = {"chePostgresHostName": "postgres", "chePostgresDb": "dbche"}
    given = {"externalDb": True, "chePostgresSecret": "mine", "chePostgresPort": "6432"}
    assert api.objects[CHE]["spec"]["database"] == {**given, **filled_in}


def test_who_gives_the_password_in_the_spec_gets_no_secret_named() -> None:
    api = api_with()
    api.objects[CHE]["spec"]["database"] = {"chePostgresUser": "pgche", "chePostgresPassword": "plain"}
    rounds(api)
    assert "chePostgresSecret" not in api.objects[CHE]["spec"]["database"]


def test_an_identity_provider_is_set_up_once_in_a_che_cluster_s_life() -> None:
    api = api_with("v1-keycloak")
    rounds(api)
    assert api.objects[CHE]["status"]["keycloakProvisioned"] is False
    for _ in range(2):
        make_available(api)
        rounds(api)
    assert api.objects[CHE]["status"]["keycloakProvisioned"] is True
    del api.objects[f"{DEPLOYMENTS}/keycloak"]
    rounds(api)
    assert api.objects[CHE]["status"]["keycloakProvisioned"] is True


@pytest.mark.parametrize(
    ("variant", "given", "expected"),
    [
        ("v1", "", f"che-{NS}.apps.source.example"),
        ("v1", "che.mine.example", "che.mine.example"),
        ("v1-keycloak", "", f"che-{NS}.apps.source.example"),
        ("v2", "", ""),
    ],
)
def test_a_v1_spec_without_a_host_gets_the_one_that_the_operator_makes_up(
    variant: str, given: str, expected: str
) -> None:
    api = api_with(variant)
    (path,) = api.objects
    section, key = ("server", "cheHost") if variant.startswith("v1") else ("networking", "hostname")
    api.objects[path]["spec"][section][key] = given
    rounds(api, 2)
    assert api.objects[path]["spec"][section][key] == expected


@pytest.mark.parametrize("external_database", [False, True])
def test_the_made_up_host_does_not_depend_on_the_database(external_database: bool) -> None:
    api = api_with()
    spec = api.objects[CHE]["spec"]
    spec["database"]["externalDb"] = external_database
    del spec["server"]["cheHost"]
    rounds(api)
    assert spec["server"]["cheHost"] == f"che-{NS}.apps.source.example"


def test_without_a_domain_no_host_is_made_up() -> None:
    api = api_with()
    spec = api.objects[CHE]["spec"]
    del spec["server"]["cheHost"], spec["k8s"]
    rounds(api)
    assert "cheHost" not in spec["server"]


@pytest.mark.parametrize(
    ("spec", "version", "expected"),
    [
        ({"server": {}}, "v2", "v1"),
        ({"networking": {}}, "v1", "v2"),
        ({"gitServices": {}, "server": {}}, "v1", "v2"),
        ({}, "v1", "v1"),
        ({}, "v2", "v2"),
    ],
)
def test_generation_is_read_from_the_shape(spec: dict[str, Any], version: str, expected: str) -> None:
    assert generation({"apiVersion": f"org.eclipse.che/{version}", "spec": spec}) == expected


def test_databases_wanted() -> None:
    assert [w.component for w in databases(che_cluster("v1"))] == ["postgres"]
    assert databases(che_cluster("v2")) == ()
    assert [w.secret for w in databases(che_cluster("v2-openvsx"))] == ["openvsx-credentials"]
    external = che_cluster("v1")
    external["spec"]["database"]["externalDb"] = True
    assert databases(external) == ()
    for name in ("enable", "enabled"):
        spec = {"components": {"openVSXRegistry": {name: True, "credentialsSecretName": "mine"}}}
        assert [w.secret for w in databases({"apiVersion": "org.eclipse.che/v2", "spec": spec})] == ["mine"]


@pytest.mark.parametrize("variant", manifests.VARIANTS)
def test_every_pod_meets_the_restricted_standard(variant: str) -> None:
    cluster = che_cluster(variant)
    templates = [
        obj["spec"]["template"]["spec"]
        for obj in [*children.infrastructure(cluster), *children.components(cluster), *manifests.operator()]
        if obj["kind"] == "Deployment"
    ]
    templates.append(manifests.backup_server("x")[-1]["spec"]["template"]["spec"])
    templates.append(workloads.pause("x")["spec"]["template"]["spec"])
    for pod in templates:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["imagePullPolicy"] == "IfNotPresent"


def settled() -> FakeApi:
    api = api_with()
    for _ in range(3):
        rounds(api)
        make_available(api)
    rounds(api)
    return api


def test_a_ready_installation_is_looked_at_less_often() -> None:
    api, clock = settled(), [0.0]
    loop = Loop(api, lambda: clock[0])
    loop.tick()
    api.objects.pop(f"{CONFIG_MAPS}/che")
    clock[0] = 1.0
    loop.tick()
    assert "che" not in api.names("configmaps")
    clock[0] = 3.0
    loop.tick()
    assert "che" in api.names("configmaps")


def test_an_edited_checluster_is_looked_at_at_once() -> None:
    api = settled()
    loop = Loop(api, lambda: 0.0)
    loop.tick()
    api.objects.pop(f"{CONFIG_MAPS}/che")
    api.objects[CHE]["metadata"]["resourceVersion"] = "2"
    loop.tick()
    assert "che" in api.names("configmaps")


def test_an_installation_that_is_not_ready_is_looked_at_each_time() -> None:
    api = api_with()
    loop = Loop(api, lambda: 0.0)
    loop.tick()
    make_available(api)
    loop.tick()
    assert "che" in api.names("deployments")


def test_a_version_that_is_no_longer_served_is_forgotten() -> None:
    api = api_with()
    clusters = reconcile.Clusters(api)
    assert [c["apiVersion"] for c in clusters.list_all()] == ["org.eclipse.che/v1"]
    api.served = ("v2",)
    assert clusters.list_all() == []
    assert [c["apiVersion"] for c in clusters.list_all()] == ["org.eclipse.che/v2"]


def test_one_failing_installation_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    api = api_with()
    broken = api.put(CHE.replace("eclipse-che", "broken"), che_cluster())
    broken["metadata"] |= {"name": "broken", "uid": "1", "namespace": "elsewhere"}
    api.refuse = lambda method, path: ApiError(500, "no") if "elsewhere" in path else None
    Loop(api).tick()
    assert "postgres" in api.names("deployments")
    assert "500" in capsys.readouterr().err
