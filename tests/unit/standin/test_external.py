# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in operator with an external database, and with an identity provider's one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from standin_operator import children
from unit.standin.fake_api import FakeApi
from unit.standin.test_operator import CHE, CONFIG_MAPS, DEPLOYMENTS, SECRETS, api_with, make_available, rounds

EXTERNAL = {
    "externalDb": True,
    "chePostgresHostName": "db.example",
    "chePostgresPort": "6432",
    "chePostgresDb": "che_prod",
    "chePostgresSecret": "mine",
}
KEPT = ("deployments/postgres", "services/postgres", "persistentvolumeclaims/postgres-data")


def settled(variant: str = "v1", database: dict[str, Any] | None = None) -> FakeApi:
    api = api_with(variant)
    spec(api)["database"] = {**(spec(api).get("database") or {}), **(database or {})}
    for _ in range(3):
        rounds(api)
        make_available(api)
    rounds(api)
    return api


def spec(api: FakeApi) -> dict[str, Any]:
    (che,) = [obj for path, obj in api.objects.items() if "/checlusters/" in path]
    found: dict[str, Any] = che["spec"] if "server" in che["spec"] else che["spec"]["components"]
    return found


def container(api: FakeApi, deployment: str = "che") -> dict[str, Any]:
    (only,) = api.objects[f"{DEPLOYMENTS}/{deployment}"]["spec"]["template"]["spec"]["containers"]
    return dict(only)


def environment(api: FakeApi, deployment: str = "che") -> dict[str, Any]:
    return {v["name"]: v.get("value") or v["valueFrom"]["secretKeyRef"] for v in container(api, deployment)["env"]}


def test_che_is_a_client_of_the_external_server_and_no_server_is_run() -> None:
    api = settled(database=EXTERNAL)
    assert "postgres" not in api.names("deployments") + api.names("services")
    assert api.names("persistentvolumeclaims") == []
    assert api.names("secrets") == [], "an external database's credentials are its owner's to give"
    assert api.objects[CHE]["status"]["cheClusterRunning"] == "Available"
    found = environment(api)
    wanted = {"PGHOST": "db.example", "PGPORT": "6432", "PGDATABASE": "che_prod"}
    wanted |= {"PGUSER": {"name": "mine", "key": "user"}, "PGPASSWORD": {"name": "mine", "key": "password"}}
    assert wanted.items() <= found.items()
    assert api.objects[f"{CONFIG_MAPS}/che"]["data"]["CHE_JDBC_URL"] == "jdbc:postgresql://db.example:6432/che_prod"


def test_v2_of_that_time_does_the_same() -> None:
    section = {"externalDb": True, "postgresHostName": "db.example", "postgresPort": "6432", "postgresDb": "che_prod"}
    api = settled("v2-database", {**section, "credentialsSecretName": "mine"})
    assert "postgres" not in api.names("deployments")
    assert environment(api)["PGPASSWORD"] == {"name": "mine", "key": "password"}
    assert "'7.58.0'" in container(api)["command"][2]


def test_it_is_ready_only_while_it_is_logged_in() -> None:
    probe = container(settled(database=EXTERNAL))["readinessProbe"]
    script = container(settled(database=EXTERNAL))["command"][2]
    (_test, _exists, file) = probe["exec"]["command"]
    assert script.index("INSERT") < script.index(f"touch {file}") < script.index("watch")
    assert script.index("wait") < script.index(f"rm -f {file}")


def test_next_to_its_own_server_it_is_as_it_always_was() -> None:
    found = container(settled())
    assert "readinessProbe" not in found
    assert [v["name"] for v in found["env"]] == [
        "PGHOST", "PGDATABASE", "PGAPPNAME", "PGCONNECT_TIMEOUT", "PGUSER", "PGPASSWORD",
    ]  # fmt: skip


def test_going_external_leaves_the_own_server_where_it_is_and_going_back_uses_it_again() -> None:
    api = settled()
    before = {path: copy.deepcopy(obj) for path, obj in api.objects.items() if path.endswith(KEPT)}
    assert len(before) == 3
    own = copy.deepcopy(spec(api)["database"])

    spec(api)["database"] = dict(EXTERNAL)
    rounds(api, 2)

    assert {path: api.objects[path] for path in before} == before
    assert environment(api)["PGHOST"] == "db.example"
    api.objects[f"{DEPLOYMENTS}/postgres"]["spec"]["template"]["spec"]["containers"][0]["image"] = "by-hand"
    rounds(api)
    assert container(api, "postgres")["image"] == "by-hand", "nobody looks after it any more"

    spec(api)["database"] = own
    rounds(api, 2)

    assert {path: api.objects[path]["metadata"]["name"] for path in before}
    assert environment(api)["PGHOST"] == "postgres"
    assert "readinessProbe" not in container(api)


def test_an_own_server_that_is_down_does_not_count_while_che_is_external() -> None:
    api = settled()
    spec(api)["database"] |= EXTERNAL
    api.objects[f"{DEPLOYMENTS}/postgres"]["status"] = {"observedGeneration": 1}
    rounds(api)
    assert api.objects[CHE]["status"]["cheClusterRunning"] == "Available"


