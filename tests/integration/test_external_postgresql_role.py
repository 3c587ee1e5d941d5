# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook external_postgresql: a Che that runs goes to a server of which there is nothing but its administrator.

On the cluster it has no rights but those of docs/rbac/external_database.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.che_bed import Cluster, installation, manifests, pki, served, wait_until
from integration.external_role_bed import (
    HOSTILE,
    HOSTILE_PASSWORD,
    IDENTITY_SECRET,
    SECRET,
    SESSION,
    Bed,
    bed_in,
)
from runner.leaks import leaks_in, watched_command_lines

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("role external_postgresql")]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "external_database.md"
# What the shortest playbook of the page says.
DOCUMENTED = ("namespace", "host", "ca_path", "login_password", "leave_data")
# The role's host gets to the server where pods do not.
THROUGH_A_TUNNEL = {"external_postgresql_login_tls": "require", "external_postgresql_login_host": "TUNNEL"}
# The database that the identity provider may use already is another installation's by an address of its own.
ELSEWHERE = THROUGH_A_TUNNEL | {"external_postgresql_take_over": True}
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


def checluster(bed: Bed) -> Any:
    (found,) = bed.home.cluster.list_all("org.eclipse.che/v1", "CheCluster", bed.home.namespace)
    return found["spec"]
