# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kit, its vault password and an empty cluster: with nothing else the backups are listed and verified."""

from __future__ import annotations

import base64
import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.template import Templar
from ansible_collections.community.che.plugins.module_utils._backup._listing import InfoRequest, tell
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import NAMESPACE as NAMESPACES
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._keys import Keyring
from ansible_collections.community.che.plugins.module_utils._server._configure import ServerRequest, apply
from ansible_collections.community.che.plugins.module_utils._server._options import DEFAULT_NAME
from ansible_collections.community.che.plugins.module_utils._upkeep._kit import KitRequest, make_kit
from ansible_collections.community.che.plugins.module_utils._upkeep._request import VerifyRequest
from ansible_collections.community.che.plugins.module_utils._upkeep._verification import verify
from integration.rest_server import Authority, RestServerProcess, make_authority
from integration.upkeep_bed import NAMESPACE, PASSWORD, Shelf
from unit.fake_api import FakeApi

pytestmark = pytest.mark.usefixtures("own_home")

# A password that Ansible would take for a template, as long as nothing says that it is none.
AWKWARD = "{{ lookup('pipe', 'id') }} # 'quoted' \\n ü"
VAULT_PASSWORD = "of the safe"
OPTIONS = ("repository_url", "repository_password", "server_username", "server_password", "server_ca_content")


@dataclass(frozen=True)
class Kept:
    """A repository with two backups, the kit for it in the clear, and the kit as Ansible reads the encrypted file."""

    shelf: Shelf
    backups: tuple[str, str]
    made: dict[str, Any]
    text: str
    variables: dict[str, Any]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    authority: Authority = make_authority(tmp_path_factory.mktemp("authority"))
    server = RestServerProcess(tmp_path_factory.mktemp("server"), authority)
    server.start()
    try:
        shelf = Shelf.new(server, authority, "kit")
        with pytest.raises(CheError, match="no complete backup"):
            make_kit(configured(shelf).api.cluster, asked())
        backups = shelf.back_up("r1"), shelf.back_up("r2")
        Keyring(shelf.access, timeout=60).add_key(AWKWARD, "test", "test")
        configured(shelf, AWKWARD)
        made = make_kit(shelf.api.cluster, asked())
        text = base64.b64decode(made["kit"]).decode()
        yield Kept(shelf, backups, made, text, as_ansible_reads(text, tmp_path_factory.mktemp("safe")))
    finally:
        server.stop()


def configured(shelf: Shelf, password: str = PASSWORD) -> Shelf:
    options = replace(shelf.options, name=DEFAULT_NAME, password=password)
    apply(shelf.api.cluster, ServerRequest(NAMESPACE, options, "present", False, "restic", False))
    return shelf


def asked(**options: Any) -> KitRequest:
    params = {"namespace": NAMESPACE, "backup_server": None, "backups": 10, "restic_path": "restic", **options}
    return KitRequest.read(params)


def as_ansible_reads(text: str, folder: Path) -> dict[str, Any]:
    """The variables of the encrypted file, with templates resolved as a playbook resolves them."""
    secret = VaultSecret(VAULT_PASSWORD.encode())
    file = folder / "kit.yml"
    file.write_bytes(VaultLib([("default", secret)]).encrypt(text, secret))
    assert AWKWARD not in file.read_text(encoding="utf-8")
    loader = DataLoader()
    loader.set_vault_secrets([("default", secret)])
    variables: dict[str, Any] = Templar(loader=loader).template(loader.load_from_file(str(file)))
    return variables


def from_the_kit(kept: Kept, **options: Any) -> dict[str, Any]:
    """A module's parameters, as the playbooks make them out of the kit's variables and nothing else."""
    params = {name: kept.variables[f"che_{name}"] for name in OPTIONS}
    return {
        "namespace": kept.variables["che_namespace"],
        "backup_server": None,
        "restic_path": "restic",
        **params,
        **options,
    }


def test_the_backups_are_listed_with_nothing_but_the_kit(kept: Kept) -> None:
    nothing = {"id": None, "run_id": None, "wait": False, "seen_stages": 0, "wait_timeout": 1}

    listed = tell(FakeApi().cluster, InfoRequest.read(from_the_kit(kept, **nothing)))

    assert [backup["id"] for backup in listed["backups"]] == list(reversed(kept.backups))
    assert [backup["id"] for backup in kept.variables["recovery_kit"]["backups"]] == list(reversed(kept.backups))
    assert {backup["state"] for backup in listed["backups"]} == {"complete"}


def test_the_backups_are_verified_with_nothing_but_the_kit(kept: Kept) -> None:
    every = {"id": "all", "read_data": "all", "lock": False, "timeout": 120}

    verified = verify(FakeApi().cluster, VerifyRequest.read(from_the_kit(kept, **every), check_mode=False))

    assert {backup["verdict"] for backup in verified["backups"]} == {"sound"}
    assert len(verified["backups"]) == 2


def test_the_server_is_configured_anew_with_nothing_but_the_kit(kept: Kept) -> None:
    api = FakeApi()
    api.add(NAMESPACES, NAMESPACE)
    params = from_the_kit(kept, name=DEFAULT_NAME, state="present", initialize=False)

    apply(api.cluster, ServerRequest.read(params, check_mode=False))

    again = make_kit(api.cluster, asked())
    lines = [line for line in base64.b64decode(again["kit"]).decode().splitlines() if "  made: " not in line]
    assert lines == [line for line in kept.text.splitlines() if "  made: " not in line]


def test_restic_alone_opens_the_repository_as_the_kit_says(kept: Kept, tmp_path: Path) -> None:
    said = kept.variables["recovery_kit"]["without_ansible"]
    for name, content in said["files_of_the_working_directory"].items():
        (tmp_path / name).write_text(content, encoding="ascii")

    # The last one restores, and has words in it that the reader replaces.
    for command in map(shlex.split, said["commands"][:-1]):
        ran = subprocess.run(
            [*command, *(["--json", "--no-cache"] if command[0] == "restic" else [])],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], **said["environment"]},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ran.returncode == 0, ran.stderr

    assert kept.backups[1] in ran.stdout


def test_what_the_task_returns_beside_the_kit_is_not_secret(kept: Kept) -> None:
    told = str({name: value for name, value in kept.made.items() if name != "kit"})

    for secret in (AWKWARD, *Access.secrets(kept.shelf.access)):
        assert secret not in told
    assert kept.made["changed"] is False


def test_a_kit_names_as_many_backups_as_are_asked_for(kept: Kept) -> None:
    assert [each["id"] for each in make_kit(kept.shelf.api.cluster, asked(backups=1))["backups"]] == [kept.backups[1]]
    with pytest.raises(CheError, match="at least one backup"):
        asked(backups=0)
