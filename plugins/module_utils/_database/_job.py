# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Job in which a database is dumped or loaded: the database's own image, with restic brought in beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._database._endpoint import Endpoint
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._contract import Helper

MOUNT = "/run/che-backup"
_SCRATCH = "/scratch"
_TOOLS = "/tools"
_TTL_SECONDS = 600
# What Che holds a lock for takes no such time. Half of a short limit is left for the rest.
_LOCK_SECONDS = 300
# How long the scripts get to take back restic's lock when the Job is deleted.
_GRACE_SECONDS = 15
_RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
# Of each container. A namespace with a quota refuses pods without these. restic keeps the repository's index in memory.
RESOURCES = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "2Gi"}}


@dataclass(frozen=True)
class JobOptions:
    """What the caller decides about a Job.

    Args:
        namespace: Where it runs.
        run: The run's id, ``[a-z0-9-]``.
        restic_image: An image with ``/usr/bin/restic`` and ``cp``.
        database_image: An image with ``sh``, ``psql`` and ``pg_dump``, best the database's own.
        run_as_user: The user id of both containers. ``None`` leaves it to the platform, as OpenShift wants; elsewhere
            restic's image would run as root, which a Job of ours may not.
        image_pull_secrets: Names of Secrets of the namespace.
        deadline_seconds: When Kubernetes ends the Job.
        labels: Labels besides ours.
        connect_seconds: How long the repository and the database may take to answer at the start.
        patience_seconds: How long every request to the backup server may fail before the Job gives up; restic itself
            would go on for 15 minutes.
        rclone_image: An image with rclone and ``cp``; a Job for an SFTP server needs it.
    """

    namespace: str
    run: str
    restic_image: str
    database_image: str
    run_as_user: int | None = None
    image_pull_secrets: tuple[str, ...] = ()
    deadline_seconds: int = 7200
    labels: Mapping[str, str] = field(default_factory=dict)
    connect_seconds: int = 30
    patience_seconds: int = 120
    rclone_image: str = ""


@dataclass(frozen=True)
class JobPlan:
    """What is to be created: first the Job, then the Secret, owned by the Job. Its repr shows no secret."""

    job: dict[str, Any]
    secret: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Work:
    """What one kind of Job does.

    Args:
        kind: ``dump`` or ``load``; the script ``<kind>.sh`` is started.
        files: The scripts, by file name.
        environment: What the scripts need to know besides the database and the repository; nothing secret.
    """

    kind: str
    files: Mapping[str, str]
    environment: Mapping[str, str]


def plan_job(work: Work, endpoint: Endpoint, access: Access | None, options: JobOptions) -> JobPlan:
    """Put a Job and the Secret that it mounts together.

    Args:
        work: What it does.
        endpoint: The database.
        access: The repository; None for a Job that needs none.
        options: See ``JobOptions``.
    """
    name = job_name(work.kind, options.run, endpoint.database)
    tools = _tools(access, options)
    metadata = {"name": name, "namespace": options.namespace, "labels": _labels(options)}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "Opaque",
        "stringData": mounted_files(work, endpoint, access),
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": options.deadline_seconds,
            "ttlSecondsAfterFinished": _TTL_SECONDS,
            "template": {
                "metadata": {"labels": _labels(options)},
                "spec": _pod(name, work, job_environment(name, work, endpoint, access, options), options, tools),
            },
        },
    }
    return JobPlan(job, secret)


def mounted_files(work: Work, endpoint: Endpoint, access: Access | None) -> dict[str, str]:
    """The files of the folder that the Job mounts: scripts and secrets, by name.

    libpq and restic read their secrets from these files: pg_dump is restic's child and inherits its environment.
    """
    files = {**work.files, **endpoint.files()}
    if access is None:
        return files
    files = {**files, **adapter_for(access).files(), "repository-password": access.password}
    if access.ca_certificate:
        files["ca.crt"] = access.ca_certificate
    return files


