# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Che's database on Amazon RDS, by the documented playbook, against moto: what that can't show, ``rds_server`` says.

The tests build on each other and run in their order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import Migration
from integration.che_bed import Cluster, Home, installation, new_home, wait_until
from integration.external_postgres import ExternalPostgres, external_postgres
from integration.rds_bed import NAME, PASSWORD, RECOVERED, Bed
from integration.rds_server import VERSION, rds_server
from integration.s3_server import address_for_pods
from moto.rds.models import DBInstance

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("Amazon RDS")]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "external_database_rds.md"
NAMESPACE = "it-external-rds"
SECRET, ROLE = "che-database", "che"
GROUP = "che-postgres15"


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with rds_server() as server:
        subnets, security_group = server.make_network()
        network = {"che_rds_subnet_group": subnets, "che_rds_security_groups": [security_group]}
        yield Bed(server, tmp_path_factory.mktemp("rds"), network)


def test_without_amazons_collection_it_says_how_to_get_it(bed: Bed) -> None:
    ran = bed.run(environment={"ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false"})
    assert ran.code == 2
    assert "ansible-galaxy collection install amazon.aws" in ran.message


def test_without_a_password_nothing_is_made(bed: Bed) -> None:
    assert "no password was given for its master user" in bed.fail().message
    assert bed.server.instances() == []


def test_check_mode_makes_nothing(bed: Bed) -> None:
    ran = bed.succeed("--check", che_rds_master_password=PASSWORD)
    assert ran.counts("changed") == 2
    assert bed.server.instances() == []


def test_the_instance_is_as_the_documents_recommend(bed: Bed) -> None:
    bed.succeed(che_rds_master_password=PASSWORD)

    made = bed.server.instance(NAME)
    wanted = {
        "DBInstanceClass": "db.t4g.small",
        "Engine": "postgres",
        "EngineVersion": VERSION,
        "MultiAZ": True,
        "StorageEncrypted": True,
        "StorageType": "gp3",
        "BackupRetentionPeriod": 30,
        "DeletionProtection": True,
        "CopyTagsToSnapshot": True,
        "PubliclyAccessible": False,
        "AutoMinorVersionUpgrade": True,
    }
    assert {key: made[key] for key in wanted} == wanted
    assert [group["DBParameterGroupName"] for group in made["DBParameterGroups"]] == [GROUP]
    assert bed.server.parameter(GROUP, "rds.force_ssl") == "1"


def test_a_second_time_nothing_is_changed(bed: Bed) -> None:
    assert bed.succeed(che_rds_master_password=PASSWORD).counts("changed") == 0


def test_what_somebody_changed_by_hand_is_put_back(bed: Bed) -> None:
    bed.server.client.modify_db_instance(DBInstanceIdentifier=NAME, DeletionProtection=False, ApplyImmediately=True)
    assert bed.succeed(che_rds_master_password=PASSWORD).counts("changed") == 1
    assert bed.server.instance(NAME)["DeletionProtection"] is True


def test_another_major_version_is_refused(bed: Bed) -> None:
    assert "does not upgrade from one major version to another" in bed.fail(external_rds_engine_version="16").message


def test_a_snapshot_is_taken_once(bed: Bed) -> None:
    wanted = {"che_rds_state": "snapshot", "che_rds_snapshot": "before-restore"}
    assert bed.succeed("--check", **wanted).counts("changed") == 1
    assert bed.server.snapshots() == []
    assert bed.succeed(**wanted).counts("changed") == 1
    assert bed.server.snapshots() == ["before-restore"]
    assert bed.succeed(**wanted).counts("changed") == 0


def test_each_snapshot_without_a_name_is_a_new_one(bed: Bed) -> None:
    bed.succeed(che_rds_state="snapshot")
    (other,) = set(bed.server.snapshots()) - {"before-restore"}
    assert other.startswith(f"{NAME}-20")


