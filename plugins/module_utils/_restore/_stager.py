# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stage of one database: loaded beside the live one, compared, handed over, and still whole when it is swapped."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._database._compare import compare
from ansible_collections.community.che.plugins.module_utils._database._contents import emptied_tables
from ansible_collections.community.che.plugins.module_utils._database._errors import ServerCrashed
from ansible_collections.community.che.plugins.module_utils._database._facts import DatabaseFacts, as_saved, read_facts
from ansible_collections.community.che.plugins.module_utils._database._job import job_name
from ansible_collections.community.che.plugins.module_utils._database._missing import hold_place
from ansible_collections.community.che.plugins.module_utils._database._staging import (
    Standing,
    end_sessions_of_jobs,
    hand_over,
    jobs_with_sessions,
    standing,
)
from ansible_collections.community.che.plugins.module_utils._database._versions import obstacle
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._jobs import remove_job
from ansible_collections.community.che.plugins.module_utils._kube._kinds import JOB
from ansible_collections.community.che.plugins.module_utils._kube._wait import wait_for
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import DatabasePlan
from ansible_collections.community.che.plugins.module_utils._restore._loading import Beside, Loading
from ansible_collections.community.che.plugins.module_utils._restore._staged import Staged


class Stager:
    """Loads the databases of one restore beside the live ones.

    Args:
        loading: What all loads have in common.
        may_come: Whether the operator may be about to make the databases: on servers that it has only just set up.
    """

    def __init__(self, loading: Loading, *, may_come: bool) -> None:
        self._loading = loading
        self._may_come = may_come

    def stage(self, staged: Staged) -> None:
        """Load it beside the live one, compare it with the manifest, and hand it over; unless it is there as a whole.

        Raises:
            CheError: It could not be loaded, or is not what the manifest says.
        """
        now = standing(staged.psql, staged.names)
        if staged.plan.missing:
            _require_missing(staged, now)
        if now.swapped or (now.whole and not _emptied(staged, staged.names.staged)):
            return
        self.end_jobs(staged)
        facts = self._facts(staged)
        _require_fitting(staged.plan, facts)
        facts = as_saved(facts, staged.plan.saved) if staged.plan.saved else facts
        self._load(staged, facts)
        hand_over(staged.psql, staged.names, facts, staged.database.user)

    def end_jobs(self, staged: Staged) -> None:
        """End what a run that was killed has left at work: its Job, and the sessions of Jobs that are gone."""
        held, psql = self._loading, staged.psql
        remove_job(held.cluster, job_name("load", held.run_id, staged.names.staged), held.namespace, held.deadline)
        gone = [job for job in jobs_with_sessions(psql) if held.cluster.find(JOB, job, held.namespace) is None]
        if gone:
            end_sessions_of_jobs(psql, gone)

    def _facts(self, staged: Staged) -> DatabaseFacts:
        on = f"database {staged.database.name}"
        if staged.plan.missing:
            facts = hold_place(staged.psql, staged.names, staged.database.user)
        elif self._may_come:
            facts = self._await_facts(staged, on)
        else:
            facts = _require_facts(staged, on)
        if facts.obstacles:
            raise CheError(f"It can't be swapped: {'; '.join(facts.obstacles)}", on, "Remove these obstacles.")
        return facts

    def _await_facts(self, staged: Staged, on: str) -> DatabaseFacts:
        # On a server that has only just come up Che's operator may not have made it yet.
        return wait_for(
            lambda: read_facts(staged.psql, staged.database.name, staged.database.user),
            self._loading.deadline,
            "the database to be made on its server",
            on=on,
            next_step="Check that the operator of Che runs, and its log: it makes the database.",
        )

    def _load(self, staged: Staged, facts: DatabaseFacts) -> None:
        on = f"database {staged.database.name}"
        live = Beside(staged.database, staged.deployment, staged.psql)
        result = self._loading.load(staged.plan.part, live, staged.names, facts)
        differences = compare(staged.plan.saved, result.figures) if staged.plan.saved else []
        if differences:
            raise CheError(
                f"What was loaded is not what was saved: {'; '.join(differences[:5])}",
                on,
                "The live database is untouched. Restore another backup, and check the repository.",
            )


def _require_facts(staged: Staged, on: str) -> DatabaseFacts:
    facts = read_facts(staged.psql, staged.database.name, staged.database.user)
    if facts is None:
        what = "Its server runs and has no such database any more: it was there when the restore was planned"
        raise CheError(what, on, "Run the task again: it makes a new plan, by which the database is made anew.")
    return facts


def _require_missing(staged: Staged, now: Standing) -> None:
    """Refuse to replace what the plan did not know of, and no safety backup has, before anything is closed."""
    if now.database:
        what = "It was made meanwhile: when the restore was planned, its server had no such database"
        raise CheError(what, f"database {staged.database.name}", "Run the task again: it makes a new plan.")


def require_kept(staged: Staged) -> None:
    """See to it that what was put in place is all there, before anybody is told that it is.

    Raises:
        ServerCrashed: Its server has crashed since it was loaded.
    """
    lost = _emptied(staged, staged.database.name)
    if lost:
        raise ServerCrashed(
            f"The unlogged tables {', '.join(lost)} are empty: since they were loaded the server has crashed",
            f"database {staged.database.name}",
            "Find out why it did; then restore the backup anew.",
        )


def _emptied(staged: Staged, database: str) -> list[str]:
    """The tables that a crash of the server has emptied; none where nothing was counted when they were saved."""
    return emptied_tables(staged.psql, database, staged.plan.saved) if staged.plan.saved else []


def _require_fitting(plan: DatabasePlan, facts: DatabaseFacts) -> None:
    """Refuse what this server can't load before anything is made on it: the plan may not have known the server yet."""
    misfit = obstacle(plan.saved_version, facts.server_version)
    if misfit:
        raise CheError(misfit.rstrip("."), f"database {plan.part.name}")
