# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore that was interrupted: found by its journal, and ended one way or the other."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._database._job import job_name
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._jobs import remove_job
from ansible_collections.community.che.plugins.module_utils._repository._errors import (
    FileTooLarge,
    NoSnapshot,
    NoSuchFile,
    RepositoryDamaged,
)
from ansible_collections.community.che.plugins.module_utils._restore._plan_store import (
    NotThePlan,
    OtherVersion,
    PlanReference,
    fetch_plan,
)
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest, safety_run_id
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan, Work
from ansible_collections.community.che.plugins.module_utils._run._journal import (
    ABORT,
    Journal,
    OpenJournal,
    given_up,
    use_version,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import LATEST, Whose, resolve


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
    if not _is_asked(request, journal, repository):
        raise CheError("A restore of another backup is unfinished", on, advice)
    if request.options != journal.options:
        raise CheError(f"An unfinished restore was begun with other options: {journal.options}", on, advice)


def _is_asked(request: RestoreRequest, journal: Journal, repository: Repository) -> bool:
    """Whether a task asks for the backup of an unfinished restore, be that still in the repository or not.

    Raises:
        CatalogueError: The id leads to no backup, or to several.
    """
    asked = request.asked_id
    if asked in (LATEST, journal.backup):
        return True
    backups = repository.backups()
    leads_elsewhere = any(known.startswith(asked) for backup in backups for known in backup.snapshots)
    if asked and journal.backup.startswith(asked) and not leads_elsewhere:
        return True
    return resolve(backups, asked, Whose(request.namespace)).id == journal.backup


def take_over(work: Work) -> None:
    """Make an unfinished restore this run's, and end what the run before has left at work.

    From here on a process that was only held up, and wakes, is refused. The Jobs of loads are ended where they matter.

    Raises:
        WaitExpired: A Job of the run before does not end.
    """
    end_safety_backup(work)
    work.journal.note(run=work.request.run_id)


def end_safety_backup(work: Work) -> None:
    """End the Jobs of the safety backup of the run that has worked on the restore last, as far as any are left.

    Raises:
        WaitExpired: One does not end.
    """
    run = safety_run_id(work.journal.content.run)
    for database in work.plan.databases:
        remove_job(work.cluster, job_name("dump", run, database.part.name), work.namespace, work.deadline)


def planned(journal: Journal, repository: Repository, namespace: str) -> Plan:
    """The plan of an unfinished restore, as it was when that began. The backup itself is not looked at.

    Args:
        journal: What is known of the restore.
        repository: Where its plan is.
        namespace: The namespace of Che.

    Raises:
        CheError: The plan is gone, or not what it was; it says what is left to do then.
    """
    try:
        return fetch_plan(repository, PlanReference(journal.plan, journal.plan_digest))
    except OtherVersion as error:
        error.next_step = use_version(OpenJournal.WORK, journal.version)
        raise
    except (NoSnapshot, NoSuchFile, FileTooLarge, RepositoryDamaged, NotThePlan) as error:
        left = f"Without it the restore can neither be gone on with nor aborted: {given_up(journal, namespace)}"
        raise CheError(
            f"The plan of the unfinished restore can't be read: {error.what}",
            error.on or f"snapshot {journal.plan[:8]}",
            f"{error.next_step} {left}".strip(),
        ) from None
