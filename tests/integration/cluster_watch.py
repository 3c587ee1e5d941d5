# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep everything that a cluster shows of a run while it lasts, so that it can be searched for secrets.

Written into a folder: each version of each object that is not a Secret, the logs of our pods, and, where the cluster
runs on this machine, the environment of our processes in it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from integration.che_bed import OURS, ApiError, Cluster

POLL_SECONDS = 0.15
# Objects of these kinds may be read by more people than Secrets may.
KINDS = (
    ("batch/v1", "Job"),
    ("v1", "Pod"),
    ("v1", "ConfigMap"),
    ("v1", "Event"),
    ("org.eclipse.che/v1", "CheBackupServerConfiguration"),
)
# Only our scripts are told where their Secret is mounted.
OUR_PROCESS = b"CHE_MOUNT="


class Watch:
    """What was seen, in files of a folder.

    Args:
        cluster: Where to look.
        namespace: The namespace of Che.
        folder: An empty folder.
    """

    def __init__(self, cluster: Cluster, namespace: str, folder: Path) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._folder = folder
        self._ended = threading.Event()
        self._trouble: list[Exception] = []
        self.processes = 0

    def seen(self, kind: str) -> list[str]:
        """The names of all objects of a kind that were there at some time."""
        return sorted({path.name.partition("@")[0] for path in self._folder.glob(f"{kind}/*")})

    def logs(self) -> list[Path]:
        return sorted(self._folder.glob("log/*"))

    @contextmanager
    def watching(self) -> Iterator[Watch]:
        """Look again and again while the block runs, and once more when it has ended."""
        watchers = [threading.Thread(target=self._repeat, args=(look,)) for look in (self._objects, self._processes)]
        for watcher in watchers:
            watcher.start()
        try:
            yield self
        finally:
            self._ended.set()
            for watcher in watchers:
                watcher.join()
        assert not self._trouble, self._trouble

    def _repeat(self, look: Any) -> None:
        while True:
            last = self._ended.is_set()
            try:
                look()
            except Exception as error:
                # A thread's own exceptions reach nobody: they fail the block instead.
                self._trouble.append(error)
                return
            if last:
                return
            self._ended.wait(POLL_SECONDS)

    def _objects(self) -> None:
        for api_version, kind in KINDS:
            for obj in self._cluster.list_all(api_version, kind, self._namespace):
                version = f"{obj['metadata']['name']}@{obj['metadata']['resourceVersion']}"
                if not (self._folder / kind / version).exists():
                    self._keep(kind, version, json.dumps(obj))
        for pod in self._cluster.list_all("v1", "Pod", self._namespace, OURS):
            for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
                self._log(pod["metadata"]["name"], container["name"])

    def _log(self, pod: str, container: str) -> None:
        # It may not have begun, or be gone already.
        with suppress(ApiError):
            client: Any = self._cluster.client
            path = f"/api/v1/namespaces/{self._namespace}/pods/{pod}/log"
            configuration = client.configuration
            headers = {setting["key"]: setting["value"] for setting in configuration.auth_settings().values()}
            answer = client.rest_client.pool_manager.request(
                "GET", f"{configuration.host}{path}?container={container}", headers=headers, retries=False
            )
            if answer.status == 200:
                self._keep("log", f"{pod}.{container}", answer.data.decode(errors="replace"))

    def _processes(self) -> None:
        """The environment and the arguments of our processes in the cluster's pods."""
        for folder in Path("/proc").glob("[0-9]*"):
            # A process may end at any moment.
            with suppress(OSError):
                environment = (folder / "environ").read_bytes()
                if OUR_PROCESS in environment:
                    program = (folder / "comm").read_text().strip()
                    content = environment + b"\n" + (folder / "cmdline").read_bytes()
                    self._keep("process", f"{folder.name}-{program}", content.decode(errors="replace"))
                    self.processes += 1

    def _keep(self, kind: str, name: str, text: str) -> None:
        target = self._folder / kind / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")


def secrets_of(cluster: Cluster, namespace: str) -> Mapping[str, str]:
    """Every secret value of a namespace by where it stands; short ones, such as user names, are left out."""
    import base64

    found = {}
    for secret in cluster.list_all("v1", "Secret", namespace):
        for key, value in (secret.get("data") or {}).items():
            with suppress(UnicodeDecodeError):
                text = base64.b64decode(value).decode()
                if len(text) >= SHORTEST and key not in PUBLIC_KEYS:
                    found[f"{secret['metadata']['name']}.{key}"] = text
    return found


SHORTEST = 12
# A certificate is shown to everybody who connects.
PUBLIC_KEYS = ("ca.crt", "tls.crt")
