# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An API server in trouble: a relay before the real one that refuses, loses answers, and goes away for a while.

It speaks plain HTTP on loopback, and to the API server with the credentials of the kubeconfig; what it passes on is
what the real one says, exec's websockets included.
"""

from __future__ import annotations

import base64
import itertools
import json
import random
import select
import socket
import ssl
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

_CHUNK = 65536
_HEAD = 65536
_END_OF_HEAD = b"\r\n\r\n"
WRITES = ("POST", "PUT", "PATCH", "DELETE")
READS = ("GET",)
_REASONS = {409: "Conflict", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}


@dataclass(frozen=True)
class Cut:
    """A stream is cut off once the server has sent so many bytes of it."""

    after: int


# Called for each request with its method and path: a status to refuse it with, "lose" to carry it out and lose the
# answer, a Cut for a stream, or None to pass it on.
Fault = Callable[[str, str], Any]


def now_and_then(
    chance: random.Random, faults: Sequence[Any], methods: Sequence[str] = WRITES, share: int = 10
) -> Fault:
    """A fault for one of so many requests with these methods: which one, and of what kind, is drawn each time."""
    numbers, drawn = itertools.count(), chance.random()

    def choose(method: str, _path: str) -> Any:
        if method not in methods:
            return None
        group, place = divmod(next(numbers), share)
        own = random.Random(f"{drawn} {group}")
        return own.choice(faults) if own.randrange(share) == place else None

    return choose


def at_stream(number: int, cut: Cut) -> Fault:
    """Cut one of the streams to programs in pods: the first is number 1."""
    numbers = itertools.count(1)

    def choose(_method: str, path: str) -> Any:
        return cut if path.endswith("/exec") and next(numbers) == number else None

    return choose


def at_request(number: int, method: str, path: str, fault: Any) -> Fault:
    """A fault for one of the requests with a method whose path holds some words: the first is number 1."""
    numbers = itertools.count(1)

    def choose(asked: str, of: str) -> Any:
        return fault if asked == method and path in of and next(numbers) == number else None

    return choose


class FaultyApi:
    """The relay.

    Args:
        server: The URL of the API server.
        context: TLS with the CA and the client certificate of the kubeconfig.
    """

    def __init__(self, server: str, context: ssl.SSLContext) -> None:
        parts = urlsplit(server)
        self._target = (parts.hostname or "", parts.port or 443)
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        #: What happens to requests.
        self.fault: Fault = lambda _method, _path: None
        #: How often each fault has happened.
        self.happened: Counter[str] = Counter()
        #: How many streams to programs in pods there were.
        self.streams = 0
        self._away_until = 0.0
        threading.Thread(target=self._accept, daemon=True).start()

    @classmethod
    def before(cls, kubeconfig: Path) -> FaultyApi:
        """One before the cluster of a kubeconfig with a client certificate."""
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        context = ssl.create_default_context(cadata=_pem(cluster, "certificate-authority").decode())
        with tempfile.NamedTemporaryFile(suffix=".pem") as both:
            both.write(_pem(user, "client-certificate") + b"\n" + _pem(user, "client-key"))
            both.flush()
            context.load_cert_chain(both.name)
        return cls(cluster["server"], context)

    def go_away(self, seconds: float) -> None:
        """Refuse every connection for so long."""
        self._away_until = time.monotonic() + seconds
        self.happened["away"] += 1

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if time.monotonic() < self._away_until:
                return
            head, _end, body = _read_head(client)
            if not head:
                return
            first, *headers = head.decode("latin-1").split("\r\n")
            method, path, _version = first.split(" ", 2)
            path = path.partition("?")[0]
            self.streams += path.endswith("/exec")
            fault = self.fault(method, path)
            if time.monotonic() < self._away_until:
                return
            if isinstance(fault, int):
                self.happened[str(fault)] += 1
                _drain(client, headers, body)
                client.sendall(_refusal(fault))
                return
            self._pass_on(client, first, headers, body, fault)

    def _pass_on(self, client: socket.socket, first: str, headers: list[str], body: bytes, fault: Any) -> None:
        upgrade = any(header.lower().startswith("upgrade:") for header in headers)
        kept = [header for header in headers if upgrade or not header.lower().startswith("connection:")]
        kept = [header for header in kept if not header.lower().startswith("host:")]
        extra = [f"Host: {self._target[0]}", *([] if upgrade else ["Connection: close"])]
        request = "\r\n".join([first, *kept, *extra]) + "\r\n\r\n"
        with socket.create_connection(self._target, timeout=30) as raw:
            raw.settimeout(None)
            with self._context.wrap_socket(raw, server_hostname=self._target[0]) as server:
                server.sendall(request.encode("latin-1") + body)
                _send_rest(client, server, headers, body)
                if fault == "lose":
                    self.happened["lost answer"] += 1
                    server.recv(_CHUNK)
                elif isinstance(fault, Cut):
                    self.happened["cut stream"] += _relay(client, server, fault.after)
                else:
                    _relay(client, server)


def _pem(section: dict[str, Any], name: str) -> bytes:
    if f"{name}-data" in section:
        return base64.b64decode(section[f"{name}-data"])
    return Path(section[name]).read_bytes()


def _read_head(client: socket.socket) -> tuple[bytes, bytes, bytes]:
    data = b""
    while _END_OF_HEAD not in data and len(data) < _HEAD:
        piece = client.recv(_CHUNK)
        if not piece:
            return b"", b"", b""
        data += piece
    return data.partition(_END_OF_HEAD)


def _length(headers: list[str]) -> int:
    found = [header.partition(":")[2] for header in headers if header.lower().startswith("content-length:")]
    return int(found[0]) if found else 0


def _drain(client: socket.socket, headers: list[str], body: bytes) -> None:
    left = _length(headers) - len(body)
    while left > 0:
        left -= len(client.recv(_CHUNK)) or left


def _send_rest(client: socket.socket, server: ssl.SSLSocket, headers: list[str], body: bytes) -> None:
    left = _length(headers) - len(body)
    while left > 0:
        piece = client.recv(_CHUNK)
        if not piece:
            return
        server.sendall(piece)
        left -= len(piece)


def _relay(client: socket.socket, server: ssl.SSLSocket, at_most: int | None = None) -> bool:
    """Pass on what comes from either side, in one thread: TLS is not for two.

    Args:
        client: One side.
        server: The other.
        at_most: How many bytes of the answer, after its head, the client is to get.

    Returns:
        Whether it was cut off there.
    """
    answer = b""
    while True:
        ready = [server] if server.pending() else select.select([client, server], [], [])[0]
        for source, target in ((server, client), (client, server)):
            if source in ready:
                piece = source.recv(_CHUNK)
                if not piece:
                    return False
                if source is server and at_most is not None:
                    answer += piece
                    too_many = len(answer.partition(_END_OF_HEAD)[2]) - at_most
                    if too_many > 0:
                        target.sendall(piece[:-too_many])
                        return True
                target.sendall(piece)


def _refusal(status: int) -> bytes:
    message = {409: "the object has been modified", 429: "too many requests"}.get(
        status, "etcdserver: request timed out"
    )
    content = json.dumps({"kind": "Status", "code": status, "message": message}).encode()
    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode() + content
