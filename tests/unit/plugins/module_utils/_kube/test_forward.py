# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A forwarded port: the protocol on the websocket, which pod, what an error says. A real cluster proves the rest."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube import _forward
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import ClusterError, Forbidden, Unreachable
from ansible_collections.community.che.plugins.module_utils._kube._forward import (
    Target,
    carry,
    close_forwards,
    forward_to,
)
from ansible_collections.community.che.plugins.module_utils._kube._kinds import POD
from ansible_collections.community.che.plugins.module_utils._kube._relay import Relay
from unit.fake_api import FakeApi
from websocket import ABNF, WebSocketBadStatusException, WebSocketConnectionClosedException

TARGET = Target("che", "app=server", 8000)
PORT = struct.pack("<H", 8000)


@dataclass
class Websocket:
    """Stands in for the library's: each message with its length before it, on one end of a pair of sockets."""

    sock: socket.socket
    sent: bytearray = field(default_factory=bytearray)
    closed: bool = False

    def recv_data_frame(self, control_frame: bool) -> tuple[int, Any]:
        assert control_frame
        length, opcode = struct.unpack("<IB", self._exactly(5))
        return opcode, SimpleNamespace(data=self._exactly(length))

    def _exactly(self, count: int) -> bytes:
        data = self.sock.recv(count, socket.MSG_WAITALL) if count else b""
        if len(data) < count:
            raise WebSocketConnectionClosedException("gone")
        return data

    def send_binary(self, data: bytes) -> None:
        assert data[0] == 0
        self.sent += data[1:]
        self.sock.sendall(data[1:])

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def close(self, timeout: float) -> None:
        self.closed = True
        self.sock.close()


@dataclass
class Server:
    """The API server's end."""

    end: socket.socket

    def say(self, data: bytes, opcode: int = ABNF.OPCODE_BINARY) -> None:
        self.end.sendall(struct.pack("<IB", len(data), opcode) + data)

    def begin(self) -> None:
        self.say(b"\x00" + PORT)
        self.say(b"\x01" + PORT)


@dataclass
class Bed:
    websocket: Websocket
    server: Server
    clients: list[socket.socket] = field(default_factory=list)


@pytest.fixture
def bed() -> Iterator[Bed]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)
    made = Bed(Websocket(ours), Server(theirs))
    yield made
    theirs.close()  # which ends the thread that waits for ours
    for client in made.clients:
        client.close()


def exactly(end: socket.socket, count: int) -> bytes:
    """So many bytes; a socket with a limit of time gives what there is."""
    data = b""
    while len(data) < count:
        more = end.recv(count - len(data))
        assert more, "ended early"
        data += more
    return data


def carried(bed: Bed) -> tuple[Relay, socket.socket]:
    relay = Relay(lambda near: carry(bed.websocket, near, "Pod che/p"))
    bed.clients.append(socket.create_connection(("127.0.0.1", relay.port), timeout=10))
    return relay, bed.clients[-1]


def failure_of(relay: Relay, client: socket.socket) -> CheError:
    assert client.recv(10) == b""
    assert relay.failure is not None
    return relay.failure


def test_bytes_go_both_ways_without_the_ports_and_channels_around_them(bed: Bed) -> None:
    _relay, client = carried(bed)
    bed.server.begin()
    client.sendall(b"question")
    assert exactly(bed.server.end, 8) == b"question"
    bed.server.say(b"\x00an")
    bed.server.say(b"", ABNF.OPCODE_PING)
    bed.server.say(b"\x00swer")
    assert exactly(client, 6) == b"answer"


def test_much_of_it_arrives_whole(bed: Bed) -> None:
    _relay, client = carried(bed)
    bed.server.begin()
    block = bytes(range(256)) * 256
    threading.Thread(target=lambda: [bed.server.say(b"\x00" + block) for _ in range(100)], daemon=True).start()

    assert exactly(client, 100 * len(block)) == block * 100


