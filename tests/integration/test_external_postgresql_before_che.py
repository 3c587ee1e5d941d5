# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook external_postgresql for an installation that does not exist yet, and all that may be in its way.

On the cluster it has no rights but those of docs/rbac/external_database.yaml.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml
from integration.che_bed import Cluster, Home, wait_until
from integration.external_postgres import RDS_SUPERUSER, Login
from integration.external_role_bed import IDENTITY_SECRET, SECRET, SESSION, Bed, bed_in
from integration.private_operator import PrivateOperator
from integration.rbac_bed import account

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("role external_postgresql before Che")]

# One with the DevWorkspace engine, which needs no identity provider.
NO_CHE = {"che_api_version": "v1", "che_version": "7.42.0", "che_identity": "absent"}


@pytest.fixture(scope="module")
def bare(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A namespace for an installation that does not exist yet."""
    with bed_in(che_test_cluster, "it-external-role-bare", tmp_path_factory.mktemp("bare")) as bed:
        # The authority of the server, which is made known to it once, is not counted with what each test does.
        authority = {"tls": "verify-full", "ca_certificate": bed.server.authority}
        options = {"database_host": bed.server.host, "credentials_secret": "none", **authority}
        bed.home.run("external_database", **options, api_version="v1", che_version="7.42.0")
        yield bed


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
