# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Lease: one holder at a time, taken over from one that is gone, and away when the work is done."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.community.che.plugins.module_utils._kube import _lease
from ansible_collections.community.che.plugins.module_utils._kube._kinds import LEASE, NAMESPACE
from ansible_collections.community.che.plugins.module_utils._kube._lease import LeaseHeld, held_lease
from unit.fake_api import FakeApi, FakeClock, Request


@pytest.fixture(autouse=True)
def namespace(api: FakeApi) -> None:
    api.add(NAMESPACE, "che")


def hold(api: FakeApi, patience: float = 0) -> AbstractContextManager[None]:
    return held_lease(api.cluster, "che", "one", "making it", patience)


def put(api: FakeApi, holder: str, age: float, text: str = "") -> None:
    moment = datetime.now(timezone.utc) - timedelta(seconds=age)
    renewed = text or moment.isoformat().replace("+00:00", "Z")
    api.add(LEASE, "one", "che", spec={"holderIdentity": holder, "leaseDurationSeconds": 60, "renewTime": renewed})


def test_it_is_held_for_as_long_as_the_work_takes(api: FakeApi) -> None:
    with hold(api):
        live = api.at(LEASE, "one", "che")
        assert live is not None
        assert live["spec"]["holderIdentity"]
        assert live["metadata"]["annotations"] == {"community.che/purpose": "making it"}
    assert api.at(LEASE, "one", "che") is None


def test_it_goes_after_an_error_too(api: FakeApi) -> None:
    with pytest.raises(ValueError, match="broken"), hold(api):
        raise ValueError("broken")
    assert api.at(LEASE, "one", "che") is None


def test_a_second_one_is_told_who_holds_it(api: FakeApi, clock: FakeClock) -> None:
    put(api, "other-host", 59)

    with pytest.raises(LeaseHeld, match="other-host is at work on this: making it"), hold(api, patience=20):
        pytest.fail("both hold it")

    assert sum(clock.waits) == pytest.approx(20)
    live = api.at(LEASE, "one", "che")
    assert live is not None
    assert live["spec"]["holderIdentity"] == "other-host"


@pytest.mark.parametrize("holder", ["gone", ""])
def test_one_that_has_run_out_or_has_no_holder_is_taken_over(api: FakeApi, holder: str) -> None:
    put(api, holder, 61 if holder else 0)

    with hold(api):
        live = api.at(LEASE, "one", "che")
        assert live is not None
        assert live["spec"]["holderIdentity"] not in ("gone", "")
    assert api.at(LEASE, "one", "che") is None


def test_it_is_waited_for(api: FakeApi, clock: FakeClock) -> None:
    put(api, "other", 0)
    looks: list[Request] = []

    def end(request: Request) -> None:
        looks.append(request)
        if len(looks) == 3:
            api.objects.pop(request.path, None)

    api.react("get", "leases/one$", end)
    with hold(api, patience=60):
        assert len(clock.waits) == 2


@pytest.mark.parametrize("there", [False, True], ids=["create", "take over"])
def test_of_two_that_want_it_at_once_one_gets_it(api: FakeApi, there: bool) -> None:
    """Somebody else takes it between our look and our write."""
    if there:
        put(api, "gone", 600)
    api.react("put" if there else "post", "leases", lambda _request: put(api, "quicker", 0))

    with pytest.raises(LeaseHeld, match="quicker"), hold(api):
        pytest.fail("both hold it")


def test_one_that_somebody_else_has_by_now_stays(api: FakeApi) -> None:
    with hold(api):
        put(api, "successor", 0)
    live = api.at(LEASE, "one", "che")
    assert live is not None
    assert live["spec"]["holderIdentity"] == "successor"


def test_it_is_renewed_beside_the_work(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lease, "_RENEW_SECONDS", 0.01)
    renewed = threading.Event()
    api.fail("put", "leases", 500, "for a moment", times=1)
    api.follow("put", "leases", lambda _request: renewed.set())

    with hold(api):
        assert renewed.wait(10), "nobody renewed it, or one failure ended that"


@pytest.mark.parametrize("status", [409, 404, 403])
def test_one_that_can_t_be_taken_away_at_the_end_is_no_error(api: FakeApi, status: int) -> None:
    """It runs out by itself; what was done under it is done."""
    api.fail("delete", "leases", status, "no")
    with hold(api):
        pass
    assert api.at(LEASE, "one", "che") is not None
