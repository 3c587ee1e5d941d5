# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Back up a stand-in Che, destroy its namespace, restore it, and prove that it is the same.

The collection is used as its users do: by its playbooks, with ansible-playbook. The proof is taken by code
that shares nothing with the collection.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STANDIN = Path(__file__).resolve().parents[1] / "standin"
NAMESPACE = "demo-che"
SERVER_NAMESPACE = "demo-backup-server"
RESTORE_SECONDS = 600


@dataclass
class Chapters:
    """The demo's parts, announced when they begin; how long each took is shown at the end."""

    took: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def chapter(self, title: str) -> Iterator[None]:
        say(f"\n=== {len(self.took) + 1}. {title}")
        began = time.monotonic()
        yield
        self.took.append((title, time.monotonic() - began))

    def show(self) -> None:
        width = max(len(title) for title, _ in self.took)
        for number, (title, seconds) in enumerate(self.took, 1):
            say(f"{number:2}. {title:{width}} {seconds:6.1f} s")


class CommandFailed(Exception):
    """A program that the demo runs has failed; it has said why."""


def main() -> int:
    options = parse()
    check_environment()
    with tempfile.TemporaryDirectory(prefix="che-demo-") as folder:
        try:
            same = round_trip(Path(folder), options.database_size_mb)
        except CommandFailed as error:
            say(f"\nThe demo failed: {error}")
            say(f"What it made is left to look at, in the namespaces {NAMESPACE} and {SERVER_NAMESPACE}.")
            return 1
    if not options.keep:
        clean_up()
    return 0 if same else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/demo/demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--database-size-mb", type=int, default=20, metavar="N", help="rows on top of the small tables")
    parser.add_argument("--keep", action="store_true", help="leave the stand-in and the backup server")
    return parser.parse_args()


def check_environment() -> None:
    missing = [name for name in ("ansible-playbook", "restic") if shutil.which(name) is None]
    if missing or not os.environ.get("KUBECONFIG"):
        sys.exit("Run `make demo`: it starts the cluster and finds ansible-playbook and restic, which are needed here.")


def round_trip(folder: Path, database_size_mb: int) -> bool:
    """The demo itself.

    Returns:
        Whether everything was the same afterwards.
    """
    chapters = Chapters()
    namespace = ("--namespace", NAMESPACE)
    before, after = folder / "before.json", folder / "after.json"

    with chapters.chapter("Bring up a stand-in Che with its database, and a backup server with TLS and a password"):
        standin("up", "--variant", "v1", "--database-size-mb", str(database_size_mb), *namespace)
        server = backup_server("up")
    connection = write_variables(folder / "connection.yml", connection_of(server))
    only_namespace = write_variables(folder / "namespace.yml", {"che_namespace": NAMESPACE})

    with chapters.chapter("Configure the backup server, making a new repository there"):
        playbook("configure_backup_server", connection, "--extra-vars", "che_initialize=true")
    with chapters.chapter("Back up, naming no more than the namespace"):
        playbook("backup", only_namespace)
    with chapters.chapter("Write down what there is: every object's digest, every table's rows and checksum"):
        standin("proof", "--output", str(before), *namespace)
    with chapters.chapter("Lose everything: destroy the namespace"):
        standin("destroy-namespace", *namespace)
    with chapters.chapter("Restore from nothing but the backup server"):
        playbook("restore", connection)
    with chapters.chapter("Write down what there is now"):
        standin("wait", "--timeout", str(RESTORE_SECONDS), *namespace)
        standin("proof", "--output", str(after), *namespace)

    say("\n=== The proof\n")
    same = subprocess.run([STANDIN / "standin", "compare", before, after], check=False).returncode == 0
    say("\nEverything is the same as before.\n" if same else "\nSOMETHING DIFFERS: see the table.\n")
    chapters.show()
    return same


def connection_of(server: dict[str, Any]) -> dict[str, str]:
    return {
        "che_namespace": NAMESPACE,
        "che_repository_url": f"rest:{server['url']}demo-{secrets.token_hex(4)}",
        "che_repository_password": secrets.token_urlsafe(24),
        "che_server_username": server["username"],
        "che_server_password": Path(server["password_file"]).read_text(encoding="utf-8"),
        "che_server_ca_path": server["ca_file"],
    }


def write_variables(file: Path, variables: dict[str, str]) -> Path:
    """A file of extra variables that only this user can read."""
    file.touch(mode=0o600)
    file.write_text(json.dumps(variables, indent=1), encoding="utf-8")
    return file


def playbook(name: str, variables: Path, *arguments: str) -> None:
    command = ["ansible-playbook", f"community.che.{name}", "--extra-vars", f"@{variables}", *arguments]
    say(f"$ {' '.join(command)}")
    quiet = {"ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false"}
    run(command, {**os.environ, **quiet})


def standin(*arguments: str) -> None:
    run([str(STANDIN / "standin"), *arguments])


def backup_server(command: str) -> dict[str, Any]:
    output = run([str(STANDIN / "backup-server"), command, "--namespace", SERVER_NAMESPACE], output=subprocess.PIPE)
    return dict(json.loads(output)) if output else {}


def clean_up() -> None:
    say("\n=== Cleaning up (--keep leaves everything)")
    standin("down", "--namespace", NAMESPACE)
    backup_server("down")


def run(command: list[str], environment: dict[str, str] | None = None, output: int | None = None) -> str:
    """What the program printed, if that was asked for.

    Raises:
        CommandFailed: It ended with another status than 0.
    """
    ended = subprocess.run(command, env=environment, stdout=output, text=True, check=False)
    if ended.returncode:
        raise CommandFailed(f"{Path(command[0]).name} {command[1]} ended with status {ended.returncode}")
    return ended.stdout or ""


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
