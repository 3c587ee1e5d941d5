# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The relay, held against a real server on loopback behind it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from ansible_collections.community.che.plugins.module_utils._kube._errors import ClusterError
from ansible_collections.community.che.plugins.module_utils._kube._relay import Relay


def echo(near: socket.socket) -> None:
    while data := near.recv(1000):
        near.sendall(data.upper())


@pytest.fixture
def relay() -> Iterator[Relay]:
    made = Relay(echo)
    yield made
    made.close()


def connect(relay: Relay) -> socket.socket:
    return socket.create_connection(("127.0.0.1", relay.port), timeout=10)


def test_each_connection_is_served_by_itself(relay: Relay) -> None:
    with connect(relay) as one, connect(relay) as other:
        other.sendall(b"b")
        assert other.recv(10) == b"B"
        one.sendall(b"a")
        assert one.recv(10) == b"A"
    assert relay.failure is None


def test_it_listens_to_this_machine_alone(relay: Relay) -> None:
    assert relay._listener.getsockname()[0] == "127.0.0.1"


def test_why_a_connection_failed_is_kept_until_the_next_one_works() -> None:
    failing = [True]

    def serve(near: socket.socket) -> None:
        if failing.pop() if failing else False:
            raise ClusterError("no pod")
        echo(near)

    relay = Relay(serve)
    with connect(relay) as client:
        assert client.recv(10) == b""
    assert relay.failure is not None and relay.failure.what == "no pod"
    with connect(relay) as client:
        client.sendall(b"a")
        assert client.recv(10) == b"A"
    assert relay.failure is None
    relay.close()


def test_a_client_that_goes_away_is_nobodys_failure() -> None:
    served = threading.Event()

    def serve(_near: socket.socket) -> None:
        served.set()
        raise ConnectionResetError

    relay = Relay(serve)
    with connect(relay) as client:
        assert client.recv(10) == b""
    assert served.is_set() and relay.failure is None
    relay.close()


def test_closing_ends_what_is_under_way(relay: Relay) -> None:
    with connect(relay) as client:
        client.sendall(b"a")
        assert client.recv(10) == b"A"
        relay.close()
        assert client.recv(10) == b""
    with pytest.raises(OSError):
        connect(relay)
