# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backup that a migration loads from: one that it has made, or the one that its task names."""

from __future__ import annotations

from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository, open_repository
from ansible_collections.community.che.plugins.module_utils._backup._whose import require_named_elsewhere
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._migration._work import Work
from ansible_collections.community.che.plugins.module_utils._restore._fetch import fetch
from ansible_collections.community.che.plugins.module_utils._restore._fetched import Fetched
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import Whose, resolve
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Part


def repository_of(work: Work) -> Repository:
    """Open the repository that the migration was begun with.

    Raises:
        CheError: The task names another one.
    """
    request = work.request
    found = open_repository(work.cluster, request.namespace, request.server, request.restic_path, read_only=True)
    if found.id != work.journal.content.repository:
        raise CheError(
            f"The migration uses another repository than {found.location}",
            f"migration {work.journal.content.migration}",
            "Name the backup server that it was begun with.",
        )
    return found


def chosen(work: Work) -> str:
    """Find the backup that the task names; returns its full id.

    Raises:
        CheError: It lacks a database; or it is only said to be the newest one, and is another cluster's.
    """
    whose = Whose(work.request.namespace)
    backup = resolve(repository_of(work).backups(), work.request.id, whose).id
    fetched = _fetched(work, backup)
    require_named_elsewhere(work.cluster, work.request.id, fetched.manifest.installation, backup)
    _databases(work, backup, fetched)
    return backup


def databases_of(work: Work, backup: str) -> dict[str, Part]:
    """The databases of a backup, by their roles.

    Raises:
        CheError: It lacks one of those that move.
    """
    return _databases(work, backup, _fetched(work, backup))


def _fetched(work: Work, backup: str) -> Fetched:
    return fetch(repository_of(work), backup, Whose(work.request.namespace))


def _databases(work: Work, backup: str, fetched: Fetched) -> dict[str, Part]:
    found = {part.role: part for part in fetched.databases}
    missing = sorted(set(work.sources) - set(found))
    if missing:
        other = "Choose another backup with id: cluster_backup_info lists the parts of each."
        advice = other if work.request.id else "Run the task again."
        raise CheError(f"It lacks the databases of {', '.join(missing)}", f"backup {backup[:8]}", advice)
    return found
