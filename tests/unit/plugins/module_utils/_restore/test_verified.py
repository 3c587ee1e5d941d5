# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task says of its proof: nothing counts as compared that was not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import (
    KEEP,
    LEAVE,
    RESTORE,
    DatabasePlan,
)
from ansible_collections.community.che.plugins.module_utils._restore._verified import verified
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures
from unit.che_objects import FIGURES


@pytest.mark.parametrize(
    ("action", "figures", "tables", "told"),
    [
        (RESTORE, FIGURES, 1, "in what was loaded, before that took its place"),
        (KEEP, FIGURES, 1, "in the live one, when the plan was made"),
        (LEAVE, FIGURES, 0, "not compared"),
        (RESTORE, None, 0, "nothing was counted when it was saved"),
    ],
)
def test_of_each_database_it_is_said_how(action: str, figures: DatabaseFigures | None, tables: int, told: str) -> None:
    part: Any = SimpleNamespace(name="dbche", database=figures)
    plan: Any = SimpleNamespace(steps=[], databases=[DatabasePlan(part, action)])

    result = verified(2, plan)

    assert (result["objects"], result["tables"]) == (2, tables)
    (_objects, how) = result["how"]
    assert how.startswith("Database dbche: ") and told in how
