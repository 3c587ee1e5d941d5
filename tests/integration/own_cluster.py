# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""tests/cluster/cluster and its kubectl, as tests call them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from tools.export_collection import cache_folder

TOOL = Path(__file__).resolve().parents[1] / "cluster" / "cluster"
DEFAULT_STATE = "/var/tmp/community.che/cluster"


class OwnCluster:
    """The cluster whose state lies in ``state``; by default the one that every test shares."""

    def __init__(self, state: str | None = None) -> None:
        self.state = state or os.environ.get("CHE_TEST_CLUSTER_DIR", DEFAULT_STATE)
        self.kubeconfig = f"{self.state}/admin.conf"

    def is_meant(self) -> bool:
        return os.environ.get("KUBECONFIG", self.kubeconfig) == self.kubeconfig

    def _environment(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
        return {**others, "CHE_TEST_CLUSTER_DIR": self.state}

    def run(self, *arguments: str, expected: int = 0, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(TOOL), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == expected, f"cluster {arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def try_kubectl(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(cache_folder() / "bin" / "kubectl"), "--kubeconfig", self.kubeconfig, *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=120)

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        done = self.try_kubectl(*arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {arguments}: {done.stderr}"
        return done.stdout

    def apply(self, *objects: dict[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def node_address(self) -> str:
        kind = "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}"
        return self.kubectl("get", "nodes", "-o", kind)

    @staticmethod
    def processes(status: str) -> dict[str, int]:
        """What ``status`` printed: the processes that run, with their ids."""
        return {name: int(process) for name, process in re.findall(r"^(\S+) +running, process (\d+)$", status, re.M)}
