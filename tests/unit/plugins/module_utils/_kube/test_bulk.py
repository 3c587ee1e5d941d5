# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many requests at once: order, the first error, what became of the others, and that nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._kube._bulk import WORKERS, run_all
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._connect import connect_cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import Conflict, Rejected
from ansible_collections.community.che.plugins.module_utils._kube._find import MANY, find_many
from ansible_collections.community.che.plugins.module_utils._kube._kinds import SECRET
from unit.fake_api import FakeApi

SECONDS = 20


@pytest.fixture(autouse=True)
def leaves_no_threads() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert [
        thread for thread in threading.enumerate() if thread.name.startswith("bulk-") and thread not in before
    ] == []


def failing(error: BaseException) -> Callable[[], int]:
    def call() -> int:
        raise error

    return call


def test_results_keep_the_order_of_their_calls() -> None:
    gate = threading.Event()

    def slow() -> int:
        assert gate.wait(SECONDS)
        return 0

    def last() -> int:
        gate.set()
        return 9

    calls = [slow, *(partial(int, number) for number in range(1, 9)), last]
    assert run_all(calls).require() == list(range(10))


def test_so_many_at_a_time_and_no_more() -> None:
    together = threading.Barrier(3)
    lock, running, most = threading.Lock(), [0], [0]

    def call() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        together.wait(SECONDS)
        with lock:
            running[0] -= 1

    run_all([call] * 9, workers=3).require()
    assert most == [3]


@pytest.mark.parametrize("count", [0, 1])
def test_few_calls(count: int) -> None:
    assert run_all([partial(int, 7)] * count).require() == [7] * count


def test_after_an_error_nothing_is_begun_any_more() -> None:
    begun: list[int] = []
    error = Rejected("no")

    def call(number: int) -> int:
        begun.append(number)
        if number == 2:
            raise error
        return number

    outcomes = run_all([partial(call, number) for number in range(100)], workers=1)

    assert begun == [0, 1, 2]
    assert (outcomes.results, outcomes.errors, outcomes.error) == ({0: 0, 1: 1}, {2: error}, error)
    with pytest.raises(Rejected):
        outcomes.require()


def test_of_several_errors_the_first_in_order_is_raised_and_the_others_are_known() -> None:
    together = threading.Barrier(4)
    first, second = Conflict("first"), Rejected("second")

    def call(number: int) -> int:
        together.wait(SECONDS)
        if number == 3:
            raise second
        if number == 1:
            # The later one comes first in time.
            while 3 not in seen():
                pass
            raise first
        return number

    failed: list[int] = []

    def seen() -> list[int]:
        return failed

    def noted(number: int) -> int:
        try:
            return call(number)
        except BaseException:
            failed.append(number)
            raise

    outcomes = run_all([partial(noted, number) for number in range(4)], workers=4)

    assert outcomes.error is first
    assert (outcomes.results, outcomes.errors) == ({0: 0, 2: 2}, {1: first, 3: second})


def test_what_is_under_way_when_another_fails_is_waited_for() -> None:
    failed = threading.Event()

    def slow() -> str:
        assert failed.wait(SECONDS)
        return "done"

    def fails() -> str:
        failed.set()
        raise Rejected("no")

    assert run_all([slow, fails], workers=2).results == {0: "done"}


def test_a_mistake_of_ours_is_no_result() -> None:
    with pytest.raises(ZeroDivisionError):
        run_all([failing(ZeroDivisionError())]).require()


def test_a_signal_ends_it_and_tells_what_was_done() -> None:
    class Stopped(Exception):
        pass

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Stopped

    begun, told = [], threading.Event()

    def call(number: int) -> int:
        begun.append(number)
        if number == 1:
            os.kill(os.getpid(), signal.SIGUSR1)
            told.set()
        assert told.wait(SECONDS)
        # The main thread takes the signal while this one works on.
        threading.Event().wait(0.3)
        return number

    previous = signal.signal(signal.SIGUSR1, stop)
    try:
        outcomes = run_all([partial(call, number) for number in range(100)], workers=2)
    finally:
        signal.signal(signal.SIGUSR1, previous)

    assert isinstance(outcomes.error, Stopped)
    assert sorted(begun) == sorted(outcomes.results)
    assert len(begun) < 10
    with pytest.raises(Stopped):
        outcomes.require()


