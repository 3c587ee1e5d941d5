# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was written to a database after its safety backup and before it was replaced, which is in no backup.

A safety backup is made while Che is in use, and databases are loaded after it. Only when the old database is closed
for good, under its other name, can be said whether it still was what had been saved.
"""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.community.che.plugins.module_utils._database._compare import compare
from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError
from ansible_collections.community.che.plugins.module_utils._database._fence import mark
from ansible_collections.community.che.plugins.module_utils._database._figures_sql import live_figures_script
from ansible_collections.community.che.plugins.module_utils._database._log import JobLog, read_figures, trusted
from ansible_collections.community.che.plugins.module_utils._database._staging import standing
from ansible_collections.community.che.plugins.module_utils._database._swap import open_for_a_look
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._lease import LeaseLost
from ansible_collections.community.che.plugins.module_utils._restore._staged import Staged
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures

_SHOWN = 3


def mark_of(staged: Staged) -> str:
    """What is the same later only if nobody has written to the live database; empty where its server can't tell."""
    return mark(staged.psql, staged.database.name)


def written_since(staged: Staged, before: str, saved: Callable[[str], DatabaseFigures | None]) -> str:
    """Whether the database that was replaced holds what its safety backup does not.

    Args:
        staged: The database.
        before: Its mark from before the safety backup.
        saved: What the safety backup counted, by role; None where it did not.

    Returns:
        What is to be known about it, as a sentence; empty where nothing was written, or it is gone.
    """
    if not standing(staged.psql, staged.names).replaced:
        return ""
    try:
        with open_for_a_look(staged.psql, staged.names) as replaced:
            if before and mark(staged.psql, replaced) == before:
                return ""
            found = _differences(staged, replaced, saved(staged.database.role))
    except LeaseLost:
        raise
    except CheError as failure:
        return (
            f"Whether the database {staged.database.name} was written to after its safety backup could not be found "
            f"out: {failure.what}. What it held then is kept on its server as {staged.names.replaced}."
        )
    if not found:
        return ""
    return (
        f"The database {staged.database.name} was written to after its safety backup ({'; '.join(found[:_SHOWN])}). "
        f"That is in no backup, and kept on its server as {staged.names.replaced}."
    )


def lost(staged: Staged) -> str:
    """Whether the database that was replaced is gone before the commit, as a sentence; empty where it is there.

    With it goes what tells that the one in its place is the restored one: whose server was made anew, with empty
    volumes, has one of that name too.
    """
    if standing(staged.psql, staged.names).replaced:
        return ""
    return (
        f"The database that {staged.database.name} replaced is not on its server any more, and the restore has not "
        f"removed it. Unless somebody has dropped it, the server was made anew, and what was restored is lost: look "
        f"at what {staged.database.name} holds. Run the task again to end the restore."
    )


def _differences(staged: Staged, replaced: str, saved: DatabaseFigures | None) -> list[str]:
    """How its contents differ from those that were saved: a count of what was written may count what was saved too."""
    if saved is None:
        return ["nothing of it was counted when it was saved"]
    log = JobLog.read(staged.psql(live_figures_script(replaced, staged.database.user)))
    with trusted(DatabaseError):
        return compare(saved, read_figures(log, staged.database.role, "", 0))
