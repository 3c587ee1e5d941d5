# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup, from the first connection to the seal: what the module ``cluster_backup`` does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._dump import (
    DumpedDatabase,
    DumpWork,
    dump_databases,
)
from ansible_collections.community.che.plugins.module_utils._backup._installation import (
    Installation,
    collect,
    find_che_cluster,
)
from ansible_collections.community.che.plugins.module_utils._backup._repository import (
    Repository,
    open_repository,
    refuse_legacy_neighbours,
    remember_choice,
    told_server,
)
from ansible_collections.community.che.plugins.module_utils._backup._request import BackupRequest
from ansible_collections.community.che.plugins.module_utils._backup._seal import (
    database_part,
    database_places,
    seal,
    send_installation,
)
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Halt
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._run._journal import OpenJournal
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import require_no_migration
from ansible_collections.community.che.plugins.module_utils._run._run import Run
from ansible_collections.community.che.plugins.module_utils._server._choose import wants_internal
from ansible_collections.community.che.plugins.module_utils._server._internal import set_up
from ansible_collections.community.che.plugins.module_utils._server._internal_request import InternalRequest
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Manifest


@dataclass(frozen=True)
class Sealed:
    """A complete backup that has just been made."""

    id: str
    manifest: Manifest
    data_added: int


def back_up(cluster: Cluster, request: BackupRequest) -> dict[str, Any]:
    """Make a backup and return what the task returns.

    Raises:
        CheError: At any stage; no complete backup is left then, nor a Job or a temporary Secret.
    """
    run = Run(cluster, request.namespace, request.run_id, "backup", recorded=not request.check_mode)
    with told_about(run), run.recording():
        deadline = Deadline(request.timeout)
        if not request.safety:
            _require_whole(cluster, request.namespace, "connect")
        new_server = _set_up_server(cluster, run, request)
        with run.stage("connect", "Connecting to backup repository"):
            # What check mode has not set up can't be connected to.
            repository, stale_locks = (
                (None, 0) if new_server and request.check_mode else _connect(cluster, run, request)
            )
        server = new_server or (told_server(repository) if repository else {})
        with run.stage("collect", "Collecting Che installation data"):
            installation = collect(
                cluster, request.namespace, request.che_cluster, request.database, missing=request.missing
            )
            run.warnings += [
                f"The CheCluster names {missing}, which does not exist." for missing in installation.missing_references
            ]
        if repository is None or request.check_mode:
            return _result(run, installation, server, None, (), stale_locks)
        with run.stage("dump", _dump_message(installation)):
            dumped = dump_databases(DumpWork(cluster, installation, repository, request, deadline))
            run.warnings += [f"{item.database.name}: {words}" for item in dumped for words in item.result.warnings]
        # Upstream's own spelling: those who knew the old operator look for this sentence.
        with run.stage("seal", "Sending backup shapshot to backup server"):
            if not request.safety:
                # A restore may have begun since, and changed one part after it was saved and another one before.
                _require_whole(cluster, request.namespace, "seal")
            sealed = _seal(run, installation, repository, dumped, request.safety)
        run.sealed(sealed.id)
        run.say(f"Backup {sealed.id[:8]} is complete")
    return _result(run, installation, server, sealed, dumped, stale_locks)


def _require_whole(cluster: Cluster, namespace: str, stage: str) -> None:
    """Refuse to back up what a restore has left half-way: as the latest backup it would be the next one to be restored.

    Raises:
        CheError: A restore or a migration has begun to change the installation, and has not ended.
    """
    require_no_migration(cluster, namespace, "back up", stage, only_between=True)
    unfinished = OpenJournal.find(cluster, namespace)
    if unfinished is not None and unfinished.content.is_between:
        raise CheError(
            "A restore of this installation is unfinished: what is there is neither what was nor what is to be",
            f"restore {unfinished.content.restore}, at: {unfinished.content.phase}",
            "End it by running the restore again, or with state: aborted, then back up.",
            stage=stage,
        )


