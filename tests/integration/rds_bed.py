# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook for Amazon RDS, run against a server of ``rds_server``."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from integration.rds_server import RdsServer

NAME, RECOVERED = "che", "che-recovered"
PASSWORD = "s3cr3t-standin-rds-master"


@dataclass(frozen=True)
class Ran:
    """How a playbook ended."""

    code: int
    output: str

    @property
    def message(self) -> str:
        """The output without the line breaks that Ansible puts into long messages."""
        return " ".join(self.output.split())

    def counts(self, name: str) -> int:
        """A figure of the recap."""
        return int(self.output.rpartition(f" {name}=")[2].split()[0])


@dataclass(frozen=True)
class Bed:
    """A server, and the playbook that is run against it."""

    server: RdsServer
    folder: Path
    network: dict[str, Any]

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None, **variables: Any) -> Ran:
        """Run the playbook, with everything it says."""
        given = {"che_rds_instance": NAME, "che_rds_auth": self.server.auth, **self.network, **variables}
        (self.folder / "vars.yml").write_text(yaml.safe_dump(given), encoding="utf-8")
        return self._ansible_playbook("-vvv", *arguments, "community.che.external_rds", environment=environment or {})

    def playbook(self, text: str) -> Ran:
        """Run another one, with the variables that are there."""
        (play,) = yaml.safe_load(text)
        play["vars"] = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        (self.folder / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")
        return self._ansible_playbook("play.yml", environment={})

    def _ansible_playbook(self, *arguments: str, environment: Mapping[str, str]) -> Ran:
        quiet = {"ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false"}
        ran = subprocess.run(
            ["ansible-playbook", "-e", "@vars.yml", *arguments],
            cwd=self.folder,
            env={**os.environ, **quiet, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        return Ran(ran.returncode, ran.stdout + ran.stderr)

    def succeed(self, *arguments: str, **variables: Any) -> Ran:
        """Run it, which must succeed, and tell no secret."""
        ran = self.run(*arguments, **variables)
        assert ran.code == 0, ran.output[-6000:]
        for secret in (PASSWORD, self.server.auth["secret_key"]):
            assert secret not in ran.output
        return ran

    def fail(self, *arguments: str, **variables: Any) -> Ran:
        """Run it, which must fail and say why."""
        ran = self.run(*arguments, **variables)
        assert ran.code == 2, ran.output[-6000:]
        assert "Traceback" not in ran.output
        return ran

    def recover(self, *arguments: str, **variables: Any) -> Ran:
        return self.succeed(*arguments, **self.recovery, **variables)

    @property
    def recovery(self) -> dict[str, Any]:
        return {"che_rds_state": "recovered", "che_rds_recovered_instance": RECOVERED}
