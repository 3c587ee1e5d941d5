# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a database is put: beside the operator's own and swapped with it, or into one that was found empty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup._request import JobChoices
from ansible_collections.community.che.plugins.module_utils._che._databases import Database
from ansible_collections.community.che.plugins.module_utils._database._endpoint import Endpoint
from ansible_collections.community.che.plugins.module_utils._database._load import LoadResult
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import JobFailed
from ansible_collections.community.che.plugins.module_utils._kube._wait import Deadline
from ansible_collections.community.che.plugins.module_utils._migration import _target
from ansible_collections.community.che.plugins.module_utils._migration._places import Place, Settings
from ansible_collections.community.che.plugins.module_utils._migration._target import Target
from ansible_collections.community.che.plugins.module_utils._restore._psql import PodPsql
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import DatabaseFigures, TableFigures
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Dump, Part
from ansible_collections.community.che.plugins.module_utils._snapshot._properties import (
    DatabaseProperties,
    DefaultPrivileges,
    Grant,
    Setting,
)
from unit.fake_api import FakeApi
from unit.fake_restic import FakeRestic, a_repository
from unit.plugins.module_utils._migration.moving import COUNTED, OTHERS, REPOSITORY

DATABASE = Database("che", "dbche", "postgres", "postgres", 5432, "login", "pgche", "pä'ss")
ENDPOINT = Endpoint("db.example", 6432, "moved", "away", "s3cret")
GIVEN = DatabaseProperties(
    7,
    "Che's",
    (Grant("", "CONNECT", False), Grant("pgche", "CREATE", False), Grant("report", "CONNECT", False)),
    (Setting("", "search_path", "che"), Setting("pgche", "work_mem", "8MB")),
    (DefaultPrivileges("pgche", "", "TABLES", ()),),
)
LEFT_BEHIND = [
    "It had a connection limit of 7, which it has not where it goes",
    "It had a comment, which it has not where it goes",
    "It had grants for report, which it has not where it goes",
    "It had settings (search_path, work_mem), which it has not where it goes",
    "It had default privileges, which it has not where it goes",
]


