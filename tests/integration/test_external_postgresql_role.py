# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook external_postgresql: from nothing but a server and its administrator to a Che that uses it.

On the cluster it has no rights but those of docs/rbac/external_database.yaml.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.che_bed import Cluster, Home, installation, manifests, pki, served, wait_until
from integration.external_postgres import RDS_SUPERUSER, Login
from integration.external_role_bed import HOSTILE, HOSTILE_PASSWORD, Bed, bed_in
from integration.private_operator import PrivateOperator
from integration.rbac_bed import account
from runner.leaks import leaks_in, watched_command_lines

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("role external_postgresql")]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "external_database.md"
# What the shortest playbook of the page says.
DOCUMENTED = ("namespace", "host", "ca_path", "login_password", "leave_data")
SECRET, IDENTITY_SECRET = "che-database", "che-identity-database"
# One with the DevWorkspace engine, which needs no identity provider.
NO_CHE = {"che_api_version": "v1", "che_version": "7.42.0", "che_identity": "absent"}
# The role's host gets to the server where pods do not.
THROUGH_A_TUNNEL = {"external_postgresql_login_tls": "require", "external_postgresql_login_host": "TUNNEL"}
# The database that the identity provider may use already is another installation's by an address of its own.
ELSEWHERE = THROUGH_A_TUNNEL | {"external_postgresql_take_over": True}
SESSION = (
    "SELECT datname, usename, ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE application_name = '{}';"
)

# What the identity provider holds is there already.
THERE_FOR_CHE = {"che_leave_data": True, "external_postgresql_take_over": True}


