# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a migration, and who waits until it has ended."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import Conflict
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, NAMESPACE
from ansible_collections.community.che.plugins.module_utils._run._journal import (
    ABORT,
    COMMIT,
    CUT_OVER,
    STAGE,
    VERIFY,
    JournalTaken,
    OpenJournal,
)
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import (
    COPY,
    MIGRATED,
    SWITCH,
    Migration,
    OpenMigration,
    require_no_migration,
)
from unit.fake_api import FakeApi, FakeClock

HELD = Migration(
    migration="m1",
    repository="f" * 64,
    options='{"host": "db"}',
    phase=CUT_OVER,
    run="r1",
    backup="b" * 64,
    safety_backup="5" * 64,
    marks='{"che": {}}',
    loaded='["che"]',
    closed_at="2026-01-01T00:00:00Z",
    settled="{}",
    switched=True,
    generations="3",
    outage_seconds=1.5,
    copied_again=True,
)
ALL = (COPY, STAGE, CUT_OVER, SWITCH, VERIFY, MIGRATED, COMMIT, ABORT)
BETWEEN = (CUT_OVER, SWITCH, VERIFY, ABORT)


@pytest.fixture(autouse=True)
def namespace(api: FakeApi, clock: FakeClock) -> None:
    api.add(NAMESPACE, "che")


def found(api: FakeApi) -> OpenMigration:
    journal = OpenMigration.find(api.cluster, "che")
    assert journal is not None
    return journal


def test_what_is_written_is_what_is_read(api: FakeApi) -> None:
    OpenMigration.begin(api.cluster, "che", HELD)
    content = found(api).content
    assert content.written
    assert content == replace(HELD, written=content.written)


def test_it_begins_with_nothing_done(api: FakeApi) -> None:
    begun = Migration("m1", "f" * 64, "{}", COPY, "r1")
    OpenMigration.begin(api.cluster, "che", begun)
    content = found(api).content
    assert (content.loaded, content.marks, content.closed_at, content.switched) == ("[]", "{}", "", False)


def test_there_is_one_at_a_time_and_it_is_not_that_of_a_restore(api: FakeApi) -> None:
    OpenMigration.begin(api.cluster, "che", HELD)
    assert OpenJournal.find(api.cluster, "che") is None
    with pytest.raises(Conflict):
        OpenMigration.begin(api.cluster, "che", HELD)


def test_one_process_at_a_time_writes_it(api: FakeApi) -> None:
    first = OpenMigration.begin(api.cluster, "che", HELD)
    found(api).note(run="r2")
    with pytest.raises(JournalTaken, match="taken this migration over"):
        first.note(phase=SWITCH)
    assert (found(api).content.phase, found(api).content.run) == (CUT_OVER, "r2")


def edited(api: FakeApi, **changes: str | None) -> None:
    held = api.at(CONFIG_MAP, OpenMigration.NAME, "che")
    assert held is not None
    changed = {**held["data"], **changes}
    held["data"] = {key: value for key, value in changed.items() if value is not None}


@pytest.mark.parametrize(
    "changes",
    [
        *({key: None} for key in ("phase", "switched", "settled", "filled", "loaded", "marks", "generations")),
        {"phase": "restored"},
        {"more": "x"},
    ],
)
def test_one_that_somebody_has_broken_is_named(api: FakeApi, changes: dict[str, str | None]) -> None:
    OpenMigration.begin(api.cluster, "che", HELD)
    edited(api, **changes)
    with pytest.raises(CheError, match=r"unfinished migration can't be read.*che-migration-journal") as caught:
        OpenMigration.find(api.cluster, "che")
    assert "version of the collection that began the migration (" in caught.value.next_step


@pytest.mark.parametrize(
    ("key", "value"), [("outage_seconds", 0.0), ("copied_again", False), ("written", ""), ("version", "")]
)
def test_one_that_lacks_what_is_only_told_is_read(api: FakeApi, key: str, value: object) -> None:
    OpenMigration.begin(api.cluster, "che", HELD)
    edited(api, **{key: None})
    assert getattr(found(api).content, key) == value


@pytest.mark.parametrize("phase", ALL)
@pytest.mark.parametrize("only_between", [False, True])
def test_who_can_t_work_beside_it_says_so(api: FakeApi, phase: str, only_between: bool) -> None:
    OpenMigration.begin(api.cluster, "che", replace(HELD, phase=phase))
    if only_between and phase not in BETWEEN:
        require_no_migration(api.cluster, "che", "back up", only_between=True)
        return
    with pytest.raises(CheError, match="unfinished") as caught:
        require_no_migration(api.cluster, "che", "restore", "connect", only_between)
    assert (caught.value.on, caught.value.stage) == (f"migration m1, at: {phase}", "connect")
    assert caught.value.next_step.endswith("then restore.")


def test_without_one_nobody_waits(api: FakeApi) -> None:
    require_no_migration(api.cluster, "che", "restore")
