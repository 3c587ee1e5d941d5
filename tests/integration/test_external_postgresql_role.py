# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook external_postgresql: from nothing but a server and its administrator to a Che that uses it.

On the cluster it has no rights but those of docs/rbac/external_database.yaml.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.che_bed import Cluster, Home, installation, manifests, pki, served, wait_until
from integration.external_postgres import RDS_SUPERUSER, Login
from integration.external_role_bed import Bed, bed_in
from integration.private_operator import PrivateOperator
from integration.rbac_bed import account
from runner.leaks import leaks_in, watched_command_lines

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("role external_postgresql")]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "external_database.md"
# What the shortest playbook of the page says.
DOCUMENTED = ("namespace", "host", "tls", "ca_path", "login_password", "leave_data")
SECRET, IDENTITY_SECRET = "che-database", "che-identity-database"
# What breaks whoever puts names, passwords, SQL and templates together. Names have at most 63 bytes.
HOSTILE = "o'wn\"er $(id) \\ %s; ü🦆.{x}"
HOSTILE_PASSWORD = HOSTILE + ":{{ 7 * 7 }}" + "x" * 1024
NO_CHE = {"che_api_version": "v1", "che_version": "7.42.0"}
SESSION = (
    "SELECT datname, usename, ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE application_name = '{}';"
)


