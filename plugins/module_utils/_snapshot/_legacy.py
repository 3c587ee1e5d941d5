# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A snapshot of the old operator (Che 7.33 to 7.42, CodeReady Workspaces 2.12 to 2.15), read as a backup.

Seen in snapshots of che-operator 7.42: no file but ``che-cr.yaml`` has apiVersion and kind, all have uid, namespace and
ownerReferences, ``che-cr.yaml`` has its status; a dump is named after the database, and ``db/`` is empty when that is
external.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._databases import external_database
from ansible_collections.community.che.plugins.module_utils._che._objects import kind_of, name_of
from ansible_collections.community.che.plugins.module_utils._che._selection import Skipped, select
from ansible_collections.community.che.plugins.module_utils._che._strip import strip
from ansible_collections.community.che.plugins.module_utils._snapshot._entries import DumpFile, RestoredPart
from ansible_collections.community.che.plugins.module_utils._snapshot._errors import LayoutError
from ansible_collections.community.che.plugins.module_utils._snapshot._info import INFO_FILE, BackupInfo
from ansible_collections.community.che.plugins.module_utils._snapshot._layout import read_info, read_installation
from ansible_collections.community.che.plugins.module_utils._snapshot._places import misplaced

_KEYCLOAK = "keycloak"
_CHOOSE = "Choose another backup with id; cluster_backup_info lists them."


@dataclass(frozen=True)
class LegacyDump:
    """A dump, and what Che uses its database for.

    Args:
        role: ``che`` or ``keycloak``.
        file: Where it lies in the snapshot.
    """

    role: str
    file: DumpFile


@dataclass(frozen=True)
class LegacyInstallation:
    """What the old operator saved.

    Args:
        che_cluster: Its CheCluster, as it was saved.
        objects: What is to be restored, stripped; the CheCluster is among them.
        left_out: What is not, as the rules of a backup leave it out too.
        missing: Secrets and ConfigMaps that the CheCluster names and the snapshot lacks, as ``Kind name``.
        info: What the operator wrote about the backup.
        dumps: The databases.
        external: Whether Che's own database was external, and so was not saved.
    """

    che_cluster: CheCluster
    objects: tuple[dict[str, Any], ...] = field(repr=False)
    left_out: tuple[Skipped, ...]
    missing: tuple[str, ...]
    info: BackupInfo
    dumps: tuple[LegacyDump, ...]
    external: bool


def read_legacy(part: RestoredPart) -> LegacyInstallation:
    """Read a snapshot of the old operator.

    Raises:
        LayoutError: It is not what that operator wrote; the error names the file.
        UnknownCheClusterError: Its CheCluster is of a version that this collection does not know.
    """
    objects, info = read_installation(part.folder), read_info(part.folder)
    raw = next(obj for obj in objects if kind_of(obj) == "CheCluster")
    che_cluster = CheCluster(raw)
    if info.namespace != che_cluster.namespace:
        raise misplaced("the backup is said to be of another namespace than its CheCluster", INFO_FILE)
    selection = select((obj for obj in objects if obj is not raw), che_cluster)
    present = {(kind_of(obj), name_of(obj)) for obj in objects}
    references = che_cluster.references()
    return LegacyInstallation(
        che_cluster=che_cluster,
        objects=(strip(raw), *map(strip, selection.saved)),
        left_out=selection.skipped,
        missing=tuple(f"{ref.kind} {ref.name}" for ref in references if (ref.kind, ref.name) not in present),
        info=info,
        dumps=tuple(_with_roles(part.dumps, che_cluster)),
        external=external_database(che_cluster),
    )


def _with_roles(files: Iterable[DumpFile], che_cluster: CheCluster) -> Iterator[LegacyDump]:
    name = che_cluster.setting(che_cluster.generation.database_name) or "dbche"
    roles = {} if external_database(che_cluster) else {_KEYCLOAK: _KEYCLOAK, name: "che"}
    found = {file.database: file for file in files}
    for database, file in sorted(found.items()):
        if database not in roles:
            raise misplaced("this is the dump of a database that the CheCluster's operator did not run", file.path)
        yield LegacyDump(roles[database], file)
    if name in roles and name not in found:
        raise LayoutError(
            "The backup lacks the dump of Che's own database", on=ascii(f"/db/{name}.sql"), next_step=_CHOOSE
        )