def test_a_snapshot_of_nothing_is_refused(bed: Bed) -> None:
    assert "There is no instance nobody" in bed.fail(che_rds_state="snapshot", che_rds_instance="nobody").message


@pytest.mark.parametrize(
    ("time", "why"),
    [
        ("yesterday", "has to be a time in UTC"),
        ("2026-02-30 25:00", "has to be a time in UTC"),
        ("2026-02-30T00:00:00Z", "day is out of range"),
        ("2019-01-01T00:00:00Z", "can't be recovered to 2019-01-01T00:00:00Z"),
        ("2199-01-01T00:00:00Z", "can't be recovered to 2199-01-01T00:00:00Z"),
    ],
)
def test_a_time_that_can_not_be_is_refused(bed: Bed, time: str, why: str) -> None:
    assert why in bed.fail(**bed.recovery, che_rds_restore_time=time).message
    assert bed.server.instances() == [NAME]


def test_an_instance_without_a_first_backup_is_no_source(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """RDS tells no latest time until then."""
    monkeypatch.setattr(DBInstance, "latest_restorable_time", None)
    assert "has no automated backup yet" in bed.fail(**bed.recovery).message
    assert bed.server.instances() == [NAME]


def test_a_switch_without_credentials_is_refused_before_the_recovery(bed: Bed) -> None:
    refused = bed.fail(**bed.recovery, che_namespace="che", che_database_secret="")
    assert "does not say with which Secret of che" in refused.message
    assert bed.server.instances() == [NAME]


def test_the_oldest_time_is_the_same_in_every_time_zone(bed: Bed) -> None:
    def keep(days: int) -> None:
        bed.server.client.modify_db_instance(
            DBInstanceIdentifier=NAME, BackupRetentionPeriod=days, ApplyImmediately=True
        )

    days = bed.server.instance(NAME)["BackupRetentionPeriod"]
    keep(1)
    # So far in the west that a day of backups would end before now, if the clock were taken for one of UTC.
    ran = bed.run("--check", environment={"TZ": "WEST+24:59"}, **bed.recovery)
    keep(days)
    assert ran.code == 0, ran.output[-3000:]


def test_a_recovery_into_itself_is_refused(bed: Bed) -> None:
    assert "makes a new instance" in bed.fail(che_rds_state="recovered", che_rds_recovered_instance=NAME).message


def test_an_instance_of_somebody_else_is_no_target(bed: Bed) -> None:
    bed.server.client.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=NAME, TargetDBInstanceIdentifier="theirs", UseLatestRestorableTime=True
    )
    theirs = bed.server.instance("theirs")
    refused = bed.fail(**(bed.recovery | {"che_rds_recovered_instance": "theirs"}))
    assert "which this role did not recover" in refused.message
    assert bed.server.instance("theirs")["MultiAZ"] is theirs["MultiAZ"] is False
    bed.server.client.delete_db_instance(DBInstanceIdentifier="theirs", SkipFinalSnapshot=True)


def test_check_mode_recovers_nothing(bed: Bed) -> None:
    before = bed.server.instance(NAME)["TagList"]
    assert bed.recover("--check").counts("changed") == 2
    assert bed.server.instances() == [NAME]
    assert bed.server.instance(NAME)["TagList"] == before


def test_an_interrupted_recovery_is_gone_on_with(bed: Bed) -> None:
    """As if the run was killed right after its request, which in this test took nothing from the source."""
    time = bed.server.instance(NAME)["LatestRestorableTime"].strftime("%Y-%m-%dT%H:%M:%SZ")
    note = {"Key": "community.che/recovering-into", "Value": f"{RECOVERED} {time}"}
    bed.server.client.add_tags_to_resource(ResourceName=bed.server.instance(NAME)["DBInstanceArn"], Tags=[note])
    bed.server.client.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=NAME, TargetDBInstanceIdentifier=RECOVERED, UseLatestRestorableTime=True
    )
    assert bed.server.instance(RECOVERED)["MultiAZ"] is False
    asked = len(bed.server.recoveries)

    bed.recover()

    assert len(bed.server.recoveries) == asked
    assert carried(bed, RECOVERED) == carried(bed, NAME)


