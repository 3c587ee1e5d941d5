# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which databases differ from a backup: counted where they are, restored where that can't be done."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._choice import Choice
from ansible_collections.community.che.plugins.module_utils._che._place import Place
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Interrupted
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CHE_CLUSTER_V1, DEPLOYMENT, SECRET
from ansible_collections.community.che.plugins.module_utils._restore import _database_plan
from ansible_collections.community.che.plugins.module_utils._restore._database_place import DatabaseQuestion
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import (
    RESTORE,
    DatabasePlan,
    plan_databases,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Dump, Manifest
from unit.che_objects import (
    FIGURES,
    NAME,
    PART_OF,
    available,
    deployment_spec,
    encoded,
    figure_lines,
    install,
)
from unit.fake_api import FakeApi
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic

Answer = Callable[[], str]


@pytest.fixture
def manifest() -> Manifest:
    restic = FakeRestic()
    return Manifest.from_json(restic.files[make_backup(restic)]["manifest.json"])


def answering(monkeypatch: pytest.MonkeyPatch, answer: Answer, leftovers: str = "", missing: str = "") -> list[str]:
    """Stands in for psql in the database's pod: for the figures, and for what earlier runs have left."""
    scripts: list[str] = []

    def pod_psql(_cluster: Any, deployment: Any, any_closed: bool = False) -> Callable[[str], str]:
        assert deployment["metadata"]["name"] == "openvsx-database"

        def run(script: str) -> str:
            scripts.append(script)
            if "listen_addresses" in script:
                # Whatever the server's state: that of one that runs and is not ready would be told here alone.
                assert any_closed
                return missing
            return leftovers if "che-replaced-" in script else answer()

        return run

    monkeypatch.setattr(_database_plan, "PodPsql", pod_psql)
    monkeypatch.setattr(_database_plan, "read_facts", lambda *_arguments: None)
    return scripts


def figures(rows: int = 3) -> str:
    lines = [(kind, {**line, "rows": rows} if kind == "table" else line) for kind, line in figure_lines()]
    return "".join(json.dumps({"che_backup": kind, **line}) + "\n" for kind, line in lines)


def plan(api: FakeApi, manifest: Manifest, exists: bool = True, version: str = "7.122.0", **asked: Any) -> DatabasePlan:
    objects = asked.pop("objects", [])
    request: Any = SimpleNamespace(namespace="che", choice=Choice(), existing="replace", safety_backup=True)
    request.__dict__.update(asked)
    target = Place("che", "", "Kubernetes", "org.eclipse.che/v2", version)
    parts = [part for part in manifest.parts if part.kind == "database"]
    name = asked.pop("che_cluster", "")
    (found,) = plan_databases(DatabaseQuestion(api.cluster, request, target, parts, objects, exists, name))
    return found


def test_a_database_that_equals_the_backup_is_kept(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(api)
    scripts = answering(monkeypatch, figures)

    found = plan(api, manifest)

    assert (found.action, found.differences) == ("keep", [])
    assert (found.shown()["rows"], found.shown()["live_rows"]) == (3, 3)
    assert "openvsx" in scripts[0]


def test_the_databases_are_those_of_the_che_cluster_that_is_there_whatever_it_is_called(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(api)
    answering(monkeypatch, figures)
    saved = {"apiVersion": "org.eclipse.che/v2", "kind": "CheCluster", "metadata": {"name": "codeready-workspaces"}}

    assert plan(api, manifest, objects=[{**saved, "spec": {}}], che_cluster=NAME).action == "keep"


def test_one_that_a_migration_has_left_closed_is_replaced_though_it_is_equal(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Che could only read from it."""
    install(api)
    answering(monkeypatch, figures)
    closed = SimpleNamespace(is_closed=True, obstacles=(), server_version=150000, owner="o", properties=None)
    monkeypatch.setattr(_database_plan, "read_facts", lambda *_arguments: closed)
    monkeypatch.setattr(_database_plan, "_obstacles", lambda *_arguments: ())
    assert plan(api, manifest).action == "restore"


@pytest.mark.parametrize("existing", ["replace", "keep"])
def test_a_task_that_is_told_to_stop_while_it_counts_plans_nothing(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, existing: str
) -> None:
    """The database may be equal, and need not be replaced at all."""
    install(api)

    def told_to_stop() -> str:
        raise Interrupted("The task was stopped by signal 15")

    answering(monkeypatch, told_to_stop)

    with pytest.raises(Interrupted):
        plan(api, manifest, existing=existing)


def test_what_an_earlier_restore_left_is_told(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(api)
    answering(monkeypatch, figures, leftovers="che-replaced-r1-0011\nche-staged-r1-0011\n")

    assert plan(api, manifest).leftovers == ("che-replaced-r1-0011", "che-staged-r1-0011")


def test_one_that_differs_is_restored_and_the_plan_says_how_it_differs(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(api)
    answering(monkeypatch, lambda: figures(rows=9))

    found = plan(api, manifest)

    assert found.action == "restore"
    assert found.shown()["differences"] == ["table public.extension had 3 rows and has 9"]
    diff = found.diff()
    assert (diff["before_header"], diff["before"] != diff["after"]) == ("Database/openvsx", True)


@pytest.mark.parametrize("answer", ["", "not what was asked for", figures()[:-40]])
def test_one_that_cannot_be_counted_is_restored_as_nothing_is_known_of_it(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    install(api)
    answering(monkeypatch, lambda: answer)

    found = plan(api, manifest)

    assert (found.action, found.live) == ("restore", None)
    assert (found.shown()["live_rows"], found.shown()["live_version"], found.diff()["before"]) == (-1, "", {})


@pytest.mark.parametrize(("existing", "action", "obstacles"), [("keep", "leave", 0), ("fail", "restore", 1)])
def test_one_that_cannot_be_counted_is_left_or_blocks_when_that_is_asked_for(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, existing: str, action: str, obstacles: int
) -> None:
    install(api)
    answering(monkeypatch, lambda: "")

    found = plan(api, manifest, existing=existing)

    assert (found.action, len(found.obstacles), bool(found.note)) == (action, obstacles, action == "leave")


def no_such_database() -> str:
    raise CheError('database "openvsx" does not exist')


@pytest.mark.parametrize("existing", ["replace", "keep", "fail"])
def test_one_that_its_server_does_not_have_is_made_anew_whatever_is_asked_for(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, existing: str
) -> None:
    install(api)
    answering(monkeypatch, no_such_database, missing="150014|1|0\n")

    found = plan(api, manifest, existing=existing)

    assert (found.action, found.missing, found.obstacles) == (RESTORE, True, ())
    assert found.shown()["note"] == "There is no such database on its server: it is made anew."


@pytest.mark.parametrize(
    ("answer", "what", "lift"),
    [
        ("150014|0|0\n", "nor the role vsx that it would belong to", 'CREATE ROLE "vsx" LOGIN;'),
        ("150014|1|1\n", "its role vsx is a superuser", 'CREATE DATABASE "openvsx" OWNER "vsx";'),
        ("90624|1|0\n", "does not load into the older PostgreSQL 9.6", "Restore it to a server"),
    ],
)
def test_what_keeps_it_from_being_made_is_told_with_the_statement_that_lifts_it(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, answer: str, what: str, lift: str
) -> None:
    install(api)
    answering(monkeypatch, no_such_database, missing=answer)

    (obstacle,) = plan(api, manifest).obstacles

    assert what in obstacle.what
    assert lift in obstacle.lift


def test_one_whose_server_is_down_is_restored(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(api)

    def answer() -> str:
        raise CheError("The database server has no pod that is ready")

    answering(monkeypatch, answer)
    assert plan(api, manifest).action == "restore"


def test_a_missing_permission_is_told_and_not_taken_for_a_difference(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(api)

    def answer() -> str:
        raise Forbidden("Exec into the pod is not allowed")

    answering(monkeypatch, answer)
    with pytest.raises(Forbidden):
        plan(api, manifest)


def test_where_there_is_no_installation_nothing_is_asked(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = answering(monkeypatch, figures)

    assert plan(api, manifest, exists=False).action == "restore"
    assert scripts == [] and api.written == []


def test_a_database_that_has_no_place_is_kept_in_the_backup_and_its_place_told(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(api, database=False, spec={"components": {"openVSXRegistry": {"enable": False}}})
    answering(monkeypatch, figures)

    found = plan(api, manifest)

    assert found.action == "leave"
    assert found.part.snapshot[:8] in found.note
    assert "db/openvsx.sql" in found.note


def test_one_that_was_not_chosen_is_not_even_asked(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(api)
    scripts = answering(monkeypatch, figures)

    found = plan(api, manifest, choice=Choice(names=("oauth",)))

    assert (found.action, found.note, scripts) == ("leave", "Not chosen.", [])


@pytest.mark.parametrize(("existing", "action", "obstacles"), [("keep", "leave", 0), ("fail", "restore", 1)])
def test_what_is_there_and_differs_is_left_or_blocks(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, existing: str, action: str, obstacles: int
) -> None:
    install(api)
    answering(monkeypatch, lambda: figures(rows=9))

    found = plan(api, manifest, existing=existing)

    assert (found.action, len(found.obstacles)) == (action, obstacles)


def test_a_version_that_does_not_fit_is_an_obstacle(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(api)
    answering(monkeypatch, lambda: figures(rows=9))
    newer = [
        replace(part, database=replace(part.database, server_version="17.2")) if part.database else part
        for part in manifest.parts
    ]

    (found,) = plan(api, replace(manifest, parts=tuple(newer))).obstacles

    assert found.what == "A dump of PostgreSQL 17.2 does not load into the older PostgreSQL 15"
    assert found.lift.startswith("Restore it to a server")


CHE = {"apiVersion": "org.eclipse.che/v2", "kind": "CheCluster", "metadata": {"name": NAME, "namespace": "che"}}


def test_che_s_own_database_is_left_where_it_becomes_external(api: FakeApi, manifest: Manifest) -> None:
    """The server that its operator ran before may be there still, and would be loaded for nobody."""
    install(api, CHE_CLUSTER_V1, database=False)
    secret = {"labels": PART_OF}
    api.add(SECRET, "postgres-credentials", "che", metadata=secret, data=encoded(user="pgche", password="s3cret"))
    api.add(DEPLOYMENT, "postgres", "che", spec=deployment_spec(), status=available())
    che = {**CHE, "apiVersion": "org.eclipse.che/v1", "spec": {"database": {"externalDb": True}}}
    part = next(part for part in manifest.parts if part.kind == "database")
    own = replace(part, name="dbche", database=replace(part.database or FIGURES, role="che"))

    found = plan(api, replace(manifest, parts=(own,)), objects=[che], version="7.42.0")

    assert (found.action, found.server) == ("leave", None)
    assert f"external here, and is never touched. The dump is kept in the backup: snapshot {own.snapshot[:8]}" in (
        found.note
    )


@pytest.mark.parametrize("existing", ["keep", "fail"])
def test_what_equals_the_backup_is_kept_whatever_is_asked_for(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, existing: str
) -> None:
    install(api)
    answering(monkeypatch, figures)
    assert plan(api, manifest, existing=existing).action == "keep"


def test_one_of_the_old_operator_is_restored_as_nothing_was_counted_in_it(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(api)
    answering(monkeypatch, figures)
    dump = Dump("openvsx", "/db/openvsx.sql", "9.6.24", "")
    old = [replace(part, database=None, dump=dump if part.kind == "database" else None) for part in manifest.parts]

    found = plan(api, replace(manifest, parts=tuple(old)))

    assert (found.action, found.differences) == ("restore", [])
    assert (found.shown()["rows"], found.shown()["saved_version"]) == (-1, "9.6.24")


@pytest.mark.parametrize(("version", "action"), [("7.42.0", "restore"), ("7.62.0", "leave"), ("", "restore")])
def test_che_s_own_database_is_not_waited_for_where_che_has_none(
    api: FakeApi, manifest: Manifest, version: str, action: str
) -> None:
    part = next(part for part in manifest.parts if part.database)
    assert part.database is not None
    of_che = replace(part, name="dbche", database=replace(part.database, role="che"))

    found = plan(api, replace(manifest, parts=(of_che,)), exists=False, version=version)

    assert found.action == action
    assert (of_che.snapshot[:8] in found.note) is (action == "leave")


def test_many_differences_are_bounded(manifest: Manifest) -> None:
    many = tuple(replace(FIGURES.tables[0], name=f"t{number}") for number in range(100))
    part = next(part for part in manifest.parts if part.database)
    found = DatabasePlan(replace(part, database=FIGURES), RESTORE, replace(FIGURES, tables=many))
    assert len(found.shown()["differences"]) == 10


def test_planning_writes_nothing(api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    install(api)
    answering(monkeypatch, figures)
    plan(api, manifest)
    assert api.written == []
