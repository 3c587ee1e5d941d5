# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The restores that are killed after any write: what there is before each, and how its end is judged."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup import _back_up, _dump
from ansible_collections.community.che.plugins.module_utils._che._choice import Choice
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._bulk import run_all
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, NAMESPACE, SECRET
from ansible_collections.community.che.plugins.module_utils._restore import (
    _login_keeper,
    _logins,
    _objects,
    _planning,
    _safety_backup,
    _staged,
    _stager,
)
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from ansible_collections.community.che.plugins.module_utils._restore._stager import Stager
from unit import killing
from unit.che_objects import NAME, PART_OF, install
from unit.fake_api import FakeApi, Request, failure
from unit.fake_backup import a_request
from unit.fake_restic import FakeRestic
from unit.plugins.module_utils._restore.killed_bed import LIVE, SAVED, Shape, World, verifier
from unit.plugins.module_utils._restore.restore_bed import REQUEST, data_of
from urllib3.exceptions import ProtocolError

Object = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """What there is before a restore.

    Args:
        shape: The installation.
        restored: The databases that differ, so that they are restored; the others stay.
        changed: What differs beside them: the ``checluster``, each ``login``, other ``objects``. Or what is ``lost``,
            or that the server of these databases does not have them: ``missing``.
        options: What the task asks for.
    """

    shape: Shape
    restored: str
    changed: str
    options: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        version = self.shape.kind.api_version.partition("/")[2]
        asked = [f"{key}={_said(value)}" for key, value in self.options]
        return ", ".join(filter(None, [version, self.restored or "kept", self.changed, *asked]))


def _said(value: Any) -> str:
    """A choice, or a mapping, by what it says alone."""
    if not is_dataclass(value):
        return str(value)
    said = [held for held in vars(value).values() if held]
    return " ".join(held if isinstance(held, str) else "+".join(held) for held in said)


ALL = "checluster login objects"
WAITING = (("commit", False),)
NO_SAFETY = (("safety_backup", False),)
# What a task must say again that goes on with a restore.
_SAID_AGAIN = ("existing", "choice", "mappings")


Make = Callable[[Case], World]


def make_world(monkeypatch: pytest.MonkeyPatch, restic: FakeRestic, shape: Shape) -> World:
    """An installation that was backed up."""
    world = World(FakeApi(), restic, shape)
    for module in (_staged, _logins, _login_keeper, _safety_backup):
        monkeypatch.setattr(module, "PodPsql", world.server.psql)
    monkeypatch.setattr(_planning, "plan_databases", world.plan)
    monkeypatch.setattr(_dump, "run_job", world.dump)
    # One write at a time, so that they come in the same order each time.
    monkeypatch.setattr(_objects, "run_all", partial(run_all, workers=1))
    monkeypatch.setattr(_stager, "as_saved", lambda facts, _saved: facts)
    monkeypatch.setattr(_stager, "_require_fitting", lambda _plan, _facts: None)
    monkeypatch.setattr(_stager, "hold_place", world.hold_place)
    monkeypatch.setattr(_stager, "read_facts", lambda *_arguments: SimpleNamespace(obstacles=()))
    monkeypatch.setattr(Stager, "_load", lambda _self, staged, _facts: world.load(staged))
    monkeypatch.setattr(_stager, "hand_over", lambda psql, names, _facts, _user: psql(f'DROP ROLE "{names.role}";\n'))
    install(world.api, shape.kind, database=False, spec=shape.che_cluster(SAVED))
    name, data = shape.secret(SAVED)
    world.api.add(SECRET, name, "che", metadata={"labels": PART_OF}, data=data)
    world.operate()
    world.server.databases = {database: SAVED for database, _user in shape.roles.values()}
    world.saved = world.content()
    _back_up.back_up(world.api.cluster, a_request(run_id="r1x"))
    return world


def run(world: World, at: int = 0, **changes: Any) -> Object | None:
    """Restore, or abort; None where it was killed after the write of that number."""
    return killing.run(world, partial(restore, world.api.cluster, replace(REQUEST, **changes)), at)


def kills(world: World, **changes: Any) -> Iterator[str]:
    """Kill it after each of its writes in turn; in between all is as it was before."""
    return killing.kills(world, partial(restore, world.api.cluster, replace(REQUEST, **changes)))


def made(monkeypatch: pytest.MonkeyPatch, restic: FakeRestic, case: Case) -> World:
    """An installation that was backed up, and changed since."""
    world = make_world(monkeypatch, restic, case.shape)
    world.options = {key: value for key, value in case.options if key in _SAID_AGAIN}
    if "mappings" in world.options:
        world.options["id"] = _backed_up_elsewhere(world)
    world.restored = set(case.shape.roles if "lost" in case.changed else case.restored.split())
    for role in world.restored:
        world.server.databases[case.shape.roles[role][0]] = LIVE
        if case.changed == "missing":
            world.missing.add(role)
            del world.server.databases[case.shape.roles[role][0]]
    if case.changed == "lost namespace":
        world.lose_namespace()
    else:
        change(world, case.changed)
    world.before = world.content()
    return world


