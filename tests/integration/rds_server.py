# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server with the interface of Amazon RDS on loopback: moto's, brought nearer to what Amazon documents.

It is no RDS. It keeps what it is told and runs no database; everything is done at once, so that nothing is ever
``creating`` or pending; it knows neither the window from which it can recover, nor quotas, nor which classes and
versions there are. What moto does otherwise than Amazon documents it, and the role would notice, is put right here:

- A new parameter group of moto's knows no parameters; those of RDS know all of the engine's. One that is not there is
  an empty answer of moto's, and an error of RDS's.
- A recovery of moto's copies every setting of the source. RDS gives the new instance defaults for all that the
  request leaves out (API reference, RestoreDBInstanceToPointInTime).
- An instance of moto's with gp3 storage does not tell its IOPS and throughput, and one of version 15 has that version.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import boto3
import requests
from moto.rds.exceptions import DBParameterGroupNotFoundError
from moto.rds.models import RDSBackend
from moto.server import ThreadedMotoServer

REGION = "eu-west-1"
ACCESS_KEY_ID = "AKIDSTANDINRDS"
SECRET_ACCESS_KEY = "s3cr3t-standin-rds"
#: What PostgreSQL 15 is there, where only that is asked for.
VERSION = "15.14"
_PARAMETERS = {"rds.force_ssl": "boolean", "log_min_duration_statement": "integer"}
# The documented defaults of a recovery, by moto's names.
_DEFAULTS: dict[str, Any] = {
    "multi_az": False,
    "publicly_accessible": False,
    "deletion_protection": False,
    "copy_tags_to_snapshot": False,
    "db_parameter_group_name": None,
    "vpc_security_group_ids": ["sg-default"],
}


class RdsServer:
    """The server, and a client of it.

    Args:
        server: moto's server, which runs.
    """

    def __init__(self, server: ThreadedMotoServer) -> None:
        host, port = server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        #: What each request for a recovery asked for.
        self.recoveries: list[dict[str, Any]] = []
        self.client = self._client("rds")

    @property
    def auth(self) -> dict[str, str]:
        """Options with which Amazon's modules reach it."""
        return {
            "endpoint_url": self.url,
            "region": REGION,
            "access_key": ACCESS_KEY_ID,
            "secret_key": SECRET_ACCESS_KEY,
        }

    def instance(self, name: str) -> dict[str, Any]:
        """An instance as it is described."""
        (found,) = self.client.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        return dict(found)

    def instances(self) -> list[str]:
        """The names of all instances."""
        return [found["DBInstanceIdentifier"] for found in self.client.describe_db_instances()["DBInstances"]]

    def snapshots(self) -> list[str]:
        """The names of all snapshots that were asked for."""
        found = self.client.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
        return [snapshot["DBSnapshotIdentifier"] for snapshot in found]

    def parameter(self, group: str, name: str) -> str:
        """A parameter of a group; empty where the engine's default counts."""
        found = self.client.describe_db_parameters(DBParameterGroupName=group)["Parameters"]
        (value,) = (item.get("ParameterValue", "") for item in found if item["ParameterName"] == name)
        return str(value)

    def make_network(self) -> tuple[str, str]:
        """A subnet group over two zones, and a security group; their names."""
        ec2 = self._client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")
            for number, zone in enumerate("ab")
        ]
        names = [subnet["Subnet"]["SubnetId"] for subnet in subnets]
        self.client.create_db_subnet_group(
            DBSubnetGroupName="che", DBSubnetGroupDescription="Che's database", SubnetIds=names
        )
        group = ec2.create_security_group(GroupName="che", Description="Che's database", VpcId=vpc)
        return "che", str(group["GroupId"])

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
        )


@contextmanager
def rds_server() -> Iterator[RdsServer]:
    """A server that runs, with nothing in it."""
    process = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    process.start()
    try:
        server = RdsServer(process)
        # What moto holds is the process's, whichever server was asked for it.
        requests.post(f"{server.url}/moto-api/reset", timeout=10).raise_for_status()
        with _as_documented(server):
            yield server
    finally:
        process.stop()


@contextmanager
def _as_documented(server: RdsServer) -> Iterator[None]:
    make_group = RDSBackend.create_db_parameter_group
    make_instance = RDSBackend.create_db_instance
    recover = RDSBackend.restore_db_instance_to_point_in_time
    find_groups = RDSBackend.describe_db_parameter_groups

    def groups_that_are_there(self: RDSBackend, db_kwargs: dict[str, Any]) -> Any:
        found = find_groups(self, db_kwargs)
        name = db_kwargs.get("db_parameter_group_name")
        if name and not found:
            raise DBParameterGroupNotFoundError(name)
        return found

    def group_with_parameters(self: RDSBackend, *args: Any, **kwargs: Any) -> Any:
        group = make_group(self, *args, **kwargs)
        known = [{"ParameterName": n, "DataType": t, "IsModifiable": True} for n, t in _PARAMETERS.items()]
        group.update_parameters(known)
        return group

    def instance_that_tells_more(self: RDSBackend, db_kwargs: dict[str, Any]) -> Any:
        made = make_instance(self, db_kwargs)
        if made.engine_version == VERSION.split(".", maxsplit=1)[0]:
            made.engine_version = VERSION
        if made.storage_type == "gp3":
            made.iops, made.storage_throughput = made.iops or 3000, made.storage_throughput or 125
        return made

    def recovery_with_defaults(self: RDSBackend, source: str, target: str, overrides: Any) -> Any:
        server.recoveries.append({"source": source, "target": target, **overrides})
        made = recover(self, source, target, overrides)
        for name, value in _DEFAULTS.items():
            if name not in overrides:
                setattr(made, name, value)
        return made

    with (
        patch.object(RDSBackend, "describe_db_parameter_groups", groups_that_are_there),
        patch.object(RDSBackend, "create_db_parameter_group", group_with_parameters),
        patch.object(RDSBackend, "create_db_instance", instance_that_tells_more),
        patch.object(RDSBackend, "restore_db_instance_to_point_in_time", recovery_with_defaults),
    ):
        yield
