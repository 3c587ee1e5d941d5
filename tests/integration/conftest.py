# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster that the tests of whole modules run against, and the folders of those that run restic themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.rest_server import tool


@pytest.fixture(scope="session", autouse=True)
def other_restic(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """With ``--restic``, the tests and all that they run find that program where they look for restic."""
    name = request.config.getoption("--restic")
    if not name:
        yield
        return
    folder = tmp_path_factory.mktemp("other-restic")
    (folder / "restic").symlink_to(tool(name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder), prepend=os.pathsep)
        yield


@pytest.fixture(scope="session")
def che_test_cluster() -> object:
    """The stand-in's client for the cluster of KUBECONFIG."""
    if not os.environ.get("KUBECONFIG"):
        pytest.fail("KUBECONFIG is not set: run the tests by make, or start one with tests/cluster/cluster up")
    from integration.che_bed import Cluster

    return Cluster()


@pytest.fixture(scope="module")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """restic's cache goes to a folder of the tests' own."""
    tool("restic")
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        # It would count more than HOME.
        patch.delenv("XDG_CACHE_HOME", raising=False)
        yield folder


@pytest.fixture(scope="module")
def own_tmp(own_home: Path) -> Iterator[Path]:
    """Our private folders go where the tests can look at them."""
    folder = own_home / "tmp"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        # Or Python goes on with the folder that it has found before.
        patch.setattr("tempfile.tempdir", None)
        yield folder


@pytest.fixture
def leaves_no_private_folder(own_tmp: Path) -> Iterator[None]:
    """What we keep in a private folder, such as a password, does not outlive the test."""
    yield
    assert list(own_tmp.glob("community.che-*")) == []
