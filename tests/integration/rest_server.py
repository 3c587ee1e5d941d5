# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real rest-server on loopback, with TLS by a private CA and a user, for tests."""

from __future__ import annotations

import base64
import hashlib
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USERNAME = "che"
SERVER_PASSWORD = "server/secret@1"


def tool(name: str) -> str:
    """The path of a program that the tests need."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(
            f"{name} is not on PATH: `tests/cluster/cluster bin` builds it and prints the folder to add", pytrace=False
        )
    return path


@dataclass(frozen=True)
class Authority:
    """A private certificate authority, and the certificate of one server that it signed.

    Args:
        certificate: Its own certificate, PEM.
        server_certificate: The file of the server's certificate.
        server_key: The file of the server's key.
    """

    certificate: str
    server_certificate: Path
    server_key: Path


def make_authority(folder: Path, hostname: str = "localhost", days: int = 1) -> Authority:
    """Make an authority and a server's certificate, as files of this folder.

    Args:
        folder: Where the files go.
        hostname: Whom the server's certificate is made out to.
        days: How long that is valid from now; a negative one is out of date.
    """
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests of community.che")])
    authority = (
        _certificate(authority_name, authority_name, authority_key, 1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        _certificate(x509.Name([]), authority_name, server_key, days)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    (folder / "server.crt").write_bytes(server.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    certificate = authority.public_bytes(serialization.Encoding.PEM).decode()
    return Authority(certificate, folder / "server.crt", folder / "server.key")


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
    )


class RestServerProcess:
    """A rest-server that can be started, stopped and started again on the same port with the same data.

    Args:
        folder: Where it keeps its data, its users and its log.
        authority: Who signed its certificate; None: plain http.
        options: More options of rest-server.
    """

    def __init__(self, folder: Path, authority: Authority | None, *options: str) -> None:
        self.port = free_port()
        self.data = folder / "data"
        self.data.mkdir()
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "users").write_text(f"{USERNAME}:{_sha(SERVER_PASSWORD)}\n", encoding="utf-8")
        self._argv = [tool("rest-server"), "--path", str(self.data), "--listen", f"127.0.0.1:{self.port}"]
        self._argv += ["--htpasswd-file", str(folder / "users"), *options]
        if authority:
            self._argv += ["--tls", "--tls-cert", str(authority.server_certificate)]
            self._argv += ["--tls-key", str(authority.server_key)]

    def start(self) -> None:
        """Start it and wait until it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._argv, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"rest-server did not start: {self._log.read_text(encoding='utf-8')}", pytrace=False)
            time.sleep(0.02)

    def stop(self, wish: signal.Signals = signal.SIGTERM) -> None:
        """Stop it, if it runs."""
        if self._process is not None:
            self._process.send_signal(wish)
            self._process.wait(20)
            self._process = None

    def stored_bytes(self) -> int:
        """The size of all that it stores."""
        return sum(path.stat().st_size for path in self.data.rglob("*") if path.is_file())

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0


def _sha(password: str) -> str:
    """A password as htpasswd's option -s writes it; the tests' own is no secret that is worth more."""
    return "{SHA}" + base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()


def free_port() -> int:
    """A port of 127.0.0.1 at which nobody listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])
