# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A write whose answer is lost is not sent again behind the collection's back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import urllib3
from ansible_collections.community.che.plugins.module_utils._kube._connect import send_once


@dataclass
class Deaf:
    """A server on loopback that takes requests and answers none."""

    listener: socket.socket
    taken: list[str] = field(default_factory=list)

    def serve(self) -> None:
        while True:
            try:
                client, _address = self.listener.accept()
            except OSError:
                return
            with client:
                self.taken.append(client.recv(4096).split(b" ", 1)[0].decode())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/api"


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    server = Deaf(socket.create_server(("127.0.0.1", 0)))
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    yield server
    server.listener.shutdown(socket.SHUT_RDWR)
    server.listener.close()
    thread.join(10)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "PATCH"])
def test_a_write_is_sent_once(deaf: Deaf, method: str) -> None:
    manager = urllib3.PoolManager()
    # As after the first look at the cluster, which has made a pool already.
    with pytest.raises(urllib3.exceptions.HTTPError):
        manager.request("POST", deaf.url, body=b"{}")
    deaf.taken.clear()

    send_once(manager)

    with pytest.raises(urllib3.exceptions.HTTPError):
        manager.request(method, deaf.url, body=b"{}")
    assert deaf.taken == [method]
