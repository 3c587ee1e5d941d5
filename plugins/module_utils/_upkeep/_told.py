# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""How backups are told in results and diffs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import INCOMPLETE, Backup
from ansible_collections.community.che.plugins.module_utils._upkeep._rules import Decision, Explained, RunRemains


def told_backup(backup: Backup) -> dict[str, Any]:
    """A backup, as a task returns it."""
    return {
        "id": backup.id,
        "short_id": backup.id[:8],
        "run_id": backup.run,
        "state": backup.state,
        "created": backup.created.isoformat(),
        "parts": [{"kind": part.kind, "name": part.name, "snapshot": part.snapshot} for part in backup.parts],
    }


def told_kept(each: Explained) -> dict[str, Any]:
    """A backup that stays, with the reasons."""
    return {**told_backup(each.backup), "reasons": list(each.reasons)}


def diff_of(decision: Decision, gone: Sequence[RunRemains], unsealed: Sequence[RunRemains]) -> dict[str, str]:
    """The list of backups before and after, a line each, newest first.

    Args:
        decision: What was to stay and to go.
        gone: Those of which nothing is left.
        unsealed: Those that have lost their seals alone.
    """
    staying = [each.backup for each in (*decision.kept, *decision.left_alone)]
    going = [backup for each in (*decision.removed, *decision.leftovers) for backup in each.backups]
    removed = {backup.id for each in gone for backup in each.backups}
    half = {backup.id for each in unsealed for backup in each.backups}
    everything = sorted([*staying, *going], key=lambda backup: (backup.created, backup.id), reverse=True)
    return {
        "before": "".join(map(_line, everything)),
        "after": "".join(
            _line(replace(backup, state=INCOMPLETE) if backup.id in half else backup)
            for backup in everything
            if backup.id not in removed
        ),
    }


def _line(backup: Backup) -> str:
    return f"{backup.id[:8]} {backup.created:%Y-%m-%d %H:%M:%S} {backup.state}\n"
