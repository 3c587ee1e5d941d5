# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real PostgreSQL server on loopback, for tests: passwords over TCP, its superuser over its own socket."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from integration.rest_server import free_port

SUPERUSER = "postgres"
_LOCALE = "C.UTF-8"
_PSQL = ("-X", "-w", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1")
_CLUSTER_TOOL = Path(__file__).parents[1] / "cluster" / "cluster"


def programs() -> Path:
    """The folder of the newest PostgreSQL's own programs; Debian's wrappers around them need its own layout."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if folders:
        return folders[-1].parent
    found = shutil.which("initdb")
    if found is None:
        pytest.fail("there is no PostgreSQL server here; on Debian: apt-get install postgresql-15", pytrace=False)
    return Path(found).parent


@cache
def other_postgresql(name: str) -> Path:
    """The folder of a PostgreSQL that ``tests/cluster/postgresql.txt`` names, its programs in ``bin``; fetched once."""
    done = subprocess.run([_CLUSTER_TOOL, "postgresql", name], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"there is no PostgreSQL {name}: {done.stderr.strip()}", pytrace=False)
    return Path(done.stdout.strip())


class PostgresServer:
    """One server with its data in a folder of its own.

    Args:
        folder: Where; made, and given to the user that the server runs as, who must get there: not below pytest's own
            temporary folders, which every pytest that starts closes to others.
        options: Settings of the server, as ``name=value``.
        version: The major version of another server than the newest here, see ``other_postgresql``.
    """

    def __init__(self, folder: Path, *options: str, version: str = "") -> None:
        self.port = free_port()
        self.socket = folder / "socket"
        self._data = folder / "data"
        self._log = folder / "log"
        # PostgreSQL refuses to run as root.
        self._as_user = ["runuser", "-u", SUPERUSER, "--"] if os.geteuid() == 0 else []
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.socket,
            "fsync": "off",
            **dict(option.split("=", 1) for option in options),
        }
        self._settings = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self.socket.mkdir(parents=True)
        for path in (folder, self.socket):
            path.chmod(0o755)
            if self._as_user:
                shutil.chown(path, SUPERUSER)
        self._programs = programs()
        if version:
            # Where the user that the server runs as may read it: root's cache is root's.
            self._programs = shutil.copytree(other_postgresql(version), folder / "programs") / "bin"
        self._run("initdb", "-D", self._data, "-U", SUPERUSER, "-E", "UTF8", f"--locale={_LOCALE}", "-N")
        # As in the images that Che uses: trust for who is inside, passwords for the network.
        (self._data / "pg_hba.conf").write_text("local all all trust\nhost all all all md5\n", encoding="utf-8")

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        self._run("pg_ctl", "-D", self._data, "-l", self._log, "-o", self._settings, "-w", "start")

    def stop(self) -> None:
        """Stop it, if it runs."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop", check=False)

    def psql(self, script: str, database: str = SUPERUSER, role: str = SUPERUSER) -> str:
        """Run a script as the superuser, or as another role, over the server's socket; raises ``CheError``."""
        done = subprocess.run(
            [programs() / "psql", *_PSQL],
            input=script,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=self._environment(database, role),
            check=False,
        )
        if done.returncode:
            raise CheError(f"psql failed: {done.stderr.strip()}")
        return done.stdout.removesuffix("\n")

    @contextmanager
    def session(self, script: str, database: str = SUPERUSER, role: str = SUPERUSER) -> Iterator[None]:
        """A session that has run a script, which prints nothing, and stays until the end."""
        with subprocess.Popen(
            [programs() / "psql", *_PSQL],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment(database, role),
        ) as psql:
            assert psql.stdin is not None
            assert psql.stdout is not None
            psql.stdin.write(f"{script}\n\\echo ready\n")
            psql.stdin.flush()
            assert psql.stdout.readline() == "ready\n"
            yield

    def _environment(self, database: str, role: str) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "PGHOST": str(self.socket),
            "PGPORT": str(self.port),
            "PGUSER": role,
            "PGDATABASE": database,
            "LC_ALL": "C",
        }

    def logged(self) -> str:
        """What the server has written into its log."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _run(self, program: str, *arguments: object, check: bool = True) -> None:
        command = [*self._as_user, str(self._programs / program), *map(str, arguments)]
        # pg_ctl's server keeps what it inherits: no pipe may be among that.
        done = subprocess.run(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if check and done.returncode:
            log = self.logged() if self._log.exists() else ""
            pytest.fail(f"{program} failed with status {done.returncode}: {log[-2000:]}", pytrace=False)