@pytest.mark.parametrize(
    "change",
    [
        {"chePostgresHostName": "other.example"},
        {"chePostgresPort": "7000"},
        {"chePostgresDb": "other"},
        {"chePostgresSecret": "another"},
    ],
)
def test_a_change_of_the_settings_starts_che_anew(change: dict[str, str]) -> None:
    api = settled(database=EXTERNAL)
    before = copy.deepcopy(api.objects[f"{DEPLOYMENTS}/che"]["spec"]["template"])
    rounds(api)
    assert api.objects[f"{DEPLOYMENTS}/che"]["spec"]["template"] == before
    spec(api)["database"] |= change
    rounds(api)
    assert api.objects[f"{DEPLOYMENTS}/che"]["spec"]["template"] != before


@pytest.mark.parametrize("change", ["a property", "a certificate"])
def test_so_do_properties_and_trusted_certificates(change: str) -> None:
    api = settled(database=EXTERNAL)
    before = environment(api)["CM_REVISION"]
    if change == "a property":
        spec(api)["server"]["customCheProperties"] = {"CHE_LOG_LEVEL": "DEBUG"}
    else:
        labels = {"app.kubernetes.io/component": "ca-bundle", "app.kubernetes.io/part-of": "che.eclipse.org"}
        api.put(f"{CONFIG_MAPS}/mine", {"metadata": {"name": "mine", "labels": labels}, "data": {"ca": "PEM"}})
    rounds(api)
    assert environment(api)["CM_REVISION"] != before


def test_what_a_secret_holds_reaches_che_only_when_it_starts() -> None:
    api = settled(database=EXTERNAL)
    api.put(f"{SECRETS}/mine", {"metadata": {"name": "mine"}, "data": {"password": "b25l"}})
    rounds(api)
    before = copy.deepcopy(api.objects[f"{DEPLOYMENTS}/che"]["spec"]["template"])
    api.objects[f"{SECRETS}/mine"]["data"]["password"] = "dHdv"
    rounds(api)
    assert api.objects[f"{DEPLOYMENTS}/che"]["spec"]["template"] == before


def test_a_property_overrides_the_operator_s_own_setting() -> None:
    api = settled(database=EXTERNAL)
    url = "jdbc:postgresql://db.example:6432/che_prod?sslmode=verify-full&sslrootcert=/public-certs/tls-ca-bundle.pem"
    spec(api)["server"]["customCheProperties"] = {"CHE_JDBC_URL": url, "CHE_HOST": "mine"}
    rounds(api)
    assert {"CHE_JDBC_URL": url, "CHE_HOST": "mine"}.items() <= api.objects[f"{CONFIG_MAPS}/che"]["data"].items()
    found = environment(api)
    assert (found["PGSSLMODE"], found["PGSSLROOTCERT"]) == ("verify-full", "/public-certs/tls-ca-bundle.pem")
    (mount,) = container(api)["volumeMounts"]
    (volume,) = api.objects[f"{DEPLOYMENTS}/che"]["spec"]["template"]["spec"]["volumes"]
    assert (mount["mountPath"], volume["configMap"]["name"]) == ("/public-certs", "ca-certs-merged")
    assert mount["name"] == volume["name"]


def test_keycloak_and_its_database_on_the_own_server() -> None:
    api = settled("v1-keycloak")
    assert "keycloak" in api.names("deployments")
    password = api.objects[f"{SECRETS}/che-identity-postgres-secret"]["stringData"]["password"]
    assert password.startswith("s3cr3t-standin")
    assert password != api.objects[f"{SECRETS}/postgres-credentials"]["stringData"]["password"]
    key = {"name": "che-identity-postgres-secret", "key": "password"}
    assert environment(api, "postgres")["IDENTITY_DATABASE_PASSWORD"] == key
    assert "CREATE DATABASE keycloak" in str(container(api, "postgres")["lifecycle"])
    wanted = {"PGHOST": "postgres", "PGUSER": "keycloak", "PGDATABASE": "keycloak", "PGPASSWORD": key}
    assert wanted.items() <= environment(api, "keycloak").items()


def test_keycloak_on_the_external_server() -> None:
    api = settled("v1-keycloak", EXTERNAL)
    assert "postgres" not in api.names("deployments")
    assert api.names("secrets") == []
    assert environment(api, "keycloak")["PGHOST"] == "db.example"


def test_che_is_not_ready_without_its_identity_provider() -> None:
    api = settled("v1-keycloak")
    api.objects[f"{DEPLOYMENTS}/keycloak"]["status"] = {"observedGeneration": 1}
    rounds(api)
    assert api.objects[CHE]["status"]["cheClusterRunning"] == "Unavailable"


def test_every_client_meets_the_restricted_standard() -> None:
    cluster = copy.deepcopy(settled("v1-keycloak", EXTERNAL).objects[CHE])
    clients = [obj for obj in children.components(cluster) if obj["metadata"]["name"] in ("che", "keycloak")]
    for pod in (obj["spec"]["template"]["spec"] for obj in clients if obj["kind"] == "Deployment"):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
