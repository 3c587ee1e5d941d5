# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be wrong with a backup that was read, or with the id that names it."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._errors import CheError


class SnapshotError(CheError):
    """A backup can't be understood, or isn't what was asked for."""


class ManifestError(SnapshotError):
    """``manifest.json`` is not a manifest that this version can trust; ``on`` names the field."""


class LayoutError(SnapshotError):
    """A file of an installation part is not what its place says; ``on`` names the file."""


class CatalogueError(SnapshotError):
    """The id doesn't lead to one complete backup; ``on`` names the id."""