def a_part(figures: DatabaseFigures | None = COUNTED, dump: Dump | None = None) -> Part:
    return Part("database", "dbche", REPOSITORY, "a" * 64, 1, 100, database=figures, dump=dump)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done on the server."""
    seen: list[str] = []

    def noted(name: str, answer: Any = None) -> Callable[..., Any]:
        def do(*_arguments: Any, **_options: Any) -> Any:
            seen.append(name)
            return answer

        return do

    swaps = ("swap", "swap_back", "open_database", "drop_replaced")
    for name in ("empty", "require_empty", "clean_up", "hand_over", *swaps):
        monkeypatch.setattr(_target, name, noted(name))
    monkeypatch.setattr(_target, "remove_job", lambda _cluster, name, *_rest: seen.append(f"end {name[:8]}"))
    monkeypatch.setattr(
        _target, "read_facts", noted("look", SimpleNamespace(obstacles=(), properties=COUNTED.properties))
    )
    monkeypatch.setattr(_target, "standing", lambda *_arguments: SimpleNamespace(replaced=True))
    return seen


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, done: list[str]) -> dict[str, Any]:
    """What a load finds afterwards, under ``figures``, and what it was told to do."""
    held: dict[str, Any] = {"figures": COUNTED}

    def result() -> LoadResult:
        return LoadResult(held["figures"], {}, restricted=True)

    def load(*_arguments: Any) -> LoadResult:
        done.append("load beside")
        return result()

    def load_job(endpoint: Endpoint, _access: Any, snapshot: str, path: str, _options: Any, **more: Any) -> Any:
        held.update(endpoint=endpoint, snapshot=snapshot, path=path, **more)
        return SimpleNamespace(job={}, secret={})

    def run_job(*_arguments: Any) -> str:
        done.append("load into")
        if "fails" in held:
            raise held["fails"]
        return ""

    monkeypatch.setattr(_target, "Loading", lambda *_arguments: SimpleNamespace(load=load))
    monkeypatch.setattr(_target, "load_job", load_job)
    monkeypatch.setattr(_target, "run_job", run_job)
    monkeypatch.setattr(_target, "parse_load_log", lambda _log: result())
    return held


def target(beside: bool, elsewhere: Any = str) -> Target:
    cluster = FakeApi().cluster
    settings = Settings(cluster, "che", "m1", JobChoices("restic:1", None, (), None), Deadline(60))
    psql: Any = PodPsql(cluster, {}) if beside else elsewhere
    place = Place(DATABASE, ENDPOINT, psql, {"metadata": {"name": "postgres"}} if beside else None)
    return Target(settings, place)


def load(beside: bool, part: Part) -> list[str]:
    return target(beside).load(a_repository(FakeRestic()), part, "pgche")


def test_on_the_operator_s_own_server_it_is_loaded_beside(done: list[str], loaded: dict[str, Any]) -> None:
    assert load(True, a_part()) == []
    assert done == ["look", "load beside", "hand_over"]


def test_elsewhere_it_is_loaded_into_the_one_that_was_found_empty(done: list[str], loaded: dict[str, Any]) -> None:
    assert load(False, a_part()) == []
    assert done == ["load into"]
    assert (loaded["endpoint"], loaded["snapshot"], loaded["names_owners"]) == (ENDPOINT, "a" * 64, False)


def test_only_a_database_elsewhere_has_to_be_empty_or_is_emptied(done: list[str]) -> None:
    for beside in (True, False):
        target(beside).require_empty()
        target(beside).clear()
    assert done == ["end che-load", "require_empty", "end che-load", "empty"]


@pytest.mark.parametrize("beside", [True, False])
def test_what_only_an_administrator_can_give_is_told(done: list[str], loaded: dict[str, Any], beside: bool) -> None:
    assert load(beside, a_part(replace(COUNTED, properties=GIVEN))) == LEFT_BEHIND


@pytest.mark.parametrize("beside", [True, False])
def test_what_it_has_there_already_is_not_told(
    done: list[str], loaded: dict[str, Any], monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    loaded["figures"] = replace(COUNTED, properties=GIVEN)
    facts = SimpleNamespace(obstacles=(), properties=GIVEN)
    monkeypatch.setattr(_target, "read_facts", lambda *_arguments: facts)
    assert load(beside, a_part(replace(COUNTED, properties=GIVEN))) == []


@pytest.mark.parametrize("beside", [True, False])
def test_what_is_not_what_was_saved_is_refused(done: list[str], loaded: dict[str, Any], beside: bool) -> None:
    loaded["figures"] = OTHERS
    with pytest.raises(CheError, match="is not what was saved: table public") as caught:
        load(beside, a_part())
    assert "Che still uses its database" in caught.value.next_step
    assert "hand_over" not in done


def test_how_the_new_server_sorts_texts_is_its_own_affair(done: list[str], loaded: dict[str, Any]) -> None:
    loaded["figures"] = replace(COUNTED, collate="de_DE.UTF-8", ctype="de_DE.UTF-8")
    assert load(False, a_part()) == []
    loaded["figures"] = replace(COUNTED, encoding="LATIN1")
    with pytest.raises(CheError, match="LATIN1"):
        load(False, a_part())


@pytest.mark.parametrize("beside", [True, False])
def test_that_nothing_could_be_compared_is_told(done: list[str], loaded: dict[str, Any], beside: bool) -> None:
    legacy = Dump("che", "/postgresql/dbche.sql", "9.6.24", "")
    told = load(beside, a_part(None, legacy))
    assert told == ["Nothing of it was counted when it was saved, so that nothing could be compared"]
    if not beside:
        assert (loaded["path"], loaded["names_owners"]) == ("/postgresql/dbche.sql", True)


def test_a_load_that_fails_names_the_server(done: list[str], loaded: dict[str, Any]) -> None:
    loaded["fails"] = JobFailed("Job failed", "", "", log="")
    with pytest.raises(JobFailed) as caught:
        load(False, a_part())
    assert caught.value.on == "database dbche at db.example:6432"


@pytest.mark.parametrize(
    ("facts", "why"),
    [(None, "has no such database"), (SimpleNamespace(obstacles=("It has a subscription",)), "It has a subscription")],
)
def test_what_can_t_be_replaced_is_not_loaded(
    done: list[str], loaded: dict[str, Any], monkeypatch: pytest.MonkeyPatch, facts: Any, why: str
) -> None:
    monkeypatch.setattr(_target, "read_facts", lambda *_arguments: facts)
    with pytest.raises(CheError, match=why):
        load(True, a_part())
    assert "load beside" not in done


def test_only_what_was_loaded_beside_is_swapped_and_given_up(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    scripts: list[str] = []

    def answer(_psql: PodPsql, script: str) -> str:
        scripts.append(script)
        return "150014\n" if "server_version_num" in script else ""

    monkeypatch.setattr(PodPsql, "__call__", answer)
    for beside in (False, True):
        target(beside).put_in_place()
        target(beside).commit()
    assert done == ["swap", "open_database", "drop_replaced"]
    # As the Secret has it now; the server gets no more than what proves it.
    assert 'ALTER ROLE "pgche" PASSWORD' in scripts[-1]
    assert "SCRAM-SHA-256" in scripts[-1] and "pä'ss" not in scripts[-1]


def test_a_commit_that_is_repeated_drops_nothing_twice(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_target, "standing", lambda *_arguments: SimpleNamespace(replaced=False))
    target(beside=True).commit()
    assert done == []


def test_beside_the_own_one_comes_back(done: list[str]) -> None:
    assert target(beside=True).take_out(is_filled=True, is_used=False) == []
    assert done == ["end che-load", "swap_back", "open_database", "clean_up"]


def test_what_che_wrote_on_the_operator_s_own_server_is_kept_under_another_name(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_target, "standing", lambda *_arguments: SimpleNamespace(whole=True))
    (told,) = target(beside=True).take_out(is_filled=True, is_used=True)
    assert "is kept there as database che-staged-" in told
    assert done == ["end che-load", "swap_back", "open_database"]


def test_elsewhere_it_is_emptied_unless_che_wrote_to_it(done: list[str]) -> None:
    assert target(beside=False).take_out(is_filled=True, is_used=False) == []
    assert done == ["end che-load", "empty"]
    done.clear()
    (told,) = target(beside=False).take_out(is_filled=True, is_used=True)
    assert told.startswith("The database dbche at db.example:6432 keeps what Che wrote to it.")
    assert done == ["end che-load"]


def test_elsewhere_nothing_is_taken_out_that_was_not_put_in(done: list[str]) -> None:
    assert target(beside=False).take_out(is_filled=False, is_used=False) == []
    assert done == ["end che-load"]


@pytest.mark.parametrize(
    ("rows", "told", "lost"),
    [
        (100, '["che", "cache"]\n', True),
        (0, '["che", "cache"]\n', False),
        (100, "", False),
        (100, '["che", "ca\\nche"]\n', False),
    ],
    ids=["emptied", "was empty", "kept", "another one"],
)
def test_what_a_crash_has_emptied_is_no_good_copy(rows: int, told: str, lost: bool) -> None:
    asked: list[str] = []

    def psql(script: str) -> str:
        asked.append(script)
        return told

    moved = replace(COUNTED, tables=(TableFigures("che", "cache", rows, "1"), TableFigures("che", "account", 9, "2")))
    crashed = target(beside=False, elsewhere=psql)
    if lost:
        with pytest.raises(CheError, match=r"The unlogged tables che\.cache are empty") as caught:
            crashed.require_unlogged(moved)
        assert "abort this migration" in caught.value.next_step
    else:
        crashed.require_unlogged(moved)
    assert "relpersistence = 'u'" in asked[0]
