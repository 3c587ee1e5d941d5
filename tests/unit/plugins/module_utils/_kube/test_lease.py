# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Lease: one holder at a time, taken over from one that is gone, and away when the work is done."""

from __future__ import annotations

import os
import subprocess
import threading
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.community.che.plugins.module_utils._kube import _lease, _process
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._kinds import LEASE, NAMESPACE
from ansible_collections.community.che.plugins.module_utils._kube._lease import LeaseHeld, LeaseLost, held_lease
from unit.fake_api import FakeApi, FakeClock, Request
from urllib3.exceptions import ProtocolError


@pytest.fixture(autouse=True)
def namespace(api: FakeApi) -> None:
    api.add(NAMESPACE, "che")


def hold(api: FakeApi, patience: float = 0) -> AbstractContextManager[Cluster]:
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
        assert live["metadata"]["annotations"]["community.che/purpose"] == "making it"
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
def test_one_that_has_run_out_or_has_no_holder_is_taken_over(api: FakeApi, clock: FakeClock, holder: str) -> None:
    put(api, holder, 61 if holder else 0)

    with hold(api, patience=60):
        live = api.at(LEASE, "one", "che")
        assert live is not None
        assert live["spec"]["holderIdentity"] not in ("gone", "")
    assert api.at(LEASE, "one", "che") is None
    assert (sum(clock.waits) >= 15) is bool(holder)


def test_one_that_looks_run_out_by_our_clock_alone_is_left_to_its_holder(api: FakeApi, clock: FakeClock) -> None:
    """The other machine's clock is two minutes behind ours."""
    put(api, "behind", 120)
    looks: list[Request] = []

    def renew(request: Request) -> None:
        looks.append(request)
        if len(looks) == 4:
            put(api, "behind", 119)

    api.react("get", "leases/one$", renew)

    with (
        pytest.raises(LeaseHeld, match="behind"),
        held_lease(api.cluster, "che", "one", "making it", 75, for_the_living=False),
    ):
        pytest.fail("both hold it")


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


def test_one_of_a_process_of_this_machine_that_has_ended_is_taken_over_at_once(api: FakeApi, clock: FakeClock) -> None:
    process = subprocess.Popen(["true"])
    identity = _process.named(str(process.pid)) or f"{_process.this_process().rpartition('/')[0]}/1"
    process.wait()
    put(api, "killed", 0)
    api.objects[LEASE.path("che", "one")]["metadata"]["annotations"] = {"community.che/process": identity}

    with hold(api, patience=60):
        assert clock.waits == []


@pytest.mark.parametrize("change", ["another boot", "another container", "alive", "unreadable"])
def test_any_other_holder_is_waited_for(api: FakeApi, clock: FakeClock, change: str) -> None:
    boot, space, pid, started = _process.this_process().split("/")
    identity = {
        "another boot": f"other/{space}/{pid}/1",
        "another container": f"{boot}/1/{pid}/1",
        "alive": f"{boot}/{space}/{pid}/{started}",
        "unreadable": "x",
    }[change]
    put(api, "other", 0)
    api.objects[LEASE.path("che", "one")]["metadata"]["annotations"] = {"community.che/process": identity}

    with pytest.raises(LeaseHeld), hold(api, patience=4):
        pytest.fail("both hold it")


