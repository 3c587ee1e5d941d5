# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The internal server's certificate and password file, held against those who judge them: OpenSSL and the clock."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._repository._answers import Answer, answer_of
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._server import _identity
from ansible_collections.community.che.plugins.module_utils._server._identity import (
    is_fit,
    make_certificate,
    password_line,
)
from ansible_collections.community.che.plugins.module_utils._server._internal_keys import certificate_names

NAMES = certificate_names("che")
NOW = datetime.now(timezone.utc)


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return make_certificate(NAMES)


@pytest.fixture
def port(made: dict[str, str], tmp_path: Path) -> int:
    """A server with this certificate, on loopback."""
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).write_text(made[name], encoding="ascii")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                context.wrap_socket(listener.accept()[0], server_side=True).close()
            except OSError:
                continue

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_client_trusts_it_through_a_forwarded_port(made: dict[str, str], port: int, host: str) -> None:
    assert answer_of(RestServer(host, port=port), made["ca.crt"], 10) is Answer.TRUSTED


def test_a_client_of_another_authority_does_not(port: int) -> None:
    other = make_certificate(NAMES)["ca.crt"]
    assert answer_of(RestServer("127.0.0.1", port=port), other, 10) is Answer.UNTRUSTED


def test_nobody_answers_within_the_time(made: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = datetime.now(timezone.utc)
        server = RestServer("127.0.0.1", port=silent.getsockname()[1])
        assert answer_of(server, made["ca.crt"], 0.3) is Answer.NONE
        assert datetime.now(timezone.utc) - began < timedelta(seconds=5)


def test_it_is_for_the_service_too(made: dict[str, str]) -> None:
    assert "backup-rest-server-service.che.svc" in NAMES
    assert is_fit(made, NAMES, NOW)


@pytest.mark.parametrize(
    ("names", "now"),
    [
        (certificate_names("elsewhere"), NOW),
        (NAMES[:-1], NOW),
        (NAMES, NOW + timedelta(days=9 * 365 + 10)),
    ],
    ids=["another namespace", "a name too many", "in its last year"],
)
def test_one_that_does_not_fit_is_made_anew(made: dict[str, str], names: tuple[str, ...], now: datetime) -> None:
    assert not is_fit(made, names, now)


@pytest.mark.parametrize("key", ["tls.crt", "tls.key", "ca.crt"])
def test_one_that_is_not_whole_is_made_anew(made: dict[str, str], key: str) -> None:
    assert not is_fit({**made, key: ""}, NAMES, NOW)
    if key != "tls.key":
        assert not is_fit({**made, key: "not a certificate"}, NAMES, NOW)


def test_the_password_file_is_in_the_notation_of_htpasswd() -> None:
    digest = base64.b64encode(hashlib.sha1(b"open").digest()).decode()
    assert password_line("che", "open") == f"che:{{SHA}}{digest}\n"


def test_without_the_library_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_identity, "CRYPTOGRAPHY_IMPORT_ERROR", "gone")
    with pytest.raises(CheError, match="cryptography"):
        make_certificate(NAMES)
