# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster that the tests of whole modules run against."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def che_test_cluster() -> object:
    """The stand-in's client for the cluster of KUBECONFIG."""
    if not os.environ.get("KUBECONFIG"):
        pytest.fail("KUBECONFIG is not set: run the tests by make, or start one with tests/cluster/cluster up")
    from integration.che_bed import Cluster

    return Cluster()
