# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a restore: what it says survives its process, and one process at a time writes it."""

from __future__ import annotations

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import Conflict
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, NAMESPACE
from ansible_collections.community.che.plugins.module_utils._run._journal import (
    ABORT,
    CUT_OVER,
    RESTORED,
    STAGE,
    Journal,
    JournalTaken,
    OpenJournal,
)
from ansible_collections.community.che.plugins.module_utils._version import COLLECTION_VERSION
from unit.fake_api import FakeApi, FakeClock
from urllib3.exceptions import ProtocolError

HELD = Journal("r1", "b" * 64, "f" * 64, "p" * 64, "sha256:0", "{}", STAGE, "r1", "s" * 64, True, "", 1.5)


@pytest.fixture(autouse=True)
def namespace(api: FakeApi, clock: FakeClock) -> None:
    api.add(NAMESPACE, "che")


def begun(api: FakeApi) -> OpenJournal:
    return OpenJournal.begin(api.cluster, "che", HELD)


def found(api: FakeApi) -> OpenJournal:
    journal = OpenJournal.find(api.cluster, "che")
    assert journal is not None
    return journal


def test_what_is_written_is_what_is_read(api: FakeApi) -> None:
    begun(api)
    content = found(api).content
    assert content.written
    assert content == Journal(**{**HELD.__dict__, "written": content.written})


def test_each_note_is_kept_with_all_the_others(api: FakeApi) -> None:
    journal = begun(api)
    journal.note(phase=CUT_OVER)
    journal.note(closed_at="2026-01-01T00:00:00Z", outage_seconds=2.25)

    content = found(api).content
    assert (content.phase, content.closed_at, content.outage_seconds) == (CUT_OVER, "2026-01-01T00:00:00Z", 2.25)
    assert content.safety_backup == HELD.safety_backup


def test_it_began_when_the_api_server_says(api: FakeApi) -> None:
    began = begun(api).began
    found(api).note(phase=CUT_OVER)
    assert found(api).began == began != ""


def test_one_that_is_closed_is_gone(api: FakeApi) -> None:
    begun(api).close()
    assert OpenJournal.find(api.cluster, "che") is None


def test_there_is_one_at_a_time(api: FakeApi) -> None:
    begun(api)
    with pytest.raises(Conflict):
        begun(api)


def test_a_process_that_was_held_up_can_t_go_on_after_another_has_taken_over(api: FakeApi) -> None:
    first, second = begun(api), found(api)
    second.note(run="r2")

    with pytest.raises(JournalTaken, match="taken this restore over"):
        first.note(phase=CUT_OVER)
    assert found(api).content.phase == STAGE
    assert first.content.phase == STAGE


def test_a_write_whose_answer_was_lost_counts_once(api: FakeApi) -> None:
    journal = begun(api)
    lost: list[str] = []

    def lose(request: object) -> None:
        if not lost:
            lost.append("answer")
            raise ProtocolError("Connection aborted")

    api.follow("put", OpenJournal.NAME, lose)
    journal.note(phase=CUT_OVER)

    assert (found(api).content.phase, journal.content.phase) == (CUT_OVER, CUT_OVER)
    journal.note(phase=RESTORED)


def test_a_write_whose_answer_was_lost_is_not_mistaken_for_that_of_the_process_that_took_over(api: FakeApi) -> None:
    """A machine that was suspended in the middle of a request: both writers are this collection."""
    first, second = begun(api), found(api)
    lost: list[str] = []

    def lose(request: object) -> None:
        if not lost:
            lost.append("request")
            second.note(phase=ABORT, run="r2")
            raise ProtocolError("Connection aborted")

    api.react("put", OpenJournal.NAME, lose)
    with pytest.raises(JournalTaken):
        first.note(phase=CUT_OVER)
    assert (found(api).content.phase, found(api).content.run) == (ABORT, "r2")


def test_one_whose_answer_was_lost_is_not_mistaken_for_that_of_another_restore(api: FakeApi) -> None:
    others = Journal(**{**HELD.__dict__, "restore": "r2"})
    lost: list[str] = []

    def lose(request: object) -> None:
        if not lost:
            lost.append("request")
            OpenJournal.begin(api.cluster, "che", others)
            raise ProtocolError("Connection aborted")

    api.react("post", "configmaps", lose)
    with pytest.raises(Conflict):
        begun(api)
    assert found(api).content.restore == "r2"


