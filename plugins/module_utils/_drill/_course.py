# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a drill goes: what it has proven so far, what it has not, and what of that its result says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ansible_collections.community.che.plugins.module_utils._run._run import Run

PASSED = "passed"
OBJECTS_ONLY = "objects only"
FAILED = "failed"

PREPARE = "prepare"
FETCH = "fetch"
CHECK = "check"
OBJECTS = "objects"
DATABASES = "databases"
CLEAN_UP = "clean up"
# What a restore would take as well.
_RECOVERY = (FETCH, OBJECTS, DATABASES)
_COUNTED = ("objects", "objects_validated", "databases", "tables", "rows", "sequences", "large_objects")


@dataclass
class Course:
    """One drill under way.

    Args:
        run: Its run.
        scratch_namespace: Where it puts objects.
        began: When, in the words of records.
        backup: The full id of the backup; empty before it is chosen.
        backup_namespace: The namespace of Che that the backup is of.
        backup_cluster_id: What tells the cluster that it was made on from others; empty when unknown.
        backup_server: As tasks return it.
        recovery_point: When the backup was made; None before it is chosen.
        leftovers: What earlier drills had left and this one removed.
    """

    run: Run
    scratch_namespace: str
    began: str
    backup: str = ""
    backup_namespace: str = ""
    backup_cluster_id: str = ""
    backup_server: dict[str, Any] = field(default_factory=dict)
    recovery_point: datetime | None = None
    leftovers: list[str] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _unproven: list[dict[str, str]] = field(default_factory=list)
    _skipped: bool = False

    def proven(self, what: str, count: int) -> None:
        """Add to what was verified."""
        self._counts[what] += count

    def unproven(self, what: str, why: str) -> None:
        """Note something of the backup that this drill says nothing about, or less than all."""
        self._unproven.append({"what": what, "why": why})

    def skip(self, what: str, why: str) -> None:
        """Note something that was neither restored nor validated as a restore needs it; the verdict says so."""
        self._skipped = True
        self.unproven(what, why)

    def skip_database(self, name: str, why: str) -> None:
        """Note a database that could not be loaded; the verdict says so."""
        self.skip(f"database {name}", why)

    @property
    def verified(self) -> dict[str, int]:
        """How much of each was verified."""
        return {name: self._counts[name] for name in _COUNTED}

    @property
    def not_verified(self) -> list[dict[str, str]]:
        """What was not, each with ``what`` and ``why``."""
        return list(self._unproven)

    @property
    def verdict(self) -> str:
        """The verdict of a drill in which nothing failed."""
        return OBJECTS_ONLY if self._skipped else PASSED

    @property
    def phase_seconds(self) -> dict[str, float]:
        """How long each stage took that has ended, by its name."""
        return {stage.name: stage.seconds for stage in self.run.record.stages if stage.seconds is not None}

    @property
    def recovery_seconds(self) -> float:
        """How long those stages took that a restore goes through too."""
        return round(sum(seconds for name, seconds in self.phase_seconds.items() if name in _RECOVERY), 3)
