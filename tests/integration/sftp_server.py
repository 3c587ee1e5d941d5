# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real OpenSSH server for SFTP alone, for tests: of the user who runs them, with host keys and a port of its own.

Where pods are to reach it, it listens on the address that this machine has towards the cluster's node.
"""

from __future__ import annotations

import getpass
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

KEY_TYPES = ("ed25519", "ecdsa")
_SSHD = "/usr/sbin/sshd"
# sshd of root insists on this folder, which Debian makes when its own service starts.
_EMPTY = Path("/run/sshd")


class SftpServerProcess:
    """An sshd that can be started, stopped and started again on the same port with the same data.

    Args:
        folder: Where it keeps its keys, its configuration, its log and, in ``home``, its data; several may share one.
        host: The address that it listens on.
        name: Tells servers that share a folder apart.
        read_only: Let nobody write.
        megabytes: Put the data onto a file system of this size, which only this server sees; None: into the folder.
    """

    def __init__(
        self,
        folder: Path,
        host: str = "127.0.0.1",
        name: str = "sshd",
        read_only: bool = False,
        megabytes: int | None = None,
    ) -> None:
        if not os.access(_SSHD, os.X_OK):
            pytest.fail("there is no sshd: `tests/cluster/cluster up` installs openssh-server", pytrace=False)
        self.host, self.port = host, _free_port(host)
        self.username = getpass.getuser()
        self.home = folder / (f"{name}-home" if megabytes else "home")
        self.home.mkdir(exist_ok=True)
        self._folder, self._name, self._megabytes = folder, name, megabytes
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        for key in ("client", *(f"{name}-{key_type}" for key_type in KEY_TYPES)):
            if not (folder / key).exists():
                make_key(folder / key, key.rpartition("-")[2] if key != "client" else "ed25519")
        self._write_configuration(f"internal-sftp -d {self.home}{' -R' if read_only else ''}")

    def _write_configuration(self, subsystem: str) -> None:
        lines = {
            "ListenAddress": self.host,
            "Port": self.port,
            "AuthorizedKeysFile": self._folder / "client.pub",
            "PidFile": "none",
            "StrictModes": "no",
            # Without it sshd refuses root where the account has no password; only root's sshd can do it.
            "UsePAM": "yes" if os.getuid() == 0 else "no",
            "PermitRootLogin": "prohibit-password",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "MaxStartups": "100",
            "Subsystem": f"sftp {subsystem}",
            "ForceCommand": subsystem,
        }
        keys = [f"HostKey {self._folder / f'{self._name}-{key_type}'}" for key_type in KEY_TYPES]
        text = "\n".join([*keys, *(f"{name} {value}" for name, value in lines.items()), ""])
        (self._folder / f"{self._name}.conf").write_text(text, encoding="utf-8")

    @property
    def private_key(self) -> str:
        """The key that opens the server."""
        return (self._folder / "client").read_text(encoding="ascii")

    @property
    def host_keys(self) -> tuple[str, ...]:
        """The server's public keys, as ``type base64``."""
        files = [self._folder / f"{self._name}-{key_type}.pub" for key_type in KEY_TYPES]
        return tuple(" ".join(file.read_text(encoding="ascii").split()[:2]) for file in files)

    @property
    def url(self) -> str:
        """A repository's URL without the repository: of the home, ending in a slash."""
        return f"sftp://{self.username}@{self.host}:{self.port}/"

    def change_host_keys(self) -> None:
        """What a server does that was set up anew, or one that is another; it takes effect at the next start."""
        for key_type in KEY_TYPES:
            for file in (f"{self._name}-{key_type}", f"{self._name}-{key_type}.pub"):
                (self._folder / file).unlink()
            make_key(self._folder / f"{self._name}-{key_type}", key_type)

    def start(self) -> None:
        """Start it and wait until it listens."""
        if os.getuid() == 0:
            _EMPTY.mkdir(mode=0o755, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"sshd did not start: {self._log.read_text(encoding='utf-8')}", pytrace=False)
            time.sleep(0.02)

    def _argv(self) -> list[str]:
        sshd = [_SSHD, "-D", "-e", "-f", str(self._folder / f"{self._name}.conf")]
        if not self._megabytes:
            return sshd
        if os.getuid() != 0:
            pytest.skip("only root makes a small file system")
        mount = f'mount -t tmpfs -o size={self._megabytes}m tmpfs "$0" && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", mount, str(self.home), *sshd]

    def stop(self) -> None:
        """Stop it with all of its sessions, if it runs; at once, as a lost server does."""
        if self._process is not None:
            # Each session is a process group of its own, and outlives the sshd that it is a child of.
            for pid in [self._process.pid, *descendants(self._process.pid)]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            self._process.wait(20)
            self._process = None

    def sessions(self) -> list[int]:
        """The process ids of what serves somebody now."""
        return list(descendants(self._process.pid)) if self._process else []

    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text(encoding="utf-8")

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex((self.host, self.port)) == 0


def make_key(path: Path, key_type: str = "ed25519", passphrase: str = "") -> None:
    """A new key as two files, the private one and ``.pub``."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", key_type, "-N", passphrase, "-C", "tests of community.che", "-f", str(path)],
        check=True,
        timeout=60,
    )


def descendants(pid: int) -> Iterator[int]:
    """The ids of a process's children, and theirs."""
    try:
        children = [task.read_text(encoding="ascii") for task in Path(f"/proc/{pid}/task").glob("*/children")]
    except (FileNotFoundError, ProcessLookupError):
        return  # it has ended meanwhile
    for child in (int(number) for numbers in children for number in numbers.split()):
        yield from descendants(child)
        yield child


def _free_port(host: str) -> int:
    with socket.socket() as server:
        server.bind((host, 0))
        return int(server.getsockname()[1])
