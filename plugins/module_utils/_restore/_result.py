# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task that restores returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository, told_server
from ansible_collections.community.che.plugins.module_utils._restore._checks import Check
from ansible_collections.community.che.plugins.module_utils._restore._plan import diff_of
from ansible_collections.community.che.plugins.module_utils._restore._printed_plan import printed
from ansible_collections.community.che.plugins.module_utils._restore._told_plan import Telling
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan, Work
from ansible_collections.community.che.plugins.module_utils._run._run import Run


def told_plan(run: Run, repository: Repository, plan: Plan, checks: Sequence[Check], options: str) -> dict[str, Any]:
    """What is to be done, or was; nothing of it is known to be done.

    Args:
        run: The run.
        repository: Where the backup is.
        plan: What is to be done.
        checks: What was looked at.
        options: What the task asks for, as ``RestoreRequest.options``.
    """
    changed = [step for step in plan.steps if step.writes]
    return {
        "changed": plan.changes or repository.made_default,
        "backup_server": told_server(repository),
        "id": plan.backup,
        "run_id": run.run_id,
        "plan": Telling.of(repository.access.password, repository.id).plan(plan, checks, options),
        "diff": [*map(diff_of, changed), *(item.diff() for item in plan.databases if item.restores)],
        "safety_backup_id": "",
        "committed": False,
        "resumed": False,
        "stages": run.record.as_result()["stages"],
        "verified": {},
        "outage_seconds": 0.0,
        "duration": run.seconds,
        "warnings": run.warnings,
    }


def told_check(run: Run, repository: Repository, plan: Plan, checks: Sequence[Check], options: str) -> dict[str, Any]:
    """What would be done, with all of the plan in what ``--diff`` prints; as ``told_plan``."""
    told = told_plan(run, repository, plan, checks, options)
    return {**told, "diff": [printed(told["plan"]), *told["diff"]] if plan.changes else []}


def told_work(work: Work, *, resumed: bool) -> dict[str, Any]:
    """What was done."""
    journal = work.journal.content
    return {
        **told_plan(work.run, work.repository, work.plan, work.checks, work.request.options),
        "changed": True,
        "safety_backup_id": journal.safety_backup,
        "committed": work.committed,
        "resumed": resumed,
        "verified": work.verified,
        "outage_seconds": journal.outage_seconds,
    }
