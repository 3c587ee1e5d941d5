# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The databases that are moved: seen to be the same, closed for writing, and opened again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.community.che.plugins.module_utils._database._errors import DatabaseError
from ansible_collections.community.che.plugins.module_utils._database._fence import (
    close_for_writing,
    mark,
    open_for_writing,
    schema_mark,
)
from ansible_collections.community.che.plugins.module_utils._database._figures_sql import (
    ALL_FIGURES_SQL,
    live_figures_script,
)
from ansible_collections.community.che.plugins.module_utils._database._log import JobLog, read_figures, trusted
from ansible_collections.community.che.plugins.module_utils._migration._places import Place
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures


@dataclass(frozen=True)
class State:
    """What a database was like at one moment.

    Args:
        mark: See ``_fence.mark``; empty where its server gives none.
        figures: The digest of its counts and checksums; empty where it was not counted.
        schema: See ``_fence.schema_mark``: what no row tells of.
    """

    mark: str
    figures: str = ""
    schema: str = ""

    def holds_the_same(self, other: State) -> bool:
        """Whether both were counted, and are the same in all but when that was."""
        return bool(self.figures) and (self.figures, self.schema) == (other.figures, other.schema)


def states_text(states: Mapping[str, State]) -> str:
    """States by roles, as the journal keeps them."""
    return json.dumps({role: asdict(state) for role, state in states.items()}, sort_keys=True)


def read_states(text: str) -> dict[str, State]:
    """What ``states_text`` has written."""
    found: dict[str, dict[str, Any]] = json.loads(text)
    return {role: State(**state) for role, state in found.items()}


def figures_digest(figures: DatabaseFigures) -> str:
    """What two databases with the same contents share."""
    contents = [sorted(map(repr, figures.tables)), sorted(map(repr, figures.sequences)), repr(figures.large_objects)]
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()


def states_before(sources: Mapping[str, Place]) -> dict[str, State]:
    """What of each database's state has to be taken before it is copied."""
    return {
        role: State(mark(place.psql, place.database.name), schema=_schema(place)) for role, place in sources.items()
    }


def close(place: Place) -> str:
    """Let nobody write to it any more; returns its mark from then on."""
    return close_for_writing(place.psql, place.database.name, place.database.user)


def reopen(place: Place) -> None:
    """Let Che write to it again."""
    open_for_writing(place.psql, place.database.name, place.database.user)


def is_as(place: Place, then: State, now: str) -> bool:
    """Whether nobody has written to it since.

    Where the server's own counts can't tell, all of it is read.

    Args:
        place: The database.
        then: What it was like.
        now: Its mark now.
    """
    if now and now == then.mark:
        return True
    if not then.figures or _schema(place) != then.schema:
        return False
    return figures_digest(live_figures(place)) == then.figures


def _schema(place: Place) -> str:
    return schema_mark(place.psql, place.database.name)


def live_figures(place: Place) -> DatabaseFigures:
    """Count it as it is now.

    Raises:
        CheError: It can't be read.
    """
    database = place.database
    script = live_figures_script(database.name, database.user) if place.deployment else ALL_FIGURES_SQL
    log = JobLog.read(place.psql(script))
    with trusted(DatabaseError):
        return read_figures(log, database.role, "", 0)
