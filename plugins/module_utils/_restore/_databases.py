# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases loaded beside the live ones, proved, and put in their place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._che._databases import Database
from ansible_collections.community.che.plugins.module_utils._database._compare import compare
from ansible_collections.community.che.plugins.module_utils._database._facts import DatabaseFacts, as_saved, read_facts
from ansible_collections.community.che.plugins.module_utils._database._job import job_name
from ansible_collections.community.che.plugins.module_utils._database._staging import (
    StagedNames,
    clean_up,
    end_sessions_of_jobs,
    hand_over,
    jobs_with_sessions,
    names_for,
    standing,
)
from ansible_collections.community.che.plugins.module_utils._database._swap import (
    drop_replaced,
    swap,
    swap_back,
)
from ansible_collections.community.che.plugins.module_utils._database._versions import obstacle
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import WaitExpired
from ansible_collections.community.che.plugins.module_utils._kube._jobs import remove_job
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT, JOB
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline, wait_for
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import DatabasePlan
from ansible_collections.community.che.plugins.module_utils._restore._live_databases import live_databases
from ansible_collections.community.che.plugins.module_utils._restore._loading import Beside, Loading
from ansible_collections.community.che.plugins.module_utils._restore._logins import bring_in_step
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from ansible_collections.community.che.plugins.module_utils._restore._ready import is_available, restart
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan
from ansible_collections.community.che.plugins.module_utils._run._journal import OpenJournal
from ansible_collections.community.che.plugins.module_utils._run._record import now_text, seconds_since

# For a server whose databases nothing was done to yet.
_SHORT_SECONDS = 30.0


@dataclass
class Staged:
    """One database on its way back."""

    plan: DatabasePlan
    database: Database
    deployment: dict[str, Any] = field(repr=False)
    psql: PodPsql = field(repr=False)
    names: StagedNames


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
        self._deadline = deadline
        self._cluster = cluster
        self._request = request
        self._loading = Loading(cluster, repository, request.namespace, journal.content.restore, request.jobs, deadline)
        self._journal = journal
        self._restore = journal.content.restore
        self._alone_on: set[str] = set()
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
        """Put the loaded databases in the place of the live ones, and start anew what was connected to those."""
        found = [self._find(plan) for plan in self._plans]
        if found and not self._journal.content.closed_at:
            self._journal.note(closed_at=now_text())
        for staged in found:
            self._keep_password_in_step(staged)
            swap(staged.psql, staged.names)
        for staged in found:
            restart(self._cluster, self._request.namespace, staged.database.role)

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
        if failures:
            raise failures[0]
        return warnings

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
            self._journal.note(closed_at="")
        for staged in self._back:
            clean_up(staged.psql, staged.names)

    def open_with_own_secrets(self) -> None:
        """After the Secrets were put back: let the databases know their passwords, and Che begin anew with them."""
        if not self._journal.content.closed_at:
            return
        found = [self._find(plan) for plan in self._plans]
        for staged in found:
            self._keep_password_in_step(staged)
        for staged in found:
            restart(self._cluster, self._request.namespace, staged.database.role)

    @property
    def outage_seconds(self) -> float:
        """Seconds since the first database was closed for its swap; 0 when none was."""
        closed_at = self._journal.content.closed_at
        return seconds_since(closed_at) if closed_at else 0.0

    def _find(self, plan: DatabasePlan, deadline: Deadline | None = None) -> Staged:
        database, deployment = self._await_database(plan, deadline or self._deadline)
        psql = PodPsql(self._cluster, deployment, f"che-restore-{self._restore}")
        if deployment["metadata"]["uid"] not in self._alone_on:
            # A run that was killed may have left a script that is still at it, and would have the last word.
            psql.end_earlier()
            self._alone_on.add(deployment["metadata"]["uid"])
        return Staged(plan, database, deployment, psql, names_for(database.name, self._restore))

    def _await_database(self, plan: DatabasePlan, deadline: Deadline) -> tuple[Database, dict[str, Any]]:
        namespace, role = self._request.namespace, plan.part.role

        def running() -> tuple[Database, dict[str, Any]] | None:
            found = live_databases(self._cluster, namespace, self._objects)
            return next(((db, server) for db, server in found if db.role == role and is_available(server)), None)

        return wait_for(
            running,
            deadline,
            f"the server of the database {plan.part.name}",
            on=DEPLOYMENT.named("postgres" if role != "openvsx" else "openvsx-database", namespace),
            next_step="Check that the operator of Che runs, its log, and the namespace's events.",
        )

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
