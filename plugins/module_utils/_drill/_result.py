# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task that drills a restore returns, and what its record holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from ansible_collections.community.che.plugins.module_utils._drill._course import FAILED, Course
from ansible_collections.community.che.plugins.module_utils._drill._databases import Target
from ansible_collections.community.che.plugins.module_utils._drill._scratch import STORED
from ansible_collections.community.che.plugins.module_utils._errors import Halt
from ansible_collections.community.che.plugins.module_utils._kube._client import Object
from ansible_collections.community.che.plugins.module_utils._run._record import moment_of, now_text


def told(course: Course) -> dict[str, Any]:
    """A drill in which nothing failed."""
    return {**_told(course, course.verdict), "recovery_time_seconds": course.recovery_seconds}


def told_failure(course: Course, error: Halt) -> dict[str, Any]:
    """A drill that failed: it has no recovery time."""
    return {
        **_told(course, FAILED),
        "error": {"stage": error.stage, "what": error.what, "on": error.on, "next_step": error.next_step},
    }


def told_plan(course: Course, objects: Sequence[Object], targets: Sequence[Target]) -> dict[str, Any]:
    """What a drill would do."""
    stored = [obj for obj in objects if obj["kind"] in STORED]
    plan = {
        "scratch_namespace": course.scratch_namespace,
        "objects_stored": len(stored),
        "objects_validated": len(objects),
        "databases": [target.shown() for target in targets],
    }
    return {**_told(course, ""), "plan": plan, "record": "", "warnings": course.run.warnings}


def _told(course: Course, verdict: str) -> dict[str, Any]:
    began, point = moment_of(course.began), course.recovery_point
    return {
        "changed": True,
        "verdict": verdict,
        "run_id": course.run.run_id,
        "backup": course.backup,
        "backup_namespace": course.backup_namespace,
        "backup_cluster_id": course.backup_cluster_id,
        "backup_server": course.backup_server,
        "began": course.began,
        "ended": now_text(),
        "recovery_time_seconds": None,
        "phase_seconds": course.phase_seconds,
        "recovery_point": _text(point),
        "recovery_point_age_seconds": round((began - point).total_seconds(), 3) if point else None,
        "verified": course.verified,
        "not_verified": course.not_verified,
        "leftovers_removed": course.leftovers,
        "error": {},
        "stages": course.run.record.as_result()["stages"],
        "duration": course.run.seconds,
    }


def _text(moment: datetime | None) -> str:
    return moment.astimezone(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else ""
