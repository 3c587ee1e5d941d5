# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks that are killed after each of their writes in turn, in a world that can be put back to any of its states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from ansible_collections.community.che.plugins.module_utils._kube._kinds import LEASE
from unit.fake_api import FakeApi
from unit.plugins.module_utils._restore.fake_postgres import Death

Object = dict[str, Any]


class World(Protocol):
    """All that there is."""

    api: FakeApi
    death: Death

    @property
    def state(self) -> Object: ...

    def become(self, state: Mapping[str, Any]) -> None: ...


def run(world: World, act: Callable[[], Object], at: int = 0) -> Object | None:
    """Run a task; None where it was killed after the write of that number."""
    world.death.at, world.death.is_dead = at, False
    world.death.writes.clear()
    try:
        return act()
    except KeyboardInterrupt:
        return None
    finally:
        world.death.at, world.death.is_dead = 0, False
        # Its Lease dies with it.
        world.api.objects.pop(LEASE.path("che", "che-restore"), None)


def kills(world: World, act: Callable[[], Object], most: int = 200) -> Iterator[str]:
    """Kill a task after each of its writes in turn; in between all is as it was before."""
    state = world.state
    for at in range(1, most):
        world.become(state)
        if run(world, act, at) is not None:
            assert at > 3
            return
        yield f"{at} {world.death.writes[at - 1]}"
    raise AssertionError("it writes for ever")
