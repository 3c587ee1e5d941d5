# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups and restores of an installation whose database is on a server of somebody else's."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from integration.che_bed import BackupServer, Cluster, Home, database, installation, new_home, pki, wait_until
from integration.external_postgres import ExternalPostgres, Login, external_postgres
from integration.s3_server import address_for_pods

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("external_backup")]

NAMESPACE = "it-external"
SERVER_NAMESPACE = "it-external-server"
SECRET = "corporate-credentials"
PART_OF = {"app.kubernetes.io/part-of": "che.eclipse.org"}
DATABASE = "che elsewhere"
OTHER_AUTHORITY = pki.authority("tests of community.che: somebody else").certificate
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'che-server';"
ROWS = "SELECT count(*) FROM che.account;"


@dataclass(frozen=True)
class Away:
    """An installation, and the server that its database has gone to."""

    home: Home
    server: ExternalPostgres
    login: Login

    def edit(self, **spec: Any) -> None:
        """Change the CheCluster, and wait until Che uses the server."""
        che = {"apiVersion": "org.eclipse.che/v1", "kind": "CheCluster"}
        che["metadata"] = {"name": "eclipse-che", "namespace": NAMESPACE}  # type: ignore[assignment]
        self.home.cluster.merge(che, {"spec": spec})
        # The status that is there may still be the one from before.
        wait_until(lambda: self.server.sql(SESSIONS) != "0", 120, self.server.logged)
        installation.wait_ready(self.home.cluster, NAMESPACE)


def trust(away: Away, authority: str) -> None:
    """Have Che trust another authority, and no other, as soon as its operator has passed that on."""
    cluster = away.home.cluster
    give(cluster, "ConfigMap", "corporate", {"app.kubernetes.io/component": "ca-bundle"}, ca=authority)

    def passed_on() -> bool:
        merged = cluster.find("v1", "ConfigMap", "ca-certs", NAMESPACE)
        found = "\n".join(merged["data"].values()) if merged else ""
        return (away.server.authority in found) == (authority == away.server.authority)

    wait_until(passed_on, 60, lambda: "the operator does not merge the authorities")


def give(cluster: Cluster, kind: str, name: str, labels: dict[str, str], **data: str) -> None:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {**PART_OF, **labels}}
    if kind == "Secret":
        data = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    cluster.apply({"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": data})


@pytest.fixture(scope="module")
def away(che_test_cluster: Cluster) -> Iterator[Away]:
    cluster = che_test_cluster
    backup_server = BackupServer.up(cluster, SERVER_NAMESPACE)
    with external_postgres(address_for_pods(cluster)) as server:
        home = new_home(cluster, NAMESPACE, "v1", backup_server.repository("external"))
        home.configure()
        login = server.make_login("che_away")
        server.sql(f'CREATE DATABASE "{DATABASE}" OWNER {login.role};')
        found = Away(home, server, login)
        give(cluster, "Secret", SECRET, {}, user=login.role, password=login.password)
        give(cluster, "ConfigMap", "corporate", {"app.kubernetes.io/component": "ca-bundle"}, ca=server.authority)
        url = f"jdbc:postgresql://{server.host}:{server.port}/che%20elsewhere?sslmode=verify-full"
        # Without it Che's driver looks for authorities in a file of its own.
        url += "&sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory"
        found.edit(
            database={
                "externalDb": True,
                "chePostgresHostName": server.host,
                "chePostgresPort": str(server.port),
                "chePostgresDb": DATABASE,
                "chePostgresSecret": SECRET,
            },
            server={"customCheProperties": {"CHE_JDBC_URL": url}},
        )
        (holder,) = database.find(cluster, NAMESPACE)
        assert holder.external
        database.fill(cluster, holder, 2)
        yield found
    for namespace in (NAMESPACE, SERVER_NAMESPACE):
        installation.destroy_namespace(cluster, namespace, wait=False)


def test_unasked_it_is_neither_left_out_nor_dumped(away: Away) -> None:
    outcome = away.home.fail("cluster_backup")
    assert "Its database is external" in outcome.message
    assert "Set database to external" in outcome.message
    assert outcome.result["stage"] == "collect"
    assert away.home.left_behind() == []