@pytest.fixture(scope="module")
def che(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """An installation of Che 7.38 with an identity provider, and a server that logs every statement."""
    cluster, folder = che_test_cluster, tmp_path_factory.mktemp("che")
    with bed_in(cluster, "it-external-role", folder) as bed:
        # The administrator's own password came there in a statement.
        bed.server.configure(log_statement="all")
        if "v1" not in served.now(cluster):
            served.serve(cluster, ("v1",))
        # The cluster's operator stays as it is: it tells an identity provider by the CheCluster.
        installation.operator_up(cluster, ("v1",), "v1")
        for obj in pki.generated_objects("v1-keycloak", bed.home.namespace):
            cluster.create_if_missing(obj)
        cluster.apply_all(manifests.saved("v1-keycloak", bed.home.namespace))
        installation.wait_ready(cluster, bed.home.namespace)
        yield bed


@pytest.fixture(scope="module")
def bare(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A namespace for an installation that does not exist yet."""
    with bed_in(che_test_cluster, "it-external-role-bare", tmp_path_factory.mktemp("bare")) as bed:
        yield bed


def test_check_mode_says_what_would_be_done_and_does_nothing(che: Bed) -> None:
    cluster_before, server_before = che.home.versions(), che.state()
    played = che.run("--check", "--diff", che_leave_data=True)
    assert played.changed > 5
    assert "Che would use dbche and keycloak" in played.told
    assert f'"chePostgresHostName": "{che.server.host}"' in played.told
    assert (che.home.versions(), che.state()) == (cluster_before, server_before)


def test_data_are_not_left_behind_unasked_and_nothing_is_made_before_that_is_said(che: Bed) -> None:
    cluster_before, server_before = che.home.versions(), che.state()
    assert "what is in that one would stay there" in che.fail()
    assert (che.home.versions(), che.state()) == (cluster_before, server_before)


def test_che_and_its_identity_provider_go_there_and_no_password_shows(che: Bed) -> None:
    """With names and passwords that break whoever puts SQL, YAML, templates and command lines together."""
    given = {"che_database_user": HOSTILE, "che_database": HOSTILE, "che_database_password": HOSTILE_PASSWORD}
    known = [HOSTILE_PASSWORD, che.administrator.password]
    with watched_command_lines(known) as command_lines:
        played = che.run("-vvv", "--diff", che_leave_data=True, **given)

    assert che.held(SECRET) == {"user": HOSTILE, "password": HOSTILE_PASSWORD}
    identity = che.held(IDENTITY_SECRET)["password"]
    assert che.server.sql(SESSION.format("che-server")) == f"{HOSTILE}|{HOSTILE}|t"
    wait_until(lambda: che.server.sql(SESSION.format("keycloak")) == "keycloak|keycloak|t", 60, che.server.logged)
    assert "Rights: superuser (as the documents have it)" in played.told
    assert che.server.sql("SELECT rolname FROM pg_roles WHERE rolsuper ORDER BY 1;").splitlines() == [
        "dba",
        HOSTILE,
        "postgres",
    ]
    encodings = "SELECT DISTINCT pg_encoding_to_char(encoding) FROM pg_database WHERE NOT datistemplate;"
    assert che.server.sql(encodings) == "UTF8"
    (che.folder / "said").write_text(played.said, encoding="utf-8")
    (che.folder / "server").write_text(che.server.logged(), encoding="utf-8")
    (che.folder / "variables.yml").unlink()
    assert "CREATE ROLE" in (che.folder / "server").read_text(encoding="utf-8")
    assert "TASK [" in (che.folder / "log").read_text(encoding="utf-8")
    assert leaks_in(che.folder, [*known, identity]) == []
    assert command_lines == []
    assert che.home.left_behind() == []


def test_a_second_time_the_documented_playbook_changes_nothing(che: Bed) -> None:
    """It is run on top of what was done above, with the same values."""
    section = PAGE.read_text(encoding="utf-8").partition("## In one run\n")[2]
    (play,) = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])
    (role,) = play["roles"]
    assert set(role) == {"role", *(f"external_postgresql_{name}" for name in DOCUMENTED)}
    role |= {
        "external_postgresql_namespace": che.home.namespace,
        "external_postgresql_host": che.server.host,
        "external_postgresql_ca_path": str(che.server.ca_file),
    }
    before = che.home.versions()
    others = {"port": che.server.port, "database": HOSTILE, "login_user": che.administrator.role, "latency_ms": 5000}
    variables = {f"external_postgresql_{name}": value for name, value in others.items()}
    variables |= {
        "external_postgresql_auth": dict(che.home.auth),
        "vault_postgres_password": che.administrator.password,
    }
    play["vars"] = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    (che.folder / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")

    played = che.play_file(str(che.folder / "play.yml"), ("--diff",), variables)

    assert (played.failed, played.changed) == (False, 0), played.said[-4000:]
    assert che.home.versions() == before


def test_a_che_of_v2_goes_there_by_what_it_is_told_to_say(bare: Bed, che_test_cluster: Cluster, tmp_path: Path) -> None:
    """The operator is one for this test alone, as the cluster serves v1 to others; the patch is all that it gets."""
    running = PrivateOperator(che_test_cluster, "v2-database", f"it-external-role-{secrets.token_hex(3)}")
    with ExitStack() as stack:
        stack.callback(running.close)
        running.start()
        auth = account(che_test_cluster, running.namespace, "external-postgresql", ["external_database"])
        there = Bed(
            Home(che_test_cluster, running.namespace, "v2", {}, auth), bare.server, bare.administrator, tmp_path
        )
        options = {
            "che_database": "che_of_v2",
            "che_database_user": "che_of_v2",
            "che_api_version": "v2",
            "che_version": "7.58.0",
            "che_patch_path": str(tmp_path / "patch.yaml"),
        }
        played = there.run(**options)

        assert "Rights: least (the documents of this generation ask for no more)" in played.told
        patch = yaml.safe_load((tmp_path / "patch.yaml").read_text(encoding="utf-8"))
        assert patch["spec"]["components"]["database"]["credentialsSecretName"] == SECRET
        # As if somebody else had made them.
        unmanaged = there.run(**options, che_database_manage_server=False, che_database_login_password=None)
        assert (unmanaged.changed, "Rights: unmanaged" in unmanaged.told) == (0, True)
        running.await_ready()
        running.edit(patch["spec"])
        # Its trust in the server's authority comes with a CheCluster that is there.
        labels = {"app.kubernetes.io/part-of": "che.eclipse.org", "app.kubernetes.io/component": "ca-bundle"}
        metadata = {"name": "corporate-ca", "namespace": running.namespace, "labels": labels}
        authority = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        che_test_cluster.apply({**authority, "data": {"ca.crt": bare.server.authority}})
        running.await_ready()
        session = SESSION.format("che-server")
        wait_until(lambda: bare.server.sql(session) == "che_of_v2|che_of_v2|t", 60, bare.server.logged)


def test_what_is_there_already_is_adopted(bare: Bed) -> None:
    bare.server.sql("CREATE ROLE adopted LOGIN PASSWORD 'another'; CREATE DATABASE adopted;")
    bare.server.sql("CREATE TABLE kept AS SELECT 42 AS answer; REVOKE ALL ON SCHEMA public FROM public;", "adopted")
    bare.server.sql("ALTER SCHEMA public OWNER TO postgres;", "adopted")
    bare.give("adopted", {"theirs": "yes"}, user="adopted", password="s3cr3t-{{ 7 * 7 }}", more="theirs")
    options = {"che_database": "adopted", "che_database_secret": "adopted", "che_database_privileges": "least"}

    played = bare.run(**options, **NO_CHE)

    assert bare.held("adopted") == {"user": "adopted", "password": "s3cr3t-{{ 7 * 7 }}", "more": "theirs"}
    secret = bare.home.cluster.find("v1", "Secret", "adopted", bare.home.namespace)
    assert secret is not None
    assert secret["metadata"]["labels"] == {"theirs": "yes", "app.kubernetes.io/part-of": "che.eclipse.org"}
    # Label, password, owner, schema.
    assert played.changed == 4
    assert bare.server.sql("SELECT answer FROM kept;", "adopted") == "42"
    assert "Rights: least (asked for)" in played.told
    assert bare.server.sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'adopted';") == "f"
    # A second time nothing but the password, which is another one.
    another = Login("adopted", "s3cr3t-given")
    assert bare.run(**options, **NO_CHE, che_database_password=another.password).changed == 2
    assert bare.server.ask(another, "CREATE TABLE more (); SELECT 1;", "adopted") == "1"


@pytest.mark.soak(keep=0)
def test_a_server_that_lets_the_role_in_from_the_cluster_only_is_believed(bare: Bed) -> None:
    """From here its password can't be tried: it is set when it is new, and left alone after that."""
    options = {"che_database": "distant", "che_database_user": "distant", "che_database_secret": "distant"}
    access = Path(bare.server.sql("SHOW hba_file;"))
    rules = access.read_text(encoding="ascii")
    try:
        access.write_text(f"hostssl all distant {bare.server.host}/32 reject\n{rules}", encoding="ascii")
        bare.server.sql("SELECT pg_reload_conf();")
        # The cluster comes from the address of its node, which is another one.
        assert bare.run(**options, **NO_CHE).changed > 0
        assert bare.run(**options, **NO_CHE).changed == 0
        given = Login("distant", "s3cr3t-given")
        assert bare.run(**options, **NO_CHE, che_database_password=given.password).changed == 2
    finally:
        access.write_text(rules, encoding="ascii")
        bare.server.sql("SELECT pg_reload_conf();")


@pytest.mark.soak
@pytest.mark.parametrize(
    ("rds", "told"),
    [
        (True, "Rights: rds_superuser (the most that Amazon RDS gives in place of SUPERUSER)"),
        (False, "Rights: least (the documents ask for SUPERUSER, which maker can not give; Che runs without it)"),
    ],
)
def test_an_administrator_that_is_no_superuser_gives_what_it_can_and_says_so(bare: Bed, rds: bool, told: str) -> None:
    maker = bare.server.make_master_user() if rds else bare.server.make_login("maker", "CREATEDB CREATEROLE")
    role = f"by_{maker.role}"
    options = {"che_database": role, "che_database_user": role, "che_database_secret": f"by-{maker.role}"}
    options |= {"che_database_login_user": maker.role, "che_database_login_password": maker.password, **NO_CHE}

    assert told in bare.run(**options).told

    if rds:
        assert bare.server.sql(f"SELECT pg_has_role('{role}', '{RDS_SUPERUSER}', 'MEMBER');") == "t"
    assert bare.server.sql(f"SELECT rolsuper FROM pg_roles WHERE rolname = '{role}';") == "f"
    # The administrator was a member of the role for as long as it had to be.
    assert bare.server.sql(f"SELECT pg_has_role('{maker.role}', '{role}', 'MEMBER');") == "f"
    assert bare.run(**options).changed == 0


@pytest.mark.soak(keep=2)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"che_database_login_password": "wrong"}, 'password authentication failed for user "dba"'),
        ({"che_database_login_user": "nobody_special"}, "may not make roles: it lacks CREATEROLE"),
        ({"che_database_login_user": "half_able", "che_database_user": "dba"}, "must be superuser to alter superuser"),
        ({"che_database_tls": "disable", "che_database_ca_path": None}, "no encryption"),
        ({"che_database_ca_path": None}, "root certificate file"),
        ({"che_database_ca_path": None, "che_database_ca_content": "ANOTHER"}, "certificate verify failed"),
        ({"external_postgresql_connections": 500}, "500 are needed"),
        ({"che_database_password": "one\ntwo"}, "line break"),
        ({"che_database_user": "x" * 64}, "1 to 63 bytes"),
        (
            {"che_database_manage_server": False, "che_database_user": "unknown", "che_database_secret": "unknown"},
            "password authentication failed",
        ),
        ({"che_version": "7.62.0"}, "It has no database"),
    ],
)
def test_what_is_in_the_way_is_said_and_the_checluster_stays_as_it_is(
    che: Bed, changes: dict[str, Any], message: str
) -> None:
    if changes.get("che_database_ca_content"):
        changes = {**changes, "che_database_ca_content": pki.authority("somebody else").certificate}
    if changes.get("che_database_login_user"):
        attributes = {"half_able": "CREATEDB CREATEROLE"}.get(changes["che_database_login_user"], "")
        role = che.server.make_login(changes["che_database_login_user"], attributes)
        changes = {**changes, "che_database_login_password": role.password}
    before = checluster(che)
    said = che.fail(
        che_leave_data=True,
        **{"che_database": "other", "che_database_user": "other", "che_database_secret": "other", **changes},
    )
    assert message in said
    assert "SCRAM-SHA" not in said
    assert checluster(che) == before
    assert che.home.left_behind() == []


@pytest.mark.soak(keep=0)
def test_a_full_disk_is_told(che_test_cluster: Cluster, tmp_path: Path) -> None:
    with bed_in(che_test_cluster, "it-external-role-full", tmp_path, megabytes=64) as bed:
        bed.server.disk.fill()
        assert "No space left on device" in bed.fail(**NO_CHE)
        bed.server.disk.free()
        bed.run(**NO_CHE)


def checluster(bed: Bed) -> Any:
    (found,) = bed.home.cluster.list_all("org.eclipse.che/v1", "CheCluster", bed.home.namespace)
    return found["spec"]
