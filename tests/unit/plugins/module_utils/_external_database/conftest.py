# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster with Che's namespace."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._kube._kinds import NAMESPACE
from unit.fake_api import FakeApi


@pytest.fixture
def api() -> FakeApi:
    made = FakeApi()
    made.add(NAMESPACE, "che")
    return made
