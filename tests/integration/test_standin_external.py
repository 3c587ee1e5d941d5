# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in's Che with its database outside of the cluster, of every generation that had one, on real servers."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from integration.che_bed import Cluster, database, proof, wait_until
from integration.external_postgres import ExternalPostgres, Login, external_postgres
from integration.private_operator import PrivateOperator
from integration.s3_server import address_for_pods
from kubernetes.client import CoreV1Api

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("standin_external")]

SECRET = "corporate-credentials"
IDENTITY_SECRET = "corporate-identity"
CERTIFICATES = "/public-certs/tls-ca-bundle.pem"
SESSION = (
    "SELECT a.datname, a.usename, s.ssl FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid) "
    "WHERE a.application_name = '{application}';"
)


@pytest.fixture(scope="module")
def server(che_test_cluster: Cluster) -> Iterator[ExternalPostgres]:
    with external_postgres(address_for_pods(che_test_cluster)) as server:
        yield server


@contextmanager
def operator(cluster: Cluster, variant: str) -> Iterator[PrivateOperator]:
    started = PrivateOperator(cluster, variant, f"standin-ext-{variant}-{secrets.token_hex(3)}")
    try:
        started.start()
        started.await_ready()
        yield started
    finally:
        started.close()


def give(running: PrivateOperator, name: str, **values: str) -> None:
    """Write a Secret of somebody else's."""
    metadata = {
        "name": name,
        "namespace": running.namespace,
        "labels": {"app.kubernetes.io/part-of": "che.eclipse.org"},
    }
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    running.cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})


def trust(running: PrivateOperator, authority: str) -> None:
    labels = {"app.kubernetes.io/part-of": "che.eclipse.org", "app.kubernetes.io/component": "ca-bundle"}
    metadata = {"name": "corporate-database-ca", "namespace": running.namespace, "labels": labels}
    running.cluster.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": authority}}
    )


def new_database(server: ExternalPostgres) -> tuple[Login, str]:
    """A role and a database that it owns."""
    name = f"che_{secrets.token_hex(4)}"
    login = server.make_login(name)
    server.sql(f"CREATE DATABASE {name} OWNER {name};")
    return login, name


def v1_section(server: ExternalPostgres, name: str) -> dict[str, Any]:
    return {
        "externalDb": True,
        "chePostgresHostName": server.host,
        "chePostgresPort": str(server.port),
        "chePostgresDb": name,
        "chePostgresSecret": SECRET,
    }


def restart(running: PrivateOperator, component: str = "che") -> None:
    """Start a component's pod anew, as after an administrator's `kubectl rollout restart`."""
    stamp = {"metadata": {"annotations": {"restarted": secrets.token_hex(4)}}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment"}
    target["metadata"] = {"name": component, "namespace": running.namespace}  # type: ignore[assignment]
    running.cluster.merge(target, {"spec": {"template": stamp}})


def session(server: ExternalPostgres, application: str = "che-server") -> str:
    return server.sql(SESSION.format(application=application))


def await_refusal(running: PrivateOperator, reason: str) -> None:
    """Wait until Che says why it can't work, and see that it is not ready then."""

    def told() -> bool:
        api, said = CoreV1Api(running.cluster.client), ""
        for pod in running.cluster.list_all("v1", "Pod", running.namespace, "app.kubernetes.io/component=che"):
            if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] == "Running":
                said += api.read_namespaced_pod_log(pod["metadata"]["name"], running.namespace)
        return reason in said

    wait_until(told, 60, lambda: f"Che did not say: {reason}")
    running.await_not_ready()


def external_of(running: PrivateOperator, deployment: str = "postgres") -> database.Server:
    (found,) = [s for s in database.databases_of(running.namespace, True) if s.deployment == deployment]
    return found


def own_of(running: PrivateOperator, deployment: str = "postgres") -> database.Server:
    (found,) = [s for s in database.databases_of(running.namespace, False) if s.deployment == deployment]
    return found


def test_che_goes_to_an_external_database_and_comes_back(che_test_cluster: Cluster, server: ExternalPostgres) -> None:
    login, name = new_database(server)
    with operator(che_test_cluster, "v1") as running:
        database.fill(che_test_cluster, own_of(running), 0)
        before = proof.figures(che_test_cluster, own_of(running))
        give(running, SECRET, user=login.role, password=login.password)
        trust(running, server.authority)

        running.edit({"database": v1_section(server, name)})
        running.await_ready()

        assert session(server) == f"{name}|{login.role}|t"
        assert server.sql("SELECT version FROM schema_version;", name) == "7.42.0"
        # The server that it came with stays where it is, with its data.
        assert proof.figures(che_test_cluster, own_of(running)) == before
        judge_works_outside(running, before)
        tls_counts(running, server, name)
        a_wrong_password_shows(running, server, login)
        a_lost_server_shows(running, server)
        missing_rights_show(running, server)

        own = {"chePostgresHostName": "postgres", "chePostgresPort": "5432", "chePostgresDb": "dbche"}
        own |= {"externalDb": False, "chePostgresSecret": "postgres-credentials"}  # type: ignore[dict-item]
        running.edit({"database": own})
        running.await_ready()

        wait_until(lambda: session(server) == "", 30, lambda: "Che is still on the external server")
        assert proof.figures(che_test_cluster, own_of(running)) == before