@pytest.fixture(scope="module")
def che(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """An installation of Che 7.38 with an identity provider, and a server that logs every statement.

    What the provider holds was copied there by hand, by somebody who made no role for it.
    """
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
        bed.server.sql("CREATE DATABASE keycloak;")
        bed.server.sql("CREATE TABLE realm AS SELECT 'che' AS name;", "keycloak")
        yield bed


@pytest.fixture(scope="module")
def bare(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A namespace for an installation that does not exist yet."""
    with bed_in(che_test_cluster, "it-external-role-bare", tmp_path_factory.mktemp("bare")) as bed:
        # The authority of the server, which is made known to it once, is not counted with what each test does.
        authority = {"tls": "verify-full", "ca_certificate": bed.server.authority}
        options = {"database_host": bed.server.host, "credentials_secret": "none", **authority}
        bed.home.run("external_database", **options, api_version="v1", che_version="7.42.0")
        yield bed


def test_check_mode_says_what_would_be_done_and_does_nothing(che: Bed) -> None:
    cluster_before, server_before = che.home.versions(), che.state()
    played = che.run("--check", "--diff", **THERE_FOR_CHE)
    assert played.changed > 5
    assert "Che would use dbche and keycloak" in played.told
    assert f'"chePostgresHostName": "{che.server.host}"' in played.told
    for statement in (
        "CREATE ROLE keycloak",
        "ALTER ROLE keycloak LOGIN PASSWORD '********'",
        "CREATE DATABASE dbche OWNER pgche ENCODING 'UTF8' TEMPLATE template0",
        "ALTER DATABASE keycloak OWNER TO keycloak",
        "ALTER ROLE pgche SUPERUSER",
    ):
        assert statement in played.told
    assert (che.home.versions(), che.state()) == (cluster_before, server_before)


def test_data_are_not_left_behind_unasked_and_nothing_is_made_before_that_is_said(che: Bed) -> None:
    cluster_before, server_before = che.home.versions(), che.state()
    assert "what is in that one would stay there" in che.fail()
    assert (che.home.versions(), che.state()) == (cluster_before, server_before)


def test_an_identity_provider_that_would_begin_anew_is_told_of_before_anything_is_made(che: Bed) -> None:
    che.server.sql("ALTER DATABASE keycloak RENAME TO elsewhere;")
    try:
        cluster_before, server_before = che.home.versions(), che.state()
        assert "nobody could log in. Set external_postgresql_migrate to true" in che.fail(che_leave_data=True)
        assert (che.home.versions(), che.state()) == (cluster_before, server_before)
    finally:
        che.server.sql("ALTER DATABASE elsewhere RENAME TO keycloak;")


def test_what_opens_the_operator_s_own_database_stays(che: Bed) -> None:
    """This CheCluster names no Secret: the operator takes one by its name."""
    before = che.home.versions()
    said = che.fail(che_leave_data=True, che_database_secret="postgres-credentials", che_database_password="another")
    assert "The Secret postgres-credentials opens a database that Che uses now" in said
    assert che.home.versions() == before


def test_che_and_its_identity_provider_go_there_and_no_password_shows(che: Bed) -> None:
    """With names and passwords that break whoever puts SQL, YAML, templates and command lines together."""
    given = {"che_database_user": HOSTILE, "che_database": HOSTILE, "che_database_password": HOSTILE_PASSWORD}
    known = [HOSTILE_PASSWORD, che.administrator.password]
    with watched_command_lines(known) as command_lines:
        played = che.run("-vvv", "--diff", **THERE_FOR_CHE, **given)

    assert che.held(SECRET) == {"user": HOSTILE, "password": HOSTILE_PASSWORD}
    identity = che.held(IDENTITY_SECRET)["password"]
    assert che.server.sql(SESSION.format("che-server")) == f"{HOSTILE}|{HOSTILE}|t"
    wait_until(lambda: che.server.sql(SESSION.format("keycloak")) == "keycloak|keycloak|t", 60, che.server.logged)
    assert "Rights: superuser (as the documents have it)" in played.told
    superusers = "SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles WHERE rolsuper;"
    assert che.server.sql(superusers) == f"dba,{HOSTILE},postgres"
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


def test_what_opens_the_database_of_che_stays_until_the_server_takes_another(che: Bed) -> None:
    before, there = che.home.versions(), che.state()
    new = {"che_database": HOSTILE, "che_database_password": "s3cr3t-another"}

    for changes, message in (
        ({"che_database_login_password": "wrong"}, 'password authentication failed for user "dba"'),
        ({"che_database_manage_server": False}, "password authentication failed"),
        ({"che_database": "elsewhere"}, f"The Secret {SECRET} opens a database that Che uses now"),
        ({"che_database_user": "somebody else"}, "Name another one with external_postgresql_credentials_secret"),
    ):
        assert message in che.fail(che_leave_data=True, **{**new, **changes})
        assert (che.home.versions(), che.state()) == (before, there)

    # Set on the server, stored, and Che started anew.
    assert che.run(**new).changed == 3
    assert che.held(SECRET) == {"user": HOSTILE, "password": "s3cr3t-another"}
    assert che.server.sql(SESSION.format("che-server")) == f"{HOSTILE}|{HOSTILE}|t"
    assert che.run(**new).changed == 0


def test_a_server_with_few_connections_left_takes_another_password_for_a_che_that_works_there(che: Bed) -> None:
    new: dict[str, Any] = {"che_database": HOSTILE, "che_database_password": "s3cr3t-busy"}
    new["external_postgresql_connections"] = 500

    played = che.run(**new)

    assert "500 are needed" in played.told
    assert played.changed == 3
    assert che.held(SECRET) == {"user": HOSTILE, "password": "s3cr3t-busy"}
    assert che.server.sql(SESSION.format("che-server")) == f"{HOSTILE}|{HOSTILE}|t"
    assert che.run(**new).changed == 0


def test_a_password_that_somebody_else_has_changed_is_tried_before_che_gets_it(che: Bed) -> None:
    che.server.sql("ALTER ROLE keycloak PASSWORD 's3cr3t-theirs';")
    given: dict[str, Any] = {"che_database": HOSTILE, "che_identity_database_password": "s3cr3t-theirs"}
    # As for Che itself.
    given["external_postgresql_connections"] = 500

    assert che.run(che_database_manage_server=False, **given).changed == 2

    assert che.held(IDENTITY_SECRET) == {"password": "s3cr3t-theirs"}
    assert che.home.cluster.find("v1", "Secret", f"{IDENTITY_SECRET}-tried", che.home.namespace) is None


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
        running.await_ready()
        session = SESSION.format("che-server")
        wait_until(lambda: bare.server.sql(session) == "che_of_v2|che_of_v2|t", 60, bare.server.logged)


def test_check_mode_counts_what_would_be_done(bare: Bed) -> None:
    options = {"che_database": "foreseen", "che_database_user": "foreseen", "che_database_secret": "foreseen", **NO_CHE}
    before = bare.home.versions(), bare.state()
    foreseen = bare.run("--check", **options).changed
    assert (bare.home.versions(), bare.state()) == before
    # Nothing can be moved where there is no Che.
    played = bare.run(**options, che_migrate=True)
    assert played.changed == foreseen == 5
    assert "So there is nothing to move." in played.told


def test_a_che_of_v1_that_is_not_there_yet_is_told_all_that_the_documents_tell_it(bare: Bed, tmp_path: Path) -> None:
    options = {"che_api_version": "v1", "che_version": "7.38.0", "che_patch_path": str(tmp_path / "patch.yaml")}
    names = {f"che_database{what}": "documented" for what in ("", "_user", "_secret")}
    played = bare.run(**options, **names)

    assert "can use documented and keycloak" in played.told
    spec = yaml.safe_load((tmp_path / "patch.yaml").read_text(encoding="utf-8"))["spec"]
    assert (spec["database"]["externalDb"], spec["database"]["chePostgresSecret"]) == (True, "documented")
    assert spec["auth"] == {"identityProviderPostgresSecret": IDENTITY_SECRET}
    identity = Login("keycloak", bare.held(IDENTITY_SECRET)["password"])
    assert bare.server.ask(identity, "CREATE TABLE made (); SELECT 1;", "keycloak") == "1"


def test_what_is_there_already_is_adopted(bare: Bed) -> None:
    bare.server.sql("CREATE ROLE adopted LOGIN PASSWORD 'another'; CREATE DATABASE adopted;")
    taken = {"external_postgresql_take_over": True}
    bare.server.sql("CREATE TABLE kept AS SELECT 42 AS answer; REVOKE ALL ON SCHEMA public FROM public;", "adopted")
    bare.server.sql("ALTER SCHEMA public OWNER TO postgres;", "adopted")
    bare.give("adopted", {"theirs": "yes"}, user="adopted", password="s3cr3t-{{ 7 * 7 }}", more="theirs")
    options = {"che_database": "adopted", "che_database_secret": "adopted", "che_database_privileges": "least"}

    before = bare.state()
    assert "belongs to the role postgres. Set external_postgresql_take_over to true" in bare.fail(**options, **NO_CHE)
    assert bare.state() == before

    played = bare.run(**options, **NO_CHE, **taken)

    # Of the attempt to log in with the password that the role did not have.
    assert "authentication failed" not in played.told
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
    assert bare.run(**options, **NO_CHE, **taken, che_database_password=another.password).changed == 2
    assert bare.server.ask(another, "CREATE TABLE more (); SELECT 1;", "adopted") == "1"


def test_who_works_with_a_role_of_that_name_is_not_locked_out(bare: Bed) -> None:
    theirs = bare.server.make_login("of_theirs")
    options = {"che_database": "of_theirs", "che_database_user": "of_theirs", "che_database_secret": "of-theirs"}
    before = bare.home.versions(), bare.state()

    assert "a new one would lock out whoever uses it" in bare.fail(**options, **NO_CHE)
    assert (bare.home.versions(), bare.state()) == before

    bare.run(**options, **NO_CHE, che_database_password=theirs.password)
    assert bare.server.ask(theirs, database="of_theirs") == "1"


def test_a_wrong_password_locks_nobody_out_and_a_database_in_use_is_not_shared_unasked(bare: Bed) -> None:
    """Another installation is on the same server, under the same names."""
    theirs = bare.server.make_login("of_staging")
    bare.server.sql("CREATE DATABASE of_staging OWNER of_staging;")
    bare.server.sql("CREATE TABLE usr (id int);", "of_staging")
    options = {"che_database": "of_staging", "che_database_user": "of_staging", "che_database_secret": "of-staging"}
    options |= {"che_leave_data": True, **NO_CHE}
    before = bare.home.versions(), bare.state()

    for password, message in (
        ("s3cr3t-ours", "holds 1 tables, views and sequences already"),
        (theirs.password, "set external_postgresql_take_over to true if Che is to work with what is in it"),
    ):
        assert message in bare.fail(**options, che_database_password=password)
        assert (bare.home.versions(), bare.state()) == before

    bare.server.sql("DROP TABLE usr;", "of_staging")
    said = bare.fail(**options, che_database_password="s3cr3t-ours")
    assert "does not log in with the password that was given: a new one would lock out whoever uses it" in said
    assert (bare.home.versions(), bare.state()) == before
    # Nor with what the Secret holds.
    bare.give("of-staging", {"app.kubernetes.io/part-of": "che.eclipse.org"}, user="of_staging", password="s3cr3t-old")
    before = bare.home.versions(), bare.state()
    for given, message in (
        ({}, "does not log in with what the Secret of-staging holds"),
        ({"che_database_password": "s3cr3t-ours"}, "the password that was given, nor with what the Secret of-staging"),
    ):
        assert message in bare.fail(**options, **given)
        assert (bare.home.versions(), bare.state()) == before
    assert bare.server.ask(theirs, database="of_staging") == "1"

    # Empty, and with its password, as the server's administrator has prepared it.
    assert bare.run(**options, che_database_privileges="least", che_database_password=theirs.password).changed == 1
    assert bare.held("of-staging") == {"user": "of_staging", "password": theirs.password}
    # What is left of a run that was killed between the server and the Secret.
    bare.server.sql("ALTER ROLE of_staging PASSWORD 's3cr3t-new';")
    again = {**options, "che_database_privileges": "least", "che_database_password": "s3cr3t-new"}
    assert bare.run(**again).changed == 1
    assert bare.run(**again).changed == 0
    taken = {"external_postgresql_take_over": True, "che_database_password": "s3cr3t-taken"}
    assert bare.run(**{**again, **taken}).changed == 2


def test_what_is_moved_goes_into_an_empty_database_only_and_that_is_said_before_anything_is_made(che: Bed) -> None:
    theirs = che.server.make_login("filled")
    che.server.sql("CREATE DATABASE filled OWNER filled;")
    che.server.sql("CREATE TABLE usr (id int);", "filled")
    options = {"che_database": "filled", "che_database_user": "filled", "che_database_secret": "filled"}
    before = che.home.versions(), che.state()
    for taken in (False, True):
        changes = {"che_database_password": theirs.password, "external_postgresql_take_over": taken}
        assert "is moved into an empty one only" in che.fail(**options, **changes, che_migrate=True)
        assert (che.home.versions(), che.state()) == before


def test_what_keeps_a_role_out_besides_its_password_changes_no_password(bare: Bed) -> None:
    role = bare.server.make_login("kept_out")
    bare.server.sql("CREATE DATABASE kept_out OWNER kept_out;")
    options = {"che_database": "kept_out", "che_database_user": "kept_out", "che_database_secret": "kept-out", **NO_CHE}
    bare.give("kept-out", {"app.kubernetes.io/part-of": "che.eclipse.org"}, user=role.role, password=role.password)
    for how, undo, message in (
        ("CONNECTION LIMIT 0", "CONNECTION LIMIT -1", "0 connections are free"),
        ("VALID UNTIL '2020-01-01'", "VALID UNTIL 'infinity'", "so that it can not log in. Run ALTER ROLE"),
    ):
        bare.server.sql(f"ALTER ROLE kept_out {how};")
        locked = bare.state()
        assert message in bare.fail(**options, che_database_privileges="least")
        assert bare.state() == locked
        bare.server.sql(f"ALTER ROLE kept_out {undo};")
    assert bare.run(**options, che_database_privileges="least").changed == 0


def test_a_server_that_pods_are_kept_from_stays_as_it_is(bare: Bed) -> None:
    options = {"che_database": "kept", "che_database_user": "kept", "che_database_secret": "kept", **NO_CHE}
    before = bare.home.versions(), bare.state()
    # The cluster comes from the address of its node.
    for rule, message in (
        (f"hostssl all all {bare.server.host}/32 scram-sha-256\nhost all all all reject", "pg_hba.conf rejects"),
        ("hostssl all kept all reject", "pg_hba.conf rejects"),
    ):
        with first_rule(bare, rule):
            assert message in bare.fail(**options)
        assert (bare.home.versions(), bare.state()) == before
    bare.server.sql("CREATE DATABASE kept ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;")
    before = bare.home.versions(), bare.state()
    assert "is in SQL_ASCII, and Che needs UTF8" in bare.fail(**options, external_postgresql_take_over=True)
    assert (bare.home.versions(), bare.state()) == before


@pytest.mark.soak(keep=0)
def test_a_server_that_asks_somebody_else_for_passwords_is_told_of(bare: Bed) -> None:
    options = {"che_database": "by_ldap", "che_database_user": "by_ldap", "che_database_secret": "by-ldap"}
    with first_rule(bare, 'hostssl all by_ldap all ldap ldapserver=127.0.0.1 ldapport=1 ldapprefix="cn="'):
        said = bare.fail(**options, **NO_CHE, che_database_password="s3cr3t-given")
    assert "does not log in" in said
    assert "LDAP authentication failed" in said
    assert bare.home.cluster.find("v1", "Secret", "by-ldap", bare.home.namespace) is None


@pytest.mark.soak(keep=0)
def test_a_server_that_lets_the_role_in_from_the_cluster_only_is_believed(bare: Bed) -> None:
    """From here its password can't be tried: it is set when it is new, and left alone after that."""
    options = {"che_database": "distant", "che_database_user": "distant", "che_database_secret": "distant"}
    with first_rule(bare, f"hostssl all distant {bare.server.host}/32 reject"):
        # The cluster comes from the address of its node, which is another one.
        assert bare.run(**options, **NO_CHE).changed > 0
        assert bare.run(**options, **NO_CHE).changed == 0
        given = Login("distant", "s3cr3t-given")
        assert bare.run(**options, **NO_CHE, che_database_password=given.password).changed == 2
        before = bare.state()
        another = {**options, "che_database_secret": "distant-too", "che_database_password": "s3cr3t-ours"}
        said = bare.fail(**another, **NO_CHE)
        assert "would lock out whoever uses it" in said
        assert "password authentication failed" in said
        assert bare.state() == before
        assert bare.home.cluster.find("v1", "Secret", "distant-too-tried", bare.home.namespace) is None
        # What is left of a run that was killed between the server and the Secret.
        bare.give("distant-too", {}, user="distant", password="s3cr3t-old")
        assert bare.run(**{**another, **NO_CHE, "che_database_password": given.password}).changed > 0
        # What is left of a run that was killed between the role and its password.
        bare.server.sql("ALTER ROLE distant NOLOGIN PASSWORD NULL;")
        assert bare.run(**options, **NO_CHE).changed == 1


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
    # What is left of a run that was killed between the database and its owner.
    bare.server.sql(f"DROP DATABASE {role}; CREATE DATABASE {role} OWNER {maker.role} ALLOW_CONNECTIONS false;")
    assert bare.run("--check", **options).changed == 1
    assert bare.run(**options).changed == 1
    assert bare.server.sql(f"SELECT pg_has_role('{maker.role}', '{role}', 'MEMBER');") == "f"
    assert bare.server.sql(f"SELECT datdba::regrole FROM pg_database WHERE datname = '{role}';") == role


@pytest.mark.soak(keep=2)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"che_database_login_password": "wrong"}, "Check external_postgresql_login_host"),
        ({"che_database_login_user": "nobody_special"}, "may not make roles: it lacks CREATEROLE"),
        (
            {"che_database_login_user": "half_able", "che_database_user": "dba", "che_database_password": "other"},
            "There is a role dba at",
        ),
        ({"external_postgresql_login_db": "unknown"}, 'database "unknown" does not exist'),
        ({"che_database_tls": "disable", "che_database_ca_path": None}, "no encryption"),
        ({"che_database_tls": None, "che_database_ca_path": None}, "root certificate file"),
        ({"che_database_ca_path": None, "che_database_ca_content": "ANOTHER"}, "certificate verify failed"),
        ({"external_postgresql_connections": 500}, "500 are needed"),
        (ELSEWHERE | {"che_database_host": "db.invalid"}, "could not translate host name"),
        (ELSEWHERE | {"che_database_port": 1}, "Connection refused"),
        (THROUGH_A_TUNNEL | {"che_database_ca_path": None, "che_database_ca_content": "ANOTHER"}, "verify failed"),
        ({"che_database_password": "one\ntwo"}, "line break"),
        ({"che_database_user": "x" * 64}, "1 to 63 bytes"),
        (
            {
                "che_database_manage_server": False,
                "che_database_user": "unknown",
                "che_database_password": "unknown",
                "che_identity_database_password": "unknown",
                "che_identity_database_secret": "unknown-identity",
            },
            "password authentication failed",
        ),
        ({"che_database_manage_server": False, "che_database_secret": "unknown"}, "none can be made up"),
    ],
)
def test_what_is_in_the_way_is_said_and_the_checluster_stays_as_it_is(
    che: Bed, changes: dict[str, Any], message: str
) -> None:
    if changes.get("external_postgresql_login_host"):
        there = {"external_postgresql_login_host": che.server.host, "external_postgresql_login_port": che.server.port}
        changes = {**changes, **there}
    if changes.get("che_database_ca_content"):
        changes = {**changes, "che_database_ca_content": pki.authority("somebody else").certificate}
    if changes.get("che_database_login_user"):
        attributes = {"half_able": "CREATEDB CREATEROLE"}.get(changes["che_database_login_user"], "")
        role = che.server.make_login(changes["che_database_login_user"], attributes)
        changes = {**changes, "che_database_login_password": role.password}
    before = checluster(che), che.state()
    said = che.fail(
        che_leave_data=True,
        **{"che_database": "other", "che_database_user": "other", "che_database_secret": "other", **changes},
    )
    assert message in said
    assert "SCRAM-SHA" not in said
    assert (checluster(che), che.state()) == before
    assert che.home.left_behind() == []


