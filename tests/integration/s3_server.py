# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real S3 server, versitygw on a folder, with TLS by a private CA, for tests.

It is a process of this machine. Where pods are to reach it, it listens on the address that this machine has towards
the cluster's node.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from che_standin import pki
from integration.che_bed import Cluster
from integration.rest_server import tool

BUCKET = "che-backups"
REGION = "eu-west-1"
ACCESS_KEY_ID = "AKIDSTANDINROOT"
# The characters that Amazon's own secrets have, and some that the file of keys has to bear.
SECRET_ACCESS_KEY = "s3cr3t-standin/root+key=#;'x"
# Known to the server, and allowed nothing in the bucket.
STRANGER_ID = "AKIDSTANDINSTRANGER"
STRANGER_SECRET = "s3cr3t-standin/stranger"


@dataclass(frozen=True)
class Certificates:
    """What the server shows, and who signed it."""

    authority: str
    server_certificate: Path
    server_key: Path


def make_certificates(folder: Path, host: str) -> Certificates:
    """A new authority, and a certificate of this host by it, as files of the folder."""
    authority = pki.authority("tests of community.che")
    server = pki.server_certificate(authority, [host])
    (folder / "server.crt").write_text(server.certificate, encoding="ascii")
    (folder / "server.key").write_text(server.key, encoding="ascii")
    return Certificates(authority.certificate, folder / "server.crt", folder / "server.key")


class S3ServerProcess:
    """A versitygw that can be started, stopped and started again on the same port with the same data.

    Args:
        folder: Where it keeps its buckets, its users and its log; several servers may share one.
        certificates: What it shows.
        host: The address that it listens on.
        options: More options of versitygw, such as ``--readonly``.
        megabytes: Put the data onto a file system of this size, which only this server sees; None: into the folder.
    """

    def __init__(
        self, folder: Path, certificates: Certificates, host: str, *options: str, megabytes: int | None = None
    ) -> None:
        self.host = host
        self.data = folder / "data"
        (self.data / BUCKET).mkdir(parents=True, exist_ok=True)
        users = folder / "users"
        users.mkdir(exist_ok=True)
        account = {"access": STRANGER_ID, "secret": STRANGER_SECRET, "role": "user", "userID": 0, "groupID": 0}
        (users / "users.json").write_text(json.dumps({"accessAccounts": {STRANGER_ID: account}}), encoding="utf-8")
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port(host)
        self._argv = [tool("versitygw"), "--port", f"{host}:{self.port}", "--region", REGION, *options]
        self._argv += ["--cert", str(certificates.server_certificate), "--key", str(certificates.server_key)]
        self._argv += ["--iam-dir", str(users), "posix", str(self.data)]
        if megabytes:
            self._argv = _on_small_disk(self._argv, self.data, megabytes)

    @property
    def url(self) -> str:
        """A repository's URL without the repository, ending in a slash."""
        return f"s3:https://{self.host}:{self.port}/{BUCKET}/"

    def start(self) -> None:
        """Start it and wait until it listens."""
        keys = {"ROOT_ACCESS_KEY_ID": ACCESS_KEY_ID, "ROOT_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv, env={"PATH": os.environ["PATH"], **keys}, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 20
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"versitygw did not start: {self._log.read_text(encoding='utf-8')}", pytrace=False)
            time.sleep(0.02)

    def stop(self, wish: signal.Signals = signal.SIGKILL) -> None:
        """Stop it, if it runs; at once, as a lost server does."""
        if self._process is not None:
            self._process.send_signal(wish)
            self._process.wait(20)
            self._process = None

    def buckets(self) -> list[str]:
        """The buckets that there are."""
        return sorted(path.name for path in self.data.iterdir() if path.is_dir() and not path.name.startswith("."))

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex((self.host, self.port)) == 0


def _on_small_disk(argv: list[str], data: Path, megabytes: int) -> list[str]:
    if os.getuid() != 0:
        pytest.skip("only root makes a small file system")
    script = f'mount -t tmpfs -o size={megabytes}m tmpfs "$0" && mkdir "$0/{BUCKET}" && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, str(data), *argv]


def address_for_pods(cluster: Cluster) -> str:
    """The address of this machine that the cluster's nodes, and so its pods, reach."""
    (node, *_others) = cluster.list_all("v1", "Node")
    (internal,) = (item["address"] for item in node["status"]["addresses"] if item["type"] == "InternalIP")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        # Nothing is sent: this only asks the system for a route.
        route.connect((internal, 9))
        return str(route.getsockname()[0])


def _free_port(host: str) -> int:
    with socket.socket() as server:
        server.bind((host, 0))
        return int(server.getsockname()[1])
