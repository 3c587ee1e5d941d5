# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A migration at work: what its phases share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import database_name, external_database
from ansible_collections.community.che.plugins.module_utils._che._errors import CredentialsError
from ansible_collections.community.che.plugins.module_utils._che._move import patched
from ansible_collections.community.che.plugins.module_utils._database._job import job_name
from ansible_collections.community.che.plugins.module_utils._database._staging import names_for
from ansible_collections.community.che.plugins.module_utils._external_database._concerned import KEYCLOAK
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._jobs import remove_job
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._migration._places import (
    MOVED,
    Place,
    Settings,
    find_place,
    find_places,
)
from ansible_collections.community.che.plugins.module_utils._migration._request import (
    ABORTED,
    MigrationRequest,
    copy_run_id,
)
from ansible_collections.community.che.plugins.module_utils._migration._source import read_states
from ansible_collections.community.che.plugins.module_utils._migration._target import Target
from ansible_collections.community.che.plugins.module_utils._migration._way_back import Way
from ansible_collections.community.che.plugins.module_utils._run._journal import COMMIT
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import MIGRATED, OpenMigration
from ansible_collections.community.che.plugins.module_utils._run._run import Run


@dataclass
class Work:
    """One migration, or the abort of one.

    Args:
        cluster: Where.
        request: What the task asks for.
        run: The run's record.
        che: The CheCluster as it was found.
        way: What becomes of it, and back.
        journal: How far it has come.
        deadline: When the run gives up waiting.
        verified: What was compared.
    """

    cluster: Cluster
    request: MigrationRequest
    run: Run
    che: CheCluster
    way: Way
    journal: OpenMigration
    deadline: Deadline
    verified: dict[str, int] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        return self.request.namespace

    @cached_property
    def settings(self) -> Settings:
        request, name = self.request, self.journal.content.migration
        return Settings(self.cluster, request.namespace, name, request.jobs, self.deadline, self.way.authorities)

    @cached_property
    def sources(self) -> Mapping[str, Place]:
        """Where the databases are, by their roles; an aborted migration finds them there again.

        Those that were copied or loaded are all of them to the end, also while what uses one is not there: its operator
        may just be making it anew.
        """
        held = self.journal.content
        begun = [*self._there_still(read_states(held.marks)), *self.filled]
        # Nothing comes to those that are closed.
        found = {} if held.closed_at else find_places(self.settings, self.before)
        missing = dict.fromkeys(role for role in begun if role not in found)
        return {**found, **{role: find_place(self.settings, self.before, role) for role in missing}}

    @cached_property
    def targets(self) -> Mapping[str, Target]:
        """Where they go, by their roles.

        Raises:
            CheError: Credentials are missing, or the operator's own server is not there.
        """
        return {role: Target(self.settings, find_place(self.settings, self.after, role)) for role in self._roles}

    @property
    def targets_at_hand(self) -> tuple[Mapping[str, Target], Mapping[str, CredentialsError]]:
        """Where they go, and why the others can't be opened: only an abort that was asked for does without them.

        Nor does it do without the operator's own server, where something may have been swapped.
        """
        if self.request.state != ABORTED or not external_database(self.after):
            return self.targets, {}
        found, lost = {}, {}
        for role in self._roles:
            try:
                found[role] = Target(self.settings, find_place(self.settings, self.after, role))
            except CredentialsError as failure:
                lost[role] = failure
        return found, lost

    @property
    def before(self) -> CheCluster:
        """The CheCluster as it names the databases from before."""
        return patched(self.che, self.way.back)

    @property
    def after(self) -> CheCluster:
        """The CheCluster as it names the target."""
        return patched(self.che, self.way.there)

    @property
    def _roles(self) -> list[str]:
        return self.loaded if self.has_moved else list(self.sources)

    @property
    def has_moved(self) -> bool:
        """Whether Che has been proved to work where it is now, so that what it left may be gone."""
        return self.journal.content.phase in (MIGRATED, COMMIT)

    @property
    def filled(self) -> list[str]:
        """The roles of the databases of which something is in the target, as the journal has it."""
        return self._there_still(json.loads(self.journal.content.filled))

    @property
    def loaded(self) -> list[str]:
        """The roles of the databases that are in the target, as the journal has it."""
        return self._there_still(json.loads(self.journal.content.loaded))

    def _there_still(self, roles: Iterable[str]) -> list[str]:
        """Without the identity provider, where Che was updated meanwhile to a version that has none."""
        has_provider = bool(self.che.generation.identity_database_secret)
        return [role for role in roles if role != KEYCLOAK or has_provider]


def end_jobs(work: Work) -> None:
    """End all Jobs that a run which was killed may have left at work, whatever can't be opened any more.

    Raises:
        WaitExpired: A pod of one is still there at the deadline.
    """
    held = work.journal.content
    for role in MOVED:
        source, target = database_name(work.before, role), database_name(work.after, role)
        loaded = target if external_database(work.after) else names_for(target, held.migration).staged
        names = [job_name("dump", copy_run_id(held.run, again), source) for again in (False, True)]
        names += [job_name("load", held.migration, loaded)]
        names += [job_name("sql", held.migration, database) for database in (source, target)]
        for name in names:
            remove_job(work.cluster, name, work.namespace, work.deadline)
