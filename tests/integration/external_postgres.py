# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real PostgreSQL server outside of the cluster, as a company's own or a cloud's would be, for tests.

TLS by a private CA, a port of its own, passwords by SCRAM only. It is a process of this machine, which pods reach at
the address that this machine has towards the node of the cluster (see ``s3_server.address_for_pods``).
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from integration.che_bed import pki
from integration.log_tail import LogTail
from integration.postgres_server import SUPERUSER, PostgresServer, programs
from integration.small_disk import SmallDisk

#: A name that only the server's certificate knows: clients are told its address, as by a resolver.
DNS_NAME = "postgres.corporate.example"
LOOPBACK = "127.0.0.1"
RDS_SUPERUSER = "rds_superuser"
#: How much of its log is kept.
LOG_BYTES = 1_000_000
_PATIENCE_SECONDS = 30.0
_SMALL_DISK = "small_disk"


@dataclass(frozen=True)
class Login:
    """A role and its password."""

    role: str
    password: str = field(repr=False)


class ExternalPostgres(PostgresServer):
    """A server that can be stopped and started again on the same port with the same data.

    Its authority's certificate is in ``authority`` as PEM, and in the file ``ca_file``.

    Args:
        folder: Where it keeps everything; see ``PostgresServer``.
        host: The address that it listens on beside loopback.
        names: What its certificate is made out to beside both addresses.
        tls_only: Whether it refuses clients without TLS; see ``accept``.
        megabytes: Put all databases that are made from now on onto a file system of this size. Its own catalogue of
            databases and roles and its journal lie elsewhere, so that it outlives a full disk.
        settings: Settings of the server; see ``configure``.
    """

    def __init__(
        self,
        folder: Path,
        host: str = LOOPBACK,
        names: Sequence[str] = (DNS_NAME,),
        tls_only: bool = True,
        megabytes: int | None = None,
        **settings: object,
    ) -> None:
        super().__init__(folder)
        self.host = host
        self.ca_file = folder / "ca.crt"
        self._authority = pki.authority("tests of community.che: external databases")
        self.authority = self._authority.certificate
        self.ca_file.write_text(self.authority, encoding="ascii")
        self._disk = self._make_disk(folder / "disk", megabytes) if megabytes else None
        self._process: subprocess.Popen[bytes] | None = None
        self._tail = LogTail(LOG_BYTES)
        certificate, key = self._data / "server.crt", self._data / "server.key"
        self._write_settings(
            {
                "port": self.port,
                "listen_addresses": ",".join(dict.fromkeys((LOOPBACK, host))),
                "unix_socket_directories": self.socket,
                "fsync": "off",
                "ssl": "on",
                "ssl_cert_file": certificate,
                "ssl_key_file": key,
                "password_encryption": "scram-sha-256",
                **settings,
            }
        )
        self._write_certificate([*names, *dict.fromkeys((LOOPBACK, host))])
        self._write_access(tls_only)

    # The name that its interface has in tests of external databases: as the superuser, over the server's own socket.
    sql = PostgresServer.psql

    @property
    def pid(self) -> int:
        """The process of the running server."""
        assert self._process is not None, "the server does not run"
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        self._process = subprocess.Popen(
            [*self._as_postgres(), str(self._programs / "postgres"), "-D", str(self._data)],
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._tail.follow(self._process)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"the PostgreSQL server did not start: {self.logged()[-2000:]}", pytrace=False)
            time.sleep(0.05)
        if self._disk is not None and not self.sql(f"SELECT 1 FROM pg_tablespace WHERE spcname = '{_SMALL_DISK}';"):
            self._use_disk(self._disk.folder)

    def stop(self, wish: signal.Signals = signal.SIGQUIT) -> None:
        """Stop it, if it runs; at once, as a lost server does, or with ``SIGINT`` in good order."""
        if self._process is not None:
            self._process.send_signal(wish)
            self._process.wait(_PATIENCE_SECONDS)
            self._process = None

    def close(self) -> None:
        """Stop it for good, and give its small disk back."""
        self.stop()
        if self._disk is not None:
            self._disk.close()

    def logged(self) -> str:
        """What the server has written into its log: the newest of it, not more than ``LOG_BYTES``."""
        return self._tail.text()

    def configure(self, **settings: object) -> None:
        """Change settings of the running server, which starts anew where one of them needs it."""
        for name, value in settings.items():
            self.sql(f"ALTER SYSTEM SET {name} = '{value}';")
        self._reload()
        if self.sql("SELECT count(*) FROM pg_settings WHERE pending_restart;") != "0":
            self.stop(signal.SIGINT)
            self.start()

    def accept(self, tls_only: bool) -> None:
        """From now on take clients with TLS only, or without it as well; who is connected stays."""
        self._write_access(tls_only)
        self._reload()

    def show(self, *names: str, authority: pki.KeyPair | None = None) -> None:
        """From now on show a certificate of other names, or one by another authority."""
        self._write_certificate(names, authority)
        self._reload()

    def make_login(self, role: str, attributes: str = "") -> Login:
        """Make a role that may log in, with a password that is made up.

        Args:
            role: Its name, as written in SQL without quotes.
            attributes: More of it, such as ``SUPERUSER``.
        """
        login = Login(role, f"s3cr3t-standin-{secrets.token_urlsafe(12)}")
        self.sql(f"CREATE ROLE {role} LOGIN {attributes} PASSWORD '{login.password}';")
        return login

    def make_administrator(self) -> Login:
        """Make a superuser for the network, as on a server of one's own."""
        return self.make_login("dba", "SUPERUSER")

    def make_master_user(self) -> Login:
        """Make what Amazon RDS gives to its customers instead of a superuser.

        It makes databases and roles, and hands on the role ``rds_superuser``, which is no superuser either.
        """
        master = self.make_login("master", "CREATEDB CREATEROLE")
        self.sql(
            f"""
            CREATE ROLE {RDS_SUPERUSER};
            GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO {RDS_SUPERUSER} WITH ADMIN OPTION;
            GRANT {RDS_SUPERUSER} TO {master.role} WITH ADMIN OPTION;
            """
        )
        return master

    def ask(self, login: Login, script: str = "SELECT 1;", database: str = SUPERUSER, **parameters: object) -> str:
        """Run a script as a client over the network, from this machine.

        Args:
            login: As whom.
            script: SQL, or psql's commands.
            database: Where.
            parameters: libpq's connection parameters, such as ``sslmode``; a TLS connection that verifies the server by
                its address unless they say otherwise.

        Raises:
            CheError: psql failed; with all that it said.
        """
        given = {"host": self.host, "port": self.port, "sslmode": "verify-full", "sslrootcert": self.ca_file}
        given |= {"connect_timeout": 10, **parameters, "user": login.role, "dbname": database}
        done = subprocess.run(
            # No value has a blank or a quote in it.
            [programs() / "psql", "-XwAtq", "-v", "ON_ERROR_STOP=1", " ".join(f"{k}={v}" for k, v in given.items())],
            input=script,
            capture_output=True,
            text=True,
            env={"PATH": os.defpath, "LC_ALL": "C", "PGPASSWORD": login.password},
            check=False,
        )
        if done.returncode:
            raise CheError(f"psql failed: {done.stderr.strip()}")
        return done.stdout.removesuffix("\n")

    @property
    def disk(self) -> SmallDisk:
        """The small disk of its databases."""
        assert self._disk is not None, "this server was made without a small disk"
        return self._disk

    @staticmethod
    def _make_disk(folder: Path, megabytes: int) -> SmallDisk:
        folder.mkdir()
        return SmallDisk(folder, megabytes, folder.parent.stat().st_uid)

    def _as_postgres(self) -> list[str]:
        """What runs a command as the server's user, in the place of its own process; where the small disk is seen."""
        command = []
        if self._disk is not None:
            command += self._disk.enter
        if self._as_user:
            command += ["setpriv", f"--reuid={SUPERUSER}", f"--regid={SUPERUSER}", "--init-groups", "--"]
        return command

    def _answers(self) -> bool:
        command = [str(self._programs / "pg_isready"), "-q", "-h", str(self.socket), "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def _reload(self) -> None:
        # Those who are asked from now on must already know.
        before = self.sql("SELECT pg_conf_load_time(); SELECT pg_reload_conf();").splitlines()[0]
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.sql("SELECT pg_conf_load_time();") == before:
            assert time.monotonic() < deadline, f"the server did not read its settings: {self.logged()[-2000:]}"
            time.sleep(0.02)

    def _write_settings(self, settings: dict[str, object]) -> None:
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def _write_access(self, tls_only: bool) -> None:
        kind = "hostssl" if tls_only else "host"
        lines = ["local all all trust", f"{kind} all all 0.0.0.0/0 scram-sha-256"]
        (self._data / "pg_hba.conf").write_text("\n".join([*lines, ""]), encoding="ascii")

    def _write_certificate(self, names: Sequence[str], authority: pki.KeyPair | None = None) -> None:
        pair = pki.server_certificate(authority or self._authority, list(names))
        for name, text in (("server.crt", pair.certificate), ("server.key", pair.key)):
            path = self._data / name
            path.touch(mode=0o600)
            path.write_text(text, encoding="ascii")
            if self._as_user:
                shutil.chown(path, SUPERUSER)

    def _use_disk(self, folder: Path) -> None:
        self.sql(f"CREATE TABLESPACE {_SMALL_DISK} LOCATION '{folder}';")
        # New databases lie where the one that they are copied from does.
        for template in ("template0", "template1"):
            self.sql(f"ALTER DATABASE {template} SET TABLESPACE {_SMALL_DISK};")


@contextmanager
def external_postgres(host: str = LOOPBACK, **options: Any) -> Iterator[ExternalPostgres]:
    """A running server in a folder of its own; both are gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="external-postgres-"))
    try:
        server = ExternalPostgres(folder, host, **options)
        try:
            server.start()
            yield server
        finally:
            server.close()
    finally:
        shutil.rmtree(folder)
