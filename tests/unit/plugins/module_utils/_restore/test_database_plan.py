# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which databases differ from a backup: counted where they are, restored where that can't be done."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._restore import _database_plan
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import DatabasePlan, plan_databases
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Manifest
from unit.che_objects import FIGURES, figure_lines, install
from unit.fake_api import FakeApi
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic

Answer = Callable[[], str]


@pytest.fixture
def manifest() -> Manifest:
    restic = FakeRestic()
    return Manifest.from_json(restic.files[make_backup(restic)]["manifest.json"])


def answering(monkeypatch: pytest.MonkeyPatch, answer: Answer, leftovers: str = "") -> list[str]:
    """Stands in for psql in the database's pod: for the figures, and for what earlier runs have left."""
    scripts: list[str] = []

    def pod_psql(_cluster: Any, deployment: Any) -> Callable[[str], str]:
        assert deployment["metadata"]["name"] == "openvsx-database"

        def run(script: str) -> str:
            scripts.append(script)
            return leftovers if "che-replaced-" in script else answer()

        return run

    monkeypatch.setattr(_database_plan, "PodPsql", pod_psql)
    return scripts


def figures(rows: int = 3) -> str:
    lines = [(kind, {**line, "rows": rows} if kind == "table" else line) for kind, line in figure_lines()]
    return "".join(json.dumps({"che_backup": kind, **line}) + "\n" for kind, line in lines)


def plan(api: FakeApi, manifest: Manifest, exists: bool = True) -> DatabasePlan:
    (found,) = plan_databases(api.cluster, manifest, [], exists)
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
    assert scripts == [] and api.requests == []


def test_an_installation_without_that_database_gets_it_restored(
    api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(api, database=False)
    answering(monkeypatch, figures)
    assert plan(api, manifest).action == "restore"


def test_many_differences_are_bounded(manifest: Manifest) -> None:
    many = tuple(replace(FIGURES.tables[0], name=f"t{number}") for number in range(100))
    part = next(part for part in manifest.parts if part.database)
    found = DatabasePlan(part, FIGURES, replace(FIGURES, tables=many))
    assert len(found.shown()["differences"]) == 10


def test_planning_writes_nothing(api: FakeApi, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    install(api)
    answering(monkeypatch, figures)
    plan(api, manifest)
    assert api.written == []
