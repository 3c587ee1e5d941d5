# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""One installation that is restored again and again: as it was backed up, and as it is before each restore."""

from __future__ import annotations

import re
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from che_standin.errors import StandinError
from integration.che_bed import Home, Running, wait_until

SECONDS = 420

# What users do between a backup and a restore.
CHANGES = """
DELETE FROM che.audit;
UPDATE che.account SET name = name || ' changed';
SELECT lo_unlink(object) FROM che.attachment WHERE id = 3;
SET ROLE pgche;
CREATE TABLE che.added (id int);
"""


@dataclass
class Story:
    """One installation: as it was backed up, and as it is before each restore."""

    home: Home
    folder: Path
    #: The backup that is restored: there may be newer ones, of what was changed.
    backup: str
    saved: dict[str, Any] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)
    is_changed: bool = False
    kills: Counter[str] = field(default_factory=Counter)
    steps: list[str] = field(default_factory=list)

    def change(self) -> None:
        """See to it that the installation differs from the backup, always in the same way."""
        if self.is_changed:
            return
        self.home.sql(CHANGES)
        cluster = self.home.cluster
        custom = cluster.find("v1", "ConfigMap", "yaml-traps", self.home.namespace)
        assert custom is not None
        cluster.merge(custom, {"data": {"added-since": "yes"}})
        secret = cluster.find("v1", "Secret", "shared-npm-token", self.home.namespace)
        assert secret is not None
        cluster.merge(secret, {"data": {"changed": "eWVz"}})
        lost = cluster.find("v1", "ConfigMap", "editor-definition-custom", self.home.namespace)
        assert lost is not None
        cluster.delete(lost)
        self.is_changed = True
        self.changed = self.changed or self.home.proof()

    def start(
        self,
        last_step: int = 0,
        module: str = "cluster_restore",
        by: signal.Signals = signal.SIGKILL,
        counted: str = "",
        **options: Any,
    ) -> Running:
        """Start a module whose steps are noted, and that sends itself a signal after one of those that are counted."""
        log = self.folder / "steps"
        log.unlink(missing_ok=True)
        environment = {
            "CHE_STEPS": str(log),
            "CHE_KILL_AT": str(last_step),
            "CHE_KILL_BY": by.name,
            "CHE_KILL_COUNTS": counted,
        }
        if module == "cluster_restore":
            options = {**self.asked(options.get("state", "restored")), **options}
        return self.home.start(module, through="integration.kill_at", environment=environment, **options)

    def asked(self, way: str = "restored") -> dict[str, Any]:
        """The options of a restore that ends one way or the other."""
        return {"state": way, "id": self.backup} if way == "restored" else {"state": way}

    def log(self) -> list[str]:
        return (self.folder / "steps").read_text(encoding="utf-8").splitlines()

    def count(self, counted: str = "") -> int:
        """The steps that a running module has done, or those of them that a regular expression fits."""
        steps = self.log() if (self.folder / "steps").exists() else []
        return sum(re.search(counted, step) is not None for step in steps)

    def end(self, way: str, what: str) -> None:
        """After a kill: end the restore one way or the other, and judge what is there then."""
        self.kills[what] += 1
        outcome = self.home.start("cluster_restore", **self.asked(way)).outcome(SECONDS)
        told = f"{what}, {way}: {outcome.message} {outcome.result.get('stages')}"
        committed = way == "aborted" and "is committed" in outcome.message
        if committed or (way == "aborted" and not outcome.failed and not outcome.result["aborted"]):
            # It had come to its end, or not begun; then it must be wholly one or the other.
            way = "restored" if self.differences(self.saved) == [] else "aborted"
            if committed:
                self.home.run("cluster_restore", **self.asked())
        else:
            assert not outcome.failed, told
        assert self.differences(self.saved if way == "restored" else self.changed) == [], told
        self.is_changed = way == "aborted"
        assert self.leftovers() == [], told

    def differences(self, before: dict[str, Any]) -> list[str]:
        """By the judge, which needs a database that runs again."""
        found: list[list[str]] = []

        def judged() -> bool:
            with suppress(StandinError):
                found.append(self.home.differences(before))
            return bool(found)

        wait_until(judged, 120, lambda: "the database does not run")
        return found[-1]

    def leftovers(self) -> list[str]:
        """What no restore may leave: Jobs, databases, roles, its journal and its Lease."""
        found = self.home.left_behind()
        names = self.home.sql("SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles;").split()
        found += [name for name in names if name.startswith("che-")]
        for kind, api, name in (("ConfigMap", "v1", "journal"), ("Lease", "coordination.k8s.io/v1", "che-restore")):
            found += [obj["metadata"]["name"] for obj in self.home.ours(kind, api) if name in obj["metadata"]["name"]]
        return found
