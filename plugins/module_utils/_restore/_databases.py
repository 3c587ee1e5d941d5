# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases loaded beside the live ones, proved, and put in their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._database._missing import let_go_of_place
from ansible_collections.community.che.plugins.module_utils._database._staging import (
    clean_up,
    standing,
)
from ansible_collections.community.che.plugins.module_utils._database._swap import (
    drop_replaced,
    is_open,
    open_database,
    swap,
    swap_back,
)
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._errors import WaitExpired
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import DatabasePlan
from ansible_collections.community.che.plugins.module_utils._restore._live_databases import live_databases
from ansible_collections.community.che.plugins.module_utils._restore._loading import Loading
from ansible_collections.community.che.plugins.module_utils._restore._logins import bring_in_step
from ansible_collections.community.che.plugins.module_utils._restore._ready import end_users, require_users
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._restore._staged import Servers, Staged
from ansible_collections.community.che.plugins.module_utils._restore._stager import Stager, require_kept
from ansible_collections.community.che.plugins.module_utils._restore._unsaved import lost, mark_of, written_since
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan
from ansible_collections.community.che.plugins.module_utils._run._journal import OpenJournal, given_up
from ansible_collections.community.che.plugins.module_utils._run._record import now_text, seconds_since
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures

# For what should be there, while nothing was done to the databases yet.
_SHORT_SECONDS = 30.0
# For processes whose database is gone already: they have nothing left to save.
_GRACE_SECONDS = 1
_NOT_BY_THIS = (
    "not by this restore, which had not replaced it: nothing of it could be put back. Restore it from a backup."
)


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
        self._che_cluster = plan.che_cluster
        self._is_there = plan.installation_exists
        self._deadline = deadline
        self._cluster = cluster
        self._request = request
        held = journal.content.restore
        self._stager = Stager(
            Loading(cluster, repository, request.namespace, held, request.jobs, deadline),
            may_come=not plan.installation_exists,
        )
        self._journal = journal
        self._plans = [item for item in plan.databases if item.restores]
        any_missing = any(item.missing for item in self._plans)
        self._servers = Servers(
            cluster,
            request.namespace,
            plan.objects,
            plan.che_cluster,
            held,
            any_closed=lambda: any_missing or bool(journal.content.closed_at),
        )
        self._back: list[Staged] = []
        self._are_all_back = True

    def stage(self) -> None:
        """Load every database that differs beside the live one, and compare what was loaded with the manifest.

        Raises:
            CheError: One could not be loaded, or is not what the manifest says.
        """
        for plan in self._plans:
            self._stager.stage(self._find(plan))

    def cut_over(self) -> None:
        """Put the loaded databases in the place of the live ones, and let in what has not seen those.

        Raises:
            ServerCrashed: A server has crashed meanwhile, and lost a part of what was loaded.
            CheError: Che's server is not to be found, a swap did not work, or a pod of before does not end.
        """
        found = [self._find(plan) for plan in self._plans]
        # Where Che was lost as a whole, its operator makes the databases' servers first.
        patience = Deadline(_SHORT_SECONDS) if self._is_there else self._deadline
        require_users(self._cluster, self._request.namespace, [staged.database.role for staged in found], patience)
        if found and not self._journal.content.closed_at:
            for staged in found:
                # Its server may have crashed since it was loaded, and lost a part of it.
                self._stager.stage(staged)
            self._journal.note(closed_at=now_text())
            # From here on a server will do that is not ready: its probe opens the database, while that is closed.
            found = [self._find(plan) for plan in self._plans]
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
        # Not those that were open before: Che may have emptied a table itself since.
        for staged in closed:
            require_kept(staged)

    def _end_users(self, found: Sequence[Staged]) -> None:
        """End what has used the databases that were in the place of these, which are closed."""
        roles = [staged.database.role for staged in found]
        if roles:
            end_users(self._cluster, self._request.namespace, roles, self._deadline, _GRACE_SECONDS)

    def commit(self) -> None:
        """Remove the databases that were replaced, where they are there: that one is lost was told before."""
        for staged in map(self._find, self._plans):
            if standing(staged.psql, staged.names).replaced:
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
        self._servers.turn_back()
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
            # One that was missing before is so again, or somebody has dropped it.
            if standing(staged.psql, staged.names).database:
                open_database(staged.psql, staged.database.name)
            else:
                self._are_all_back = False

    def _swap_one_back(self, plan: DatabasePlan) -> list[str]:
        any_closed = bool(self._journal.content.closed_at)
        try:
            staged = self._find(plan, self._deadline if any_closed else Deadline(_SHORT_SECONDS))
        except WaitExpired:
            if any_closed:
                raise
            return [f"The server of the database {plan.part.name} does not run; what was loaded may be left there."]
        self._stager.end_jobs(staged)
        now = standing(staged.psql, staged.names)
        if any_closed and not (now.staged or now.replaced):
            # Before a swap and after one that was taken back the new one is there, between them the old one.
            on = f"database {staged.database.name}"
            left = given_up(self._journal.content, self._request.namespace)
            raise CheError(
                "It was replaced, and the one from before is gone", on, f"No abort can bring it back: {left}"
            )
        if any_closed and not self._journal.content.away_since:
            # Che was ready with what was restored, and is away from here on.
            self._journal.note(away_since=now_text())
        # One that was swapped has a replaced one beside it, or is there itself again.
        is_gone = not (plan.missing or now.database or now.replaced)
        if not is_gone:
            swap_back(staged.psql, staged.names, was_missing=plan.missing)
        self._back.append(staged)
        # Where all of Che was lost its operator may not have made it yet.
        is_told = is_gone and self._is_there
        return [f"There is no database {staged.database.name} on its server any more, and {_NOT_BY_THIS}"] * is_told

    def clean_up(self) -> None:
        """Remove what was loaded, once all that ``swap_back`` has reached are in their place and open."""
        if self._journal.content.closed_at:
            # None is replaced any more: who goes on from here need not find anything of a swap.
            self._journal.note(closed_at="", opened=False)
        for staged in self._back:
            clean_up(staged.psql, staged.names)
            if staged.plan.missing:
                let_go_of_place(staged.psql, staged.names)

    @property
    def are_all_back(self) -> bool:
        """Whether ``swap_back`` has ended with all databases in their place, so that Che can use them."""
        return self._are_all_back

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
        return {staged.database.role: mark_of(staged) for staged in map(self._find, self._found_plans)}

    def unsaved(self, marks: Mapping[str, str], saved: Callable[[str], DatabaseFigures | None]) -> list[str]:
        """What was written to the databases that were replaced, and is not in their safety backup.

        Args:
            marks: What ``marks`` said before that.
            saved: What that counted, by role; asked for only where the marks do not tell.

        Returns:
            A sentence for each database.
        """
        found = [self._find(plan) for plan in self._found_plans]
        told = [written_since(staged, marks.get(staged.database.role, ""), saved) for staged in found]
        return [words for words in told if words]

    def lost(self) -> list[str]:
        """A sentence for each database that was replaced, and is gone before the commit."""
        return [words for words in map(lost, map(self._find, self._plans)) if words]

    @property
    def outage_seconds(self) -> float:
        """Seconds since the first database was closed for its swap; 0 when none was."""
        closed_at = self._journal.content.closed_at
        return seconds_since(closed_at) if closed_at else 0.0

    @property
    def _found_plans(self) -> list[DatabasePlan]:
        """Those of the databases that there were before."""
        return [plan for plan in self._plans if not plan.missing]

    def _find(self, plan: DatabasePlan, deadline: Deadline | None = None) -> Staged:
        return self._servers.find(plan, deadline or self._deadline)

    def _keep_password_in_step(self, staged: Staged) -> None:
        """The server may know another password than the one in the Secret that was just restored."""
        found = live_databases(self._cluster, self._request.namespace, self._objects, self._che_cluster)
        restored = next(database for database, _server in found if database.role == staged.database.role)
        bring_in_step(staged.psql, restored)
