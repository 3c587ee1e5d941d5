# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A drill: the newest backup restored beside the live installation, to see that it can be and how long it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._back_up import told_about
from ansible_collections.community.che.plugins.module_utils._backup._installation import served_che_cluster_kind
from ansible_collections.community.che.plugins.module_utils._backup._repository import (
    Repository,
    open_repository,
    told_server,
)
from ansible_collections.community.che.plugins.module_utils._backup._whose import whose_latest
from ansible_collections.community.che.plugins.module_utils._che._convert import convert
from ansible_collections.community.che.plugins.module_utils._drill._course import (
    CHECK,
    CLEAN_UP,
    DATABASES,
    FETCH,
    OBJECTS,
    PREPARE,
    Course,
)
from ansible_collections.community.che.plugins.module_utils._drill._databases import (
    Loader,
    Target,
    live_servers,
    targets,
)
from ansible_collections.community.che.plugins.module_utils._drill._objects import drill_objects, make_namespace
from ansible_collections.community.che.plugins.module_utils._drill._origin import judge_origin
from ansible_collections.community.che.plugins.module_utils._drill._record import keep_record, record_name
from ansible_collections.community.che.plugins.module_utils._drill._removal import (
    clean_up,
    drop_databases_left,
    remove_objects_left,
)
from ansible_collections.community.che.plugins.module_utils._drill._request import DrillRequest
from ansible_collections.community.che.plugins.module_utils._drill._result import told, told_failure, told_plan
from ansible_collections.community.che.plugins.module_utils._drill._scratch import Scratch
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Halt
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster, Object
from ansible_collections.community.che.plugins.module_utils._kube._errors import ClusterError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import NAMESPACE
from ansible_collections.community.che.plugins.module_utils._kube._lease import DURATION_SECONDS, held_lease
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._restore._fetch import fetch
from ansible_collections.community.che.plugins.module_utils._restore._fetched import Fetched
from ansible_collections.community.che.plugins.module_utils._restore._operator import find_operator
from ansible_collections.community.che.plugins.module_utils._restore._places import source_of, target_of
from ansible_collections.community.che.plugins.module_utils._run._journal import OpenJournal
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import require_no_migration
from ansible_collections.community.che.plugins.module_utils._run._record import now_text
from ansible_collections.community.che.plugins.module_utils._run._run import Run

LEASE = "che-drill"
# A holder that was killed on another machine is waited for, and a moment more.
_PATIENCE_SECONDS = DURATION_SECONDS + 15.0
_NOT_SAVED = "it is not in the backup: that was asked for when it was made, or its server did not have it"


class DrillFailed(CheError):
    """The backup could not be restored beside the live installation, or what was is not what was saved."""


def drill(cluster: Cluster, request: DrillRequest) -> dict[str, Any]:
    """Drill the restore of a backup, and return what the task returns.

    Raises:
        DrillFailed: The drill was carried out and failed; its facts are what the task returns otherwise.
        CheError: It could not begin: there is no such namespace, another drill is at work, or a restore is unfinished.
    """
    _require_begun_by_nobody(cluster, request)
    if request.check_mode:
        return _rehearse(cluster, request)
    purpose = f"drilling a restore of {request.namespace} (run {request.run_id})"
    with held_lease(cluster, request.namespace, LEASE, purpose, _PATIENCE_SECONDS, for_the_living=False) as fenced:
        run = Run(cluster, request.namespace, request.run_id, "drill")
        scratch = Scratch.of_run(request.namespace, request.run_id, request.scratch_namespace)
        course = Course(run, scratch.namespace, now_text())
        try:
            with told_about(run), run.recording():
                _carry_out(fenced, request, scratch, course)
                run.say(f"Backup {course.backup[:8]}: {course.verdict}")
        except Halt as error:
            failed = DrillFailed(error.what, error.on, error.next_step, error.stage)
            failed.facts = _recorded(cluster, request, course, told_failure(course, error))
            raise failed from None
        return _recorded(cluster, request, course, told(course))


def _require_begun_by_nobody(cluster: Cluster, request: DrillRequest) -> None:
    """Refuse beside a restore that has not ended: its databases and the drill's would fight for the same room."""
    if cluster.find(NAMESPACE, request.namespace) is None:
        raise CheError(
            "There is no such namespace; a drill's Lease and its record are kept there",
            NAMESPACE.named(request.namespace),
            "Check namespace. To drill on another cluster, create an empty one there.",
        )
    require_no_migration(cluster, request.namespace, "drill")
    unfinished = OpenJournal.find(cluster, request.namespace)
    if unfinished is not None:
        raise CheError(
            "A restore of this installation is unfinished",
            f"restore {unfinished.content.restore}, at: {unfinished.content.phase}",
            "End it by running the restore again, or with state: aborted, then drill.",
        )


