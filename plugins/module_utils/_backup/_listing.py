# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which backups there are, and which runs: what the module ``cluster_backup_info`` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository, open_repository
from ansible_collections.community.che.plugins.module_utils._backup._seal import MANIFEST_LIMIT
from ansible_collections.community.che.plugins.module_utils._backup._whose import whose_latest
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._run._record import (
    IN_PROGRESS,
    Record,
    config_map_name,
    from_config_map,
)
from ansible_collections.community.che.plugins.module_utils._run._run import records_of
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions, options_from
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import Backup, resolve
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import FILE_NAME, Manifest


@dataclass(frozen=True)
class InfoRequest:
    """What a task wants to know. ``timeout`` and ``wait_timeout`` are in seconds."""

    namespace: str
    server: ServerOptions
    id: str | None
    run_id: str | None
    wait: bool
    seen_stages: int
    wait_timeout: int
    restic_path: str

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> InfoRequest:
        """Read it from a module's parameters; raises ``CheError`` for options that can't be understood."""
        return cls(
            namespace=params["namespace"],
            server=options_from(params, params["backup_server"]),
            id=params["id"],
            run_id=params["run_id"],
            wait=params["wait"],
            seen_stages=params["seen_stages"],
            wait_timeout=params["wait_timeout"],
            restic_path=params["restic_path"],
        )


def tell(cluster: Cluster, request: InfoRequest) -> dict[str, Any]:
    """The run of a name when one is given; else the backups of the repository and the runs that are under way."""
    if request.run_id:
        record = _followed(cluster, request)
        return {"changed": False, "run": record.as_result() if record else {}, "backups": [], "running": []}
    repository = open_repository(cluster, request.namespace, request.server, request.restic_path, read_only=True)
    backups = repository.backups()
    if request.id:
        chosen = resolve(backups, request.id, whose_latest(cluster, request.namespace))
        found = [{**_shown(chosen), **_details(chosen, repository)}]
    else:
        found = [_shown(backup) for backup in backups]
    return {"changed": False, "run": {}, "backups": found, "running": _running(cluster, request.namespace)}


def read_manifest(repository: Repository, backup: Backup) -> Manifest:
    """The manifest of a complete backup.

    Raises:
        ManifestError: It can't be understood.
    """
    return Manifest.from_json(repository.restic.dump(backup.id, FILE_NAME, MANIFEST_LIMIT))


def _followed(cluster: Cluster, request: InfoRequest) -> Record | None:
    """The run's record as soon as there is something new in it, or as it is when the wait is over."""
    deadline = Deadline(request.wait_timeout if request.wait else 0)
    while True:
        record = _record(cluster, request)
        news = record is not None and (record.state != IN_PROGRESS or len(record.stages) > request.seen_stages)
        if news or deadline.expired:
            return record
        deadline.pause(0.5)


def _record(cluster: Cluster, request: InfoRequest) -> Record | None:
    config_map = cluster.find(CONFIG_MAP, config_map_name(request.run_id or ""), request.namespace)
    return from_config_map(config_map).seen_at(datetime.now(timezone.utc)) if config_map else None


def _running(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    now = datetime.now(timezone.utc)
    records = [record.seen_at(now) for record in records_of(cluster, namespace)]
    return [record.as_result() for record in records if record.state == IN_PROGRESS]


def _shown(backup: Backup) -> dict[str, Any]:
    return {
        "id": backup.id,
        "short_id": backup.id[:8],
        "run_id": backup.run,
        "state": backup.state,
        "safety": backup.safety,
        "namespace": backup.namespace,
        "created": backup.created.isoformat(),
        "parts": [
            {"kind": part.kind, "name": part.name, "snapshot": part.snapshot, "bytes": part.bytes}
            for part in backup.parts
        ],
        "bytes": backup.bytes,
        "added": backup.data_added,
    }


def _details(backup: Backup, repository: Repository) -> dict[str, Any]:
    if backup.state != "complete":
        return {}
    manifest = read_manifest(repository, backup)
    facts = manifest.installation
    return {
        "che_version": facts.che_version,
        "namespace": facts.namespace,
        "objects": sorted(name for part in manifest.parts for name in part.objects or {}),
        "tables": {
            part.name: {f"{table.schema}.{table.name}": table.rows for table in part.database.tables}
            for part in manifest.parts
            if part.database
        },
    }