def _set_up_server(cluster: Cluster, run: Run, request: BackupRequest) -> dict[str, Any] | None:
    """Set the internal backup server up where the task names none and none will do, as the old operator did.

    Returns:
        What the task returns of it; None when there is one to use.
    """
    if not wants_internal(cluster, request.namespace, request.server):
        return None
    given, found = request.server.password, request.server.environment.repository_password
    with run.stage("set up", "Setting up internal backup server"):
        # A namespace without Che is more often a mistyped one than one to put a server into.
        find_che_cluster(cluster, request.namespace, request.che_cluster)
        outcome = set_up(
            cluster,
            InternalRequest(
                namespace=request.namespace,
                pull_secrets=request.jobs.image_pull_secrets or None,
                run_as_user=request.jobs.run_as_user,
                password=None if given == found else given,
                fallback_password=found,
                connection=request.server.internal_connection,
                restic_path=request.restic_path,
                check_mode=request.check_mode,
            ),
        )
        run.warnings.append(outcome.note)
    lacking = "none is annotated" if request.server.before_update else "none was configured"
    return {
        "name": outcome.name,
        "repository": outcome.repository,
        "chosen_because": f"{lacking}, so that the internal one is set up",
        "made_default": not request.server.before_update,
    }


def _connect(cluster: Cluster, run: Run, request: BackupRequest) -> tuple[Repository, int]:
    """The repository, open for writing, and how many stale locks were in the way."""
    repository = open_repository(
        cluster, request.namespace, request.server, request.restic_path, read_only=request.check_mode
    )
    # Left by a restic that was killed, one would keep this backup waiting, and fail it.
    stale_locks = 0 if request.check_mode else repository.restic.release_stale_locks()
    refuse_legacy_neighbours(repository, request.beside_legacy)
    if repository.only_copy:
        run.warnings.append(
            "This backup is in the same cluster as what it saves, and nowhere else: whoever loses the cluster loses "
            "both. Configure a backup server outside of it with community.che.backup_server."
        )
    if request.server.before_update and request.server.leaves_choice:
        # That rule is for these backups alone.
        return repository, stale_locks
    return remember_choice(cluster, request.namespace, repository, request.check_mode), stale_locks


@contextmanager
def told_about(run: Run) -> Iterator[None]:
    """A failed task returns the run's id, stages and warnings as a successful one does."""
    try:
        yield
    except Halt as error:
        error.facts.update(run_id=run.run_id, stages=run.record.as_result()["stages"], warnings=run.warnings)
        raise


def _dump_message(installation: Installation) -> str:
    names = ", ".join(database.name for database in installation.databases)
    return f"Dumping databases: {names}" if names else "No database to dump"


def _seal(
    run: Run, installation: Installation, repository: Repository, dumped: Sequence[DumpedDatabase], safety: bool
) -> Sealed:
    part, summary = send_installation(installation, repository, run.run_id)
    parts = [part, *(database_part(item, repository) for item in dumped)]
    manifest, snapshot_id = seal(installation, parts, repository, run.run_id, safety)
    added = summary.data_added_packed + sum(item.result.data_added_packed for item in dumped)
    return Sealed(snapshot_id, manifest, added)


def _result(
    run: Run,
    installation: Installation,
    server: Mapping[str, Any],
    sealed: Sealed | None,
    dumped: Sequence[DumpedDatabase],
    stale_locks: int,
) -> dict[str, Any]:
    parts = sealed.manifest.parts if sealed else ()
    return {
        "changed": True,
        "id": sealed.id if sealed else "",
        "run_id": run.run_id,
        "backup_server": dict(server),
        "parts": [{"kind": p.kind, "name": p.name, "snapshot": p.snapshot, "bytes": p.bytes} for p in parts],
        "stages": run.record.as_result()["stages"],
        "counts": _counts(installation, dumped),
        "sizes": {"bytes": sum(part.bytes for part in parts), "added": sealed.data_added if sealed else 0},
        "databases": [asdict(place) for place in database_places(installation)],
        "saved": sorted(f"{obj['kind']}/{obj['metadata']['name']}" for obj in installation.objects),
        "stale_locks_removed": stale_locks,
        "duration": run.seconds,
        "warnings": run.warnings,
    }


def _counts(installation: Installation, dumped: Sequence[DumpedDatabase]) -> dict[str, int]:
    tables = [table for item in dumped for table in item.result.figures.tables]
    return {
        "objects": len(installation.objects),
        "skipped": len(installation.skipped),
        "databases": len(installation.databases),
        "tables": len(tables),
        "rows": sum(table.rows for table in tables),
        "large_objects": sum(item.result.figures.large_objects.count for item in dumped),
    }
