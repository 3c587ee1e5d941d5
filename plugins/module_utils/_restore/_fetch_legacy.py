# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A snapshot of the old operator as a backup to restore: read once, as no manifest tells what was in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._restore._fetched import Fetched
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import Backup
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import object_digests
from ansible_collections.community.che.plugins.module_utils._snapshot._entries import restored_part
from ansible_collections.community.che.plugins.module_utils._snapshot._legacy import (
    LegacyDump,
    LegacyInstallation,
    read_legacy,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import (
    Dump,
    Installation,
    Manifest,
    Part,
    timestamp,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._measured import Measured

# A longer dump is not read before it is loaded: over a slow line that would take longer than a call of restic may.
READ_WHOLE_BYTES = 256 * 1024 * 1024
_DAMAGED = "Its data can't be trusted: choose another backup with id; cluster_backup_info lists them."


class _Enough(Exception):
    """The head of a dump is read."""


def fetch_legacy(repository: Repository, backup: Backup) -> Fetched:
    """Fetch a snapshot of the old operator.

    Its objects come to this machine. Its dumps stay in the repository, but are read: that one ends as pg_dump ends it
    is the only proof that it is whole.

    Args:
        repository: Where it lives.
        backup: One whose state is ``legacy``.

    Returns:
        As ``fetch`` does, with a bare namespace besides. The digests in its manifest are those of the objects as they
        are read now, the parts of its databases have no figures, and ``unproven`` says what that means.

    Raises:
        CheError: It is not what the old operator wrote, or one of its dumps is cut off.
    """
    restic = repository.restic
    with restored_part(restic, backup.id) as part:
        saved = read_legacy(part)
    measured = [(dump, _measure(restic, backup, dump)) for dump in saved.dumps]
    manifest = Manifest(
        collection_version="",
        run="",
        created=timestamp(backup.created),
        installation=Installation(
            namespace=saved.che_cluster.namespace,
            che_cluster=saved.che_cluster.name,
            api_version=saved.che_cluster.api_version,
            che_version=saved.info.che_version,
            infrastructure=saved.info.infrastructure,
            apps_domain=saved.info.apps_domain,
        ),
        restic_version="",
        parts=(
            _installation_part(repository, backup, saved),
            *(_database_part(repository, backup, dump, found) for dump, found in measured),
        ),
    )
    return Fetched(backup, manifest, (_namespace(saved), *saved.objects), tuple(_unproven(saved, manifest)))


def _namespace(saved: LegacyInstallation) -> dict[str, Any]:
    """The namespace, which that operator did not save: bare, for where it is gone. One that is there stays as it is."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": saved.che_cluster.namespace}}


def _measure(restic: Restic, backup: Backup, dump: LegacyDump) -> Measured:
    """Read a dump, or its head when it is long."""
    measured = Measured()
    whole = dump.file.bytes <= READ_WHOLE_BYTES

    def take(piece: bytes) -> None:
        measured.take(piece)
        if not whole and measured.has_head:
            raise _Enough

    try:
        restic.stream(backup.id, dump.file.path, take)
    except _Enough:
        return measured
    if measured.bytes != dump.file.bytes or not measured.ends_well:
        raise CheError(
            f"Its dump of the database {dump.file.database} does not end as pg_dump ends one: it is cut off",
            f"backup {backup.id[:8]}",
            _DAMAGED,
        )
    return measured


def _installation_part(repository: Repository, backup: Backup, saved: LegacyInstallation) -> Part:
    return Part(
        kind="installation",
        name=saved.che_cluster.name,
        repository=repository.id,
        snapshot=backup.id,
        files=len(saved.objects),
        bytes=backup.bytes,
        objects=object_digests(saved.objects),
    )


def _database_part(repository: Repository, backup: Backup, dump: LegacyDump, measured: Measured) -> Part:
    whole = measured.bytes == dump.file.bytes
    return Part(
        kind="database",
        name=dump.file.database,
        repository=repository.id,
        snapshot=backup.id,
        files=1,
        bytes=dump.file.bytes,
        dump=Dump(dump.role, dump.file.path, measured.server_version, measured.sha256 if whole else ""),
    )


def _unproven(saved: LegacyInstallation, manifest: Manifest) -> Iterator[str]:
    yield (
        "The old operator wrote no manifest: that the objects are those that it saved can't be proven, "
        "only that what is restored is what was read."
    )
    for part in manifest.parts:
        if part.dump:
            yield _unproven_dump(part, part.dump)
    if saved.external:
        yield "Che's own database was external, and is not in the backup."
    yield from (f"The CheCluster names the {name}, which is not in the backup." for name in saved.missing)
    yield from (f"The {item.kind} {item.name} of the backup is not restored: {item.reason}." for item in saved.left_out)


def _unproven_dump(part: Part, dump: Dump) -> str:
    server = f"PostgreSQL {dump.server_version}" if dump.server_version else "an unknown version of PostgreSQL"
    read = "its dump was read and is whole" if dump.sha256 else "its dump is too long to be read before it is loaded"
    return (
        f"Nothing was counted in the database {part.name} when it was saved, so that its rows can't be compared: "
        f"{read}, {part.bytes} bytes from {server}. Its settings, rights and default privileges become those of the "
        "database that it replaces."
    )
