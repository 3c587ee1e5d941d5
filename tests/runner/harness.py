# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run playbooks the way AWX does: by ansible-runner, from a private data folder, with extra variables from a file.

AWX checks a project out, installs the collections that it asks for beside it, and hands job templates' variables over
in ``env/extravars``. What it keeps and shows afterwards are the artifacts: the output and one file an event.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# Everything else of this process's environment stays outside, as outside AWX's container.
PASSED_ON = ("HOME", "LANG", "PATH", "TMPDIR", "http_proxy", "https_proxy", "no_proxy")
GRACE_SECONDS = 60
# As in the inventory that AWX comes with.
LOCALHOST = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
INVENTORY = {"all": {"hosts": {"localhost": LOCALHOST}}}


@dataclass(frozen=True)
class Job:
    """A job that has ended.

    Args:
        status: ansible-runner's word: ``successful``, ``failed``, ``timeout`` or ``canceled``.
        artifacts: The folder with what AWX would keep of it.
    """

    status: str
    artifacts: Path

    @property
    def output(self) -> str:
        return (self.artifacts / "stdout").read_text(encoding="utf-8")

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """The events in order, or those of one kind, for example ``runner_on_failed``."""
        files = sorted((self.artifacts / "job_events").glob("*.json"), key=_number_of)
        found = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        return [event for event in found if not kind or event["event"] == kind]

    def results(self, module: str) -> list[dict[str, Any]]:
        """What the tasks of one module returned, by its full name."""
        ended = [event["event_data"] for event in self.events() if event["event"].startswith("runner_on_")]
        return [data["res"] for data in ended if data.get("resolved_action") == module and "res" in data]


def _number_of(event_file: Path) -> int:
    return int(event_file.name.partition("-")[0])


@dataclass(frozen=True)
class Project:
    """A project of AWX's: playbooks, and the collections that were installed for it.

    Args:
        folder: The private data folder; ``run`` fills it.
        collections: Where ``ansible-galaxy collection install`` put the project's collections.
    """

    folder: Path
    collections: Path

    def run(
        self,
        playbook: str | Sequence[Mapping[str, Any]],
        extra_vars: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        cmdline: str = "",
        timeout: int = 600,
    ) -> Job:
        """Run one playbook to its end.

        Args:
            playbook: A collection's playbook by its full name, for example ``community.che.backup``, or plays.
            extra_vars: The job template's variables. They may hold secrets.
            environment: What AWX's credentials would put into the environment, for example ``KUBECONFIG``.
            cmdline: Options of ansible-playbook, for example ``--check --diff``.
            timeout: Seconds until ansible-runner ends the job.

        Raises:
            AssertionError: ansible-runner itself failed before there was a job.
        """
        ident = f"job-{len(list(self.folder.glob('artifacts/*'))) + 1}"
        self._prepare(playbook, extra_vars or {}, environment or {}, cmdline, timeout)
        command = ["ansible-runner", "run", str(self.folder), "--playbook", "play.yml", "--ident", ident, "--quiet"]
        ran = subprocess.run(
            command,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout + GRACE_SECONDS,
        )
        artifacts = self.folder / "artifacts" / ident
        assert (artifacts / "status").is_file(), f"ansible-runner: {ran.stdout}{ran.stderr}"
        return Job((artifacts / "status").read_text(encoding="utf-8"), artifacts)

    def _prepare(
        self,
        playbook: str | Sequence[Mapping[str, Any]],
        extra_vars: Mapping[str, Any],
        environment: Mapping[str, str],
        cmdline: str,
        timeout: int,
    ) -> None:
        plays = [{"ansible.builtin.import_playbook": playbook}] if isinstance(playbook, str) else list(playbook)
        files = {
            "project/play.yml": yaml.safe_dump(plays),
            "inventory/hosts.yml": yaml.safe_dump(INVENTORY),
            "env/extravars": json.dumps(extra_vars),
            "env/envvars": json.dumps({"ANSIBLE_COLLECTIONS_PATH": str(self.collections), **environment}),
            "env/settings": json.dumps({"job_timeout": timeout, "idle_timeout": timeout}),
            "env/cmdline": cmdline,
        }
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