def test_a_holder_that_the_kernel_hides_is_alive(
    api: FakeApi, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's process, where /proc is mounted with hidepid."""
    boot, space, pid, started = _process.this_process().split("/")
    mine = _process.this_process()
    put(api, "hidden", 0)
    api.objects[LEASE.path("che", "one")]["metadata"]["annotations"] = {
        "community.che/process": f"{boot}/{space}/{os.getppid()}/{started}"
    }
    monkeypatch.setattr(_process, "named", lambda asked: mine if asked == pid else "")

    with pytest.raises(LeaseHeld), hold(api, patience=4):
        pytest.fail("both hold it")


def test_who_does_not_wait_for_the_living_gives_up_at_the_first_renewal(api: FakeApi, clock: FakeClock) -> None:
    put(api, "other", 30)
    looks: list[Request] = []

    def renew(request: Request) -> None:
        looks.append(request)
        if len(looks) == 3:
            put(api, "other", 0)

    api.react("get", "leases/one$", renew)

    with (
        pytest.raises(LeaseHeld, match="other"),
        held_lease(api.cluster, "che", "one", "making it", 75, for_the_living=False),
    ):
        pytest.fail("both hold it")
    assert sum(clock.waits) < 10


@pytest.mark.parametrize("there", [False, True], ids=["create", "take over"])
def test_of_two_that_want_it_at_once_one_gets_it(api: FakeApi, clock: FakeClock, there: bool) -> None:
    """Somebody else takes it between our look and our write."""
    if there:
        put(api, "gone", 600)
    api.react("put" if there else "post", "leases", lambda _request: put(api, "quicker", 0))

    with pytest.raises(LeaseHeld, match="quicker"), hold(api, patience=20):
        pytest.fail("both hold it")


def test_one_that_somebody_else_has_by_now_stays(api: FakeApi) -> None:
    with hold(api):
        put(api, "successor", 0)
    live = api.at(LEASE, "one", "che")
    assert live is not None
    assert live["spec"]["holderIdentity"] == "successor"


def sleep(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The machine is suspended."""
    now = _lease._now()
    monkeypatch.setattr(_lease, "_now", lambda: now + seconds)


@pytest.mark.parametrize("successor", ["at work", "done"])
def test_who_wakes_after_somebody_has_taken_over_writes_nothing_any_more(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, successor: str
) -> None:
    with hold(api) as fenced:
        fenced.merge(NAMESPACE, "che", "", {"metadata": {"labels": {"before": "yes"}}})
        sleep(monkeypatch, 3600)
        api.objects.pop(LEASE.path("che", "one"))
        if successor == "at work":
            put(api, "successor", 0)
        for _time in range(2):
            with pytest.raises(LeaseLost, match="was held up"):
                fenced.merge(NAMESPACE, "che", "", {"metadata": {"labels": {"after": "yes"}}})
            with pytest.raises(LeaseLost):
                _ = fenced.api_client
        assert fenced.get(NAMESPACE, "che")["metadata"]["labels"] == {"before": "yes"}


def test_who_wakes_and_still_holds_it_renews_it_and_goes_on(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    with hold(api) as fenced:
        sleep(monkeypatch, 3600)
        fenced.merge(NAMESPACE, "che", "", {"metadata": {"labels": {"after": "yes"}}})
        fenced.merge(NAMESPACE, "che", "", {"metadata": {"labels": {"later": "yes"}}})
    assert [request.method for request in api.written] == ["post", "put", "patch", "patch", "delete"]


def test_one_that_is_taken_between_the_look_and_the_renewal_is_lost(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hold(api) as fenced:
        sleep(monkeypatch, 3600)
        api.react("put", "leases", lambda _request: put(api, "quicker", 0))
        with pytest.raises(LeaseLost):
            fenced.delete(NAMESPACE, "che")


def test_it_is_renewed_beside_the_work(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lease, "_RENEW_SECONDS", 0.01)
    renewed = threading.Event()
    api.fail("put", "leases", 500, "for a moment", times=1)
    api.follow("put", "leases", lambda _request: renewed.set())

    with hold(api):
        assert renewed.wait(10), "nobody renewed it, or one failure ended that"


@pytest.mark.parametrize("carried_out", [True, False])
def test_an_answer_that_is_lost_while_it_is_renewed_does_not_fail_the_work(
    api: FakeApi, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, carried_out: bool
) -> None:
    answers = [ProtocolError("Connection aborted")]

    def lose(_request: Request) -> None:
        if answers:
            raise answers.pop()

    with hold(api) as fenced:
        sleep(monkeypatch, 31)
        (api.follow if carried_out else api.react)("put", "leases", lose)
        fenced.delete(NAMESPACE, "che")
    assert not answers
    assert api.at(NAMESPACE, "che") is None


def test_a_renewal_that_comes_in_while_it_is_taken_away_does_not_keep_it(api: FakeApi) -> None:
    api.fail("delete", "leases", 409, "the resourceVersion in the precondition is not the one of the object", times=1)
    with hold(api):
        pass
    assert api.at(LEASE, "one", "che") is None


@pytest.mark.parametrize("status", [409, 404, 403])
def test_one_that_can_t_be_taken_away_at_the_end_is_no_error(api: FakeApi, status: int) -> None:
    """It runs out by itself; what was done under it is done."""
    api.fail("delete", "leases", status, "no")
    with hold(api):
        pass
    assert api.at(LEASE, "one", "che") is not None
