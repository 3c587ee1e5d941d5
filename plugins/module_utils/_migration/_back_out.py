# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Che brought to other databases, and the way back: open for writing again, and the target as it was."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from typing import Literal

from ansible_collections.community.che.plugins.module_utils._backup._installation import (
    che_cluster_kind,
    find_che_cluster,
)
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import named_place
from ansible_collections.community.che.plugins.module_utils._che._errors import CredentialsError
from ansible_collections.community.che.plugins.module_utils._che._move import says
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._external_database._authority import trust_as_before
from ansible_collections.community.che.plugins.module_utils._external_database._concerned import CHE, concerned
from ansible_collections.community.che.plugins.module_utils._external_database._configure import (
    generations_of,
    write_settings,
)
from ansible_collections.community.che.plugins.module_utils._kube._lease import LeaseLost
from ansible_collections.community.che.plugins.module_utils._migration._places import Place
from ansible_collections.community.che.plugins.module_utils._migration._request import ABORTED
from ansible_collections.community.che.plugins.module_utils._migration._source import reopen
from ansible_collections.community.che.plugins.module_utils._migration._target import Target
from ansible_collections.community.che.plugins.module_utils._migration._work import Work
from ansible_collections.community.che.plugins.module_utils._restore._ready import await_che
from ansible_collections.community.che.plugins.module_utils._run._journal import ABORT, VERIFY, JournalTaken
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import MIGRATED, Migration

Direction = Literal["there", "back"]


def switch(work: Work, to: Direction) -> None:
    """Write the CheCluster, and wait until its operator goes by that; also after a run that was killed on the way.

    Raises:
        WaitExpired: The operator does nothing about it.
    """
    journal, che = work.journal, _live_che(work)
    is_said = _says(work, che, to)
    if not is_said:
        # Whatever has changed the Deployments until now was somebody else.
        journal.note(switched=True, generations=json.dumps(_generations(work, _to_wait_for(work, to))))
    elif not journal.content.generations:
        # It says so already, and nobody knows since when.
        return
    left = _unchanged(work)
    if left or not is_said:
        # Che's operator starts Che anew for other authorities, too: at once with the way back it does so only once, and
        # what it does for them alone is not taken for that.
        besides = partial(_trust_as_before, work) if to == "back" else lambda: None
        write_settings(work.cluster, che, getattr(work.way, to), work.deadline, left, besides)


def _to_wait_for(work: Work, to: Direction) -> list[str]:
    """The roles of the databases whose Deployments Che's operator has something to write into.

    It does nothing about one that is again as it was before it has looked at the CheCluster.
    """
    rolled: list[str] = json.loads(work.journal.content.rolled) if to == "back" else []
    return rolled or _concerned(work)


def _concerned(work: Work) -> list[str]:
    return list(dict.fromkeys([CHE, *concerned(work.before, work.way.there)]))


def _generations(work: Work, roles: Iterable[str]) -> dict[str, int | None]:
    found = generations_of(work.cluster, work.namespace, roles)
    # An identity provider that does not run is not waited for.
    return {role: generation for role, generation in found.items() if role == CHE or generation is not None}


def _unchanged(work: Work) -> dict[str, int | None]:
    """Of the Deployments that are waited for those which are as they were before the CheCluster was written."""
    noted: dict[str, int | None] = json.loads(work.journal.content.generations)
    live = generations_of(work.cluster, work.namespace, noted)
    return {role: generation for role, generation in noted.items() if live[role] == generation}


def _trust_as_before(work: Work) -> None:
    trust_as_before(work.cluster, work.namespace, work.way.trusted, work.way.authorities)


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
        rolled = _rolled(work)
        # The generations that are noted are those from before the way there.
        journal.note(phase=ABORT, generations="", switched=bool(rolled), rolled=json.dumps(rolled))
    held = journal.content
    # Nobody writes to them before Che comes back.
    unopened = [words for place in work.sources.values() for words in _reopened(place, held)] if held.closed_at else []
    work.run.warnings += unopened
    if held.switched:
        switch(work, "back")
    if held.closed_at and not unopened:
        await_che(work.cluster, work.namespace, work.che.name, work.deadline)
    # What Che uses is not emptied.
    require_said(work, "back")
    targets, lost = work.targets_at_hand
    for role, target in targets.items():
        work.run.warnings += _taken_out(work, target, is_filled=role in work.filled)
    work.run.warnings += [words for role, failure in lost.items() for words in _left(work, role, failure)]
    _trust_as_before(work)
    journal.close()


def _rolled(work: Work) -> list[str]:
    """The roles of the databases whose users may have been brought to the target; what any of them finds there stays.

    Also where somebody else has brought them there ahead of time, or back since. Where its operator has not looked at
    the CheCluster, that is put back here: the operator does nothing about one that is again as its Deployments are, so
    that nobody could wait for that.
    """
    held, che = work.journal.content, _live_che(work)
    if not held.switched:
        return _concerned(work) if _says(work, che, "there") else []
    # A Deployment that was made anew counts from the beginning.
    if held.phase in (VERIFY, MIGRATED):
        return _concerned(work)
    found = _changed(work)
    if not found and not _says(work, che, "back"):
        work.cluster.merge(che_cluster_kind(work.cluster), che.name, che.namespace, {"spec": dict(work.way.back)})
        # Its operator may have been quicker.
        found = _changed(work)
    return found


def _changed(work: Work) -> list[str]:
    left = _unchanged(work)
    return [role for role in json.loads(work.journal.content.generations) if role not in left]


def _taken_out(work: Work, target: Target, is_filled: bool) -> list[str]:
    """Take out what was loaded; who asks for that may have lost the server that it was loaded into.

    Che is where it was by then, and what is left of a server of the operator's own that is swapped must come back.
    """
    try:
        return target.take_out(is_filled=is_filled, is_used=work.journal.content.switched)
    except (JournalTaken, LeaseLost):
        raise
    except CheError as failure:
        if work.request.state != ABORTED or target.place.deployment is not None:
            raise
        return [f"What was loaded into the {target.place.on} could not be taken out, and may be there still: {failure}"]


def _left(work: Work, role: str, failure: CredentialsError) -> list[str]:
    """What stays in a target whose credentials are gone."""
    where = named_place(work.after, role)
    if work.journal.content.switched:
        return [f"The {where} keeps what Che wrote to it. Empty it before databases are moved there again."]
    if role in work.filled:
        return [f"What was loaded into the {where} could not be taken out, and may be there still: {failure}"]
    return []


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
