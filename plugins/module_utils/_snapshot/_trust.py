# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a manifest agrees with the repository that it lies in, and with the objects that it speaks of.

Whoever can write to a repository can write a manifest. What it says is held against what restic says of the snapshots,
and against itself, before any of it decides what happens in a cluster.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from ansible_collections.community.che.plugins.module_utils._che._objects import RawObject, kind_of, name_of, text_at
from ansible_collections.community.che.plugins.module_utils._che._selection import never_reason
from ansible_collections.community.che.plugins.module_utils._repository._restic import Snapshot
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import Backup
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Manifest, Part
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import read_tags

# What find_databases tells databases by.
_ROLES = ("che", "keycloak", "openvsx")


def listed_problems(part: Part, snapshot: Snapshot | None, repository: str) -> list[str]:
    """Say in what a part is not as restic lists its snapshot, each as a sentence without its full stop.

    Args:
        part: As the manifest has it.
        snapshot: Its snapshot; ``None`` when there is none of its id.
        repository: The id of the repository that the manifest lies in.
    """
    if part.repository != repository:
        return ["it was written to another repository"]
    if snapshot is None:
        return ["its snapshot is gone or can't be read"]
    figures = (("bytes", snapshot.bytes, part.bytes), ("files", snapshot.files, part.files))
    return [
        f"its snapshot says {there} {what}, the manifest {written}"
        for what, there, written in figures
        if there not in (None, written)
    ]


def manifest_problems(manifest: Manifest, backup: Backup, snapshots: Mapping[str, Snapshot]) -> Iterator[str]:
    """Say in what a manifest is not that of its backup, each as a sentence without its full stop.

    Args:
        manifest: The backup's manifest.
        backup: As the catalogue has it, by its tags.
        snapshots: Every snapshot of the repository, by its id.
    """
    if manifest.run != backup.run:
        yield f"the manifest is of the run {manifest.run}, the seal of the run {backup.run}"
    for part in manifest.parts:
        tags = read_tags(snapshots[part.snapshot].tags) if part.snapshot in snapshots else None
        named = tags and (tags.part, tags.name if part.kind == "database" else part.name) == (part.kind, part.name)
        if not named or not tags or tags.run != backup.run:
            yield f"the snapshot {part.snapshot[:8]} is not the {part.kind} part {part.name} of this run"
        if part.database and part.database.dump_bytes != part.bytes:
            yield f"the dump of {part.name} has {part.bytes} bytes in one place, {part.database.dump_bytes} in another"
        if not part.name.isprintable():
            yield f"the {part.kind} part {part.name!a} has a name that can't be shown"
        if part.kind == "database" and part.role not in _ROLES:
            yield f"Che has no use for a database as {part.role}"
    if len(manifest.parts) != len(backup.parts):
        yield f"the manifest has {len(manifest.parts)} parts, the repository {len(backup.parts)}"
    for what, names in (
        ("snapshot", [part.snapshot[:8] for part in manifest.parts]),
        ("database", [part.name for part in manifest.parts if part.kind == "database"]),
        ("database for", [part.role for part in manifest.parts if part.kind == "database"]),
    ):
        yield from (f"it has more than one {what} {name}" for name, count in Counter(names).items() if count > 1)


def object_problems(objects: Iterable[RawObject], manifest: Manifest) -> Iterator[str]:
    """Say what is wrong with objects that were read, each as a sentence without its full stop.

    Args:
        objects: Those of the installation part, as ``read_installation`` returns them.
        manifest: The manifest that they belong to.
    """
    place = manifest.installation
    for obj in objects:
        name = f"{kind_of(obj)} {name_of(obj)}"
        namespace = name_of(obj) if kind_of(obj) == "Namespace" else text_at(obj, "metadata.namespace")
        if namespace != place.namespace:
            yield f"{name} is of the namespace {namespace}, the manifest of {place.namespace}"
        reason = never_reason(obj)
        if reason:
            yield f"{name} is never in a backup: {reason}"
        if kind_of(obj) == "CheCluster":
            found = (text_at(obj, "apiVersion"), name_of(obj))
            if found != (place.api_version, place.che_cluster):
                yield f"{name} is not the CheCluster of the manifest"
