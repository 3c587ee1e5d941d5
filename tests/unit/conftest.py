# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What unit tests of several rooms share."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._kube import _wait
from unit.fake_api import FakeApi, FakeClock


@pytest.fixture
def api() -> FakeApi:
    """An empty cluster in memory."""
    return FakeApi()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Waiting without waiting: the collection's one place that sleeps takes its time from here."""
    fake = FakeClock()
    monkeypatch.setattr(_wait, "time", fake)
    return fake
