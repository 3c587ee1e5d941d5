# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore has proven, and how: as its task returns it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.community.che.plugins.module_utils._restore._database_plan import DatabasePlan
from ansible_collections.community.che.plugins.module_utils._restore._plan import LEAVE
from ansible_collections.community.che.plugins.module_utils._restore._verify import NOT_COMPARED
from ansible_collections.community.che.plugins.module_utils._restore._work import Plan


def verified(objects: int, plan: Plan) -> dict[str, Any]:
    """What was held against the manifest: objects just now, databases when they were counted or loaded.

    Args:
        objects: How many objects were just now as they were to be.
        plan: What was restored.
    """
    counted = [item.saved for item in plan.databases if item.saved is not None and item.action != LEAVE]
    return {
        "objects": objects,
        "tables": sum(len(saved.tables) for saved in counted),
        "sequences": sum(len(saved.sequences) for saved in counted),
        "large_objects": sum(saved.large_objects.count for saved in counted),
        "how": [*_objects(objects, plan), *map(_database, plan.databases)],
    }


def _objects(objects: int, plan: Plan) -> Iterator[str]:
    yield f"{objects} objects: by a digest of all that each holds, once Che was ready again."
    left = [step for step in plan.steps if step.kind in NOT_COMPARED]
    if left:
        yield f"{len(left)} namespaces and claims: not compared, as clusters write to them."


def _database(item: DatabasePlan) -> str:
    name, saved = f"Database {item.part.name}", item.saved
    if item.action == LEAVE:
        return f"{name}: not compared, as it is not restored."
    if saved is None:
        return f"{name}: loaded whole in one transaction; nothing was counted when it was saved."
    when = (
        "in what was loaded, before that took its place" if item.restores else "in the live one, when the plan was made"
    )
    return (
        f"{name}: {len(saved.tables)} tables by rows and checksum, {len(saved.sequences)} sequences by their values, "
        f"{saved.large_objects.count} large objects by number and checksum, {when}."
    )
