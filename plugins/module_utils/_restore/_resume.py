# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore that was interrupted: found by its journal, and ended one way or the other."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._database._job import job_name
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._jobs import remove_job
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import DatabasePlan
from ansible_collections.community.che.plugins.module_utils._restore._fetch import fetch
from ansible_collections.community.che.plugins.module_utils._restore._plan import LEAVE
from ansible_collections.community.che.plugins.module_utils._restore._plan_store import PlanReference, fetch_plan
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest, safety_run_id
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan, Work
from ansible_collections.community.che.plugins.module_utils._run._journal import ABORT, Journal
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import LATEST, resolve


def require_same(journal: Journal, request: RestoreRequest, repository: Repository) -> None:
    """Refuse to go on with a restore when the task asks for another one.

    Raises:
        CheError: It is an abort that was begun, another repository, another backup or other options.
    """
    on = f"restore {journal.restore} of backup {journal.backup[:8]}"
    advice = "Run it again as it was begun to end it, or with state: aborted to put back what was there before."
    if journal.phase == ABORT:
        raise CheError("It is being aborted", on, "Run the task with state: aborted to end that, then restore.")
    if repository.id != journal.repository:
        raise CheError(f"An unfinished restore uses another repository than {repository.location}", on, advice)
    asked = request.asked_id
    if asked != LATEST and resolve(repository.backups(), asked).id != journal.backup:
        raise CheError("A restore of another backup is unfinished", on, advice)
    if request.options != journal.options:
        raise CheError(f"An unfinished restore was begun with other options: {journal.options}", on, advice)


def take_over(work: Work) -> None:
    """Make an unfinished restore this run's, and end what the run before has left at work.

    From here on a process that was only held up, and wakes, is refused. The Jobs of loads are ended where they matter.

    Raises:
        WaitExpired: A Job of the run before does not end.
    """
    before = safety_run_id(work.journal.content.run)
    for database in work.plan.databases:
        remove_job(work.cluster, job_name("dump", before, database.part.name), work.namespace, work.deadline)
    work.journal.note(run=work.request.run_id)


def planned(journal: Journal, repository: Repository) -> Plan:
    """The plan of an unfinished restore, as it was when that began.

    Raises:
        CheError: The backup or the plan is gone, or not what it was.
    """
    stored = fetch_plan(repository, PlanReference(journal.plan, journal.plan_digest))
    fetched = fetch(repository, journal.backup)
    return Plan(
        fetched=fetched,
        steps=stored.steps,
        databases=[DatabasePlan(part, stored.databases.get(part.name, LEAVE)) for part in fetched.databases],
        che_cluster=stored.che_cluster,
        installation_exists=stored.installation_exists,
        was_ready=stored.was_ready,
    )
