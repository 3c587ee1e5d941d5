# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tests' own external PostgreSQL server: what tests of external databases rely on, from here and from a pod."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from integration.che_bed import Cluster, pki, pods
from integration.external_postgres import (
    DNS_NAME,
    LOG_BYTES,
    LOOPBACK,
    RDS_SUPERUSER,
    ExternalPostgres,
    Login,
    external_postgres,
)
from integration.s3_server import address_for_pods

PLAIN = {"sslmode": "disable"}
IMAGE = "quay.io/sclorg/postgresql-15-c9s:latest"


@pytest.fixture
def server() -> Iterator[ExternalPostgres]:
    with external_postgres() as server:
        yield server


def refused(server: ExternalPostgres, login: Login, script: str = "SELECT 1;", **parameters: object) -> str:
    with pytest.raises(CheError) as caught:
        server.ask(login, script, **parameters)
    return str(caught.value)


def test_its_certificate_is_made_out_to_its_address_and_its_name(server: ExternalPostgres) -> None:
    client = server.make_login("client")
    assert server.port != 5432
    used = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid();"
    assert server.ask(client, used).startswith("t|TLSv1.")
    assert server.ask(client, host=DNS_NAME, hostaddr=LOOPBACK) == "1"
    message = refused(server, client, host="another.example", hostaddr=LOOPBACK)
    assert 'does not match host name "another.example"' in message


def test_only_its_own_authority_verifies_it(server: ExternalPostgres, tmp_path: Any) -> None:
    client = server.make_login("client")
    other = pki.authority("somebody else")
    (tmp_path / "other.crt").write_text(other.certificate, encoding="ascii")
    assert "certificate verify failed" in refused(server, client, sslrootcert=tmp_path / "other.crt")

    server.show(LOOPBACK, authority=other)

    assert "certificate verify failed" in refused(server, client)
    assert server.ask(client, sslrootcert=tmp_path / "other.crt") == "1"
    server.show("moved.example")
    assert "does not match" in refused(server, client)
    assert server.ask(client, host="moved.example", hostaddr=LOOPBACK) == "1"


