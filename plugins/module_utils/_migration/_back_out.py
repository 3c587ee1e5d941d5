# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Che brought to other databases, and the way back: open for writing again, and the target as it was."""

from __future__ import annotations

import json
from typing import Literal

from ansible_collections.community.che.plugins.module_utils._backup._installation import (
    che_cluster_kind,
    find_che_cluster,
)
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._move import says
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._external_database._authority import trust_as_before
from ansible_collections.community.che.plugins.module_utils._external_database._concerned import CHE
from ansible_collections.community.che.plugins.module_utils._external_database._configure import (
    generation_of,
    write_settings,
)
from ansible_collections.community.che.plugins.module_utils._kube._lease import LeaseLost
from ansible_collections.community.che.plugins.module_utils._migration._places import Place
from ansible_collections.community.che.plugins.module_utils._migration._source import reopen
from ansible_collections.community.che.plugins.module_utils._migration._work import Work
from ansible_collections.community.che.plugins.module_utils._restore._ready import await_che
from ansible_collections.community.che.plugins.module_utils._run._journal import ABORT, JournalTaken
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import Migration

Direction = Literal["there", "back"]


def switch(work: Work, to: Direction) -> None:
    """Write the CheCluster, and wait until its operator goes by that; also after a run that was killed on the way.

    Raises:
        WaitExpired: The operator does nothing about it.
    """
    journal, che = work.journal, _live_che(work)
    live = generation_of(work.cluster, work.namespace)
    if not _says(work, che, to):
        # Whatever has changed the Deployment until now was somebody else.
        journal.note(switched=True, generation=str(live))
    elif not journal.content.generation:
        # It says so already, and nobody knows since when.
        return
    if str(live) == journal.content.generation:
        write_settings(work.cluster, che, getattr(work.way, to), work.deadline, {CHE: live})


def _says(work: Work, che: CheCluster, to: Direction) -> bool:
    there, back = work.way.there, work.way.back
    return says(che.raw.get("spec"), *((there, back) if to == "there" else (back, there)))


def require_said(work: Work, to: Direction) -> None:
    """See to it that nobody has written something else into the CheCluster meanwhile.

    Raises:
        CheError: It says something else.
    """
    if not _says(work, _live_che(work), to):
        raise CheError(
            "Somebody has changed meanwhile where it says that the databases are",
            f"CheCluster {work.namespace}/{work.che.name}",
            "Find out who writes to it, a GitOps tool for one, and have that stopped.",
        )


def _live_che(work: Work) -> CheCluster:
    return CheCluster(find_che_cluster(work.cluster, work.namespace, work.che.name))


def put_back(work: Work) -> None:
    """Put everything back as it was before the migration began, and close its journal.

    Raises:
        CheError: Something could not be put back; the journal is left, so that the abort can be run again.
    """
    journal = work.journal
    if journal.content.phase != ABORT:
        # The generation that is noted is that from before the way there.
        journal.note(phase=ABORT, generation="", switched=_has_switched(work))
    held = journal.content
    # Nobody writes to them before Che comes back.
    lost = [words for place in work.sources.values() for words in _reopened(place, held)] if held.closed_at else []
    work.run.warnings += lost
    if held.switched:
        switch(work, "back")
    if held.closed_at and not lost:
        await_che(work.cluster, work.namespace, work.che.name, work.deadline)
    for role, target in work.targets.items():
        work.run.warnings += target.take_out(is_filled=role in work.filled, is_used=held.switched)
    require_said(work, "back")
    # Not before: Che's operator starts Che anew for this, which would be taken for the way back.
    trust_as_before(work.cluster, work.namespace, work.way.trusted, work.way.authorities)
    journal.close()


def _has_switched(work: Work) -> bool:
    """Whether Che's operator has to take something back.

    It does nothing about a CheCluster that is again as its Deployments are, so that nobody could wait for that.
    """
    held, che = work.journal.content, _live_che(work)
    if not held.switched or _says(work, che, "back"):
        return False
    if str(generation_of(work.cluster, work.namespace)) != held.generation:
        return True
    # Its operator, which may not run, has not looked at it.
    work.cluster.merge(che_cluster_kind(work.cluster), che.name, che.namespace, {"spec": dict(work.way.back)})
    return False


def _reopened(place: Place, held: Migration) -> list[str]:
    """Let Che write to a database again; where a backup was restored, it may be lost, which is told then."""
    try:
        reopen(place)
    except (JournalTaken, LeaseLost):
        raise
    except CheError as failure:
        if not json.loads(held.options).get("id"):
            raise
        return [f"The {place.on}, which Che used before, could not be opened for writing again: {failure}"]
    return []
