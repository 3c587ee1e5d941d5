# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in Che and a backup server for the playbooks."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STANDIN = Path(__file__).resolve().parents[1] / "standin"
# Stands in every secret of the stand-in and of its backup server.
MARKER = "s3cr3t-standin"


def standin(command: str, *arguments: str) -> str:
    """Run the stand-in's command line; what it prints."""
    return _run(STANDIN / "standin", command, *arguments)


def backup_server(command: str, namespace: str) -> str:
    """Run the backup server's command line; what it prints."""
    return _run(STANDIN / "backup-server", command, "--namespace", namespace)


def _run(program: Path, *arguments: str) -> str:
    ran = subprocess.run([str(program), *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{program.name} {arguments[0]}: {ran.stdout}{ran.stderr}"
    return ran.stdout


@dataclass(frozen=True)
class Bed:
    """An installation, and where its backups go.

    Args:
        namespace: The namespace of Che.
        url: A repository of its own on the backup server; nobody has made it yet.
        repository_password: What will seal it.
        server_username: The backup server's user.
        server_password: The backup server's password.
        ca_path: The file of the backup server's CA certificate.
    """

    namespace: str
    url: str
    repository_password: str = field(repr=False)
    server_username: str
    server_password: str = field(repr=False)
    ca_path: str

    @classmethod
    def bring_up(cls, namespace: str, server_namespace: str) -> Bed:
        """Bring both up and wait until they are ready."""
        standin("up", "--variant", "v1", "--namespace", namespace)
        server = json.loads(backup_server("up", server_namespace))
        return cls(
            namespace=namespace,
            url=f"rest:{server['url']}runner-{secrets.token_hex(4)}",
            repository_password=f"s3cr3t-{secrets.token_urlsafe(12)}",
            server_username=server["username"],
            server_password=Path(server["password_file"]).read_text(encoding="utf-8"),
            ca_path=server["ca_file"],
        )

    @property
    def secrets(self) -> Iterable[str]:
        return (self.repository_password, self.server_password, MARKER)

    @property
    def environment(self) -> dict[str, str]:
        """What AWX's Kubernetes credential puts into a job's environment."""
        return {"K8S_AUTH_KUBECONFIG": os.environ["KUBECONFIG"]}

    def variables(self, **others: Any) -> dict[str, Any]:
        """The job template's variables: all of the backup server, with some replaced."""
        return {
            "che_namespace": self.namespace,
            "che_repository_url": self.url,
            "che_repository_password": self.repository_password,
            "che_server_username": self.server_username,
            "che_server_password": self.server_password,
            "che_server_ca_path": self.ca_path,
            **others,
        }
