# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repositories as the old operator left them: its files, its folder, its restic's repository format."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._repository._url import parse_repository_url
from integration.che_bed import Home
from integration.rest_server import tool

# That operator put its files together in this folder of its own container, and restic noted it as the snapshot's path.
DATA = Path("/tmp/che-backup-data")


def access_of(home: Home) -> Access:
    """How an installation's repository is opened."""
    repository = home.repository
    return Access(
        server=parse_repository_url(repository["repository_url"]).server,
        password=repository["repository_password"],
        credentials=UserAndPassword(repository["server_username"], repository["server_password"]),
        ca_certificate=Path(repository["server_ca_path"]).read_text(encoding="ascii"),
    )


def make_repository(access: Access) -> Repository:
    """A new repository in the format of restic 0.12, the old operator's."""
    _restic(access, "init", "--repository-version", "1")
    return open_repository(access)


def open_repository(access: Access) -> Repository:
    """A repository that is there."""
    restic = Restic(access, read_only=True)
    return Repository(access, restic, restic.repository_id(), adapter_for(access).location, "main", "named")


def back_up(access: Access, files: Mapping[str, str | bytes]) -> str:
    """Send files as the old operator did, and return the new snapshot's id."""
    _claim()
    try:
        for folder in ("configmaps", "secrets", "db"):
            (DATA / folder).mkdir()
        for path, content in files.items():
            (DATA / path).write_bytes(content if isinstance(content, bytes) else content.encode())
        return send(access)
    finally:
        shutil.rmtree(DATA)


def send(access: Access) -> str:
    """Have restic save the folder as it is."""
    output = _restic(access, "backup", ".", "--json", folder=DATA)
    return str(json.loads(output.splitlines()[-1])["snapshot_id"])


def _claim() -> None:
    """Make the folder; another test run on this machine may have it for a moment."""
    deadline = time.monotonic() + 60
    while True:
        try:
            DATA.mkdir(mode=0o700)
            return
        except FileExistsError:
            if time.monotonic() > deadline:
                pytest.fail(f"{DATA} is there and stays", pytrace=False)
            time.sleep(0.1)


def _restic(access: Access, *arguments: str, folder: Path | None = None) -> str:
    adapter = adapter_for(access)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        **adapter.environment(),
        "RESTIC_REPOSITORY": adapter.location,
        "RESTIC_PASSWORD": access.password,
    }
    with NamedTemporaryFile("w", encoding="ascii") as authority:
        if access.ca_certificate:
            authority.write(access.ca_certificate)
            authority.flush()
            environment["RESTIC_CACERT"] = authority.name
        argv = [tool("restic"), *arguments, "--no-cache"]
        done = subprocess.run(argv, env=environment, cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
