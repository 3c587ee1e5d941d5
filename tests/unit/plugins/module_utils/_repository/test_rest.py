# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The REST adapter, and its probe against servers that misbehave."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.community.che.plugins.module_utils._repository import _errors as errors
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._proxy import bypasses_proxy
from ansible_collections.community.che.plugins.module_utils._repository._rest import RestAdapter
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer


@contextmanager
def _answering(status: int, headers: dict[str, str] | None = None) -> Iterator[tuple[int, list[str]]]:
    """A web server that always answers the same; yields its port and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _talking(banner: bytes | None) -> Iterator[int]:
    """A server that says this and hangs up, or with None says nothing and waits."""
    done = threading.Event()

    def serve() -> None:
        connection, _peer = listener.accept()
        with connection:
            if banner is None:
                done.wait(20)
            else:
                connection.recv(4096)
                connection.sendall(banner)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        done.set()
        thread.join()


def _probe(port: int, timeout: float = 5, credentials: UserAndPassword | None = None) -> bool:
    server = RestServer("127.0.0.1", "che", "http", port)
    return RestAdapter(Access(server, "hunter2", credentials)).probe(timeout)


@pytest.mark.parametrize(("status", "expected"), [(200, True), (404, False)])
def test_asks_for_the_config_of_the_repository(status: int, expected: bool) -> None:
    with _answering(status) as (port, asked):
        assert _probe(port) is expected
    assert asked == ["/che/config"]


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (200, {"Content-Type": "text/html; charset=utf-8"}, errors.NotResticServer),
        (404, {"Content-Type": "text/html"}, errors.NotResticServer),
        (204, {}, errors.NotResticServer),
        (405, {}, errors.NotResticServer),
        (401, {}, errors.AccessDenied),
        (403, {}, errors.AccessDenied),
        (400, {}, errors.ProtocolMismatch),
        (500, {}, errors.ServerFault),
        (507, {}, errors.ServerFault),
        (503, {"Content-Type": "text/html"}, errors.ServerFault),
    ],
)
def test_statuses_become_types(status: int, headers: dict[str, str], error: type[Exception]) -> None:
    with _answering(status, headers) as (port, _asked), pytest.raises(errors.RepositoryError) as failure:
        _probe(port)
    assert type(failure.value) is error
    assert failure.value.next_step


def test_follows_no_redirection_with_the_credentials() -> None:
    with _answering(200) as (other, asked_there), _answering(307, {"Location": f"http://127.0.0.1:{other}/"}) as here:
        with pytest.raises(errors.NotResticServer):
            _probe(here[0], credentials=UserAndPassword("me", "hunter3"))
        assert here[1] == ["/che/config"]
    assert asked_there == []


def test_a_silent_server_is_given_up() -> None:
    started = time.monotonic()
    with _talking(None) as port, pytest.raises(errors.ServerTimeout):
        _probe(port, timeout=0.3)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00\x01\x02\r\n\r\n"])
def test_another_protocol(banner: bytes) -> None:
    with _talking(banner) as port, pytest.raises(errors.NotResticServer):
        _probe(port)


def test_a_server_that_hangs_up() -> None:
    with _talking(b"") as port, pytest.raises(errors.RepositoryError):
        _probe(port)


def test_a_host_without_address() -> None:
    with pytest.raises(errors.UnknownHost):
        RestAdapter(Access(RestServer("backup.invalid"), "pw")).probe(5)


def test_a_ca_that_is_no_pem() -> None:
    with pytest.raises(errors.InvalidCertificateAuthority):
        RestAdapter(Access(RestServer("127.0.0.1"), "pw", ca_certificate="not PEM")).probe(5)


@pytest.mark.parametrize(("port", "other"), [(8000, "the port of https"), (None, "8000")])
def test_a_refused_connection_names_the_other_port(port: int | None, other: str) -> None:
    # Nobody listens on this address of the loopback network.
    adapter = RestAdapter(Access(RestServer("127.99.99.99", port=port), "pw"))
    with pytest.raises(errors.ConnectionRefused) as refusal:
        adapter.probe(5)
    assert other in refusal.value.next_step


def test_credentials_are_encoded_where_they_belong_and_nowhere_else() -> None:
    adapter = RestAdapter(Access(RestServer("host", "p", port=8000), "pw", UserAndPassword("m@e", "h/u:n")))
    assert adapter.location == "rest:https://host:8000/p/"
    assert adapter.files() == {"repository": "rest:https://m%40e:h%2Fu%3An@host:8000/p/"}
    assert adapter.environment() == {"RESTIC_REST_USERNAME": "m@e", "RESTIC_REST_PASSWORD": "h/u:n"}


def test_without_a_user_there_are_no_credentials() -> None:
    adapter = RestAdapter(Access(RestServer("host"), "pw"))
    assert adapter.files() == {"repository": adapter.location}
    assert adapter.environment() == {}


def test_goes_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with _answering(200) as (port, asked):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        assert RestAdapter(Access(RestServer("backup.invalid", "che", "http"), "pw")).probe(5) is True
    assert asked == ["http://backup.invalid/che/config"]


def test_never_goes_through_a_proxy_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    with _answering(200) as (port, _asked):
        assert _probe(port) is True


@pytest.mark.parametrize(
    ("hostname", "expected"),
    [
        ("localhost", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("fd00::5", True),
        ("192.0.2.1", False),
        ("backup.example.org", False),
        ("localhost.example.org", False),
    ],
)
def test_takes_restics_way_around_a_proxy(hostname: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.com, 10.0.0.0/8 ,fd00::/8,.svc")
    assert bypasses_proxy(hostname) is expected
