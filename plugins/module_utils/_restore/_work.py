# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore at work: what its phases share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore._checks import Check
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import DatabasePlan
from ansible_collections.community.che.plugins.module_utils._restore._desired import Desired
from ansible_collections.community.che.plugins.module_utils._restore._plan import CHANGE, CREATE, Step
from ansible_collections.community.che.plugins.module_utils._restore._ready import Reaction
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._run._journal import OpenJournal
from ansible_collections.community.che.plugins.module_utils._run._run import Run
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Installation


@dataclass(frozen=True)
class Plan:
    """What a restore is about to do.

    Args:
        backup: The full id of the backup.
        installation: Where that comes from.
        steps: What happens to each object, in the order in which it is carried out.
        databases: What happens to each database.
        che_cluster: The name of the CheCluster.
        installation_exists: Whether there is a CheCluster now; without one there is nothing to protect, and no database
            to load into.
        was_ready: Whether Che was ready when the plan was made.
        unproven: What can't be proven about the backup, each a whole sentence.
        left_alone: Objects of Che that are there and not in the backup, as ``Kind/name``.
        desired: How what is to be there came about; None for a plan that is gone on with.
        checks: What was found while it was made.
    """

    backup: str
    installation: Installation
    steps: Sequence[Step]
    databases: Sequence[DatabasePlan]
    che_cluster: str
    installation_exists: bool
    was_ready: bool = False
    unproven: tuple[str, ...] = ()
    left_alone: tuple[str, ...] = ()
    desired: Desired | None = None
    checks: tuple[Check, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether anything in the cluster differs from the backup, or does not stay as it is."""
        return any(step.writes or step.is_leaving for step in self.steps) or any(
            item.restores for item in self.databases
        )

    @property
    def objects(self) -> tuple[Object, ...]:
        """The objects as they are to be."""
        return tuple(step.saved for step in self.steps)

    @property
    def needs_operator(self) -> bool:
        """Whether its operator has to make something of what is restored."""
        written = any(step.needs_operator and step.writes for step in self.steps)
        return written or any(item.restores for item in self.databases)

    @property
    def changes_che_cluster(self) -> bool:
        """Whether one is written in the place of another, to which its operator may have something to do."""
        return any(step.needs_operator and step.action == CHANGE for step in self.steps)

    @property
    def makes_ready(self) -> bool:
        """Whether Che is to be ready when it is carried out: it was, or what it consists of is restored."""
        return self.was_ready or self.needs_operator

    @property
    def makes_namespace(self) -> bool:
        """Whether the namespace is yet to be created."""
        return any(step.kind == "Namespace" and step.action == CREATE for step in self.steps)


@dataclass
class Work:
    """One restore, or the abort of one.

    Args:
        cluster: Where.
        request: What the task asks for.
        run: The run's record.
        repository: Where the backup and the plan are.
        plan: What is done.
        deadline: When the run gives up waiting.
        journal: How far it has come.
        checks: What was looked at before it began.
        verified: What was compared with the backup.
        committed: Whether this run has committed it.
        reaction: What the operator does about the CheCluster that this run has written in the place of another.
    """

    cluster: Cluster
    request: RestoreRequest
    run: Run
    repository: Repository
    plan: Plan
    deadline: Deadline
    journal: OpenJournal
    checks: Sequence[Check] = ()
    verified: dict[str, Any] = field(default_factory=dict)
    committed: bool = False
    reaction: Reaction | None = None

    @property
    def namespace(self) -> str:
        return self.request.namespace