class Server(ThreadingHTTPServer):
    """An API server that stores what is posted, and answers only when so many requests are there at once."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.barrier: threading.Barrier | None = None
        self.posted: list[tuple[str, str]] = []
        self.connections: set[tuple[str, int]] = set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer(
            200,
            {"kind": "APIGroupList", "major": "1", "minor": "34", "resources": [], "groups": [], "versions": ["v1"]},
        )

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.connections.add(self.client_address)
        if self.server.barrier:
            self.server.barrier.wait(SECONDS)
        name = body["metadata"]["name"]
        if name == "refused":
            self._answer(422, {"kind": "Status", "message": "no such luck"})
            return
        self.server.posted.append((name, self.headers["Authorization"]))
        self._answer(201, {**body, "data": {"echo": name}})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def cluster(server: Server, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    return connect_cluster({"host": f"http://127.0.0.1:{server.server_address[1]}", "api_key": "token"})


def a_secret(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "che"}}


def test_one_client_serves_all_workers_at_once(server: Server, cluster: Cluster) -> None:
    # Each answer waits for seven other requests, so that this ends only if so many are under way together.
    server.barrier = threading.Barrier(WORKERS)
    names = [f"s{number}" for number in range(WORKERS * 20)]

    answers = run_all([partial(cluster.create, a_secret(name)) for name in names]).require()

    assert [answer["data"]["echo"] for answer in answers] == names
    assert sorted(name for name, _key in server.posted) == sorted(names)
    assert {key for _name, key in server.posted} == {"Bearer token"}
    assert len(server.connections) == WORKERS, "connections are kept, one for each worker"


def test_the_server_s_refusal_is_typed_and_the_others_are_told(server: Server, cluster: Cluster) -> None:
    names = [*(f"s{number}" for number in range(30)), "refused", *(f"t{number}" for number in range(300))]

    outcomes = run_all([partial(cluster.create, a_secret(name)) for name in names])

    assert isinstance(outcomes.error, Rejected)
    assert "no such luck" in str(outcomes.error)
    assert sorted(name for name, _key in server.posted) == sorted(names[place] for place in outcomes.results)
    assert set(range(30)) <= set(outcomes.results)
    assert len(outcomes.results) < 60


@pytest.mark.parametrize("others", [0, 3, 2000])
@pytest.mark.parametrize("wanted", [0, 1, MANY - 1, MANY, 3 * MANY])
def test_objects_are_found_by_name(api: FakeApi, wanted: int, others: int) -> None:
    names = {f"s{number}" for number in range(wanted)}
    for name in [*(f"a{number}" for number in range(others)), *names]:
        api.add(SECRET, name, "che", data={"name": name})
    api.add(SECRET, "s0", "other")

    found = find_many(api.cluster, SECRET, {*names, "missing"}, "che")

    assert {name: obj["data"]["name"] for name, obj in found.items()} == {name: name for name in names}
    assert {(obj["apiVersion"], obj["kind"], obj["metadata"]["namespace"]) for obj in found.values()} <= {
        ("v1", "Secret", "che")
    }
    singles = [request for request in api.requests if request.path != SECRET.path("che")]
    if wanted >= MANY and others < 2000:
        assert singles == [], "many names take a list, as long as they are not needles in a haystack"
    if wanted < MANY - 1:
        assert len(singles) == wanted + 1


def test_a_list_is_read_no_further_than_needed(api: FakeApi) -> None:
    api.page = MANY
    names = [f"s{number:03}" for number in range(10 * MANY)]
    for name in names:
        api.add(SECRET, name, "che")

    assert sorted(find_many(api.cluster, SECRET, names[:MANY], "che")) == names[:MANY]
    assert len(api.requests) == 1
