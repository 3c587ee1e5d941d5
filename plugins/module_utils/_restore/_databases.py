# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases loaded beside the live ones, proved, and put in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._database._compare import compare
from ansible_collections.community.che.plugins.module_utils._database._facts import DatabaseFacts, as_saved, read_facts
from ansible_collections.community.che.plugins.module_utils._database._job import job_name
from ansible_collections.community.che.plugins.module_utils._database._staging import (
    clean_up,
    end_sessions_of_jobs,
    hand_over,
    jobs_with_sessions,
    standing,
)
from ansible_collections.community.che.plugins.module_utils._database._swap import (
    drop_replaced,
    is_open,
    open_database,
    swap,
    swap_back,
)
from ansible_collections.community.che.plugins.module_utils._database._versions import obstacle
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import WaitExpired
from ansible_collections.community.che.plugins.module_utils._kube._jobs import remove_job
from ansible_collections.community.che.plugins.module_utils._kube._kinds import JOB
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline, wait_for
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import DatabasePlan
from ansible_collections.community.che.plugins.module_utils._restore._live_databases import live_databases
from ansible_collections.community.che.plugins.module_utils._restore._loading import Beside, Loading
from ansible_collections.community.che.plugins.module_utils._restore._logins import bring_in_step
from ansible_collections.community.che.plugins.module_utils._restore._ready import end_users, require_users
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._restore._staged import Servers, Staged
from ansible_collections.community.che.plugins.module_utils._restore._unsaved import mark_of, written_since
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan
from ansible_collections.community.che.plugins.module_utils._run._journal import OpenJournal
from ansible_collections.community.che.plugins.module_utils._run._record import now_text, seconds_since
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures

# For what should be there, while nothing was done to the databases yet.
_SHORT_SECONDS = 30.0
# For processes whose database is gone already: they have nothing left to save.
_GRACE_SECONDS = 1


