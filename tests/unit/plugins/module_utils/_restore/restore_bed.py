# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of a restore as a whole share: its request, its databases, and what happens around it.

Databases are stood in for: what happens to them is proven by the integration tests on real servers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup._request import JobChoices
from ansible_collections.community.che.plugins.module_utils._che._choice import Choice
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Halt
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CHE_CLUSTER_V2, CONFIG_MAP, SECRET
from ansible_collections.community.che.plugins.module_utils._restore._database_place import DatabaseQuestion
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import (
    KEEP,
    RESTORE,
    DatabasePlan,
)
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures
from unit.che_objects import FIGURES, NAME, READY
from unit.fake_api import FakeApi, Request

REQUEST = RestoreRequest(
    namespace="che",
    id="latest",
    che_cluster=None,
    server=ServerOptions(name="main"),
    jobs=JobChoices("restic:1", None, (), None),
    safety_backup=True,
    state="restored",
    commit=True,
    plan=None,
    choice=Choice(),
    existing="replace",
    mappings=Mappings(),
    run_id="r2",
    timeout=600,
    restic_path="restic",
    check_mode=False,
)


@dataclass
class Databases:
    """The databases' side of a restore: whether they differ, what was done to them, and where it fails."""

    differ: bool = False
    done: list[str] = field(default_factory=list)
    fails: str = ""
    fails_by: type[Halt] = CheError
    outage_seconds: float = 0.0
    closed_at: str = ""
    journal: Any = None
    removed: bool = False
    marked: bool = False
    unsaved_words: list[str] = field(default_factory=list)
    lost_words: list[str] = field(default_factory=list)
    are_all_back: bool = True

    def plan(self, question: DatabaseQuestion) -> list[DatabasePlan]:
        (part,) = question.parts
        figures = part.database
        assert figures is not None
        if not question.installation_exists:
            return [DatabasePlan(part, RESTORE)]
        changed = replace(figures, tables=(replace(figures.tables[0], rows=9),))
        return [DatabasePlan(part, RESTORE, changed) if self.differ else DatabasePlan(part, KEEP, figures)]

    def restorer(self, _cluster: Any, _request: Any, _repository: Any, _plan: Any, **options: Any) -> Databases:
        self.journal = options["journal"]
        return self

    def _do(self, what: str) -> None:
        self.done.append(what)
        if self.fails == what:
            raise self.fails_by(f"It broke at {what}")

    def stage(self) -> None:
        self._do("stage")

    def cut_over(self) -> None:
        if self.closed_at:
            self.journal.note(closed_at=self.closed_at)
        self._do("cut over")

    def marks(self) -> dict[str, str]:
        self.marked = True
        return {"openvsx": "as it was"}

    def unsaved(self, marks: Mapping[str, str], saved: Callable[[str], DatabaseFigures | None]) -> list[str]:
        assert (marks, saved("openvsx"), saved("keycloak")) == ({"openvsx": "as it was"}, FIGURES, None)
        return self.unsaved_words

    def lost(self) -> list[str]:
        return self.lost_words

    def commit(self) -> None:
        self._do("commit")

    def can_swap_back(self) -> bool:
        return not self.removed

    def swap_back(self) -> list[str]:
        self._do("swap back")
        return []

    def open_with_own_secrets(self) -> None:
        self._do("own secrets")

    def clean_up(self) -> None:
        self._do("clean up")
        if self.journal.content.closed_at:
            self.journal.note(closed_at="", opened=False)


def change(api: FakeApi) -> None:
    """What users do between a backup and a restore."""
    api.add(
        CONFIG_MAP,
        "custom",
        "che",
        metadata={"labels": {"app.kubernetes.io/part-of": "che.eclipse.org"}},
        data={"key": "value", "added": "x"},
    )
    api.cluster.delete(SECRET, "oauth", "che")
    api.add(CONFIG_MAP, "new", "che", data={"mine": "x"})
    api.requests.clear()


def become_ready(api: FakeApi) -> None:
    made = api.at(CHE_CLUSTER_V2, NAME, "che")
    assert made is not None
    made["status"] = READY


def data_of(api: FakeApi, name: str) -> Any:
    config_map = api.at(CONFIG_MAP, name, "che")
    return config_map and config_map.get("data")


def stage_names(result: dict[str, Any]) -> list[str]:
    return [stage["name"] for stage in result["stages"]]


def resource_versions(api: FakeApi) -> dict[str, str]:
    return {path: obj["metadata"]["resourceVersion"] for path, obj in api.objects.items() if "che-run-" not in path}


def is_record(path: str) -> bool:
    return "configmaps" in path or "leases" in path


# One more than the writes of a restore to its journal.
WRITES = 9


@dataclass
class Killed:
    """Lets a restore die, as by SIGKILL, at a write to the journal: nothing of it runs after that."""

    api: FakeApi
    writes: int

    def __enter__(self) -> None:
        self._left = self.writes
        self.api.follow("put", "che-restore-journal", self._count)

    def __exit__(self, *_exception: object) -> None:
        self.api.followers.pop()

    def _count(self, _request: Request) -> None:
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


def killed(api: FakeApi, writes: int) -> None:
    with Killed(api, writes), pytest.raises(KeyboardInterrupt):
        restore(api.cluster, REQUEST)
    # Its Lease has died with it.
    api.objects.pop("/apis/coordination.k8s.io/v1/namespaces/che/leases/che-restore", None)
