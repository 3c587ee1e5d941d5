# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with a world of ``killed_bed`` once a migration has ended, one way or the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.community.che.plugins.module_utils._external_database._authority import NAME as CA
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    CONFIG_MAP,
    DEPLOYMENT,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._migration._way_back import NAME as WAY_BACK
from unit.che_objects import NAME
from unit.plugins.module_utils._migration.killed_bed import OWN, Held, Route, World
from unit.plugins.module_utils._migration.moving import journal_of, phase_of


def arrived(world: World, route: Route, before: Mapping[str, Any]) -> list[str]:
    """What is wrong with a migration that waits to be committed.

    Args:
        world: What there is.
        route: Its way.
        before: What there was before it, see ``World.state``.
    """
    wrong = [*world.lost, *shut(world), *astray(world, route)]
    if phase_of(world.api) != "migrated":
        wrong.append(f"at: {phase_of(world.api)}")
    for role in world.rolled:
        left, come = world.held(route.home, role), world.held(route.there, role)
        if come.content != left.content or not come.content.startswith(held_in(before, route.home)[role].content):
            wrong.append(f"{role}: {come} came of {left}")
        if come.is_closed or not left.is_closed:
            wrong.append(f"{role}: {left} is left open, or {come} is closed")
    return wrong


def ended(world: World, route: Route) -> list[str]:
    """What is wrong once a migration is committed."""
    wrong = [f"{name} is left" for name in world.servers[OWN].databases if name.startswith("che-")]
    if journal_of(world.api) is not None:
        wrong.append(f"the journal is left, at: {phase_of(world.api)}")
    return [*wrong, *astray(world, route)]


def astray(world: World, route: Route) -> list[str]:
    """Who is not where the route leads; who is just made anew will be."""
    running = {role: place for role, place in world.at.items() if world.api.at(DEPLOYMENT, role, "che")}
    there = {role: (route.there, world.name(route.there, role)) for role in world.rolled}
    return [f"{role} is at {place}" for role, place in running.items() if place != there[role]]


def put_back(world: World, route: Route, before: Mapping[str, Any]) -> list[str]:
    """What is wrong with a migration that was aborted.

    Args:
        world: What there is.
        route: Its way.
        before: What there was before it, see ``World.state``.
    """
    world.settle()
    wrong = [*world.lost, *shut(world)]
    for kind, name in ((CHE_CLUSTER_V1, NAME), (CONFIG_MAP, CA), (SECRET, WAY_BACK)):
        now, then = content(world.api.at(kind, name, "che")), content(before["objects"].get(kind.path("che", name)))
        wrong += [f"{name}: {then} has become {now}"] if now != then else []
    if journal_of(world.api) is not None:
        wrong.append(f"the journal is left, at: {phase_of(world.api)}")
    for role, place in world.at.items():
        held, was = world.held(route.home, role), held_in(before, route.home)[role]
        if place != before["own"]["at"][role] or held.is_closed or not held.content.startswith(was.content):
            wrong.append(f"{role} is at {place}: {was} has become {held}")
    there = world.servers[route.there].databases
    was_there = before["servers"][route.there]["databases"]
    if route.there == OWN:
        wrong += [f"{name} has become {there.get(name)}" for name, held in was_there.items() if there.get(name) != held]
    # What is used is used together, and so it stays.
    changed = [name for name in {*there, *was_there} if there.get(name) != was_there.get(name)]
    if not any(name in there and there[name].is_used for name in changed):
        wrong += [f"{name} holds {there.get(name)}" for name in changed]
    return wrong


def held_in(state: Mapping[str, Any], server: str) -> dict[str, Held]:
    """The databases of a server by their roles."""
    found: dict[str, Held] = state["servers"][server]["databases"]
    return {"keycloak" if name == "keycloak" else "che": held for name, held in found.items()}


def shut(world: World) -> list[str]:
    """What of Che's takes no connections."""
    return [f"{name} takes no connections" for name in world.servers[OWN].closed if not name.startswith("che-")]


def content(obj: Mapping[str, Any] | None) -> Any:
    return obj and (obj.get("spec") or obj.get("data"))
