# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a migration: which databases go where, and how far they have come."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._run._journal import (
    ABORT,
    COMMIT,
    CUT_OVER,
    STAGE,
    VERIFY,
    HeldJournal,
    may_lack,
)
from ansible_collections.community.che.plugins.module_utils._version import COLLECTION_VERSION

COPY = "copy"
SWITCH = "switch"
MIGRATED = "migrated"
# In their order; ABORT may follow on each of them.
PHASES = (COPY, STAGE, CUT_OVER, SWITCH, VERIFY, MIGRATED, COMMIT)


@dataclass(frozen=True)
class Migration:
    """What is known of a migration that has begun.

    Args:
        migration: The migration's name: that of its first run. Databases and Jobs are named by it.
        repository: The id of the repository.
        options: What the task asked for, as far as it decides what goes where, as JSON.
        phase: The phase that has begun last; it is written before anything of it is done.
        run: The run that works on it, or did so last.
        backup: The id of the backup whose databases are, or are to be, in the target; empty before it is made.
        safety_backup: The id of the backup of what was there before another one was restored; empty for a move.
        marks: Of each database what shows that somebody has written to it since it was copied, as JSON.
        filled: The roles of the databases of which something is, or is about to be, in the target, as JSON.
        loaded: The roles of the databases that are in the target, whole, as JSON.
        closed_at: When the databases were closed for writing; empty before.
        settled: As ``marks``, when the last copy had been proved to be what the closed databases hold.
        switched: Whether the CheCluster may name the target.
        generations: Of the Deployments that Che's operator has to write anew those from before the CheCluster was
            written, on the way there or back, as JSON by the roles of their databases; else empty.
        rolled: The roles whose Deployments it may have written for the target when an abort began, as JSON.
        outage_seconds: From ``closed_at`` until Che was ready; 0 until that is known.
        copied_again: Whether the databases had to be copied once more while they were closed.
        written: When the journal was written last.
        version: The version of the collection that has done that; empty where none is named.
    """

    migration: str
    repository: str
    options: str
    phase: str
    run: str
    backup: str = ""
    safety_backup: str = ""
    marks: str = "{}"
    filled: str = "[]"
    loaded: str = "[]"
    closed_at: str = ""
    settled: str = ""
    switched: bool = False
    generations: str = ""
    # Then all of them are waited for.
    rolled: str = field(default="[]", metadata=may_lack("[]"))
    outage_seconds: float = field(default=0.0, metadata=may_lack(0.0))
    copied_again: bool = field(default=False, metadata=may_lack(False))
    written: str = field(default="", metadata=may_lack(""))
    version: str = field(default=COLLECTION_VERSION, metadata=may_lack(""))

    @property
    def is_between(self) -> bool:
        """Whether the installation is neither what it was nor what it will be."""
        return self.phase in (CUT_OVER, SWITCH, VERIFY, ABORT)


class OpenMigration(HeldJournal[Migration]):
    """The journal of a migration."""

    NAME = "che-migration-journal"
    TYPE = Migration
    WORK = "migration"
    PHASES = (*PHASES, ABORT)


def require_no_migration(
    cluster: Cluster, namespace: str, then: str, stage: str = "", only_between: bool = False
) -> None:
    """Refuse beside a migration that has not ended.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        then: What to do once it has ended, for the reader.
        stage: The stage that the refusal belongs to.
        only_between: Refuse only while the installation is neither what it was nor what it will be.

    Raises:
        CheError: There is one.
    """
    unfinished = OpenMigration.find(cluster, namespace)
    if unfinished is not None and (unfinished.content.is_between or not only_between):
        raise CheError(
            "A migration of this installation is unfinished",
            f"migration {unfinished.content.migration}, at: {unfinished.content.phase}",
            f"End it by running database_migration again, with commit, or with state: aborted; then {then}.",
            stage=stage,
        )
