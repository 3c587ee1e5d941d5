# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster is lost: with the playbooks, a recovery kit and its password, Che comes back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from integration.che_bed import BackupServer, Cluster, Home, installation, new_home

NAMESPACE, BARE, SERVER_NAMESPACE = "it-kit", "it-kit-bare", "it-kit-server"
VAULT_PASSWORD = "of the safe"
SECONDS = 900

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("recovery kit")]


@dataclass
class Safe:
    """The installation, and the folder with the kit and the file of its password."""

    home: Home
    folder: Path
    backup: str

    @property
    def kit(self) -> Path:
        return self.folder / "kit.yml"

    def play(self, name: str, *arguments: str, fails: bool = False) -> str:
        """Run a playbook with nothing in its environment that leads to a backup."""
        ran = subprocess.run(
            ["ansible-playbook", f"community.che.{name}", "--vault-password-file", "password", *arguments],
            cwd=self.folder,
            env={**os.environ, "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false", "ANSIBLE_LOCALHOST_WARNING": "false"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        said = ran.stdout + ran.stderr
        assert (ran.returncode != 0) == fails, said[-4000:]
        for secret in (self.home.repository["repository_password"], self.home.repository["server_password"]):
            assert secret not in said
        return said

    def clear(self) -> str:
        vault = VaultLib([("default", VaultSecret(VAULT_PASSWORD.encode()))])
        return vault.decrypt(self.kit.read_bytes()).decode()


@pytest.fixture(scope="module")
def safe(che_test_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Safe]:
    server = BackupServer.up(che_test_cluster, SERVER_NAMESPACE)
    home = new_home(che_test_cluster, NAMESPACE, "v1", server.repository("kit"))
    home.configure()
    folder = tmp_path_factory.mktemp("safe")
    (folder / "password").write_text(VAULT_PASSWORD, encoding="utf-8")
    yield Safe(home, folder, str(home.run("cluster_backup")["id"]))
    for namespace in (NAMESPACE, BARE, SERVER_NAMESPACE):
        installation.destroy_namespace(che_test_cluster, namespace, wait=False)


def test_the_kit_is_written_once_and_says_nothing(safe: Safe) -> None:
    arguments = ("-vvv", "--diff", "-e", f"che_namespace={NAMESPACE}", "-e", f"che_kit={safe.kit}")
    planned = safe.play("recovery_kit", "--check", *arguments)
    assert "changed=1" in planned and not safe.kit.exists()

    first = safe.play("recovery_kit", *arguments)

    assert "changed=1" in first
    assert f"and names 1 backups; its commands restore {safe.backup[:8]} of " in " ".join(first.split())
    assert safe.kit.stat().st_mode & 0o7777 == 0o600
    assert safe.kit.read_bytes().startswith(b"$ANSIBLE_VAULT;1.")
    assert "changed=0" in safe.play("recovery_kit", *arguments)
    assert safe.home.repository["repository_password"] in safe.clear()


def test_an_empty_namespace_and_the_kit_are_enough_to_list_and_to_verify(safe: Safe) -> None:
    safe.home.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": BARE}})
    bare = ("-e", "@kit.yml", "-e", f"che_namespace={BARE}")

    assert f"{safe.backup[:8]} " in safe.play("list_backups", *bare)
    assert f"{safe.backup[:8]} " in safe.play("verify_backups", *bare)
    assert "sound" in safe.play("verify_backups", *bare, "-e", "che_read_data=10%")
    safe.play("configure_backup_server", *bare)
    assert safe.backup[:8] in safe.play("list_backups", "-e", f"che_namespace={BARE}")


def test_a_changed_password_makes_the_kit_useless_until_it_is_made_anew(safe: Safe) -> None:
    safe.home.run("backup_password")

    assert "The repository password is wrong" in safe.play("list_backups", "-e", "@kit.yml", fails=True)
    arguments = ("-e", f"che_namespace={NAMESPACE}", "-e", f"che_kit={safe.kit}")
    assert "changed=1" in safe.play("recovery_kit", *arguments)
    assert safe.backup[:8] in safe.play("list_backups", "-e", "@kit.yml")


def test_che_comes_back_with_the_commands_of_the_kit(safe: Safe) -> None:
    before = safe.home.proof()
    installation.destroy_namespace(safe.home.cluster, NAMESPACE, wait=True)
    commands = yaml.safe_load(safe.clear())["recovery_kit"]["commands"]
    (restore,) = [line for line in commands if " community.che.restore " in line and "--check" not in line]
    _program, _playbook, *arguments = restore.replace("--ask-vault-pass", "").split()

    safe.play("restore", *arguments)

    assert safe.home.differences(before) == []
    assert safe.home.backups()[-1]["id"] == safe.backup
