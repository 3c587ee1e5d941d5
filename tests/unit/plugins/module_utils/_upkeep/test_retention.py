# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens between the look at a repository and the removal; restic itself is in the integration tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import NAMESPACE
from ansible_collections.community.che.plugins.module_utils._repository._restic import Snapshot
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import part_tags, seal_tags
from ansible_collections.community.che.plugins.module_utils._upkeep import _retention
from ansible_collections.community.che.plugins.module_utils._upkeep._policy import KeepPolicy
from ansible_collections.community.che.plugins.module_utils._upkeep._request import RetentionRequest
from ansible_collections.community.che.plugins.module_utils._upkeep._retention import retain
from unit.fake_api import FakeApi
from unit.fake_restic import FakeRestic, a_repository

REQUEST = RetentionRequest(
    namespace="che",
    server=ServerOptions(name="main"),
    policy=KeepPolicy(("--keep-last=1",)),
    incomplete_age=timedelta(hours=24),
    prune=False,
    timeout=600,
    restic_path="restic",
    check_mode=False,
)


@dataclass
class Shelf(FakeRestic):
    """A repository in which a run goes on writing, after so many looks at it."""

    late: list[tuple[str, ...]] = field(default_factory=list)
    looks: int = 1

    def snapshots(self, tags: Any = ()) -> list[Snapshot]:
        found = super().snapshots(tags)
        self.looks -= 1
        if self.looks == 0:
            for written in self.late:
                self.save({"manifest.json": b"{}"}, written)
        return found

    def snapshot_ids(self) -> list[str]:
        return [snapshot.id for snapshot in self.taken]


@pytest.fixture
def shelf(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    there = Shelf()
    api.add(NAMESPACE, "che")
    monkeypatch.setattr(_retention, "open_repository", lambda *_args, **_options: a_repository(there))
    monkeypatch.setattr(_retention, "caretaker", lambda *_args: there)
    return there


def test_what_a_failed_run_has_left_goes(api: FakeApi, shelf: Shelf) -> None:
    shelf.save({"objects": b"x"}, part_tags("failed", "installation"))

    assert len(retain(api.cluster, REQUEST)["incomplete_removed"]) == 1
    assert shelf.taken == []


def test_a_run_that_ends_meanwhile_keeps_what_it_has_sealed(api: FakeApi, shelf: Shelf) -> None:
    shelf.save({"objects": b"x"}, part_tags("slow", "installation"))
    shelf.late = [seal_tags("slow", 1)]

    with pytest.raises(CheError, match="has written meanwhile"):
        retain(api.cluster, REQUEST)
    assert shelf.forgotten == []


def test_what_another_run_writes_meanwhile_is_no_hindrance(api: FakeApi, shelf: Shelf) -> None:
    shelf.save({"objects": b"x"}, part_tags("failed", "installation"))
    shelf.late = [part_tags("new", "installation")]

    assert len(retain(api.cluster, REQUEST)["incomplete_removed"]) == 1
    assert len(shelf.taken) == 1
