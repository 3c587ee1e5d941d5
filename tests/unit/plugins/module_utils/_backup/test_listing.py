# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listing backups and following a run: what is told, and that waiting for news ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup import _listing
from ansible_collections.community.che.plugins.module_utils._backup._listing import InfoRequest, tell
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, NAMESPACE
from ansible_collections.community.che.plugins.module_utils._run._record import (
    FAILED,
    IN_PROGRESS,
    SUCCEEDED,
    Record,
    Stage,
    to_config_map,
)
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import part_tags
from unit.che_objects import install
from unit.fake_api import FakeApi, FakeClock, Request, failure
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic, a_repository


@pytest.fixture
def restic(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> FakeRestic:
    api.add(NAMESPACE, "che")
    fake = FakeRestic()

    def open_repository(*_args: Any, **options: Any) -> Any:
        assert options["read_only"] is True
        return a_repository(fake)

    monkeypatch.setattr(_listing, "open_repository", open_repository)
    return fake


def ask(**fields: Any) -> InfoRequest:
    request = InfoRequest("che", ServerOptions(), None, None, False, 0, 30, "restic")
    return replace(request, **fields)


def record(state: str = IN_PROGRESS, stages: int = 1, age: float = 0, run_id: str = "r1") -> Record:
    moment = (datetime.now(timezone.utc) - timedelta(seconds=age)).isoformat()
    entered = tuple(Stage(f"s{number}", "m", moment) for number in range(stages))
    return Record(run_id, "backup", state, started=moment, renewed=moment, stages=entered)


def put(api: FakeApi, *records: Record) -> None:
    for item in records:
        api.add(CONFIG_MAP, f"che-run-{item.run_id}", "che", **_content(to_config_map(item, "che")))


def _content(config_map: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"labels": config_map["metadata"]["labels"]}, "data": config_map["data"]}


def test_backups_are_told_newest_first_with_their_state(api: FakeApi, restic: FakeRestic) -> None:
    complete = make_backup(restic, run="r1")
    restic.save({"x": b"1234"}, part_tags("r2", "installation"))
    restic.save({"che-cr.yaml": b""}, (), path="/tmp/che-backup-data")

    told = tell(api.cluster, ask())

    assert told["changed"] is False
    assert [(backup["state"], backup["run_id"]) for backup in told["backups"]] == [
        ("legacy", ""),
        ("incomplete", "r2"),
        ("complete", "r1"),
    ]
    assert [backup["namespace"] for backup in told["backups"]] == ["", "che", "che"]
    last = told["backups"][-1]
    assert (last["id"], last["short_id"]) == (complete, complete[:8])
    assert [part["kind"] for part in last["parts"]] == ["database", "installation"]
    assert all(key not in last for key in ("objects", "tables"))


def test_one_backup_is_told_with_what_its_manifest_says(api: FakeApi, restic: FakeRestic) -> None:
    complete = make_backup(restic)

    for wanted in ("latest", complete, complete[:8], restic.taken[0].id[:10]):
        (told,) = tell(api.cluster, ask(id=wanted))["backups"]
        assert told["id"] == complete
        assert "ConfigMap/custom" in told["objects"]
        assert told["tables"] == {"openvsx": {"public.extension": 3}}
        assert (told["namespace"], told["che_version"]) == ("che", "7.122.0")


@pytest.mark.parametrize("there", ["nothing", "a Che", "who knows"])
def test_latest_is_another_namespace_s_only_where_no_che_can_be_meant(
    api: FakeApi, restic: FakeRestic, there: str
) -> None:
    complete = make_backup(restic)
    restic.taken = [replace(snapshot, hostname="che-b") for snapshot in restic.taken]
    if there != "nothing":
        install(api)
    if there == "who knows":
        api.react("get", "/checlusters$", lambda _request: _forbid())

    if there == "nothing":
        assert [backup["id"] for backup in tell(api.cluster, ask(id="latest"))["backups"]] == [complete]
    else:
        with pytest.raises(CheError, match="only of 'che-b'"):
            tell(api.cluster, ask(id="latest"))


def _forbid() -> None:
    raise failure(403, "checlusters is forbidden")


def test_an_unknown_id_is_refused(api: FakeApi, restic: FakeRestic) -> None:
    make_backup(restic)
    with pytest.raises(CheError):
        tell(api.cluster, ask(id="00000000"))


def test_runs_that_are_under_way_are_told_and_others_are_not(api: FakeApi, restic: FakeRestic) -> None:
    put(api, record(run_id="now"), record(run_id="dead", age=3600), record(SUCCEEDED, run_id="done"))

    assert [run["run_id"] for run in tell(api.cluster, ask())["running"]] == ["now"]


def test_a_run_is_followed_without_asking_the_backup_server(api: FakeApi, clock: FakeClock) -> None:
    put(api, record())

    told = tell(api.cluster, ask(run_id="r1"))

    assert (told["run"]["run_id"], told["run"]["state"], told["backups"]) == ("r1", IN_PROGRESS, [])
    assert not clock.waits


def test_an_abandoned_run_is_told_as_such(api: FakeApi, clock: FakeClock) -> None:
    put(api, record(age=3600))
    assert tell(api.cluster, ask(run_id="r1", wait=True))["run"]["state"] == "Abandoned"
    assert not clock.waits


@pytest.mark.parametrize("news", [record(stages=2), record(FAILED, stages=1), record(SUCCEEDED, stages=1)])
def test_waiting_ends_with_the_first_news(api: FakeApi, clock: FakeClock, news: Record) -> None:
    put(api, record())
    looks: list[int] = []

    def happen(_request: Request) -> None:
        looks.append(1)
        if len(looks) == 4:
            put(api, news)

    api.react("get", "che-run-r1", happen)

    told = tell(api.cluster, ask(run_id="r1", wait=True, seen_stages=1))

    assert (told["run"]["state"], len(told["run"]["stages"])) == (news.state, len(news.stages))
    assert len(clock.waits) == 3


def test_waiting_without_news_ends_without_failing(api: FakeApi, clock: FakeClock) -> None:
    put(api, record())

    told = tell(api.cluster, ask(run_id="r1", wait=True, seen_stages=1, wait_timeout=12))

    assert told["run"]["state"] == IN_PROGRESS
    assert sum(clock.waits) == pytest.approx(12)


def test_waiting_for_a_run_that_has_not_begun(api: FakeApi, clock: FakeClock) -> None:
    assert tell(api.cluster, ask(run_id="r1", wait=True, wait_timeout=3))["run"] == {}
    assert sum(clock.waits) == pytest.approx(3)


def test_nothing_is_written(api: FakeApi, restic: FakeRestic, clock: FakeClock) -> None:
    make_backup(restic)
    before = len(restic.taken)
    put(api, record())

    tell(api.cluster, ask(id="latest"))
    tell(api.cluster, ask(run_id="r1"))

    assert api.written == []
    assert len(restic.taken) == before
