# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of a drill as a whole share: its request, its databases' server, and what it may leave.

Databases are stood in for: what happens to them is proven by the integration tests on real servers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._request import JobChoices
from ansible_collections.community.che.plugins.module_utils._drill._drill import LEASE
from ansible_collections.community.che.plugins.module_utils._drill._request import DrillRequest
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Halt
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP
from ansible_collections.community.che.plugins.module_utils._kube._kinds import LEASE as LEASE_KIND
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions
from unit.che_objects import FIGURES, PART_OF
from unit.fake_api import FakeApi

PLACE = "che-drill-d1"
REQUEST = DrillRequest(
    namespace="che",
    che_cluster=None,
    id="latest",
    server=ServerOptions(name="main"),
    jobs=JobChoices("restic:1", None, (), None),
    scratch_namespace="",
    run_id="d1",
    timeout=600,
    restic_path="restic",
    check_mode=False,
)
MOUNTED = {
    **PART_OF,
    "app.kubernetes.io/component": "workspaces-config",
    "controller.devfile.io/mount-to-devworkspace": "true",
}


@dataclass
class Server:
    """The database server's side of a drill: what was done to it, what it finds, and where it fails."""

    done: list[str] = field(default_factory=list)
    figures: Any = FIGURES
    properties: Any = FIGURES.properties
    fails: dict[str, int] = field(default_factory=dict)
    fails_by: type[Halt] = CheError
    free: int = 2**40
    scratches: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)

    def do(self, what: str) -> None:
        self.done.append(what)
        if self.fails.get(what, 0) > 0:
            self.fails[what] -= 1
            raise self.fails_by(f"It broke at {what}")

    def prepare(self, _psql: Any, names: Any, _facts: Any, valid_seconds: int) -> Any:
        assert valid_seconds > 0
        self.do("prepare")
        return type("Role", (), {"name": names.role, "password": "s3cret-loader"})

    def run_job(self, _cluster: Any, job: Any, _secret: Any, _deadline: Any) -> str:
        assert job["metadata"]["labels"]["community.che/drill-of"] == "che"
        self.do("load")
        return ""

    def facts(self, _psql: Any, name: str, _user: str) -> Any:
        self.do(f"facts {name.partition('-d1')[0]}")
        return type("Facts", (), {"properties": self.properties})

    def free_bytes(self, *_arguments: Any) -> int:
        self.do("space")
        return self.free


def live(api: FakeApi) -> dict[str, str]:
    """What lives, by its versions: all but what a drill may leave."""
    return {
        path: obj["metadata"]["resourceVersion"]
        for path, obj in api.objects.items()
        if "/che-run-" not in path and "/che-drill-" not in path
    }


def left(api: FakeApi) -> list[str]:
    """What no drill may leave."""
    return [path for path in api.objects if f"/namespaces/{PLACE}" in path or path == LEASE_KIND.path("che", LEASE)]


def record(api: FakeApi, run: str = "d1") -> dict[str, Any]:
    config_map = api.at(CONFIG_MAP, f"che-drill-{run}", "che")
    assert config_map is not None
    held: dict[str, Any] = json.loads(config_map["data"]["drill.json"])
    return held
