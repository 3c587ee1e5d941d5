# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a way back keeps users from Che: by an abort, or by a restore itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from unit.fake_api import FakeApi
from unit.plugins.module_utils._restore.restore_bed import (
    REQUEST,
    Databases,
    Killed,
    change,
    data_of,
    killed,
)


def ago(seconds: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


@pytest.mark.parametrize("writes", [2, 3])
def test_the_outage_of_an_abort_goes_on_where_the_killed_restore_had_closed_databases(
    che: FakeApi, databases: Databases, writes: int
) -> None:
    """Also where the abort was killed on its way: after it has begun, and when nothing is closed any more."""
    change(che)
    killed(che, 5)
    data_of(che, "che-restore-journal").update(closed_at=ago(600), phase="cut over")
    request = replace(REQUEST, run_id="r3", state="aborted")
    with Killed(che, writes), pytest.raises(KeyboardInterrupt):
        restore(che.cluster, request)
    assert bool(data_of(che, "che-restore-journal")["closed_at"]) is (writes == 2)

    told = restore(che.cluster, replace(request, run_id="r4"))

    assert 600 <= told["outage_seconds"] < 660


@pytest.mark.parametrize(("check_mode", "swaps"), [(True, True), (False, True), (False, False)])
def test_the_outage_of_an_abort_is_not_that_of_the_restore(
    che: FakeApi, databases: Databases, monkeypatch: pytest.MonkeyPatch, check_mode: bool, swaps: bool
) -> None:
    change(che)
    databases.closed_at, databases.outage_seconds = ago(600), 500.0
    assert restore(che.cluster, replace(REQUEST, commit=False))["outage_seconds"] == 500.0

    def swap_back(self: Databases) -> list[str]:
        assert self.journal.content.away_since == ""
        if swaps:
            self.journal.note(away_since=ago(7))
        return []

    monkeypatch.setattr(Databases, "swap_back", swap_back)
    request = replace(REQUEST, run_id="r3", state="aborted", check_mode=check_mode)
    told = restore(che.cluster, request)["outage_seconds"]

    assert 7 <= told < 60 if swaps and not check_mode else told == 0.0