@pytest.mark.soak
def test_without_its_library_it_says_how_to_get_it(bare: Bed, tmp_path: Path) -> None:
    for module in ("psycopg", "psycopg2"):
        (tmp_path / f"{module}.py").write_text("raise ImportError", encoding="ascii")
    python = tmp_path / "python"
    script = f'#!/bin/sh\nPYTHONPATH="{tmp_path}:$PYTHONPATH" exec "{sys.executable}" "$@"\n'
    python.write_text(script, encoding="ascii")
    python.chmod(0o755)
    assert "Install psycopg 3.1 or newer" in bare.fail(**NO_CHE, ansible_python_interpreter=str(python))


@pytest.mark.soak(keep=0)
def test_an_administrator_s_connection_may_be_looked_at_less_closely(bare: Bed) -> None:
    """As through a tunnel, whose end has another name than the server."""
    options = {"external_postgresql_login_host": "localhost", **NO_CHE}
    assert "does not match host name" in bare.fail(**options)
    assert bare.run("--check", **options, external_postgresql_login_tls="require").changed == 5


@pytest.mark.soak(keep=0)
def test_a_right_that_the_administrator_may_not_grant_is_told(bare: Bed) -> None:
    maker = bare.server.make_login("granter", "CREATEDB CREATEROLE")
    bare.server.sql("CREATE ROLE hardened; CREATE DATABASE hardened OWNER hardened;")
    bare.server.sql("ALTER SCHEMA public OWNER TO postgres;", "hardened")
    options = {"che_database": "hardened", "che_database_user": "hardened", "che_database_secret": "hardened", **NO_CHE}
    options |= {"che_database_login_user": maker.role, "che_database_login_password": maker.password}
    said = bare.fail(**options, che_database_password="s3cr3t-given")
    assert "or a superuser, run there: GRANT ALL ON SCHEMA public TO hardened." in said


