# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Che brought to a database on a server of somebody else's: credentials, settings, changes of both.

All of it by an account that has no rights but those of docs/rbac/external_database.yaml.

The tests build on each other and run in their order.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.che_bed import Cluster, Home, installation, new_home, wait_until
from integration.external_postgres import ExternalPostgres, external_postgres
from integration.rbac_bed import account
from integration.s3_server import address_for_pods

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("external_database")]

NAMESPACE = "it-external-database"
SECRET = "che-database"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "external_database.md"
# What an administrator may have chosen, or a script made of lines.
ROLE = "che\naway"
# Che makes its tables in a transaction, which the check has no reason to try.
FORBID = """
CREATE FUNCTION public.forbid() RETURNS event_trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE 'no tables today'; END $$;
CREATE EVENT TRIGGER forbid ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.forbid();
"""
ALLOW = "DROP EVENT TRIGGER forbid; DROP FUNCTION public.forbid();"
SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) "
    f"WHERE application_name = 'che-server' AND usename = '{ROLE}' AND ssl;"
)


@dataclass(frozen=True)
class Bed:
    """An installation with a database of its own, and a server outside of the cluster."""

    home: Home
    server: ExternalPostgres

    @property
    def options(self) -> dict[str, Any]:
        return {
            "database_host": self.server.host,
            "database_port": self.server.port,
            "database": ROLE,
            "credentials_secret": SECRET,
            "tls": "verify-full",
            "ca_certificate": self.server.authority,
        }

    @property
    def password(self) -> str:
        secret = self.home.cluster.find("v1", "Secret", SECRET, NAMESPACE)
        assert secret is not None
        return base64.b64decode(secret["data"]["password"]).decode()

    def che(self) -> dict[str, Any]:
        (found,) = self.home.cluster.list_all("org.eclipse.che/v1", "CheCluster", NAMESPACE)
        return dict(found)

    def await_session(self) -> None:
        wait_until(lambda: self.server.sql(SESSIONS) == "1", 60, self.server.logged)


@pytest.fixture(scope="module")
def bed(che_test_cluster: Cluster) -> Iterator[Bed]:
    with external_postgres(address_for_pods(che_test_cluster)) as server:
        home = new_home(che_test_cluster, NAMESPACE, "v1", {})
        auth = account(che_test_cluster, NAMESPACE, "external-database", ["external_database"])
        yield Bed(replace(home, auth=auth), server)
    installation.destroy_namespace(che_test_cluster, NAMESPACE, wait=False)


def test_a_password_is_made_up_and_told_to_nobody(bed: Bed) -> None:
    wanted = {"credentials_secret": SECRET, "database_user": ROLE}
    assert bed.home.run("external_database_credentials", check=True, **wanted)["changed"] is True
    assert bed.home.cluster.find("v1", "Secret", SECRET, NAMESPACE) is None

    result = bed.home.run("external_database_credentials", **wanted)

    assert (result["changed"], result["generated"], result["database_user"]) == (True, True, ROLE)
    assert bed.password not in json.dumps(result)
    assert bed.home.run("external_database_credentials", **wanted)["changed"] is False


def test_a_server_that_does_not_know_the_role_leaves_che_as_it_is(bed: Bed) -> None:
    before = bed.home.versions()
    outcome = bed.home.fail("external_database", leave_data=True, **bed.options)
    assert "password authentication failed" in outcome.message
    assert bed.home.versions() == before


def test_data_are_not_left_behind_unasked(bed: Bed) -> None:
    bed.server.sql(f"CREATE ROLE \"{ROLE}\" LOGIN PASSWORD '{bed.password}';")
    bed.server.sql(f'CREATE DATABASE "{ROLE}" OWNER "{ROLE}";')
    before = bed.home.versions()
    outcome = bed.home.fail("external_database", **bed.options)
    assert "what is in that one would stay there" in outcome.message
    assert bed.home.versions() == before


def test_check_mode_tells_what_would_change(bed: Bed) -> None:
    before = bed.home.versions()
    result = bed.home.run("external_database", check=True, leave_data=True, **bed.options)
    assert result["changed"] is True
    settings, trusted = result["diff"]
    assert settings["after"]["database"]["chePostgresHostName"] == bed.server.host
    assert bed.server.authority in trusted["after"]["data"].values()
    assert bed.home.versions() == before


def test_a_che_that_does_not_work_there_comes_back(bed: Bed) -> None:
    """Who only looks does not see that Che can't make its schema."""
    before = bed.che()["spec"]
    bed.server.sql(FORBID, ROLE)
    try:
        outcome = bed.home.fail("external_database", leave_data=True, timeout=60, **bed.options)
    finally:
        bed.server.sql(ALLOW, ROLE)
    assert "Che to become ready" in outcome.message
    assert "The CheCluster is as it was before" in outcome.message
    assert bed.che()["spec"] == before
    wait_until(lambda: installation.is_ready(bed.che()), 120, bed.server.logged)


def test_che_goes_there_over_tls_that_it_verifies(bed: Bed) -> None:
    result = bed.home.run("external_database", leave_data=True, **bed.options)

    assert result["changed"] is True
    assert {check["name"]: check["result"] for check in result["checks"]}["tls"] == "passed"
    bed.await_session()
    assert bed.che()["spec"]["database"]["externalDb"] is True
    assert installation.is_ready(bed.che())
    assert bed.home.left_behind() == []


def test_a_second_time_nothing_is_changed(bed: Bed) -> None:
    before = bed.home.versions()
    assert bed.home.run("external_database", **bed.options)["changed"] is False
    # Who says nothing of TLS takes none of it away.
    unsaid = {name: option for name, option in bed.options.items() if name != "tls"}
    assert bed.home.run("external_database", **unsaid)["changed"] is False
    assert bed.home.versions() == before


def test_another_password_takes_che_along(bed: Bed) -> None:
    bed.server.sql(f"ALTER ROLE \"{ROLE}\" PASSWORD 's3cr3t-standin-another';")
    changed = bed.home.run(
        "external_database_credentials", credentials_secret=SECRET, database_password="s3cr3t-standin-another"
    )
    assert (changed["changed"], changed["database_user"]) == (True, ROLE)
    bed.server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}';")

    assert bed.home.run("external_database", **bed.options)["changed"] is True

    bed.await_session()
    assert bed.home.run("external_database", **bed.options)["changed"] is False


def test_the_documented_playbook_does_all_of_it(bed: Bed, tmp_path: Path) -> None:
    """Run on top of what was done above: with the same values it changes nothing."""
    section = PAGE.read_text(encoding="utf-8").partition("## Step by step\n")[2]
    text = section.partition("```yaml\n")[2].partition("```")[0]
    (play,) = yaml.safe_load(text)
    named = {"che-database": SECRET, "che": ROLE, "eclipse-che": NAMESPACE}
    play["vars"]["database"].update(
        database_host=bed.server.host, database_port=bed.server.port, database=ROLE, ca_certificate=bed.server.authority
    )
    play["vars"]["ansible_python_interpreter"] = "{{ ansible_playbook_python }}"
    for task in play["tasks"]:
        (options,) = (value for key, value in task.items() if key.startswith("community.che."))
        options.update({key: named[value] for key, value in options.items() if value in named})
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")
    (tmp_path / "vault.yml").write_text(yaml.safe_dump({"vault_database_password": bed.password}), encoding="utf-8")

    ran = subprocess.run(
        ["ansible-playbook", "-e", "@vault.yml", "play.yml"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-4000:]
    assert "ok=3    changed=0" in ran.stdout
    assert bed.password not in ran.stdout + ran.stderr
