# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run: its stages in its record as they pass, its end told in the record whichever way it ends."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError, UsageError
from ansible_collections.community.che.plugins.module_utils._kube._errors import ClusterError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, NAMESPACE
from ansible_collections.community.che.plugins.module_utils._run import _run
from ansible_collections.community.che.plugins.module_utils._run._record import (
    FAILED,
    IN_PROGRESS,
    SUCCEEDED,
    Record,
    to_config_map,
)
from ansible_collections.community.che.plugins.module_utils._run._run import (
    KEPT_RECORDS,
    Run,
    new_run_id,
    records_of,
)
from unit.fake_api import FakeApi, Request

OLD = "2020-01-01T00:00:0{}.000Z"


@pytest.fixture(autouse=True)
def che_namespace(api: FakeApi) -> None:
    api.add(NAMESPACE, "che")


def a_run(api: FakeApi, recorded: bool = True) -> Run:
    return Run(api.cluster, "che", "r1", "backup", recorded=recorded)


def stored(api: FakeApi, run_id: str = "r1") -> dict[str, Any]:
    config_map = api.at(CONFIG_MAP, f"che-run-{run_id}", "che")
    assert config_map is not None
    return {**config_map["data"], "stages": json.loads(config_map["data"]["stages"])}


def test_stages_are_in_the_record_while_they_last(api: FakeApi) -> None:
    run = a_run(api)
    with run.recording():
        assert stored(api)["state"] == IN_PROGRESS
        with run.stage("connect", "Connecting"):
            assert (stored(api)["stage"], stored(api)["stages"][0]["seconds"]) == ("connect", None)
        with run.stage("dump", "Dumping"):
            first, second = stored(api)["stages"]
            assert first["seconds"] >= 0
            assert second["seconds"] is None
        run.say("all is well")
        run.sealed("abc123")

    end = stored(api)
    assert (end["state"], end["message"], end["snapshotId"]) == (SUCCEEDED, "all is well", "abc123")
    assert end["finished"]
    assert [stage["name"] for stage in end["stages"]] == ["connect", "dump"]
    assert all(stage["seconds"] is not None for stage in end["stages"])


def test_an_error_carries_the_stage_it_left(api: FakeApi) -> None:
    run = a_run(api)
    with pytest.raises(CheError) as caught, run.recording(), run.stage("dump", "Dumping"):
        raise CheError("it broke", "Job che/x", "Mend it.")

    assert str(caught.value) == "dump: it broke (Job che/x). Mend it."
    assert (stored(api)["state"], stored(api)["stage"]) == (FAILED, "dump")
    assert stored(api)["message"] == str(caught.value)
    assert stored(api)["finished"]
    assert stored(api)["stages"][0]["seconds"] is not None


def test_an_error_that_has_a_stage_already_keeps_it(api: FakeApi) -> None:
    run = a_run(api)
    with pytest.raises(CheError) as caught, run.recording(), run.stage("safety backup", "Backing up"):
        raise CheError("it broke", stage="dump")

    assert caught.value.stage == "dump"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("a bug"), SystemExit(3)])
def test_whatever_ends_a_run_closes_its_record(api: FakeApi, error: BaseException) -> None:
    with pytest.raises(type(error)), a_run(api).recording():
        raise error

    assert stored(api)["state"] == FAILED
    assert stored(api)["message"]


def test_a_record_that_cannot_be_closed_does_not_hide_the_error(api: FakeApi) -> None:
    run = a_run(api)
    with pytest.raises(CheError, match="the real reason"), run.recording():
        api.fail("patch", "configmaps", 403, "gone")
        raise CheError("the real reason")

    assert "could not be closed" in run.warnings[0]


def test_a_record_that_cannot_be_closed_does_not_make_a_success_a_failure(api: FakeApi) -> None:
    run = a_run(api)
    with run.recording():
        api.fail("patch", "configmaps", 403, "gone")

    assert "could not be closed" in run.warnings[0]


def test_a_record_that_somebody_removed_is_written_anew(api: FakeApi) -> None:
    run = a_run(api)
    with run.recording():
        with run.stage("connect", "Connecting"):
            del api.objects[CONFIG_MAP.path("che", "che-run-r1")]
        with run.stage("dump", "Dumping"):
            pass
        with run.stage("seal", "Sealing"):
            assert stored(api)["stage"] == "seal"

    assert stored(api)["state"] == SUCCEEDED


def test_check_mode_writes_nothing(api: FakeApi) -> None:
    run = a_run(api, recorded=False)
    with run.recording(), run.stage("connect", "Connecting"):
        run.say("m")

    assert api.written == []
    assert run.record.stages[0].name == "connect"


def test_a_name_that_is_taken_stops_the_run_and_leaves_the_other_s_record_alone(api: FakeApi) -> None:
    api.cluster.create(to_config_map(Record("r1", "backup", IN_PROGRESS, "s", "s", message="of another"), "che"))

    with pytest.raises(UsageError) as caught, a_run(api).recording():
        pytest.fail("must not start")

    assert stored(api)["message"] == "of another"
    assert stored(api)["state"] == IN_PROGRESS
    assert "run_id" in str(caught.value), "the reader must learn that the name is taken, not that something changed"


