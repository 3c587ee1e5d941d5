# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""One installation that is restored again and again: as it was backed up, and as it is before each restore."""

from __future__ import annotations

import re
import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from integration.che_bed import Home, Running
from integration.in_time import in_time

SECONDS = 420

# What users do between a backup and a restore.
CHANGES = """
DELETE FROM che.audit;
UPDATE che.account SET name = name || ' changed';
SELECT lo_unlink(object) FROM che.attachment WHERE id = 3;
SET ROLE pgche;
CREATE TABLE che.added (id int);
"""

# What the stand-in has in a table that PostgreSQL does not log, and empties when its server crashes.
UNLOGGED = """
INSERT INTO che.unlogged_cache SELECT n::text, md5(n::text) FROM generate_series(1, 100) AS n ON CONFLICT DO NOTHING;
"""
JOURNAL = "che-restore-journal"


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
    #: Whether the server of the database that Che used was killed, or of the one that it may use since the restore.
    crashed: bool = False
    crashed_since: bool = False
    kills: Counter[str] = field(default_factory=Counter)
    steps: list[str] = field(default_factory=list)

    def change(self) -> None:
        """See to it that the installation differs from the backup, always in the same way."""
        if self.is_changed:
            return
        # A server that crashes has its sequences go on from what it has noted ahead, 32 values each, unless it is told.
        self.home.sql(f"{CHANGES}\nRESET ROLE;\nCHECKPOINT;")
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
        (che,) = cluster.list_all("org.eclipse.che/v1", "CheCluster", self.home.namespace)
        # Che starts anew for none of it, so that nobody waits for that before each restore.
        cluster.merge(che, {"spec": {"storage": {"pvcClaimSize": "20Gi"}}})
        self.is_changed = True
        self.changed = self.changed or self.home.proof()

    def note_crash(self) -> None:
        """The database's server was killed: the database that Che uses may have lost what is not logged.

        Not so the restored one, as long as nobody was let into it.
        """
        journal = self.home.cluster.find("v1", "ConfigMap", JOURNAL, self.home.namespace)
        is_over = journal is None and any(step.endswith(JOURNAL) for step in self.log())
        self.crashed = True
        self.crashed_since |= is_over or (journal is not None and journal["data"]["opened"] == "true")

    def refill(self, way: str) -> None:
        """Put back what a crash has taken from a database that Che used: it is not for a restore to do."""
        if self.crashed_since or (self.crashed and way == "aborted"):
            in_time(lambda: self.home.sql(UNLOGGED), "the database does not run")
        self.crashed = self.crashed_since = False

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

    def end(self, way: str, what: str, message: str = "") -> None:
        """After a kill: end the restore one way or the other, and judge what is there then.

        Args:
            way: ``restored`` or ``aborted``.
            what: What was killed.
            message: What was said then.
        """
        self.kills[what] += 1
        outcome = self.home.start("cluster_restore", **self.asked(way)).outcome(SECONDS)
        told = f"{what}, {message}, {way}: {outcome.message} {outcome.result.get('stages')}"
        committed = way == "aborted" and "is committed" in outcome.message
        if committed or (way == "aborted" and not outcome.failed and not outcome.result["aborted"]):
            # It had come to its end, or not begun; then it must be wholly one or the other.
            self.refill("aborted")
            way = "restored" if self.differences(self.saved) == [] else "aborted"
            if committed:
                self.home.run("cluster_restore", **self.asked())
        else:
            assert not outcome.failed, told
        self.refill(way)
        differences = self.differences(self.saved if way == "restored" else self.changed)
        assert differences == [], f"{differences} {told}"
        self.is_changed = way == "aborted"
        left = self.leftovers()
        assert left == [], f"{left} {told}"

    def differences(self, before: dict[str, Any]) -> list[str]:
        """By the judge, which needs a database that runs again."""
        return in_time(lambda: self.home.differences(before), "the database does not run")

    def leftovers(self) -> list[str]:
        """What no restore may leave: Jobs, databases, roles, its journal and its Lease."""
        found = self.home.left_behind()
        names = self.home.sql("SELECT datname FROM pg_database UNION SELECT rolname FROM pg_roles;").split()
        found += [name for name in names if name.startswith("che-")]
        for kind, api, name in (("ConfigMap", "v1", JOURNAL), ("Lease", "coordination.k8s.io/v1", "che-restore")):
            found += [obj["metadata"]["name"] for obj in self.home.ours(kind, api) if name in obj["metadata"]["name"]]
        return found