def judge_works_outside(running: PrivateOperator, before: dict[str, Any]) -> None:
    """The same contents give the same figures there, and a change is seen."""
    there = external_of(running)
    database.fill(running.cluster, there, 1)
    found = proof.figures(running.cluster, there)
    assert found["external"]
    assert found["login_works"]
    assert found["properties"]["owner"] == found["properties"]["name"]
    mine = {f"{t['schema']}.{t['name']}": t["rows"] for t in found["tables"]}
    theirs = {f"{t['schema']}.{t['name']}": t["rows"] for t in before["tables"]}
    assert mine == {**theirs, "che.bulk": database.ROWS_PER_MB}
    database.psql(running.cluster, there, "SELECT setval('che.never_used', 4711);\n")
    assert proof.figures(running.cluster, there)["sequences"] != found["sequences"]


def tls_counts(running: PrivateOperator, server: ExternalPostgres, name: str) -> None:
    """What an administrator says of TLS by CHE_JDBC_URL is done, verified by Che's trusted certificates."""
    url = f"jdbc:postgresql://{server.host}:{server.port}/{name}?sslmode=verify-full&sslrootcert="
    running.edit({"server": {"customCheProperties": {"CHE_JDBC_URL": f"{url}{CERTIFICATES}"}}})
    running.await_ready()
    assert session(server).endswith("|t")
    running.edit({"server": {"customCheProperties": {"CHE_JDBC_URL": f"{url}/nowhere.pem"}}})
    await_refusal(running, 'root certificate file "/nowhere.pem" does not exist')
    wait_until(lambda: session(server) == "", 30, lambda: "Che is still logged in")
    # The first of two hosts is down.
    url = url.replace("//", "//127.0.0.1:1,")
    running.edit({"server": {"customCheProperties": {"CHE_JDBC_URL": f"{url}{CERTIFICATES}"}}})
    running.await_ready()


def a_wrong_password_shows(running: PrivateOperator, server: ExternalPostgres, login: Login) -> None:
    """Che learns of it when it starts anew, as the real one; then it is not ready until the password is right."""
    give(running, SECRET, user=login.role, password="s3cr3t-standin-wrong")
    restart(running)
    await_refusal(running, f'password authentication failed for user "{login.role}"')
    give(running, SECRET, user=login.role, password=login.password)
    restart(running)
    running.await_ready()


def a_lost_server_shows(running: PrivateOperator, server: ExternalPostgres) -> None:
    server.stop()
    running.await_not_ready()
    server.start()
    running.await_ready()
    assert session(server)


def missing_rights_show(running: PrivateOperator, server: ExternalPostgres) -> None:
    """All privileges on a database, which is what the old documents grant, are not enough since PostgreSQL 15."""
    login = server.make_login("granted")
    server.sql("CREATE DATABASE granted; GRANT ALL PRIVILEGES ON DATABASE granted TO granted;")
    give(running, SECRET, user=login.role, password=login.password)
    section = v1_section(server, "granted")
    running.edit({"database": section, "server": {"customCheProperties": {"CHE_JDBC_URL": None}}})
    await_refusal(running, "permission denied for schema public")
    server.sql("ALTER ROLE granted SUPERUSER;")
    running.await_ready()
    assert session(server) == "granted|granted|t"


@pytest.mark.soak
@pytest.mark.parametrize("variant", ["v1-keycloak", "v2-database"])
def test_other_generations_that_had_a_database(
    che_test_cluster: Cluster, server: ExternalPostgres, variant: str
) -> None:
    login, name = new_database(server)
    version = {"v1-keycloak": "7.38.0", "v2-database": "7.58.0"}[variant]
    with operator(che_test_cluster, variant) as running:
        own = [s for s in database.databases_of(running.namespace, False) if s.deployment in ("postgres", "keycloak")]
        own = own if variant == "v1-keycloak" else own[:1]
        for held in own:
            database.fill(che_test_cluster, held, 0)
            figures = proof.figures(che_test_cluster, held)
            assert figures["login_works"]
            assert not figures["properties"]["owner_is_superuser"]
            assert len(figures["tables"]) > 5
        versions = database.psql(che_test_cluster, own[0], "SELECT version FROM schema_version;\n", "-At")
        assert versions == f"{version}\n"
        give(running, SECRET, user=login.role, password=login.password)

        if variant == "v1-keycloak":
            identity = server.make_login("keycloak")
            server.sql("CREATE DATABASE keycloak OWNER keycloak;")
            give(running, IDENTITY_SECRET, password=identity.password)
            auth = {"identityProviderPostgresSecret": IDENTITY_SECRET}
            running.edit({"database": v1_section(server, name), "auth": auth})
        else:
            section = {"externalDb": True, "postgresHostName": server.host, "postgresPort": str(server.port)}
            section |= {"postgresDb": name, "credentialsSecretName": SECRET}
            running.edit({"components": {"database": section}})
        running.await_ready()

        assert session(server) == f"{name}|{name}|t"
        assert server.sql("SELECT version FROM schema_version;", name) == version
        if variant == "v1-keycloak":
            assert session(server, "keycloak") == "keycloak|keycloak|t"
            database.fill(che_test_cluster, external_of(running, "keycloak"), 0)
            assert proof.figures(che_test_cluster, external_of(running, "keycloak"))["login_works"]
