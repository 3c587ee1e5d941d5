# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""``state: aborted``: what was there before a restore comes back."""

from __future__ import annotations

from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._installation import has_che_cluster
from ansible_collections.community.che.plugins.module_utils._backup._repository import (
    Repository,
    open_repository,
    told_server,
)
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore._back_out import (
    put_back,
    remove_namespace,
    require_way_back,
)
from ansible_collections.community.che.plugins.module_utils._restore._databases import Restorer
from ansible_collections.community.che.plugins.module_utils._restore._meant import require_meant
from ansible_collections.community.che.plugins.module_utils._restore._own_namespace import made_since, maker_of
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._restore._result import told_work
from ansible_collections.community.che.plugins.module_utils._restore._resume import planned, take_over
from ansible_collections.community.che.plugins.module_utils._restore._work import Work
from ansible_collections.community.che.plugins.module_utils._run._journal import OpenJournal, given_up
from ansible_collections.community.che.plugins.module_utils._run._run import Run


def abort(cluster: Cluster, request: RestoreRequest, run: Run, journal: OpenJournal | None) -> dict[str, Any]:
    """Put back what was there before an unfinished restore; without one, change nothing.

    Raises:
        CheError: It is committed already, or something could not be put back.
    """
    deadline = Deadline(request.timeout)
    with run.stage("plan", "Looking for an unfinished restore"):
        repository = open_repository(cluster, request.namespace, request.server, request.restic_path, read_only=True)
        if journal is None:
            return _without_journal(cluster, request, run, repository, deadline)
        held = journal.content
        if repository.id != held.repository:
            raise CheError(
                f"Its plan lies in another repository than {repository.location}",
                f"restore {held.restore}",
                "Name the backup server that the restore used.",
            )
        run.sealed(held.backup)
        plan = planned(held, repository, request.namespace)
        require_meant(request, plan.che_cluster)
        work = Work(cluster, request, run, repository, plan, deadline, journal)
        _require_che_cluster(work)
    if request.check_mode:
        return _told(work)
    with run.stage("abort", "Putting back what was there before"):
        take_over(work)
        restorer = Restorer(cluster, request, repository, work.plan, journal=journal, deadline=deadline)
        require_way_back(work, restorer)
        put_back(work, restorer)
        run.say(f"The restore {held.restore} is aborted: what was there before is back")
    return _told(work)


def _require_che_cluster(work: Work) -> None:
    """Refuse an abort that no CheCluster would lead to the databases, and that has none to bring back.

    Raises:
        CheError: Somebody has removed it; it says what is left to do.
    """
    plan, held = work.plan, work.journal.content
    brings = any(step.needs_operator for step in plan.steps)
    if brings or not plan.installation_exists or has_che_cluster(work.cluster, work.namespace):
        return
    raise CheError(
        "There is no CheCluster any more, and the restore was not about it, so that an abort can't bring it back",
        f"restore {held.restore}",
        f"Create it as it was and run the task again. Or {given_up(held, work.namespace)}",
    )


def _told(work: Work) -> dict[str, Any]:
    told = told_work(work, resumed=True)
    # The plan was that of the restore; what an abort changes is the way back.
    diff = [{**item, "before": item["after"], "after": item["before"]} for item in told["diff"]]
    # What the journal says before the way back has begun is that of the restore.
    outage = 0.0 if work.request.check_mode else told["outage_seconds"]
    done = {"committed": False, "aborted": work.journal.content.restore}
    return {**told, **done, "diff": diff, "outage_seconds": outage}


def _without_journal(
    cluster: Cluster, request: RestoreRequest, run: Run, repository: Repository, deadline: Deadline
) -> dict[str, Any]:
    made_by = maker_of(cluster, request.namespace)
    others = made_since(cluster, request.namespace) if made_by else ""
    if others:
        run.warnings.append(
            f"The restore {made_by} created the namespace and was interrupted. It holds {others} by now, and stays."
        )
        made_by = ""
    elif made_by and not request.check_mode:
        # The restore was interrupted after the very first thing that it made.
        remove_namespace(cluster, request.namespace, deadline)
    elif not made_by:
        run.warnings += _safety_advice(repository, request.namespace)
    run.say("There is no unfinished restore")
    return {
        "changed": bool(made_by),
        "backup_server": told_server(repository),
        "id": "",
        "run_id": run.run_id,
        "aborted": made_by,
        "safety_backup_id": "",
        "committed": False,
        "resumed": False,
        "verified": {},
        "outage_seconds": 0.0,
        "diff": [],
        "stages": run.record.as_result()["stages"],
        "duration": run.seconds,
        "warnings": run.warnings,
    }


def _safety_advice(repository: Repository, namespace: str) -> list[str]:
    """Where the journal was lost with its namespace, the safety backup is what is left of the way back."""
    safety = next((backup for backup in repository.backups() if backup.safety and backup.host == namespace), None)
    if safety is None:
        return []
    return [
        f"There is no unfinished restore. What was there before the last one is saved as backup {safety.id[:8]} of "
        f"{safety.created:%Y-%m-%d %H:%M}: restore that to go back."
    ]
