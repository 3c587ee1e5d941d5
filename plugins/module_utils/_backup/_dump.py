# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each database of an installation dumped by a Job next to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ansible_collections.community.che.plugins.module_utils._backup._installation import Installation, pod_user
from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._backup._request import BackupRequest, JobChoices
from ansible_collections.community.che.plugins.module_utils._che._databases import Database
from ansible_collections.community.che.plugins.module_utils._database._dump import DumpResult, dump_job, parse_dump_log
from ansible_collections.community.che.plugins.module_utils._database._endpoint import Endpoint
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError
from ansible_collections.community.che.plugins.module_utils._database._job import JobOptions
from ansible_collections.community.che.plugins.module_utils._database._log import job_error
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import JobFailed
from ansible_collections.community.che.plugins.module_utils._kube._jobs import run_job
from ansible_collections.community.che.plugins.module_utils._kube._pods import address_past_service
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._run._record import OUR_LABELS
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import part_tags

#: What dumps an external database where nothing else is said; its programs know servers from 9.2 to 15.
DATABASE_IMAGE = "quay.io/sclorg/postgresql-15-c9s:latest"
_DUMP_AGAIN = "Run the task again; nothing half-made counts as a backup."


@dataclass(frozen=True)
class DumpedDatabase:
    """One database, and what its Job says it has sent."""

    database: Database
    result: DumpResult


@dataclass(frozen=True)
class DumpWork:
    """What every dump of one backup has in common."""

    cluster: Cluster
    installation: Installation
    repository: Repository
    request: BackupRequest
    deadline: Deadline


def dump_databases(work: DumpWork) -> list[DumpedDatabase]:
    """Dump every database of an installation, one after the other.

    Raises:
        JobFailed: One of them could not be dumped, sent or read back.
    """
    return [_dump(work, database) for database in work.installation.databases]


def _dump(work: DumpWork, database: Database) -> DumpedDatabase:
    request, namespace = work.request, work.request.namespace
    deployment = work.installation.deployment(database.deployment)
    options = job_options(work.cluster, namespace, deployment, request.run_id, request.jobs, work.deadline)
    endpoint = endpoint_of(database, namespace, work.installation.authorities)
    if deployment and request.missing:
        # The server's probe may open the database that is missing.
        endpoint = replace(endpoint, host=address_past_service(work.cluster, deployment) or endpoint.host)
    plan = dump_job(
        endpoint,
        work.repository.job_access,
        tags=part_tags(request.run_id, "database", database.name),
        host=namespace,
        options=options,
        role=database.role,
    )

    try:
        return DumpedDatabase(database, parse_dump_log(run_job(work.cluster, plan.job, plan.secret, work.deadline)))
    except JobFailed as failure:
        raise own_words(failure, f"database {database.name}", _DUMP_AGAIN) from None
    except DatabaseError as failure:
        failure.on = failure.on or f"database {database.name}"
        raise


def endpoint_of(database: Database, namespace: str, authorities: str = "") -> Endpoint:
    """Where a database answers, as pods of its cluster see it.

    Args:
        database: The database.
        namespace: The namespace of Che.
        authorities: The certificates (PEM) that may have signed an external server's.
    """
    return Endpoint(
        host=database.host or f"{database.service}.{namespace}.svc",
        port=database.port,
        database=database.name,
        user=database.user,
        password=database.password,
        tls=database.tls,
        ca_certificate=authorities if database.is_external else "",
        is_far=database.is_external,
    )


def job_options(
    cluster: Cluster,
    namespace: str,
    deployment: Object | None,
    run_id: str,
    choices: JobChoices,
    deadline: Deadline,
) -> JobOptions:
    """How a Job is to run beside a database's Deployment; or alone, when it goes to an external server."""
    pod = deployment["spec"]["template"]["spec"] if deployment else {}
    own_pull_secrets = tuple(secret["name"] for secret in pod.get("imagePullSecrets") or [])
    own_image = pod["containers"][0]["image"] if deployment else DATABASE_IMAGE
    return JobOptions(
        namespace=namespace,
        run=run_id,
        restic_image=choices.restic_image,
        rclone_image=choices.rclone_image,
        database_image=choices.database_image or own_image,
        run_as_user=pod_user(cluster, deployment, choices.run_as_user),
        image_pull_secrets=choices.image_pull_secrets or own_pull_secrets,
        deadline_seconds=max(1, int(deadline.left)),
        labels=OUR_LABELS,
    )


def own_words(failure: JobFailed, on: str, otherwise: str = "Run the task again.") -> JobFailed:
    """A Job's failure as its own script tells it; as Kubernetes tells it where the script had no say.

    Args:
        failure: The failure, with the Job's log.
        on: What it is about.
        otherwise: What to do where nothing better is known.
    """
    told = job_error(failure.log)
    if told:
        return JobFailed(told.message, on, told.next_step or otherwise, log=failure.log)
    last = failure.log.strip().rpartition("\n")[2][-500:]
    what = f"{failure.what}; it said last: {last}" if last else failure.what
    return JobFailed(what, on, failure.next_step or otherwise, log=failure.log)
