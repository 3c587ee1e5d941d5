# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup that is ready to be restored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import Backup
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Manifest, Part


@dataclass(frozen=True)
class Fetched:
    """A backup with its objects at hand; its databases stay in the repository until they are loaded.

    Args:
        backup: The backup.
        manifest: What is known of its parts.
        objects: What it holds of the cluster's objects.
        unproven: What can't be proven about it, each a whole sentence; empty for a backup of this collection.
    """

    backup: Backup
    manifest: Manifest
    objects: tuple[dict[str, Any], ...] = field(repr=False)
    unproven: tuple[str, ...] = ()

    @property
    def databases(self) -> tuple[Part, ...]:
        return tuple(part for part in self.manifest.parts if part.kind == "database")

    @property
    def installation(self) -> Part:
        return next(part for part in self.manifest.parts if part.kind == "installation")
