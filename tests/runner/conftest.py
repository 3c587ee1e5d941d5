# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A project whose collection was installed from a tarball, as AWX does it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from runner.harness import Project
from tools.export_collection import export


def galaxy(*arguments: str, folder: Path, collections: Path) -> None:
    ran = subprocess.run(
        ["ansible-galaxy", "collection", *arguments],
        cwd=folder,
        # Without this, a copy that another setting knows of would do.
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection, built and installed; kubernetes.core comes with the environment, as with AWX's image."""
    folder = tmp_path_factory.mktemp("requirements_collections")
    built = tmp_path_factory.mktemp("tarball")
    source = export() / "ansible_collections" / "community" / "che"
    galaxy("build", "--output-path", str(built), folder=source, collections=folder)
    (tarball,) = built.glob("*.tar.gz")
    galaxy("install", "--no-deps", "-p", str(folder), str(tarball), folder=built, collections=folder)
    return folder


@pytest.fixture
def project(tmp_path: Path, collections: Path) -> Project:
    return Project(tmp_path / "private_data", collections)