@pytest.mark.soak(keep=0)
def test_a_full_disk_is_told(che_test_cluster: Cluster, tmp_path: Path) -> None:
    with bed_in(che_test_cluster, "it-external-role-full", tmp_path, megabytes=64) as bed:
        bed.server.disk.fill()
        said = bed.fail(**NO_CHE)
        where = f"{bed.server.host}:{bed.server.port}"
        assert f"The administrator dba at {where} failed at this: Make the database." in said
        assert "No space left on device" in said
        bed.server.disk.free()
        bed.run(**NO_CHE)


@contextmanager
def first_rule(bed: Bed, rule: str) -> Iterator[None]:
    """Have the server let roles in by this rule of pg_hba.conf before all others."""
    access = Path(bed.server.sql("SHOW hba_file;"))
    rules = access.read_text(encoding="ascii")
    try:
        access.write_text(f"{rule}\n{rules}", encoding="ascii")
        bed.server.sql("SELECT pg_reload_conf();")
        yield
    finally:
        access.write_text(rules, encoding="ascii")
        bed.server.sql("SELECT pg_reload_conf();")


def checluster(bed: Bed) -> Any:
    (found,) = bed.home.cluster.list_all("org.eclipse.che/v1", "CheCluster", bed.home.namespace)
    return found["spec"]