def test_a_recovery_that_is_done_changes_nothing(bed: Bed) -> None:
    assert bed.recover().counts("changed") == 0


def test_the_recovered_instance_is_looked_after_from_then_on(bed: Bed) -> None:
    named = {"che_rds_instance": RECOVERED, "external_rds_parameter_group": GROUP}
    assert bed.succeed(**named).counts("changed") == 0
    assert bed.server.parameter(GROUP, "rds.force_ssl") == "1"


def test_a_recovery_to_another_time_needs_another_name(bed: Bed) -> None:
    assert "was recovered to" in bed.fail(**bed.recovery, che_rds_restore_time="2026-01-01T00:00:00Z").message


def test_what_a_recovery_asks_for(bed: Bed) -> None:
    """RDS gives the new instance its own settings for all that the request leaves out."""
    time = bed.server.instance(NAME)["LatestRestorableTime"].strftime("%Y-%m-%dT%H:%M:%SZ")
    bed.succeed(**(bed.recovery | {"che_rds_recovered_instance": "second"}), che_rds_restore_time=time)

    asked = bed.server.recoveries[-1]
    assert (asked["source"], asked["target"]) == (NAME, "second")
    assert asked["restore_time"].strftime("%Y-%m-%dT%H:%M:%SZ") == time
    assert carried(bed, "second") == carried(bed, NAME)


@dataclass(frozen=True)
class CheBed:
    """An installation with a database of its own, and a server that stands for the recovered instance."""

    home: Home
    server: ExternalPostgres

    @property
    def variables(self) -> dict[str, Any]:
        """What the playbook needs to switch it: the name of our own stands for one in front of RDS."""
        return {
            "che_namespace": NAMESPACE,
            "che_database": ROLE,
            "che_database_secret": SECRET,
            "che_database_host": self.server.host,
            "external_rds_database_port": self.server.port,
            # As Ansible reads it from a file.
            "che_database_ca_certificate": self.server.authority.rstrip(),
        }

    def che(self) -> dict[str, Any]:
        (found,) = self.home.cluster.list_all("org.eclipse.che/v1", "CheCluster", NAMESPACE)
        return dict(found)


@pytest.fixture(scope="module")
def che_bed(che_test_cluster: Cluster) -> Iterator[CheBed]:
    with external_postgres(address_for_pods(che_test_cluster)) as server:
        login = server.make_login(ROLE)
        server.sql(f"CREATE DATABASE {ROLE} OWNER {ROLE};")
        home = new_home(che_test_cluster, NAMESPACE, "v1", {})
        home.run(
            "external_database_credentials",
            credentials_secret=SECRET,
            database_user=ROLE,
            database_password=login.password,
        )
        yield CheBed(home, server)
    installation.destroy_namespace(che_test_cluster, NAMESPACE, wait=False)


def test_che_is_switched_in_check_mode_not_at_all(bed: Bed, che_bed: CheBed) -> None:
    before = che_bed.home.versions()
    assert bed.recover("--check", **che_bed.variables).counts("changed") == 1
    assert che_bed.home.versions() == before


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ({"che_database_secret": "nobody"}, f"The Secret {NAMESPACE}/nobody is not there."),
        ({"external_rds_che_cluster": "nobody"}, f"There is no CheCluster nobody in {NAMESPACE}"),
    ],
)
def test_a_switch_of_what_can_not_be_is_refused_before_the_recovery(
    bed: Bed, che_bed: CheBed, named: dict[str, str], why: str
) -> None:
    recovery = bed.recovery | {"che_rds_recovered_instance": "third"}
    assert why in bed.fail(**recovery, **(che_bed.variables | named)).message
    assert "third" not in bed.server.instances()