class Restorer:
    """The databases of one restore. Each step can be run again after it was interrupted at any point.

    Args:
        cluster: Where.
        request: What the task asks for.
        repository: Where the dumps are.
        plan: What the restore does.
        journal: What it has done.
        deadline: When the run gives up.
    """

    def __init__(
        self,
        cluster: Cluster,
        request: RestoreRequest,
        repository: Repository,
        plan: Plan,
        *,
        journal: OpenJournal,
        deadline: Deadline,
    ) -> None:
        self._objects = plan.objects
        self._is_there = plan.installation_exists
        self._deadline = deadline
        self._cluster = cluster
        self._request = request
        self._loading = Loading(cluster, repository, request.namespace, journal.content.restore, request.jobs, deadline)
        self._journal = journal
        held = journal.content.restore
        self._servers = Servers(
            cluster, request.namespace, plan.objects, held, any_closed=lambda: bool(journal.content.closed_at)
        )
        self._plans = [item for item in plan.databases if item.restores]
        self._back: list[Staged] = []

    def stage(self) -> None:
        """Load every database that differs beside the live one, and compare what was loaded with the manifest.

        Raises:
            CheError: One could not be loaded, or is not what the manifest says.
        """
        for plan in self._plans:
            staged = self._find(plan)
            now = standing(staged.psql, staged.names)
            if now.whole or now.swapped:
                continue
            self._end_jobs(staged)
            facts = self._facts(staged)
            _require_fitting(plan, facts)
            facts = as_saved(facts, plan.saved) if plan.saved else facts
            self._load(staged, facts)
            hand_over(staged.psql, staged.names, facts, staged.database.user)

    def cut_over(self) -> None:
        """Put the loaded databases in the place of the live ones, and let in what has not seen those.

        Raises:
            CheError: Che's server is not to be found, a swap did not work, or a pod of before does not end.
        """
        found = [self._find(plan) for plan in self._plans]
        # Where Che was lost as a whole, its operator makes the databases' servers first.
        patience = Deadline(_SHORT_SECONDS) if self._is_there else self._deadline
        require_users(self._cluster, self._request.namespace, [staged.database.role for staged in found], patience)
        if found and not self._journal.content.closed_at:
            self._journal.note(closed_at=now_text())
        for staged in found:
            self._keep_password_in_step(staged)
            swap(staged.psql, staged.names)
        # One that is open was opened by a run before this one, when it had come to the end of this.
        closed = [staged for staged in found if not is_open(staged.psql, staged.database.name)]
        self._end_users(closed)
        if closed:
            self._journal.note(opened=True)
        for staged in closed:
            open_database(staged.psql, staged.database.name)

    def _end_users(self, found: Sequence[Staged]) -> None:
        """End what has used the databases that were in the place of these, which are closed."""
        roles = [staged.database.role for staged in found]
        if roles:
            end_users(self._cluster, self._request.namespace, roles, self._deadline, _GRACE_SECONDS)

    def commit(self) -> None:
        """Remove the databases that were replaced."""
        for plan in self._plans:
            staged = self._find(plan)
            drop_replaced(staged.psql, staged.names)

    def can_swap_back(self) -> bool:
        """Whether no replaced database has been removed yet."""
        if not self._journal.content.closed_at:
            return True
        found = [standing(staged.psql, staged.names) for staged in map(self._find, self._plans)]
        return all(now.staged or now.replaced for now in found)

    def swap_back(self) -> list[str]:
        """Put the databases that were replaced back in their place. What was loaded stays until ``clean_up``.

        Returns:
            Warnings: what could not be reached. Only where no database was closed yet, so that all are in their place.

        Raises:
            CheError: One could not be put back.
        """
        warnings: list[str] = []
        failures: list[CheError] = []
        for plan in self._plans:
            try:
                warnings += self._swap_one_back(plan)
            except CheError as failure:
                # The others come back all the same.
                failures.append(failure)
        try:
            self._open_what_is_back()
        except CheError as failure:
            failures.append(failure)
        if failures:
            raise failures[0]
        return warnings

    def _open_what_is_back(self) -> None:
        """Let Che into what it used before; not what may still have the restored one's state in its memory."""
        closed = [staged for staged in self._back if not is_open(staged.psql, staged.database.name)]
        if self._journal.content.opened:
            self._end_users(closed)
        for staged in closed:
            open_database(staged.psql, staged.database.name)

    def _swap_one_back(self, plan: DatabasePlan) -> list[str]:
        any_closed = bool(self._journal.content.closed_at)
        try:
            staged = self._find(plan, self._deadline if any_closed else Deadline(_SHORT_SECONDS))
        except WaitExpired:
            if any_closed:
                raise
            return [f"The server of the database {plan.part.name} does not run; what was loaded may be left there."]
        self._end_jobs(staged)
        now = standing(staged.psql, staged.names)
        if any_closed and not (now.staged or now.replaced):
            # Before a swap and after one that was taken back the new one is there, between them the old one.
            on = f"database {staged.database.name}"
            raise CheError("It was replaced, and the one from before is gone", on, "Restore the safety backup.")
        swap_back(staged.psql, staged.names)
        self._back.append(staged)
        return []

    def clean_up(self) -> None:
        """Remove what was loaded, once all that ``swap_back`` has reached are in their place and open."""
        if self._journal.content.closed_at:
            # None is replaced any more: who goes on from here need not find anything of a swap.
            self._journal.note(closed_at="", opened=False)
        for staged in self._back:
            clean_up(staged.psql, staged.names)

    def open_with_own_secrets(self) -> None:
        """After the Secrets were put back: let the databases know their passwords, and Che begin anew with them."""
        if not self._journal.content.closed_at:
            return
        found = [self._find(plan) for plan in self._plans]
        for staged in found:
            self._keep_password_in_step(staged)
        # They use what is theirs already, so that none of them has to be gone before Che is ready.
        end_users(self._cluster, self._request.namespace, [staged.database.role for staged in found])

    def marks(self) -> dict[str, str]:
        """A mark of each database, by role, to be taken before it is backed up."""
        return {staged.database.role: mark_of(staged) for staged in map(self._find, self._plans)}

    def unsaved(self, marks: Mapping[str, str], saved: Callable[[str], DatabaseFigures | None]) -> list[str]:
        """What was written to the databases that were replaced, and is not in their safety backup.

        Args:
            marks: What ``marks`` said before that.
            saved: What that counted, by role; asked for only where the marks do not tell.

        Returns:
            A sentence for each database.
        """
        found = [self._find(plan) for plan in self._plans]
        told = [written_since(staged, marks.get(staged.database.role, ""), saved) for staged in found]
        return [words for words in told if words]

    @property
    def outage_seconds(self) -> float:
        """Seconds since the first database was closed for its swap; 0 when none was."""
        closed_at = self._journal.content.closed_at
        return seconds_since(closed_at) if closed_at else 0.0

    def _find(self, plan: DatabasePlan, deadline: Deadline | None = None) -> Staged:
        return self._servers.find(plan, deadline or self._deadline)

    def _facts(self, staged: Staged) -> DatabaseFacts:
        on = f"database {staged.database.name}"
        # On a server that has only just come up Che's operator may not have made it yet.
        facts = wait_for(
            lambda: read_facts(staged.psql, staged.database.name),
            self._deadline,
            "the database to be made on its server",
            on=on,
            next_step="Check that the operator of Che runs, and its log: it makes the database.",
        )
        if facts.obstacles:
            raise CheError(f"It can't be swapped: {'; '.join(facts.obstacles)}", on, "Remove these obstacles.")
        return facts

    def _end_jobs(self, staged: Staged) -> None:
        """End what a run that was killed has left at work: its Job, and the sessions of Jobs that are gone."""
        namespace, psql = self._request.namespace, staged.psql
        remove_job(
            self._cluster,
            job_name("load", self._journal.content.restore, staged.names.staged),
            namespace,
            self._deadline,
        )
        gone = [job for job in jobs_with_sessions(psql) if self._cluster.find(JOB, job, namespace) is None]
        if gone:
            end_sessions_of_jobs(psql, gone)

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

    def _keep_password_in_step(self, staged: Staged) -> None:
        """The server may know another password than the one in the Secret that was just restored."""
        found = live_databases(self._cluster, self._request.namespace, self._objects)
        restored = next(database for database, _server in found if database.role == staged.database.role)
        bring_in_step(staged.psql, restored)


def _require_fitting(plan: DatabasePlan, facts: DatabaseFacts) -> None:
    """Refuse what this server can't load before anything is made on it: the plan may not have known the server yet."""
    misfit = obstacle(plan.saved_version, facts.server_version)
    if misfit:
        raise CheError(misfit.rstrip("."), f"database {plan.part.name}")