def test_a_process_that_was_held_up_can_t_go_on_after_another_has_ended_the_restore(api: FakeApi) -> None:
    first, second = begun(api), found(api)
    second.close()

    with pytest.raises(JournalTaken):
        first.note(phase=CUT_OVER)


def test_a_process_that_was_held_up_does_not_remove_the_journal_of_another_one(api: FakeApi) -> None:
    first, second = begun(api), found(api)
    second.note(run="r2")

    with pytest.raises(JournalTaken):
        first.close()
    assert found(api).content.run == "r2"


def test_one_that_is_gone_already_is_closed(api: FakeApi) -> None:
    first = begun(api)
    assert api.objects.pop(CONFIG_MAP.path("che", OpenJournal.NAME))
    first.close()


def edited(api: FakeApi, **changes: str | None) -> None:
    """As another version writes it, or a person with kubectl; None takes a field away."""
    held = api.at(CONFIG_MAP, OpenJournal.NAME, "che")
    assert held is not None
    changed = {**held["data"], **changes}
    held["data"] = {key: value for key, value in changed.items() if value is not None}


@pytest.mark.parametrize(
    "key", ["phase", "backup", "safety_backup", "cluster_written", "closed_at", "opened", "unsaved", "logins"]
)
def test_one_that_lacks_what_a_way_back_goes_by_is_not_read(api: FakeApi, key: str) -> None:
    begun(api)
    edited(api, **{key: None})

    with pytest.raises(CheError, match=f"restore can't be read: {key} is missing"):
        OpenJournal.find(api.cluster, "che")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("outage_seconds", 0.0),
        ("marks", "{}"),
        ("told", False),
        ("away_since", ""),
        ("let_go", "[]"),
        ("written", ""),
        ("version", ""),
    ],
)
def test_one_that_lacks_what_only_tells_more_is_read_and_kept_whole(api: FakeApi, key: str, value: object) -> None:
    begun(api)
    edited(api, **{key: None})

    journal = found(api)
    assert getattr(journal.content, key) == value
    journal.note(phase=CUT_OVER)
    assert found(api).content.phase == CUT_OVER


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rows_copied": "7", "weather": "fine"}, "rows_copied is unknown, weather is unknown"),
        ({"phase": "rest"}, "there is no phase 'rest'"),
        ({"opened": "True"}, "opened is 'True'"),
        ({"outage_seconds": "long"}, "outage_seconds is 'long'"),
    ],
)
def test_what_this_version_does_not_know_is_never_passed_over(api: FakeApi, changes: dict[str, str], why: str) -> None:
    begun(api)
    edited(api, **changes, version="9.8.7")

    with pytest.raises(CheError) as caught:
        OpenJournal.find(api.cluster, "che")

    assert caught.value.what == f"The journal of an unfinished restore can't be read: {why}"
    assert caught.value.next_step.startswith(
        "Use the version of the collection that began the restore (9.8.7 has written this last)."
    )
    assert "kubectl" in caught.value.next_step


def test_one_that_names_no_version_says_so_too(api: FakeApi) -> None:
    begun(api)
    edited(api, phase=None, version=None)
    with pytest.raises(CheError) as caught:
        OpenJournal.find(api.cluster, "che")
    assert caught.value.next_step.startswith("Use the version of the collection that began the restore. ")


def test_it_says_which_version_has_written_it_last(api: FakeApi) -> None:
    begun(api)
    assert found(api).content.version == COLLECTION_VERSION
    edited(api, version="0.0.1")
    journal = found(api)
    assert journal.content.version == "0.0.1"
    journal.note(run="r2")
    assert found(api).content.version == COLLECTION_VERSION


@pytest.mark.parametrize(("phase", "between"), [(STAGE, True), (CUT_OVER, True), (ABORT, True), (RESTORED, False)])
def test_what_is_there_is_whole_or_not(phase: str, between: bool) -> None:
    assert Journal(**{**HELD.__dict__, "phase": phase}).is_between is between