def _backed_up_elsewhere(world: World) -> str:
    """The id of a backup of the same installation in another namespace."""
    there = FakeApi(kinds=world.api.kinds)
    for path, obj in world.api.objects.items():
        if "/che-run-" not in path:
            moved = json.loads(json.dumps(obj).replace('"namespace": "che"', '"namespace": "old"'))
            there.objects[path.replace("/namespaces/che", "/namespaces/old")] = moved
    there.objects[NAMESPACE.path("", "old")]["metadata"]["name"] = "old"
    return str(_back_up.back_up(there.cluster, a_request(namespace="old", run_id="r1y"))["id"])


def change(world: World, what: str) -> None:
    """What administrators and users did since the backup."""
    api, shape = world.api, world.shape
    password = LIVE if "login" in what else SAVED
    added = {"networking": {"annotations": {"mine": "x"}}} if what in ("checluster", ALL) else {}
    name, data = shape.secret(password)
    cluster, secret = shape.kind.path("che", NAME), SECRET.path("che", name)
    api.objects[cluster]["spec"] = shape.che_cluster(password, **added)
    api.objects[secret]["data"] = data
    for _database, user in shape.roles.values():
        world.server.roles[user] = verifier(user, password)
    for path in [path for path in api.objects if "/pods/" in path]:
        api.objects[path]["metadata"]["annotations"]["password"] = password
    if "objects" in what:
        api.objects[CONFIG_MAP.path("che", "custom")]["data"] = {"key": "value", "added": "x"}
        del api.objects[SECRET.path("che", "oauth")]
        api.add(CONFIG_MAP, "new", "che", data={"mine": "x"})
    if what == "lost checluster":
        # Its Deployments go with it; the volume stays.
        api.cluster.delete(shape.kind, NAME, "che")


def restored(world: World) -> Object:
    """What there is once it is restored: what was saved and is asked for, and what others have there besides."""
    saved = {path: obj for path, obj in world.saved.items() if _comes_back(world, path, obj)}
    wanted = {**world.before, **saved}
    server = copy.deepcopy(wanted["server"])
    passwords = {role: world.password(role, wanted) for role in world.shape.roles}
    for role, (database, user) in world.shape.roles.items():
        server["roles"][user] = verifier(user, passwords[role])
        if role in world.loaded:
            server["databases"][database] = SAVED
        # Where its volume is lost its operator makes it anew.
        server["databases"].setdefault(database, "made by the operator")
    return {**wanted, "server": server, "believed": passwords}


def _comes_back(world: World, path: str, obj: Object) -> bool:
    """Whether it is restored, or made by the operator for what is."""
    if path in ("server", "believed"):
        return False
    if "/deployments/" in path or path == NAMESPACE.path("", "che"):
        return True
    kept = world.options.get("existing") == "keep" and path in world.before
    chosen = world.options.get("choice", Choice()).matches(obj)
    return chosen and not kept and ("/checlusters/" in path or "part-of" in json.dumps(obj))


def differences(world: World, wanted: Object) -> Object:
    now = world.content()
    found = {key: (now.get(key), wanted.get(key)) for key in {*now, *wanted} if now.get(key) != wanted.get(key)}
    journal = data_of(world.api, "che-restore-journal")
    return {**found, "journal": journal} if journal else found


def ended(world: World, state: str) -> Object:
    """End what was begun, and return what is not as it should be then."""
    begun = data_of(world.api, "che-restore-journal") is not None
    dropped = begun and _is_dropped(world)
    was_done = not begun and not differences(world, restored(world))
    try:
        run(world, run_id="r9", state=state, **world.options)
    except CheError as refused:
        if state == "restored" or not dropped:
            return {"error": f"{refused.what} ({refused.on}) {refused.next_step}"}
        # The commit had begun, and takes no way back.
        run(world, run_id="r10", **world.options)
    return differences(world, restored(world) if state == "restored" or dropped or was_done else world.before)


def _is_dropped(world: World) -> bool:
    """Whether a commit has begun to remove the databases that were replaced."""
    kept = [name for name in world.server.databases if name.startswith("che-replaced-")]
    return data_of(world.api, "che-restore-journal")["phase"] == "commit" and len(kept) < len(world.loaded)


def killed_aborts(world: World) -> list[tuple[str, Object]]:
    """What is wrong after an abort that was killed and run again, by the moment."""
    found = [
        (moment, differences(world, world.before) and ended(world, "aborted"))
        for moment in kills(world, state="aborted", run_id="r3")
    ]
    return [(moment, wrong) for moment, wrong in found if wrong]


def troubled(world: World, trouble: str | int, **changes: Any) -> Iterator[str]:
    """Restore, or abort, with trouble at each of its writes in turn; in between all is as it was before."""
    api, state, writes = world.api, world.state, [""]

    def strike(request: Request) -> None:
        if request.writes:
            writes.append(f"{len(writes)} {request.method} {request.path}")
            if len(writes) == at:
                raise ProtocolError("Connection aborted") if trouble == "lost" else failure(int(trouble))

    (api.followers if trouble == "lost" else api.reactions).append(strike)
    at = 1
    while len(writes) >= at:
        at += 1
        world.become(state)
        writes[1:] = []
        restore(api.cluster, replace(REQUEST, **changes))
        yield writes[at - 1] if len(writes) >= at else "no trouble"
    assert at > 10
