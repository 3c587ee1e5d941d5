# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the documentation tells readers to run, run, in the order of the pages: every playbook and every command.

Usual runs take what everybody begins with, and a sample of the rest.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.che_bed import BackupServer, Cluster, Home, installation, new_home
from integration.s3_server import address_for_pods
from integration.server_places import PLACES
from sampling import cases

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    ROOT / "README.md",
    ROOT / "docs" / "backup_server_rest.md",
    ROOT / "docs" / "backup_servers.md",
    ROOT / "docs" / "backing_up.md",
    ROOT / "docs" / "restoring.md",
    ROOT / "docs" / "restore_drill.md",
    ROOT / "docs" / "looking_after_backups.md",
    ROOT / "docs" / "backup_server_internal.md",
)
# With servers of their own.
PAGES_OF_KINDS = {"awss3": ROOT / "docs" / "backup_server_s3.md", "sftp": ROOT / "docs" / "backup_server_sftp.md"}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
URL = "rest:https://che@backups.example.com:8000/che"
NAMESPACE = "docs-che"
SECONDS = 600

pytestmark = pytest.mark.integration


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language on a page."""
    return [text for found, text in BLOCK.findall(page.read_text(encoding="utf-8")) if found == language]


def playbooks() -> list[tuple[str, Any]]:
    """Every playbook in the documentation, by the name of its first play."""
    loaded = [yaml.safe_load(text) for page in PAGES for text in blocks(page, "yaml")]
    return [(plays[0]["name"], plays) for plays in loaded if isinstance(plays, list) and "hosts" in plays[0]]


def commands() -> list[str]:
    """Every line of every shell block."""
    return [line for page in PAGES for text in blocks(page, "shell") for line in text.splitlines() if line]


# The first of them are what everybody begins with, and what the others need.
PLAYBOOKS = [name for name, _plays in playbooks()]
PLAYBOOK_COMMANDS = [line for line in commands() if line.startswith("ansible-playbook ")]


@pytest.fixture(scope="module")
def home(che_test_cluster: Cluster) -> Iterator[Home]:
    """A stand-in with the namespace that the playbooks below are given."""
    server = BackupServer.up(che_test_cluster, "docs-backup-server")
    yield new_home(che_test_cluster, NAMESPACE, "v1", server.repository(f"docs-{secrets.token_hex(4)}"))
    for namespace in (NAMESPACE, server.namespace):
        installation.destroy_namespace(che_test_cluster, namespace, wait=False)


@pytest.fixture(scope="module")
def che_yml(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The variables' file of the pages, with the values of this test."""
    (example,) = (text for page in PAGES for text in blocks(page, "yaml") if isinstance(yaml.safe_load(text), dict))
    values = adapted(home, yaml.safe_load(example))
    values |= {
        "che_repository_password": home.repository["repository_password"],
        "che_server_password": home.repository["server_password"],
        "che_server_ca_path": home.repository["server_ca_path"],
    }
    file = tmp_path_factory.mktemp("docs") / "che.yml"
    values |= {"che_kit": str(file.parent / "kit.yml"), "che_kit_vault_password": secrets.token_urlsafe(12)}
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    return file


def adapted(home: Home, value: Any) -> Any:
    """A documented value with this test's server and namespace; the server's certificate is a private one here."""
    if isinstance(value, dict):
        return {key: adapted(home, held) for key, held in value.items()} | extras(home, value)
    if isinstance(value, list):
        return [adapted(home, item) for item in value]
    if value == URL:
        return home.repository["repository_url"].replace("https://", f"https://{home.repository['server_username']}@")
    return NAMESPACE if value == "eclipse-che" else value


def extras(home: Home, value: dict[str, Any]) -> dict[str, Any]:
    """The option for the private certificate, beside each URL."""
    urls = [key for key in value if key.endswith("repository_url") and not key.startswith("che_")]
    return {key.replace("repository_url", "server_ca_path"): home.repository["server_ca_path"] for key in urls}


def ansible_playbook(*arguments: str, folder: Path) -> str:
    """Run ansible-playbook, which must succeed."""
    ran = subprocess.run(
        ["ansible-playbook", *arguments],
        cwd=folder,
        env={**os.environ, "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false", "ANSIBLE_LOCALHOST_WARNING": "false"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-4000:]
    return ran.stdout


@pytest.mark.soak(keep=3)
@pytest.mark.parametrize("name", cases(PLAYBOOKS, always=PLAYBOOKS[:2]))
def test_playbook(name: str, home: Home, tmp_path: Path) -> None:
    (plays,) = (plays for found, plays in playbooks() if found == name)
    play = adapted(home, plays[0]) | {"vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")
    passwords = {
        "vault_repository_password": home.repository["repository_password"],
        "vault_server_password": home.repository["server_password"],
        # The one in use, so that what comes after it can still open the repository.
        "vault_new_repository_password": home.repository["repository_password"],
    }
    (tmp_path / "vault.yml").write_text(yaml.safe_dump(passwords), encoding="utf-8")

    ansible_playbook("-e", "@vault.yml", "play.yml", folder=tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("kind", PAGES_OF_KINDS)
def test_playbook_of_a_kind(kind: str, home: Home, tmp_path: Path) -> None:
    (plays,) = (yaml.safe_load(text) for text in blocks(PAGES_OF_KINDS[kind], "yaml"))
    with PLACES[kind](address_for_pods(home.cluster), tmp_path) as place:
        play = adapted(home, plays[0]) | {"vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}}
        options = play["tasks"][0]["community.che.backup_server"]
        # The certificate of the other pages' server, which also has the default name.
        del options["server_ca_path"]
        options |= {**place.public, "name": kind, "repository_url": place.url}
        (tmp_path / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")
        passwords = {f"vault_{option}": value for option, value in place.opening.items()}
        passwords["vault_repository_password"] = place.password
        (tmp_path / "vault.yml").write_text(yaml.safe_dump(passwords), encoding="utf-8")

        ansible_playbook("-e", "@vault.yml", "play.yml", folder=tmp_path)


@pytest.mark.soak(keep=3)
@pytest.mark.parametrize("command", cases(PLAYBOOK_COMMANDS, always=PLAYBOOK_COMMANDS[:1]))
def test_playbook_command(command: str, home: Home, che_yml: Path) -> None:
    newest = home.backups(**home.repository)[0]["short_id"]
    _program, *arguments = command.replace("che_backup_id=5b8c2f0f", f"che_backup_id={newest}").split()

    ansible_playbook(*arguments, folder=che_yml.parent)


def test_every_other_command_is_one_that_another_check_runs() -> None:
    """`make test` and `make demo` are what this runs in; the collection's installation is a check of its own."""
    others = {line for line in commands() if not line.startswith("ansible-playbook ")}

    assert others == {"make demo", "make test", "ansible-galaxy collection install ."}
