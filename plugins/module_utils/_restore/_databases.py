# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases loaded beside the live ones, proved, and put in their place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._dump import endpoint_of, job_options, own_words
from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._che._databases import Database
from ansible_collections.community.che.plugins.module_utils._database._compare import compare
from ansible_collections.community.che.plugins.module_utils._database._dump import dump_path
from ansible_collections.community.che.plugins.module_utils._database._endpoint import Endpoint
from ansible_collections.community.che.plugins.module_utils._database._facts import DatabaseFacts, as_saved, read_facts
from ansible_collections.community.che.plugins.module_utils._database._load import load_job, parse_load_log
from ansible_collections.community.che.plugins.module_utils._database._sql import name, password_verifier, text
from ansible_collections.community.che.plugins.module_utils._database._staging import (
    StagedNames,
    clean_up,
    end_sessions_of_jobs,
    hand_over,
    jobs_with_sessions,
    names_for,
    prepare,
)
from ansible_collections.community.che.plugins.module_utils._database._swap import drop_replaced, swap, swap_back
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import JobFailed
from ansible_collections.community.che.plugins.module_utils._kube._jobs import run_job
from ansible_collections.community.che.plugins.module_utils._kube._kinds import DEPLOYMENT, JOB
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline, wait_for
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import (
    RESTORE,
    DatabasePlan,
    live_databases,
)
from ansible_collections.community.che.plugins.module_utils._restore._fetch import Fetched
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from ansible_collections.community.che.plugins.module_utils._restore._ready import is_available, restart
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest


@dataclass
class Staged:
    """One database on its way back. ``swapped`` once it has taken the live one's place."""

    plan: DatabasePlan
    database: Database
    deployment: dict[str, Any] = field(repr=False)
    psql: PodPsql = field(repr=False)
    names: StagedNames
    server_version: int = 0
    swapped: bool = False