def test_beside_a_migration_nothing_is_recovered(bed: Bed, che_bed: CheBed) -> None:
    journal = asdict(Migration("m1", "r", "{}", "migrated", "m1"))
    data = {key: value if isinstance(value, str) else json.dumps(value) for key, value in journal.items()}
    metadata = {"name": "che-migration-journal", "namespace": NAMESPACE}
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    che_bed.home.cluster.apply(held)
    try:
        recovery = bed.recovery | {"che_rds_recovered_instance": "third"}
        assert f"The migration m1 of {NAMESPACE} is unfinished." in bed.fail(**recovery, **che_bed.variables).message
        assert "third" not in bed.server.instances()
    finally:
        che_bed.home.cluster.delete(held)


def test_che_goes_to_the_recovered_instance(bed: Bed, che_bed: CheBed) -> None:
    """RDS's part is done: only the switch is left, as after a run that was interrupted right before it."""
    assert bed.recover(**che_bed.variables).counts("changed") == 1

    database = che_bed.che()["spec"]["database"]
    assert (database["externalDb"], database["chePostgresHostName"]) == (True, che_bed.server.host)
    used = f"SELECT count(*) > 0 FROM pg_stat_activity WHERE usename = '{ROLE}' AND application_name = 'che-server';"
    wait_until(lambda: che_bed.server.sql(used) == "t", 60, che_bed.server.logged)
    assert {NAME, RECOVERED} <= set(bed.server.instances())


def test_a_switched_che_stays_as_it_is(bed: Bed, che_bed: CheBed) -> None:
    assert bed.recover(**che_bed.variables).counts("changed") == 0


def test_the_documented_playbooks_do_the_same(bed: Bed, che_bed: CheBed) -> None:
    """Run on top of what was done above, with the names and times of this test in place of the page's."""
    time = bed.server.instance(RECOVERED)["TagList"]
    (note,) = (tag["Value"] for tag in time if tag["Key"] == "community.che/recovered-from")
    names = {
        "che-20261122": RECOVERED,
        "2026-11-22T04:29:00Z": note.split()[1],
        "eclipse-che": NAMESPACE,
        "dbche": ROLE,
        "private": bed.network["che_rds_subnet_group"],
        "sg-0123456789abcdef0": bed.network["che_rds_security_groups"][0],
    }
    there = {"external_rds_auth": bed.server.auth, "vault_rds_master_password": PASSWORD}
    there |= {"external_rds_database_host": che_bed.server.host, "external_rds_database_port": che_bed.server.port}
    (bed.folder / "vars.yml").write_text(yaml.safe_dump(there), encoding="utf-8")
    (bed.folder / "eu-west-1-bundle.pem").write_text(che_bed.server.authority, encoding="ascii")
    play, variables, recovery = (text for text in blocks("yaml"))
    for text in (play, recovery):
        ran = bed.playbook(re.sub("|".join(names), lambda match: names[match[0]], text))
        assert ran.code == 0, ran.output[-6000:]
        assert ran.counts("changed") == 0
    (command,) = blocks("shell")
    (bed.folder / "rds.yml").write_text(variables, encoding="utf-8")
    _program, *arguments = command.split()
    assert bed.succeed(*arguments[:-1]).counts("changed") == 1


def blocks(language: str) -> list[str]:
    """The blocks of a language on the page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def carried(bed: Bed, name: str) -> dict[str, Any]:
    """What a recovery has to take along."""
    found = bed.server.instance(name)
    keys = ("MultiAZ", "DeletionProtection", "CopyTagsToSnapshot", "PubliclyAccessible", "BackupRetentionPeriod")
    return {
        **{key: found[key] for key in keys},
        "class": found["DBInstanceClass"],
        "storage": found["StorageType"],
        "maximum": found.get("MaxAllocatedStorage"),
        "parameters": found["DBParameterGroups"][0]["DBParameterGroupName"],
        "groups": [group["VpcSecurityGroupId"] for group in found["VpcSecurityGroups"]],
        "subnets": found["DBSubnetGroup"]["DBSubnetGroupName"],
    }