def job_environment(
    name: str, work: Work, endpoint: Endpoint, access: Access | None, options: JobOptions, mount: str = MOUNT
) -> dict[str, str]:
    """The environment of the main container of the Job with this name. Nothing in it is secret."""
    environment = {
        **endpoint.environment(mount),
        **work.environment,
        "CHE_MOUNT": mount,
        "CHE_SCRATCH": _SCRATCH,
        "CHE_CONNECT_SECONDS": str(options.connect_seconds),
        "CHE_PATIENCE_SECONDS": str(options.patience_seconds),
        # Without it libpq waits for ever on a Service that has no endpoints.
        "PGCONNECT_TIMEOUT": str(options.connect_seconds),
        # A table that somebody has locked would be waited for until the Job's own time is up.
        "CHE_LOCK_SECONDS": str(max(1, min(_LOCK_SECONDS, options.deadline_seconds // 2))),
        # So that a session whose Job is gone can be told: see jobs_with_sessions.
        "PGAPPNAME": name,
    }
    return {**environment, **_repository_environment(access, mount)} if access else environment


def _repository_environment(access: Access, mount: str) -> dict[str, str]:
    adapter = adapter_for(access)
    environment = {
        **adapter.file_environment(mount),
        "CHE_RESTIC": f"{_TOOLS}/restic",
        "CHE_RESTIC_OPTIONS": " ".join([*adapter.options(), *_helper_options(adapter.helper())]),
        "RESTIC_PASSWORD_FILE": f"{mount}/repository-password",
    }
    if access.ca_certificate:
        environment["RESTIC_CACERT"] = f"{mount}/ca.crt"
    return environment


def _helper_options(helper: Helper | None) -> list[str]:
    return ["-o", f"{helper.option}={_TOOLS}/{helper.name}"] if helper else []


def job_name(kind: str, run: str, database: str) -> str:
    """A name that no other database of the run has, short enough for the label that a Job puts on its pod."""
    digest = hashlib.sha256(database.encode()).hexdigest()[:8]
    return f"che-{kind}-{run}"[:53].rstrip("-") + f"-{digest}"


def _labels(options: JobOptions) -> dict[str, str]:
    return {
        **options.labels,
        "app.kubernetes.io/managed-by": "community.che",
        "app.kubernetes.io/part-of": "backup.che.eclipse.org",
        "community.che/run": options.run,
    }


def _tools(access: Access | None, options: JobOptions) -> list[dict[str, Any]]:
    """The containers that bring in programs; they only copy, so as to work with any image, on every Kubernetes."""
    if access is None:
        return []
    tools = [_tool_container("restic", options.restic_image, "/usr/bin/restic")]
    helper = adapter_for(access).helper()
    if helper:
        tools.append(_tool_container(helper.name, options.rclone_image, helper.path))
    return tools


def _pod(
    name: str, work: Work, environment: Mapping[str, str], options: JobOptions, tools: list[dict[str, Any]]
) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "securityContext": _security_context(options),
        "initContainers": tools,
        "containers": [_main_container(work, environment, options)],
        "volumes": [
            {"name": "tools", "emptyDir": {}},
            {"name": "scratch", "emptyDir": {}},
            # Readable for whatever user the platform gives the pod; nobody else sees this volume.
            {"name": "files", "secret": {"secretName": name, "defaultMode": 0o444}},
        ],
    }
    if options.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": secret} for secret in options.image_pull_secrets]
    return pod


def _security_context(options: JobOptions) -> dict[str, Any]:
    context: dict[str, Any] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if options.run_as_user is not None:
        context["runAsUser"] = options.run_as_user
    return context


def _tool_container(name: str, image: str, path: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["cp", path, f"{_TOOLS}/{name}"],
        "securityContext": _RESTRICTED,
        "resources": RESOURCES,
        "volumeMounts": [{"name": "tools", "mountPath": _TOOLS}],
    }


def _main_container(work: Work, environment: Mapping[str, str], options: JobOptions) -> dict[str, Any]:
    return {
        "name": work.kind,
        "image": options.database_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", f"{MOUNT}/{work.kind}.sh"],
        # Kubernetes would expand $(NAME) in a value.
        "env": [{"name": name, "value": value.replace("$", "$$")} for name, value in sorted(environment.items())],
        "securityContext": _RESTRICTED,
        "resources": RESOURCES,
        "volumeMounts": [
            {"name": "tools", "mountPath": _TOOLS, "readOnly": True},
            {"name": "scratch", "mountPath": _SCRATCH},
            {"name": "files", "mountPath": MOUNT, "readOnly": True},
        ],
    }