class Restorer:
    """The databases of one restore.

    Args:
        cluster: Where.
        request: What the task asks for.
        repository: Where the dumps are.
        plans: What the plan says of each saved database.
        fetched: The backup.
        deadline: When the run gives up.
    """

    def __init__(
        self,
        cluster: Cluster,
        request: RestoreRequest,
        repository: Repository,
        plans: Sequence[DatabasePlan],
        *,
        fetched: Fetched,
        deadline: Deadline,
    ) -> None:
        self._fetched = fetched
        self.deadline = deadline
        self._cluster = cluster
        self._request = request
        self._repository = repository
        self._plans = [plan for plan in plans if plan.action == RESTORE]
        self._staged: list[Staged] = []
        self._closed_at: float | None = None

    def stage(self) -> None:
        """Load every database that differs beside the live one, and compare what was loaded with the manifest.

        Raises:
            CheError: One could not be loaded, or is not what the manifest says.
        """
        for plan in self._plans:
            database, deployment = self._await_database(plan)
            psql = PodPsql(self._cluster, deployment)
            self._end_orphans(psql)
            staged = Staged(plan, database, deployment, psql, names_for(database.name, self._request.run_id))
            facts = as_saved(self._facts(staged), plan.saved)
            staged.server_version = facts.server_version
            self._staged.append(staged)
            self._load(staged, facts)
            hand_over(psql, staged.names, facts, database.user)

    def cut_over(self) -> None:
        """Put the loaded databases in the place of the live ones, and start anew what was connected to those."""
        self._closed_at = time.monotonic() if self._staged else None
        for staged in self._staged:
            self._keep_password_in_step(staged)
            swap(staged.psql, staged.names)
            staged.swapped = True
        for staged in self._staged:
            restart(self._cluster, self._request.namespace, staged.database.role)

    def commit(self) -> None:
        """Remove the databases that were replaced."""
        for staged in self._staged:
            drop_replaced(staged.psql, staged.names)

    @property
    def outage_seconds(self) -> float:
        """Seconds since the first database was closed for its swap; 0 when none was."""
        return 0.0 if self._closed_at is None else round(time.monotonic() - self._closed_at, 3)

    @contextmanager
    def cleaning_up(self) -> Iterator[None]:
        """Take back what is half-done when the run fails before everything is cut over."""
        try:
            yield
        except BaseException as error:
            self._take_back([staged for staged in self._staged if not staged.swapped], _clean_up, error)
            raise

    @contextmanager
    def swapping_back(self) -> Iterator[None]:
        """Put the live databases back when the cut-over fails half-way."""
        try:
            yield
        except BaseException as error:
            self._take_back([staged for staged in self._staged if staged.swapped], self._swap_back, error)
            raise

    def _swap_back(self, staged: Staged) -> None:
        swap_back(staged.psql, staged.names)
        staged.swapped = False
        restart(self._cluster, self._request.namespace, staged.database.role)

    @staticmethod
    def _take_back(half_done: Sequence[Staged], undo: Callable[[Staged], None], error: BaseException) -> None:
        """Undo each; what went wrong first is what is told, and what can't be undone is added to it."""
        for staged in half_done:
            try:
                undo(staged)
            except CheError as failure:
                if isinstance(error, CheError):
                    told = f"Of database {staged.database.name} something is left: {failure.what} ({failure.on})."
                    error.next_step = f"{error.next_step} {told}".strip()

    def _await_database(self, plan: DatabasePlan) -> tuple[Database, dict[str, Any]]:
        namespace, role = self._request.namespace, plan.saved.role

        def running() -> tuple[Database, dict[str, Any]] | None:
            found = live_databases(self._cluster, self._fetched.manifest, self._fetched.objects)
            return next(((db, server) for db, server in found if db.role == role and is_available(server)), None)

        return wait_for(
            running,
            self.deadline,
            f"the server of the database {plan.part.name}",
            on=DEPLOYMENT.named("postgres" if role != "openvsx" else "openvsx-database", namespace),
            next_step="Check that the operator of Che runs, its log, and the namespace's events.",
        )

    def _facts(self, staged: Staged) -> DatabaseFacts:
        on = f"database {staged.database.name}"
        facts = read_facts(staged.psql, staged.database.name)
        if facts is None:
            raise CheError("The server has no such database to replace", on, "Let Che create it, then run again.")
        if facts.obstacles:
            raise CheError(f"It can't be swapped: {'; '.join(facts.obstacles)}", on, "Remove these obstacles.")
        return facts

    def _end_orphans(self, psql: PodPsql) -> None:
        namespace = self._request.namespace
        gone = [job for job in jobs_with_sessions(psql) if self._cluster.find(JOB, job, namespace) is None]
        if gone:
            end_sessions_of_jobs(psql, gone)

    def _load(self, staged: Staged, facts: DatabaseFacts) -> None:
        role = prepare(staged.psql, staged.names, facts, valid_seconds=int(self.deadline.left) + 60)
        live = endpoint_of(staged.database, self._request.namespace)
        plan = load_job(
            Endpoint(live.host, live.port, staged.names.staged, role.name, role.password),
            self._repository.job_access,
            staged.plan.part.snapshot,
            dump_path(staged.plan.part.name),
            job_options(self._cluster, staged.deployment, self._request.run_id, self._request.jobs, self.deadline),
            role=staged.database.role,
        )

        on = f"database {staged.database.name}"
        try:
            result = parse_load_log(run_job(self._cluster, plan.job, plan.secret, self.deadline))
        except JobFailed as failure:
            raise own_words(failure, on) from None
        differences = compare(staged.plan.saved, result.figures)
        if differences:
            raise CheError(
                f"What was loaded is not what was saved: {'; '.join(differences[:5])}",
                on,
                "The live database is untouched. Restore another backup, and check the repository.",
            )

    def _keep_password_in_step(self, staged: Staged) -> None:
        """The server may know another password than the one in the Secret that was just restored."""
        found = live_databases(self._cluster, self._fetched.manifest, self._fetched.objects)
        restored = next(database for database, _server in found if database.role == staged.database.role)
        verifier = password_verifier(restored.user, restored.password, staged.server_version)
        staged.psql(f"ALTER ROLE {name(restored.user)} PASSWORD {text(verifier)};\n")


def _clean_up(staged: Staged) -> None:
    clean_up(staged.psql, staged.names)