def _carry_out(cluster: Cluster, request: DrillRequest, scratch: Scratch, course: Course) -> None:
    deadline = Deadline(request.timeout)
    with course.run.stage(PREPARE, "Looking for what an interrupted drill has left"):
        # Before anything that may fail: it may hold Secrets.
        course.leftovers += remove_objects_left(cluster, scratch, deadline)
    with course.run.stage(FETCH, "Downloading backup from backup server"):
        repository, fetched = _fetch(cluster, request, course)
        course.run.sealed(fetched.backup.id)
    with course.run.stage(CHECK, "Looking for room on the databases' servers"):
        servers = live_servers(cluster, request.namespace, fetched.objects)
        course.leftovers += drop_databases_left(cluster, scratch, servers)
        objects = _converted(cluster, request, fetched)
        found = targets(cluster, fetched.databases, servers)
    loader = Loader(cluster, request, repository, scratch, deadline)
    with _cleaned_up(cluster, scratch, loader, found, course):
        with course.run.stage(OBJECTS, f"Restoring objects into the scratch namespace {scratch.namespace}"):
            make_namespace(cluster, scratch, objects, course)
            drill_objects(cluster, scratch, objects, _digests(fetched, objects), course)
        with course.run.stage(DATABASES, _message(found)):
            for target in found:
                loader.drill(target, course)


@contextmanager
def _cleaned_up(
    cluster: Cluster, scratch: Scratch, loader: Loader, found: Sequence[Target], course: Course
) -> Iterator[None]:
    """See to it that nothing is left, however the drill ends; what went wrong first is what is told."""

    def clean() -> None:
        with course.run.stage(CLEAN_UP, "Removing what the drill has made"):
            clean_up(cluster, scratch, loader, found)

    try:
        yield
    except BaseException as error:
        try:
            clean()
        except Halt as left:
            if not isinstance(error, Halt):
                raise
            error.next_step = f"{error.next_step} What the drill has made could not all be removed: {left}".strip()
        raise
    clean()


def _fetch(cluster: Cluster, request: DrillRequest, course: Course) -> tuple[Repository, Fetched]:
    repository = open_repository(cluster, request.namespace, request.server, request.restic_path, read_only=True)
    course.backup_server = told_server(repository)
    fetched = fetch(repository, request.id, whose_latest(cluster, request.namespace))
    course.backup, course.recovery_point = fetched.backup.id, fetched.backup.created
    for sentence in fetched.unproven:
        course.unproven(f"backup {fetched.backup.id[:8]}", sentence)
    for place in fetched.manifest.installation.databases:
        if not place.saved:
            course.skip_database(place.name, _NOT_SAVED)
    judge_origin(cluster, request.namespace, fetched.manifest.installation, course)
    _require_che_cluster(request, fetched)
    return repository, fetched


def _require_che_cluster(request: DrillRequest, fetched: Fetched) -> None:
    saved = fetched.manifest.installation.che_cluster
    if request.che_cluster and request.che_cluster != saved:
        raise CheError(
            f"The backup is of the CheCluster {saved}",
            f"backup {fetched.backup.id[:8]}, che_cluster {request.che_cluster}",
            "Choose another backup with id, or leave che_cluster out.",
        )


def _converted(cluster: Cluster, request: DrillRequest, fetched: Fetched) -> Sequence[Object]:
    """The objects as this cluster serves them; nothing is adapted to another place, as that takes mappings.

    Raises:
        CheError: The CheCluster can't be converted, so that a restore would be refused as well.
    """
    saved = fetched.manifest.installation
    kind, name = served_che_cluster_kind(cluster), saved.che_cluster
    found = cluster.find(kind, name, request.namespace) if kind else None
    live = {(kind.kind, name): found} if kind and found else {}
    operator = find_operator(cluster, request.namespace)
    target = target_of(cluster, request.namespace, live, name, operator, saved)
    converted = convert(fetched.objects, source_of(saved), target)
    if converted.blockers:
        raise CheError(converted.blockers[0].rstrip("."), f"CheCluster {saved.che_cluster}")
    return converted.objects


def _digests(fetched: Fetched, objects: Sequence[Object]) -> dict[str, str]:
    """What the manifest says of the objects that are as they were saved."""
    saved = [id(obj) for obj in fetched.objects]
    told_digests = fetched.installation.objects or {}
    names = [f"{obj['kind']}/{obj['metadata']['name']}" for obj in objects if id(obj) in saved]
    return {name: told_digests[name] for name in names if name in told_digests}


def _message(found: Sequence[Target]) -> str:
    names = ", ".join(target.part.name for target in found if target.server)
    return f"Loading databases beside the live ones: {names}" if names else "No database to load here"


def _recorded(cluster: Cluster, request: DrillRequest, course: Course, result: dict[str, Any]) -> dict[str, Any]:
    """Leave the record; what the drill has found counts more than a record that can't be written."""
    shown = {key: value for key, value in result.items() if key not in ("changed", "warnings")}
    try:
        keep_record(cluster, request.namespace, request.run_id, shown)
    except ClusterError as error:
        warning = f"The drill's record could not be written: {error}"
        return {**result, "record": "", "warnings": [*course.run.warnings, warning]}
    return {**result, "record": record_name(request.run_id), "warnings": course.run.warnings}


def _rehearse(cluster: Cluster, request: DrillRequest) -> dict[str, Any]:
    """Say what a drill would do."""
    run = Run(cluster, request.namespace, request.run_id, "drill", recorded=False)
    scratch = Scratch.of_run(request.namespace, request.run_id, request.scratch_namespace)
    course = Course(run, scratch.namespace, now_text())
    with told_about(run):
        with run.stage(FETCH, "Downloading backup from backup server"):
            _repository, fetched = _fetch(cluster, request, course)
        with run.stage(CHECK, "Looking for room on the databases' servers"):
            objects = _converted(cluster, request, fetched)
            found = targets(cluster, fetched.databases, live_servers(cluster, request.namespace, fetched.objects))
    return told_plan(course, objects, found)
