# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A migration whose CheCluster was deleted, or whose Che has no database any more: ended, with what can be reached.

Che's operator may have taken its own database server along, as that of 7.62 does, and nobody can tell any more whether
Che has used the target. So that is never emptied here.
"""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._backup._installation import (
    find_che_cluster,
    has_che_cluster,
)
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import external_database, named_place
from ansible_collections.community.che.plugins.module_utils._che._versions import needs_no_database, telling_version
from ansible_collections.community.che.plugins.module_utils._database._fence import BY_HAND
from ansible_collections.community.che.plugins.module_utils._database._staging import names_for
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._external_database._authority import trust_as_before
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._lease import LeaseLost
from ansible_collections.community.che.plugins.module_utils._migration._places import find_place
from ansible_collections.community.che.plugins.module_utils._migration._request import MigrationRequest
from ansible_collections.community.che.plugins.module_utils._migration._source import reopen
from ansible_collections.community.che.plugins.module_utils._migration._work import Work, end_jobs
from ansible_collections.community.che.plugins.module_utils._run._journal import ABORT, COMMIT, JournalTaken


def look_for_che(cluster: Cluster, request: MigrationRequest) -> tuple[CheCluster | None, str]:
    """Find the CheCluster of a migration that was begun, and say what takes the ground from under it.

    Returns:
        The CheCluster, or None where it was deleted; and why there is nothing left to move, empty where there is.

    Raises:
        CheError: There are several, and none was named.
    """
    if not has_che_cluster(cluster, request.namespace):
        return None, f"The namespace {request.namespace} has no CheCluster any more"
    che = CheCluster(find_che_cluster(cluster, request.namespace, request.che_cluster))
    return che, _outgrown(che, request.che_version)


def _outgrown(che: CheCluster, che_version: str) -> str:
    """Say that a Che which was updated meanwhile goes by no database any more; empty where it does, or nobody knows.

    Args:
        che: The CheCluster.
        che_version: Of Che, where what its operator reports does not tell.
    """
    version = telling_version(che.version, che_version)
    return f"Che {version} has no database any more" if needs_no_database(version) else ""


def end_without_che(work: Work) -> None:
    """Open again what Che used before, and close the journal. What can't be done is a warning, and what is left too.

    Args:
        work: The migration; its CheCluster is what was kept of the one that is gone.

    Raises:
        CheError: A Job of it does not end, or the cluster refuses something; the abort can be run again.
    """
    journal, way = work.journal, work.way
    end_jobs(work)
    is_committed = journal.content.phase == COMMIT
    if is_committed:
        journal.note(run=work.request.run_id)
    else:
        # Should a CheCluster come back before this has ended, an abort takes Che to have used the target.
        journal.note(run=work.request.run_id, phase=ABORT, generations="", switched=True)
    # By the time that databases are closed, something of each is in the target.
    for role in work.filled:
        if journal.content.closed_at and not is_committed:
            work.run.warnings += _reopened(work, role)
        work.run.warnings += _left(work, role)
    trust_as_before(work.cluster, work.namespace, way.trusted, way.authorities)
    journal.close()


def _reopened(work: Work, role: str) -> list[str]:
    """Let a database be written to again, if it can be reached."""
    try:
        place = find_place(work.settings, work.before, role)
        # A script of a run that was killed could close it once more.
        place.psql.end_earlier()
        reopen(place)
    except (JournalTaken, LeaseLost):
        raise
    except CheError as failure:
        return [
            f"The {named_place(work.before, role)}, which Che used before, could not be opened for writing again. If "
            f"it is there, its owner does that in one session with {BY_HAND} {failure}"
        ]
    return []


def _left(work: Work, role: str) -> list[str]:
    """Let nothing go on in the target, and say what is left there."""
    where = named_place(work.after, role)
    if external_database(work.after):
        # Nothing but Jobs is at work there.
        return [f"The {where} is left as it is, as Che may have used it. Empty it when nobody needs what it holds."]
    try:
        place = find_place(work.settings, work.after, role)
        place.psql.end_earlier()
    except (JournalTaken, LeaseLost):
        raise
    except CheError as failure:
        return [f"The {where}, where databases were loaded, could not be reached, and is left as it is: {failure}"]
    names = names_for(place.database.name, work.journal.content.migration)
    return [
        f"The {where} is left as it is, as Che may have used it, and so are {names.staged} and {names.replaced} beside "
        "it, where they are there. Drop what nobody needs."
    ]