def test_the_end_of_the_client_ends_it(bed: Bed) -> None:
    _relay, client = carried(bed)
    client.sendall(b"bye")
    client.close()
    assert bed.server.end.recv(10) == b"bye"
    # `carry` has returned and nothing is read any more; the caller closes the websocket.


def test_the_end_of_the_server_ends_it(bed: Bed) -> None:
    relay, client = carried(bed)
    bed.server.begin()
    bed.server.say(b"", ABNF.OPCODE_CLOSE)
    assert client.recv(10) == b""
    assert relay.failure is None


def test_a_port_where_nobody_listens_is_an_error_with_its_words(bed: Bed) -> None:
    relay, client = carried(bed)
    bed.server.begin()
    bed.server.say(b"\x01connection refused")
    failure = failure_of(relay, client)
    assert "connection refused" in failure.what and failure.on == "Pod che/p"


def test_a_websocket_that_breaks_is_an_error_and_no_hanging_client(bed: Bed) -> None:
    relay, client = carried(bed)
    bed.server.begin()
    bed.server.end.close()
    assert isinstance(failure_of(relay, client), Unreachable)


@pytest.fixture
def cluster(api: FakeApi) -> Iterator[Cluster]:
    settings = {"BearerToken": {"value": "Bearer t0ken"}}
    configuration = SimpleNamespace(host="https://api:6443", auth_settings=lambda: settings)
    api.client = SimpleNamespace(configuration=configuration)  # type: ignore[attr-defined]
    yield api.cluster
    close_forwards()


def add_pod(api: FakeApi, name: str, ready: str = "True", **metadata: Any) -> None:
    status = {"conditions": [{"type": "Ready", "status": ready}]}
    api.add(POD, name, "che", metadata={"labels": {"app": "server"}, **metadata}, status=status)


def test_a_ready_pod_is_asked_with_the_credentials_in_a_header(
    api: FakeApi, cluster: Cluster, bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_pod(api, "starting", "False")
    add_pod(api, "going", deletionTimestamp="now")
    add_pod(api, "serving")
    asked: list[tuple[str, dict[str, str]]] = []

    def create(_configuration: Any, url: str, headers: dict[str, str]) -> Websocket:
        asked.append((url, headers))
        return bed.websocket

    monkeypatch.setattr(_forward, "create_websocket", create)
    relay = forward_to(cluster, TARGET)
    assert forward_to(cluster, TARGET) is relay
    with socket.create_connection(("127.0.0.1", relay.port), timeout=10) as client:
        client.sendall(b"hi")
        assert bed.server.end.recv(2) == b"hi"

    ((url, headers),) = asked
    assert url == "wss://api:6443/api/v1/namespaces/che/pods/serving/portforward?ports=8000"
    assert headers == {"authorization": "Bearer t0ken", "sec-websocket-protocol": "v4.channel.k8s.io"}


def test_without_a_ready_pod_it_says_so(api: FakeApi, cluster: Cluster) -> None:
    add_pod(api, "starting", "False")
    relay = forward_to(cluster, TARGET)
    with socket.create_connection(("127.0.0.1", relay.port), timeout=10) as client:
        assert "no ready pod" in failure_of(relay, client).what


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (WebSocketBadStatusException("%s %s", 403, "Forbidden"), Forbidden, "pods/portforward"),
        (WebSocketBadStatusException("%s %s", 500, "Oops"), ClusterError, "500"),
        (ConnectionRefusedError("refused"), Unreachable, "refused"),
    ],
)
def test_a_refused_forward_is_told_apart(
    api: FakeApi,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    kind: type[CheError],
    words: str,
) -> None:
    add_pod(api, "serving")

    def create(*_arguments: Any) -> Any:
        raise error

    monkeypatch.setattr(_forward, "create_websocket", create)
    relay = forward_to(cluster, TARGET)
    with socket.create_connection(("127.0.0.1", relay.port), timeout=10) as client:
        failure = failure_of(relay, client)
    assert type(failure) is kind and words in str(failure)


def test_closing_ends_every_forward(api: FakeApi, cluster: Cluster) -> None:
    port = forward_to(cluster, TARGET).port
    close_forwards()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=10)
