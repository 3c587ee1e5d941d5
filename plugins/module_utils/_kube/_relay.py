# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A port of this machine's loopback behind which somebody else answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from ansible_collections.community.che.plugins.module_utils._errors import CheError

_WAITING = 64


class Relay:
    """Takes connections at 127.0.0.1 and hands each on, in a thread of its own that ends with the process.

    Args:
        serve: Carries one connection to its end. A ``CheError`` of its is kept as ``failure``.
    """

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._ends: set[socket.socket] = set()
        self.failure: CheError | None = None
        """Why the last connection could not be handed on; None when it could."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_WAITING)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(name="relay", target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections, and end those that there are."""
        _wake(self._listener)
        self._listener.close()
        for near in tuple(self._ends):
            _wake(near)  # its thread closes it

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            self._ends.add(near)
            threading.Thread(name="relay connection", target=partial(self._carry, near), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        self.failure = None
        try:
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._serve(near)
        except CheError as error:
            self.failure = error
        except OSError:
            # Whoever connected went away; that is theirs to tell.
            return
        finally:
            self._ends.discard(near)
            _wake(near)
            near.close()


def _wake(end: socket.socket) -> None:
    """End what goes over a socket; closing it would not wake a thread that waits for it."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
