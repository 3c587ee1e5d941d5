# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup, from the first connection to the seal: what the module ``cluster_backup`` does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._dump import (
    DumpedDatabase,
    DumpWork,
    dump_databases,
)
from ansible_collections.community.che.plugins.module_utils._backup._installation import Installation, collect
from ansible_collections.community.che.plugins.module_utils._backup._repository import (
    Repository,
    open_repository,
    refuse_legacy_neighbours,
)
from ansible_collections.community.che.plugins.module_utils._backup._request import BackupRequest
from ansible_collections.community.che.plugins.module_utils._backup._seal import (
    database_part,
    seal,
    send_installation,
)
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._run._run import Run
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
        with run.stage("connect", "Connecting to backup repository"):
            repository = open_repository(
                cluster,
                request.namespace,
                request.server,
                request.restic_path,
                read_only=request.check_mode,
            )
            refuse_legacy_neighbours(repository, request.beside_legacy)
        with run.stage("collect", "Collecting Che installation data"):
            installation = collect(cluster, request.namespace, request.che_cluster)
            run.warnings += [
                f"The CheCluster names {missing}, which does not exist." for missing in installation.missing_references
            ]
        if request.check_mode:
            return _result(run, installation, repository, None, ())
        with run.stage("dump", _dump_message(installation)):
            dumped = dump_databases(DumpWork(cluster, installation, repository, request, deadline))
            run.warnings += [f"{item.database.name}: {words}" for item in dumped for words in item.result.warnings]
        # Upstream's own spelling: those who knew the old operator look for this sentence.
        with run.stage("seal", "Sending backup shapshot to backup server"):
            sealed = _seal(run, installation, repository, dumped, request.safety)
        run.sealed(sealed.id)
        run.say(f"Backup {sealed.id[:8]} is complete")
    return _result(run, installation, repository, sealed, dumped)


@contextmanager
def told_about(run: Run) -> Iterator[None]:
    """A failed task returns the run's id, stages and warnings as a successful one does."""
    try:
        yield
    except CheError as error:
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
    repository: Repository,
    sealed: Sealed | None,
    dumped: Sequence[DumpedDatabase],
) -> dict[str, Any]:
    parts = sealed.manifest.parts if sealed else ()
    return {
        "changed": True,
        "id": sealed.id if sealed else "",
        "run_id": run.run_id,
        "backup_server": {
            "name": repository.server_name,
            "repository": repository.location,
            "chosen_because": repository.chosen_because,
        },
        "parts": [{"kind": p.kind, "name": p.name, "snapshot": p.snapshot, "bytes": p.bytes} for p in parts],
        "stages": run.record.as_result()["stages"],
        "counts": _counts(installation, dumped),
        "sizes": {"bytes": sum(part.bytes for part in parts), "added": sealed.data_added if sealed else 0},
        "saved": sorted(f"{obj['kind']}/{obj['metadata']['name']}" for obj in installation.objects),
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
