# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last part and the seal: sent, read back, and only then called a backup."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from ansible_collections.community.che.plugins.module_utils._backup._dump import DumpedDatabase
from ansible_collections.community.che.plugins.module_utils._backup._installation import Installation
from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Halt
from ansible_collections.community.che.plugins.module_utils._repository._restic import BackupSummary
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import object_digests
from ansible_collections.community.che.plugins.module_utils._snapshot._info import BackupInfo
from ansible_collections.community.che.plugins.module_utils._snapshot._layout import (
    read_installation,
    write_installation,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import (
    FILE_NAME,
    DatabasePlace,
    Manifest,
    Part,
    timestamp,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Installation as SavedInstallation
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import part_tags, seal_tags
from ansible_collections.community.che.plugins.module_utils._version import COLLECTION_VERSION

MANIFEST_LIMIT = 64 * 1024 * 1024


def send_installation(installation: Installation, repository: Repository, run_id: str) -> tuple[Part, BackupSummary]:
    """Send the installation's objects and compare what the repository then holds.

    Raises:
        CheError: What comes back differs from what was sent.
    """
    with tempfile.TemporaryDirectory(prefix="che-backup-") as scratch:
        sent, back = Path(scratch, "sent"), Path(scratch, "back")
        sent.mkdir()
        back.mkdir()
        files = write_installation(sent, installation.objects, _info(installation))
        namespace = installation.che_cluster.namespace
        summary = repository.restic.backup_folder(sent, part_tags(run_id, "installation"), host=namespace)
        repository.restic.restore_folder(summary.snapshot_id, back)
        digests = object_digests(read_installation(back))
    if digests != object_digests(installation.objects):
        raise CheError(
            "The objects read back from the repository are not those that were sent",
            f"snapshot {summary.snapshot_id[:8]}",
            "Check the backup server's storage with restic check --read-data.",
        )
    part = Part(
        kind="installation",
        name=installation.che_cluster.name,
        repository=repository.id,
        snapshot=summary.snapshot_id,
        files=len(files),
        bytes=summary.bytes,
        objects=digests,
    )
    return part, summary


def _info(installation: Installation) -> BackupInfo:
    che_cluster = installation.che_cluster
    return BackupInfo(
        creation_date=timestamp(datetime.now(timezone.utc)),
        che_version=che_cluster.version,
        infrastructure=installation.infrastructure,
        apps_domain=che_cluster.apps_domain(),
        namespace=che_cluster.namespace,
    )


def database_part(dumped: DumpedDatabase, repository: Repository) -> Part:
    """What the manifest says of one dumped database; its Job has read it back already."""
    return Part(
        kind="database",
        name=dumped.database.name,
        repository=repository.id,
        snapshot=dumped.result.snapshot_id,
        files=1,
        bytes=dumped.result.bytes,
        database=dumped.result.figures,
    )


def seal(
    installation: Installation, parts: Sequence[Part], repository: Repository, run_id: str, safety: bool
) -> tuple[Manifest, str]:
    """Write the manifest as a snapshot of its own, last of all.

    A seal that can't be read back is taken away again, as it would make the backup look complete.

    Returns:
        The manifest and the seal's snapshot id.
    """
    che_cluster = installation.che_cluster
    manifest = Manifest(
        collection_version=COLLECTION_VERSION,
        run=run_id,
        created=timestamp(datetime.now(timezone.utc)),
        installation=SavedInstallation(
            namespace=che_cluster.namespace,
            che_cluster=che_cluster.name,
            api_version=che_cluster.api_version,
            che_version=che_cluster.version,
            infrastructure=installation.infrastructure,
            apps_domain=che_cluster.apps_domain(),
            cluster_id=installation.cluster_id,
            databases=database_places(installation),
        ),
        restic_version=".".join(map(str, repository.restic.version())),
        parts=tuple(parts),
    )
    text = manifest.to_json()
    with tempfile.TemporaryDirectory(prefix="che-backup-") as scratch:
        Path(scratch, FILE_NAME).write_text(text, encoding="utf-8")
        tags = seal_tags(run_id, len(parts), safety)
        summary = repository.restic.backup_folder(Path(scratch), tags, host=che_cluster.namespace)
    try:
        read_back = repository.restic.dump(summary.snapshot_id, FILE_NAME, MANIFEST_LIMIT)
        if read_back != text.encode():
            raise CheError("The seal read back differs from what was sent", f"snapshot {summary.snapshot_id[:8]}")
    except Halt as error:
        _take_away(repository, summary.snapshot_id, error)
        raise
    return manifest, summary.snapshot_id


def database_places(installation: Installation) -> tuple[DatabasePlace, ...]:
    """Where the installation's databases are, and whether they are in its backup."""
    return tuple(
        DatabasePlace(item.role, item.name, item.host, item.port, saved=item in installation.databases)
        for item in (*installation.databases, *installation.left_databases)
    )


def _take_away(repository: Repository, snapshot_id: str, reason: Halt) -> None:
    try:
        repository.restic.forget_ids([snapshot_id])
    except CheError:
        advice = f"The unproven seal {snapshot_id[:8]} could not be removed either: remove it with restic forget."
        reason.next_step = f"{reason.next_step} {advice}".strip()
