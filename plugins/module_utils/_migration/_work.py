# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A migration at work: what its phases share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._move import patched
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._migration._places import Place, Settings, find_places
from ansible_collections.community.che.plugins.module_utils._migration._request import MigrationRequest
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
        """Where the databases are, by their roles; an aborted migration finds them there again."""
        return find_places(self.settings, patched(self.che, self.way.back))

    @cached_property
    def targets(self) -> Mapping[str, Target]:
        """Where they go, by their roles.

        Raises:
            CheError: One of them has no place there.
        """
        there = find_places(self.settings, patched(self.che, self.way.there))
        roles = self.loaded if self.has_moved else list(self.sources)
        missing = set(roles) - set(there)
        if missing:
            raise CheError(
                f"There is no place for the databases of {', '.join(sorted(missing))}", f"namespace {self.namespace}"
            )
        return {role: Target(self.settings, there[role]) for role in roles}

    @property
    def has_moved(self) -> bool:
        """Whether Che has been proved to work where it is now, so that what it left may be gone."""
        return self.journal.content.phase in (MIGRATED, COMMIT)

    @property
    def filled(self) -> list[str]:
        """The roles of the databases of which something is in the target, as the journal has it."""
        return list(json.loads(self.journal.content.filled))

    @property
    def loaded(self) -> list[str]:
        """The roles of the databases that are in the target, as the journal has it."""
        return list(json.loads(self.journal.content.loaded))