def test_without_its_namespace_the_record_waits_and_is_then_written_whole(api: FakeApi) -> None:
    del api.objects[NAMESPACE.path("", "che")]
    run = a_run(api)
    with run.recording():
        with run.stage("plan", "Planning"):
            assert api.at(CONFIG_MAP, "che-run-r1", "che") is None
        api.add(NAMESPACE, "che")
        with run.stage("stage", "Loading"):
            assert [stage["name"] for stage in stored(api)["stages"]] == ["plan", "stage"]

    assert stored(api)["state"] == SUCCEEDED


def test_a_run_without_a_namespace_to_the_end_still_succeeds(api: FakeApi) -> None:
    del api.objects[NAMESPACE.path("", "che")]
    with a_run(api).recording():
        pass

    assert api.names(CONFIG_MAP, "che") == []


def test_the_record_is_renewed_while_the_work_takes_long(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_run, "RENEW_SECONDS", 0.01)
    beats = threading.Semaphore(0)

    def beat(request: Request) -> None:
        assert request.body is not None
        if set(request.body["data"]) == {"renewed"}:
            beats.release()

    api.follow("patch", "configmaps", beat)

    with a_run(api).recording():
        assert all(beats.acquire(timeout=10) for _ in range(3))
    count = len(api.requests)

    assert threading.active_count() == 1 or not beats.acquire(timeout=0.2)
    assert len(api.requests) == count, "nothing is renewed after the end"


def test_a_beat_that_does_not_get_through_is_not_the_last(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_run, "RENEW_SECONDS", 0.01)
    beats = threading.Semaphore(0)
    api.fail("patch", "configmaps", 403, times=3)
    api.follow("patch", "configmaps", lambda _request: beats.release())

    with a_run(api).recording():
        assert beats.acquire(timeout=10)

    assert stored(api)["state"] == SUCCEEDED


def ended(number: int, kind: str = "backup", state: str = SUCCEEDED) -> Record:
    moment = OLD.format(number)
    return Record(f"old{number}", kind, state, started=moment, renewed=moment)


def test_only_the_newest_records_of_its_kind_are_kept(api: FakeApi) -> None:
    for number in range(8):
        api.cluster.create(to_config_map(ended(number), "che"))
    api.cluster.create(to_config_map(ended(9, kind="restore"), "che"))

    with a_run(api).recording():
        pass

    kept = [f"che-run-old{number}" for number in range(8 - KEPT_RECORDS, 8)]
    assert api.names(CONFIG_MAP, "che") == sorted([*kept, "che-run-old9", "che-run-r1"])


def test_records_of_runs_that_were_killed_are_not_kept_for_ever(api: FakeApi) -> None:
    for number in range(8):
        api.cluster.create(to_config_map(ended(number, state=IN_PROGRESS), "che"))

    with a_run(api).recording():
        pass

    assert len(api.names(CONFIG_MAP, "che")) == KEPT_RECORDS + 1


def test_records_that_cannot_be_tidied_up_do_not_stop_a_run(api: FakeApi) -> None:
    for number in range(8):
        api.cluster.create(to_config_map(ended(number), "che"))
    api.fail("delete", "configmaps", 403, "not allowed")
    run = a_run(api)

    with run.recording():
        pass

    assert stored(api)["state"] == SUCCEEDED
    assert any("old" in warning for warning in run.warnings)


def test_records_are_listed_newest_first_by_kind(api: FakeApi) -> None:
    for number in (2, 5, 3):
        api.cluster.create(to_config_map(ended(number), "che"))
    api.cluster.create(to_config_map(ended(4, kind="restore"), "che"))
    api.add(CONFIG_MAP, "unrelated", "che")

    assert [record.run_id for record in records_of(api.cluster, "che")] == ["old5", "old4", "old3", "old2"]
    assert [record.run_id for record in records_of(api.cluster, "che", "backup")] == ["old5", "old3", "old2"]


def test_the_record_s_failure_to_be_written_is_told_as_a_cluster_error(api: FakeApi) -> None:
    api.fail("post", "configmaps", 403, "configmaps is forbidden")

    with pytest.raises(ClusterError, match="configmaps is forbidden"), a_run(api).recording():
        pytest.fail("must not start")


def test_a_stage_that_cannot_be_recorded_is_named_too(api: FakeApi) -> None:
    with pytest.raises(ClusterError) as caught, a_run(api).recording() as run:
        api.fail("patch", "configmaps", 403, "not any more")
        with run.stage("dump", "Dumping"):
            pass

    assert caught.value.stage == "dump"


def test_names_of_runs_differ_and_fit_into_object_names() -> None:
    names = {new_run_id() for _ in range(50)}
    assert len(names) == 50
    assert all(name.isalnum() and name.islower() and len(name) == 10 for name in names if not name.isdigit())


def test_a_run_knows_how_long_it_has_lasted(api: FakeApi) -> None:
    run = a_run(api)
    assert 0 <= run.seconds < 60
