# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A link to a server that can be slow, spoil what passes, break and be down: a relay of TCP connections."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress

_CHUNK = 65536
_RESET = struct.pack("ii", 1, 0)


class WeakLink:
    """Listens beside a server and passes on what comes, as long as it may.

    Args:
        host: The address to listen on.
        port: The port of the server, which listens on loopback.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server((host, 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._down = False
        #: Bytes a second that each connection sends at the most; None for no limit.
        self.rate: float | None = None
        #: What has been sent to the server so far, in bytes.
        self.sent = 0
        #: Once so many bytes have been sent, all connections are reset; None for never. It happens once.
        self.break_at: int | None = None
        #: What has come back from the server so far, in bytes.
        self.received = 0
        #: Once so many bytes have come back, one of them is spoiled; None for never. It happens once.
        self.spoil_at: int | None = None
        #: Once so many bytes have come back, all connections are reset; None for never. It happens once.
        self.break_back_at: int | None = None
        #: How often a byte was spoiled.
        self.spoiled = 0
        #: How often something had to wait, so as to keep to the rate.
        self.waits = 0
        #: Whether the link is down for good when it has broken.
        self.stays_broken = False
        #: How often it has broken.
        self.breaks = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def down(self) -> None:
        """Reset all connections, and refuse new ones."""
        self._down = True
        self._reset()

    def up(self) -> None:
        """Let everything pass again."""
        self._down = False
        self.break_at, self.break_back_at, self.spoil_at, self.rate = None, None, None, None

    def close(self) -> None:
        """End it."""
        self._listener.close()
        self._reset()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _address = self._listener.accept()
                if self._down:
                    _reset(client)
                    continue
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, 10)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        with self._lock:
            self._open |= {client, server}
        back = threading.Thread(target=self._pump, args=(server, client, False), daemon=True)
        back.start()
        self._pump(client, server, True)
        back.join()
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with suppress(OSError):  # either end is gone, and with it what is under way
            while data := source.recv(_CHUNK):
                sink.sendall(data if counted else self._come_back(data))
                if counted:
                    self._count(len(data))
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _come_back(self, data: bytes) -> bytes:
        """What is passed on of what came back."""
        self._wait_for(len(data))
        with self._lock:
            self.received += len(data)
            spoiled = self.spoil_at is not None and self.received >= self.spoil_at
            broken = self.break_back_at is not None and self.received >= self.break_back_at
            if spoiled:
                self.spoil_at = None
                self.spoiled += 1
            if broken:
                self.break_back_at = None
                self.breaks += 1
                self._down = self.stays_broken
        if broken:
            self._reset()
        return data[:-1] + bytes([data[-1] ^ 1]) if spoiled else data

    def _wait_for(self, length: int) -> None:
        """Keep to the rate."""
        rate = self.rate
        if rate:
            with self._lock:
                self.waits += 1
            time.sleep(length / rate)

    def _count(self, length: int) -> None:
        self._wait_for(length)
        with self._lock:
            self.sent += length
            broken = self.break_at is not None and self.sent >= self.break_at
            if broken:
                self.break_at = None
                self.breaks += 1
                self._down = self.stays_broken
        if broken:
            self._reset()

    def _reset(self) -> None:
        with self._lock:
            connections, self._open = self._open, set()
        for connection in connections:
            _reset(connection)


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):  # it has ended by itself
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        # What waits on it has to learn of it, which close alone does not tell it.
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
