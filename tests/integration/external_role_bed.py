# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A namespace, a server outside of the cluster with its administrator, and playbooks that bring the two together."""

from __future__ import annotations

import base64
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from integration.che_bed import Cluster, Home, installation, manifests
from integration.external_postgres import ExternalPostgres, Login, external_postgres
from integration.rbac_bed import account
from integration.s3_server import address_for_pods

PLAYBOOK_SECONDS = 600
# What breaks whoever puts names, passwords, SQL and templates together. Names have at most 63 bytes.
HOSTILE = "o'wn\"er $(id) \\ %s; ü🦆.{x}\nDROP"
HOSTILE_PASSWORD = HOSTILE.replace("\n", " ") + ":{{ 7 * 7 }}" + "x" * 1024

# The names of the two Secrets unless others are given.
SECRET, IDENTITY_SECRET = "che-database", "che-identity-database"
SESSION = (
    "SELECT datname, usename, ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE application_name = '{}';"
)


@dataclass(frozen=True)
class Played:
    """How a playbook ended, with all that it said."""

    said: str
    failed: bool
    changed: int

    @property
    def told(self) -> str:
        """What it said without line breaks and quotes of its own."""
        return re.sub(r"\s+", " ", self.said.replace('\\"', '"').replace("\\\\", "\\"))


@dataclass(frozen=True)
class Bed:
    """A namespace of Che, and a server outside of the cluster with its administrator."""

    home: Home
    server: ExternalPostgres
    administrator: Login
    folder: Path

    def play(self, *arguments: str, **changes: Any) -> Played:
        """Run the playbook. What is given as None is left out."""
        given = {
            "che_namespace": self.home.namespace,
            "che_auth": dict(self.home.auth),
            "che_database_host": self.server.host,
            "che_database_port": self.server.port,
            "che_database_tls": "verify-full",
            "che_database_ca_path": str(self.server.ca_file),
            "che_database_login_user": self.administrator.role,
            "che_database_login_password": self.administrator.password,
            # A busy machine answers slowly, which is not what is tested.
            "external_postgresql_latency_ms": 5000,
            **changes,
        }
        literal = {key: value for key, value in given.items() if value is not None}
        return self.play_file("community.che.external_postgresql", arguments, literal)

    def play_file(self, playbook: str, arguments: Sequence[str], given: dict[str, Any]) -> Played:
        """Run any playbook with these variables."""
        variables = self.folder / "variables.yml"
        variables.touch(mode=0o600)
        variables.write_text(_untemplated(given), encoding="utf-8")
        ran = subprocess.run(
            ["ansible-playbook", *arguments, "-e", f"@{variables}", playbook],
            env={
                **os.environ,
                "ANSIBLE_LOG_PATH": str(self.folder / "log"),
                "ANSIBLE_LOCALHOST_WARNING": "false",
                # It is faster; where command lines are watched, modules go the way of everybody's.
                "ANSIBLE_PIPELINING": str("-vvv" not in arguments),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PLAYBOOK_SECONDS,
        )
        said = ran.stdout + ran.stderr
        assert "Traceback" not in said, said[-4000:]
        recap = re.search(r"localhost +: ok=\d+ +changed=(\d+) ", said)
        assert recap, said[-4000:]
        return Played(said, ran.returncode != 0, int(recap[1]))

    def run(self, *arguments: str, **changes: Any) -> Played:
        """Run the playbook, which must succeed."""
        played = self.play(*arguments, **changes)
        assert not played.failed, played.said[-4000:]
        return played

    def fail(self, **changes: Any) -> str:
        """Run the playbook, which must fail; what it said."""
        played = self.play(**changes)
        assert played.failed, played.said[-4000:]
        return played.told

    def held(self, secret: str) -> dict[str, str]:
        """What a Secret holds."""
        found = self.home.cluster.find("v1", "Secret", secret, self.home.namespace)
        assert found is not None
        return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}

    def give(self, name: str, labels: dict[str, str] | None = None, **data: str) -> None:
        """Write a Secret of somebody else's."""
        metadata = {"name": name, "namespace": self.home.namespace, "labels": labels or {}}
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        self.home.cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded})

    def state(self) -> str:
        """All roles and databases of the server, with their rights and passwords."""
        return self.server.sql("SELECT a.* FROM pg_authid a ORDER BY 1; SELECT d.* FROM pg_database d ORDER BY 1;")


def _untemplated(variables: dict[str, Any]) -> str:
    """YAML whose texts Ansible takes as they are."""

    class Dumper(yaml.SafeDumper):
        pass

    def literal(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        tag = "!unsafe" if "{" in value else "tag:yaml.org,2002:str"
        return dumper.represent_scalar(tag, value)

    Dumper.add_representer(str, literal)
    return str(yaml.dump(variables, Dumper=Dumper, allow_unicode=True))


@contextmanager
def bed_in(
    cluster: Cluster, namespace: str, folder: Path, rights: Sequence[str] = ("external_database",), **options: Any
) -> Iterator[Bed]:
    """A namespace of its own, without anything in it, and a server; without ``rights`` with all of them."""
    installation.destroy_namespace(cluster, namespace)
    cluster.apply(manifests.namespace(namespace))
    try:
        with external_postgres(address_for_pods(cluster), **options) as server:
            auth = account(cluster, namespace, "external-postgresql", rights) if rights else {}
            yield Bed(Home(cluster, namespace, "v1", {}, auth), server, server.make_administrator(), folder)
    finally:
        installation.destroy_namespace(cluster, namespace, wait=False)
