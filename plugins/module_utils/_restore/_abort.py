# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""``state: aborted``: what was there before a restore comes back."""

from __future__ import annotations

from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._installation import served_che_cluster_kind
from ansible_collections.community.che.plugins.module_utils._backup._repository import (
    Repository,
    open_repository,
    told_server,
)
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CLAIM,
    DEPLOYMENT,
    NAMESPACE,
    POD,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore._back_out import (
    put_back,
    remove_namespace,
    require_way_back,
)
from ansible_collections.community.che.plugins.module_utils._restore._databases import Restorer
from ansible_collections.community.che.plugins.module_utils._restore._plan import CREATED_BY
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._restore._result import told_work
from ansible_collections.community.che.plugins.module_utils._restore._resume import planned, take_over
from ansible_collections.community.che.plugins.module_utils._restore._work import Work
from ansible_collections.community.che.plugins.module_utils._run._journal import OpenJournal
from ansible_collections.community.che.plugins.module_utils._run._run import Run

# The Secrets that a cluster makes for service accounts.
_GIVEN = ("kubernetes.io/service-account-token", "kubernetes.io/dockercfg")


def abort(cluster: Cluster, request: RestoreRequest, run: Run, journal: OpenJournal | None) -> dict[str, Any]:
    """Put back what was there before an unfinished restore; without one, change nothing.

    Raises:
        CheError: It is committed already, or something could not be put back.
    """
    deadline = Deadline(request.timeout)
    with run.stage("plan", "Looking for an unfinished restore"):
        repository = open_repository(cluster, request.namespace, request.server, request.restic_path, read_only=True)
        if journal is None:
            return _without_journal(cluster, request, run, repository, deadline)
        held = journal.content
        if repository.id != held.repository:
            raise CheError(
                f"Its plan lies in another repository than {repository.location}",
                f"restore {held.restore}",
                "Name the backup server that the restore used.",
            )
        run.sealed(held.backup)
        work = Work(cluster, request, run, repository, planned(held, repository), deadline, journal)
    if request.check_mode:
        return _told(work)
    with run.stage("abort", "Putting back what was there before"):
        take_over(work)
        restorer = Restorer(cluster, request, repository, work.plan, journal=journal, deadline=deadline)
        require_way_back(work, restorer)
        put_back(work, restorer)
        run.say(f"The restore {held.restore} is aborted: what was there before is back")
    return _told(work)


def _told(work: Work) -> dict[str, Any]:
    told = told_work(work, resumed=True)
    # The plan was that of the restore; what an abort changes is the way back.
    diff = [{**item, "before": item["after"], "after": item["before"]} for item in told["diff"]]
    return {**told, "diff": diff, "committed": False, "aborted": work.journal.content.restore}


def _without_journal(
    cluster: Cluster, request: RestoreRequest, run: Run, repository: Repository, deadline: Deadline
) -> dict[str, Any]:
    namespace = cluster.find(NAMESPACE, request.namespace)
    made_by = ((namespace or {}).get("metadata", {}).get("annotations") or {}).get(CREATED_BY, "")
    others = _made_since(cluster, request.namespace) if made_by else ""
    if others:
        run.warnings.append(
            f"The restore {made_by} created the namespace and was interrupted. It holds {others} by now, and stays."
        )
        made_by = ""
    elif made_by and not request.check_mode:
        # The restore was interrupted after the very first thing that it made.
        remove_namespace(cluster, request.namespace, deadline)
    elif not made_by:
        run.warnings += _safety_advice(repository, request.namespace)
    run.say("There is no unfinished restore")
    return {
        "changed": bool(made_by),
        "backup_server": told_server(repository),
        "id": "",
        "run_id": run.run_id,
        "aborted": made_by,
        "stages": run.record.as_result()["stages"],
        "duration": run.seconds,
        "warnings": run.warnings,
    }


def _made_since(cluster: Cluster, namespace: str) -> str:
    """What is in a namespace that neither the cluster nor a restore without a journal puts there; empty for nothing."""
    che_cluster = served_che_cluster_kind(cluster)
    for kind in (*([che_cluster] if che_cluster else []), DEPLOYMENT, POD, CLAIM, SECRET):
        for obj in cluster.list(kind, namespace):
            if not str(obj.get("type", "")).startswith(_GIVEN):
                return f"the {kind.kind} {obj['metadata']['name']}"
    return ""


def _safety_advice(repository: Repository, namespace: str) -> list[str]:
    """Where the journal was lost with its namespace, the safety backup is what is left of the way back."""
    safety = next((backup for backup in repository.backups() if backup.safety and backup.host == namespace), None)
    if safety is None:
        return []
    return [
        f"There is no unfinished restore. What was there before the last one is saved as backup {safety.id[:8]} of "
        f"{safety.created:%Y-%m-%d %H:%M}: restore that to go back."
    ]