def test_it_takes_clients_without_tls_only_when_it_is_told(server: ExternalPostgres) -> None:
    client = server.make_login("client")
    assert "no encryption" in refused(server, client, **PLAIN)
    server.accept(tls_only=False)
    assert server.ask(client, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid();", **PLAIN) == "f"
    server.accept(tls_only=True)
    assert "no encryption" in refused(server, client, **PLAIN)


def test_without_tls_it_says_so_to_those_who_want_it() -> None:
    with external_postgres(tls_only=False, ssl="off") as server:
        client = server.make_login("client")
        assert "server does not support SSL" in refused(server, client)
        assert server.ask(client, **PLAIN) == "1"


def test_passwords_are_checked_by_scram(server: ExternalPostgres) -> None:
    client = server.make_login("client")
    stored = server.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'client';")
    assert stored.startswith("SCRAM-SHA-256$")
    wrong = refused(server, replace(client, password="wrong"))
    assert 'password authentication failed for user "client"' in wrong
    assert client.password not in repr(client)


def test_an_administrator_may_everything(server: ExternalPostgres) -> None:
    administrator = server.make_administrator()
    server.ask(administrator, "CREATE ROLE che SUPERUSER; CREATE DATABASE dbche OWNER che;")
    assert server.sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'che';") == "t"


def test_a_master_user_is_no_superuser_and_makes_none(server: ExternalPostgres) -> None:
    master = server.make_master_user()
    flags = "SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = 'master';"
    assert server.sql(flags) == "f|t|t"
    server.ask(
        master, f"CREATE ROLE che; GRANT {RDS_SUPERUSER} TO che; GRANT che TO master; CREATE DATABASE dbche OWNER che;"
    )
    assert server.sql(f"SELECT pg_has_role('che', '{RDS_SUPERUSER}', 'member'), rolsuper FROM pg_roles "
                      "WHERE rolname = 'che';") == "t|f"  # fmt: skip
    assert "must be superuser" in refused(server, master, "ALTER ROLE che SUPERUSER;")
    assert "permission denied" in refused(server, master, "SELECT rolpassword FROM pg_authid;")


def test_connections_run_out(server: ExternalPostgres) -> None:
    client = server.make_login("client")
    before = server.pid
    server.configure(max_connections=3, superuser_reserved_connections=2, max_wal_senders=0)
    assert server.pid != before, "a limit of connections needs a new start"
    # psql opens the new connection before it gives the old one up.
    assert "remaining connection slots are reserved" in refused(server, client, "SELECT 1;\n\\connect\n")
    server.configure(max_connections=20)
    server.ask(client, "SELECT 1;\n\\connect\nSELECT 1;")


def test_settings_are_changed_while_it_runs(server: ExternalPostgres) -> None:
    client, before = server.make_login("client"), server.pid
    server.configure(statement_timeout="250ms")
    assert "statement timeout" in refused(server, client, "SELECT pg_sleep(20);")
    assert server.pid == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a small file system")
def test_its_disk_runs_full_and_it_lives_on() -> None:
    with external_postgres(megabytes=48) as server:
        client = server.make_login("client")
        server.sql(f"CREATE DATABASE dbche OWNER {client.role};")
        first = server.pid
        server.ask(client, "CREATE TABLE kept AS SELECT 1 AS one;", "dbche")
        server.disk.fill(leave_kilobytes=512)
        more = "CREATE TABLE more AS SELECT repeat('x', 1000) FROM generate_series(1, 4000);"

        assert "No space left on device" in refused(server, client, more, database="dbche")

        assert server.ask(client, "SELECT one FROM kept;", "dbche") == "1"
        assert server.pid == first
        server.disk.free()
        server.ask(client, more, "dbche")
        server.stop()
        server.start()
        assert server.ask(client, "SELECT count(*) FROM more;", "dbche") == "4000"


def test_it_comes_back_with_its_data_on_the_same_port(server: ExternalPostgres) -> None:
    client, port, pid = server.make_login("client"), server.port, server.pid
    server.sql("CREATE TABLE kept AS SELECT 1 AS one; GRANT SELECT ON kept TO client;")
    for wish in (signal.SIGINT, signal.SIGQUIT):
        server.stop(wish)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert "Connection refused" in refused(server, client)
        server.start()
        pid = server.pid
        assert (server.ask(client, "SELECT one FROM kept;"), server.port) == ("1", port)


def test_its_log_is_bounded_and_ends_with_the_newest(server: ExternalPostgres) -> None:
    flood = "DO $$ BEGIN FOR n IN 1..20000 LOOP RAISE LOG 'line % %', n, repeat('x', 100); END LOOP; END $$;"
    server.sql(flood)
    server.stop(signal.SIGINT)
    assert len(server.logged().encode()) <= LOG_BYTES
    assert "line 1 x" not in server.logged()
    assert "line 20000 x" in server.logged()


def client_pod(namespace: str, address: str) -> dict[str, Any]:
    """A pod with psql, in which the server's name leads to its address."""
    container = {
        "name": "main",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "600"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "containers": [container],
        "hostAliases": [{"ip": address, "hostnames": [DNS_NAME]}],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 26, "seccompProfile": {"type": "RuntimeDefault"}},
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
    }
    metadata = {"name": "client", "namespace": namespace, "labels": {"app": "client"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.fixture
def client(che_test_cluster: Cluster) -> Iterator[dict[str, Any]]:
    namespace = f"standin-ext-client-{secrets.token_hex(3)}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
    che_test_cluster.apply(home)
    che_test_cluster.apply(client_pod(namespace, address_for_pods(che_test_cluster)))
    yield pods.await_ready(che_test_cluster, namespace, "app=client")
    che_test_cluster.delete(home)


@pytest.mark.integration
def test_pods_reach_it_by_address_and_by_name(che_test_cluster: Cluster, client: dict[str, Any]) -> None:
    with external_postgres(address_for_pods(che_test_cluster)) as server:
        login = server.make_login("client")
        way = f"port={server.port} user=client dbname=postgres sslmode=verify-full sslrootcert=/tmp/ca.crt"
        script = (
            f"IFS= read -r PGPASSWORD; export PGPASSWORD; cat >/tmp/ca.crt <<'PEM'\n{server.authority}PEM\n"
            f"psql -XwAt -c 'SELECT 1' 'host={{host}} {way}'"
        )
        for host in (server.host, DNS_NAME):
            answer = pods.run(che_test_cluster, client, script.format(host=host), login.password + "\n")
            assert answer == "1\n", host
        # From here it is reached at both of its addresses.
        assert server.ask(login) == server.ask(login, host=LOOPBACK) == "1"
