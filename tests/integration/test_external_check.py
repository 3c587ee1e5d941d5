# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The look at a server of somebody else's, from a pod of a namespace, with TLS and a private authority."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from integration.che_bed import Cluster, Home, installation, manifests, pki
from integration.external_postgres import DNS_NAME, ExternalPostgres, Login, external_postgres
from integration.s3_server import address_for_pods

pytestmark = pytest.mark.integration

NAMESPACE = "it-external-check"
# What breaks whoever puts names and passwords together.
HOSTILE = "o'wn\"er $(id) \\ %s;\n ü🦆"
SECRETS = {"che-database": "che_login", "hostile": HOSTILE}


@dataclass(frozen=True)
class Bed:
    """A namespace, and a server outside of the cluster."""

    home: Home
    server: ExternalPostgres
    login: Login

    def options(self, **changes: Any) -> dict[str, Any]:
        return {
            "database_host": self.server.host,
            "database_port": self.server.port,
            "database": self.login.role,
            "credentials_secret": "che-database",
            "tls": "verify-full",
            "ca_certificate": self.server.authority,
            # A busy machine answers slowly, which is not what is tested.
            "latency_ms": 5000,
            **changes,
        }


def give(home: Home, name: str, **data: str) -> None:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    metadata = {"name": name, "namespace": NAMESPACE}
    home.cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded})


@pytest.fixture(scope="module")
def bed(che_test_cluster: Cluster) -> Iterator[Bed]:
    cluster = che_test_cluster
    installation.destroy_namespace(cluster, NAMESPACE)
    cluster.apply(manifests.namespace(NAMESPACE))
    home = Home(cluster, NAMESPACE, "v1", {})
    with external_postgres(address_for_pods(cluster)) as server:
        login = server.make_login("che_login")
        server.sql(f"CREATE DATABASE {login.role} OWNER {login.role};")
        give(home, "che-database", user=login.role, password=login.password)
        yield Bed(home, server, login)
    installation.destroy_namespace(cluster, NAMESPACE, wait=False)


def test_a_server_that_will_do(bed: Bed) -> None:
    result = bed.home.run("external_database_check", **bed.options())

    assert result["changed"] is False
    assert {check["name"]: check["result"] for check in result["checks"]} == {
        "version": "passed",
        "tls": "passed",
        "encoding": "passed",
        "rights": "passed",
        "writable": "passed",
        "connections": "passed",
        "latency": "passed",
    }
    assert (result["server"]["version"][:3], result["server"]["tls"]) == ("15.", "TLSv1.3")
    assert (result["server"]["is_owner"], result["server"]["superuser"]) == (True, False)
    assert bed.login.password not in json.dumps(result)
    assert bed.home.left_behind() == []


def test_a_server_is_reached_before_anything_is_made_there(bed: Bed) -> None:
    new = {"login": False, "database": "later", "database_user": "later", "credentials_secret": "later"}
    logged = bed.server.logged()

    (check,) = bed.home.run("external_database_check", **bed.options(**new))["checks"]

    assert (check["name"], check["result"]) == ("reachable", "passed")
    # Nobody is to be woken by a login that failed.
    assert "FATAL" not in bed.server.logged().removeprefix(logged)
    for changes, message in (
        ({"tls": "disable"}, "no encryption"),
        ({"ca_certificate": ""}, "root certificate file"),
        ({"ca_certificate": pki.authority("somebody else").certificate}, "certificate verify failed"),
        ({"database_host": "db.invalid"}, "could not translate host name"),
        ({"database_port": 1}, "Connection refused"),
    ):
        outcome = bed.home.fail("external_database_check", **bed.options(**{**new, **changes}))
        assert message in outcome.message
        assert outcome.result["stage"] == "connect"
    assert bed.home.left_behind() == []


def test_check_mode_makes_nothing_and_says_that_nobody_looked(bed: Bed) -> None:
    before = bed.home.versions()
    result = bed.home.run("external_database_check", check=True, **bed.options(database_host="nowhere.example"))
    assert [check["result"] for check in result["checks"]] == ["unknown"]
    assert bed.home.versions() == before


@pytest.mark.soak(keep=2)
@pytest.mark.parametrize(
    ("changes", "stage", "message", "advice"),
    [
        ({"tls": "disable"}, "connect", "no encryption", "The server lets this role in by TLS only"),
        ({"ca_certificate": ""}, "connect", "root certificate file", "Give the certificate of the authority"),
        ({"database_host": "db.invalid"}, "connect", "could not translate host name", "Check the name"),
        ({"database_port": 1}, "connect", "Connection refused", "Check that the server runs"),
        ({"database": "none"}, "connect", 'database "none" does not exist', "Check the database's name"),
        ({"connections": 500}, "check", "500 are needed", "Raise max_connections"),
    ],
)
def test_what_is_in_the_way_is_said_with_how_to_lift_it(
    bed: Bed, changes: dict[str, Any], stage: str, message: str, advice: str
) -> None:
    outcome = bed.home.fail("external_database_check", **bed.options(**changes))
    assert message in outcome.message
    assert advice in outcome.message
    assert outcome.result["stage"] == stage
    assert bed.login.password not in json.dumps(outcome.result)
    assert bed.home.left_behind() == []


def test_a_certificate_of_another_name_or_authority_is_refused(bed: Bed) -> None:
    somebody = pki.authority("tests of community.che: somebody else")
    try:
        bed.server.show(DNS_NAME)
        outcome = bed.home.fail("external_database_check", **bed.options())
        assert "does not match host name" in outcome.message
        assert bed.home.run("external_database_check", **bed.options(tls="verify-ca"))["server"]["tls"]
        bed.server.show(bed.server.host, authority=somebody)
        outcome = bed.home.fail("external_database_check", **bed.options(tls="verify-ca"))
        assert "certificate verify failed" in outcome.message
    finally:
        bed.server.show(DNS_NAME, "127.0.0.1", bed.server.host)


def test_hostile_names_and_passwords_come_through_whole(bed: Bed) -> None:
    # Names have at most 63 bytes; a password may be long.
    password = f"{HOSTILE}:".replace("\n", "") + "x" * 1024
    quoted = HOSTILE.replace('"', '""')
    bed.server.sql(f"CREATE ROLE \"{quoted}\" LOGIN PASSWORD '{password.replace(chr(39), chr(39) * 2)}';")
    bed.server.sql(f'CREATE DATABASE "{quoted}" OWNER "{quoted}";')
    give(bed.home, "hostile", user=HOSTILE, password=password)

    result = bed.home.run("external_database_check", **bed.options(database=HOSTILE, credentials_secret="hostile"))

    assert result["server"]["owner"] == HOSTILE
    assert password not in json.dumps(result)


def test_a_password_that_no_client_can_be_given_is_refused_before_anything_is_made(bed: Bed) -> None:
    give(bed.home, "hostile", user="che_login", password="one\ntwo")
    outcome = bed.home.fail("external_database_check", **bed.options(credentials_secret="hostile"))
    assert "line break" in outcome.message
    assert bed.home.jobs() == []


@pytest.mark.soak(keep=2)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"database_host": "a b"}, "no host name"),
        ({"database_host": "-x.example"}, "no host name"),
        ({"database_port": 70000}, "no such port"),
        ({"database": "x" * 64}, "1 to 63 bytes"),
        ({"ca_certificate": "not one"}, "no certificate"),
        ({"credentials_secret": "none"}, "is missing"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(bed: Bed, changes: dict[str, Any], message: str) -> None:
    assert message in bed.home.fail("external_database_check", **bed.options(**changes)).message
