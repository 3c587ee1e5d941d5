# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster that the tests of whole modules run against."""

from __future__ import annotations

import os
from collections.abc import Iterator

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