def test_asked_for_it_is_in_the_backup_which_says_where_it_was(away: Away) -> None:
    result = away.home.run("cluster_backup", database="external")

    assert [(part["kind"], part["name"]) for part in result["parts"]] == [
        ("installation", "eclipse-che"),
        ("database", DATABASE),
    ]
    server = away.server
    place = {"role": "che", "name": DATABASE, "host": server.host, "port": server.port, "saved": True}
    assert result["databases"] == [place]
    assert (result["counts"]["tables"] > 20, result["counts"]["large_objects"]) == (True, 4)
    verified = away.home.run("backup_verify", id=result["id"])
    assert verified["changed"] is False
    assert away.server.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'che-dump%';") == "0"


def test_left_out_by_name_it_is_told_as_missing_and_a_restore_warns(away: Away) -> None:
    result = away.home.run("cluster_backup", database="skip")
    assert [part["kind"] for part in result["parts"]] == ["installation"]

    plan = away.home.run("cluster_restore", id=result["id"], check=True)["plan"]

    told = [check for check in plan["preflight"] if check["object"].startswith(f"database {DATABASE} of ")]
    assert [check["result"] for check in told] == ["warned"]
    assert away.server.host in told[0]["object"]


def test_a_restore_never_touches_it_and_its_safety_backup_leaves_it_out(away: Away) -> None:
    backup = away.home.run("cluster_backup", database="external")
    away.server.sql("DELETE FROM che.audit;", DATABASE)
    before = away.server.sql(ROWS, DATABASE)
    give(away.home.cluster, "ConfigMap", "yaml-traps", {}, changed="yes")

    result = away.home.run("cluster_restore", id=backup["id"])

    (told,) = result["plan"]["databases"]
    assert (told["action"], told["name"]) == ("leave", DATABASE)
    assert "never touched" in told["note"]
    assert (result["changed"], result["outage_seconds"]) == (True, 0.0)
    assert away.server.sql("SELECT count(*) FROM che.audit;", DATABASE) == "0"
    assert away.server.sql(ROWS, DATABASE) == before
    (safety,) = away.home.backups(id=result["safety_backup_id"])
    assert safety["state"] == "complete"
    databases = away.server.sql("SELECT datname FROM pg_database WHERE datname LIKE 'che-%';")
    assert databases == ""


@pytest.mark.soak(keep=1)
@pytest.mark.parametrize(
    ("trouble", "message", "advice"),
    [
        ("password", "password authentication failed", "Check the user and the password"),
        ("certificate", "certificate verify failed", "Give the certificate of the authority"),
        ("stopped", "Connection refused", "Check that the server runs"),
        ("connections", "too many connections", "Raise max_connections"),
    ],
)
def test_trouble_at_the_server_fails_the_backup_soon_and_says_what(
    away: Away, trouble: str, message: str, advice: str
) -> None:
    server, login = away.server, away.login
    if trouble == "password":
        server.sql(f"ALTER ROLE {login.role} PASSWORD 's3cr3t-standin-another';")
    elif trouble == "certificate":
        trust(away, OTHER_AUTHORITY)
    elif trouble == "stopped":
        server.stop()
    else:
        server.sql(f"ALTER ROLE {login.role} CONNECTION LIMIT 0;")
    try:
        outcome = away.home.fail("cluster_backup", database="external")
    finally:
        if trouble == "stopped":
            server.start()
        server.sql(f"ALTER ROLE {login.role} CONNECTION LIMIT -1 PASSWORD '{login.password}';")
        trust(away, server.authority)
    assert message in outcome.message
    assert advice in outcome.message
    assert f"database {DATABASE}" in outcome.message
    assert outcome.seconds < 120
    assert login.password not in json.dumps(outcome.result)
    assert away.home.left_behind() == []


def test_a_dump_that_waits_for_a_lock_ends_before_the_task_s_time(away: Away) -> None:
    away.server.configure(max_prepared_transactions=1)
    away.server.sql("BEGIN; LOCK TABLE che.audit; PREPARE TRANSACTION 'held';", DATABASE)
    try:
        outcome = away.home.fail("cluster_backup", database="external", timeout=30)
    finally:
        away.server.sql("ROLLBACK PREPARED 'held';", DATABASE)
    assert "canceling statement due to" in outcome.message
    assert "Somebody holds a lock" in outcome.message
    # Half of the task's time, and no more than five minutes, so that there is time left to say so.
    assert outcome.seconds < 30
    assert away.home.left_behind() == []
