# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which backups snapshots make up, and which one an id leads to."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.community.che.plugins.module_utils._repository._snapshots import Snapshot
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import (
    Backup,
    PartRef,
    Whose,
    catalogue,
    resolve,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._errors import CatalogueError
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import part_tags, seal_tags

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


OURS = Whose("eclipse-che")


def snapshot(
    start: str,
    minute: int,
    tags: tuple[str, ...],
    path: str = "/data",
    size: int | None = 100,
    host: str = "eclipse-che",
) -> Snapshot:
    return Snapshot(
        id=start.ljust(64, "0"),
        time=NOON + timedelta(minutes=minute),
        tags=tags,
        hostname=host,
        paths=(path,),
        bytes=size,
        files=1,
        data_added=None if size is None else size // 10,
    )


def installation(start: str, minute: int, run: str) -> Snapshot:
    return snapshot(start, minute, part_tags(run, "installation"))


def database(start: str, minute: int, run: str, name: str = "dbche") -> Snapshot:
    return snapshot(start, minute, part_tags(run, "database", name))


def seal(start: str, minute: int, run: str, parts: int, safety: bool = False, host: str = "eclipse-che") -> Snapshot:
    return snapshot(start, minute, seal_tags(run, parts, safety), size=5, host=host)


def legacy(start: str, minute: int) -> Snapshot:
    return snapshot(start, minute, (), path="/tmp/che-backup-data", host="che-operator-5d8f-x2b")


COMPLETE = [installation("a1", 1, "r1"), database("a2", 0, "r1"), seal("a3", 2, "r1", 2)]


def states(backups: list[Backup]) -> list[tuple[str, str]]:
    return [(backup.id[:2], backup.state) for backup in backups]


def test_a_complete_backup() -> None:
    (backup,) = catalogue(COMPLETE)
    assert backup == Backup(
        id=COMPLETE[2].id,
        run="r1",
        created=COMPLETE[2].time,
        state="complete",
        parts=(
            PartRef("database", "dbche", COMPLETE[1].id, 100),
            PartRef("installation", "", COMPLETE[0].id, 100),
        ),
        bytes=200,
        data_added=20,
        host="eclipse-che",
    )


def test_clocks_that_disagree_do_not_matter() -> None:
    # A database is dumped by a node, which may be ahead of the machine that writes the seal.
    assert states(catalogue([installation("a1", 1, "r1"), database("a2", 9, "r1"), seal("a3", 2, "r1", 2)])) == [
        ("a3", "complete")
    ]


def test_a_seal_alone_is_complete_when_it_seals_nothing() -> None:
    assert states(catalogue([seal("a1", 0, "r1", 0)])) == [("a1", "complete")]


def test_parts_without_a_seal() -> None:
    assert states(catalogue([installation("a1", 1, "r1"), database("a2", 0, "r1")])) == [("a1", "incomplete")]


@pytest.mark.parametrize("kept", [[], COMPLETE[:1], COMPLETE[1:2]], ids=["none", "installation", "database"])
def test_a_seal_whose_parts_were_removed(kept: list[Snapshot]) -> None:
    assert states(catalogue([*kept, COMPLETE[2]])) == [("a3", "incomplete")]


def test_a_part_sent_twice_stands_for_no_other() -> None:
    twice = [installation("a1", 0, "r1"), installation("a2", 1, "r1"), seal("a3", 2, "r1", 2)]
    assert states(catalogue(twice)) == [("a3", "incomplete")]


def test_of_a_part_sent_twice_the_newer_one_counts() -> None:
    snapshots = [database("a1", 0, "r1"), installation("a2", 1, "r1"), database("a3", 2, "r1"), seal("a4", 3, "r1", 2)]
    (backup,) = catalogue(snapshots)
    assert (backup.state, [part.snapshot[:2] for part in backup.parts]) == ("complete", ["a2", "a3"])


def test_a_seal_with_a_count_that_cannot_be_read() -> None:
    tags = ("community.che", "run=r1", "seal", "parts=all")
    assert states(catalogue([*COMPLETE[:2], snapshot("a3", 2, tags)])) == [("a3", "incomplete")]


def test_a_snapshot_of_the_old_operator() -> None:
    (backup,) = catalogue([legacy("b1", 0)])
    assert (backup.state, backup.run, backup.id[:2]) == ("legacy", "", "b1")
    assert backup.parts == (PartRef("installation", "", backup.id, 100),)
    assert (backup.bytes, backup.data_added) == (100, 10)


@pytest.mark.parametrize(
    "foreign",
    [
        snapshot("c1", 0, ()),
        snapshot("c1", 0, ("nightly",), path="/home"),
        snapshot("c1", 0, ("community.che",), path="/tmp/che-backup-data"),
        snapshot("c1", 0, ("community.che", "run=r9"), path="/data"),
    ],
    ids=["no tags", "other tags", "our tag in an old path", "neither part nor seal"],
)
def test_other_people_s_snapshots_are_left_out(foreign: Snapshot) -> None:
    assert catalogue([foreign]) == []


def test_sizes_that_an_old_restic_did_not_write() -> None:
    (backup,) = catalogue([snapshot("b1", 0, (), path="/tmp/che-backup-data", size=None)])
    assert (backup.bytes, backup.data_added, backup.parts[0].bytes) == (0, 0, 0)


def test_newest_first_whatever_the_order() -> None:
    snapshots = [*COMPLETE, legacy("b1", 5), installation("d1", 3, "r2"), seal("e1", 9, "r3", 0)]
    expected = [("e1", "complete"), ("b1", "legacy"), ("d1", "incomplete"), ("a3", "complete")]
    for seed in range(10):
        random.Random(seed).shuffle(snapshots)
        assert states(catalogue(snapshots)) == expected


BACKUPS = catalogue([*COMPLETE, seal("a4", 3, "r0", 0), installation("d1", 4, "r2"), legacy("b1", 5)])


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("latest", "a4"),
        ("a3", "a3"),
        ("a3".ljust(64, "0"), "a3"),
        ("a30000", "a3"),
        ("a1", "a3"),
        ("a2", "a3"),
        ("b1", "b1"),
        ("b", "b1"),
    ],
)
def test_an_id_leads_to_a_backup(wanted: str, found: str) -> None:
    assert resolve(BACKUPS, wanted, OURS).id[:2] == found


@pytest.mark.parametrize("wanted", ["", "ff", "A3", "a3".ljust(65, "0"), "r1", "a3\n", "latest "])
def test_an_unknown_id_names_the_newest(wanted: str) -> None:
    with pytest.raises(CatalogueError, match="No backup has this id") as caught:
        resolve(BACKUPS, wanted, OURS)
    assert caught.value.next_step == (
        "Choose another one; the newest are b1000000 of 2026-01-01 12:05 (legacy), "
        "d1000000 of 2026-01-01 12:04 (incomplete), a4000000 of 2026-01-01 12:03 (complete)."
    )
    assert str(caught.value).isprintable()


def test_an_ambiguous_id_names_the_candidates() -> None:
    with pytest.raises(CatalogueError, match="start of 2 backups' ids") as caught:
        resolve(BACKUPS, "a", OURS)
    assert "a4".ljust(64, "0") in caught.value.next_step
    assert "a3".ljust(64, "0") in caught.value.next_step


def test_parts_of_one_backup_are_not_ambiguous() -> None:
    assert resolve(catalogue(COMPLETE), "a", OURS).id == COMPLETE[2].id


def test_an_incomplete_backup_is_refused() -> None:
    with pytest.raises(CatalogueError, match="incomplete") as caught:
        resolve(BACKUPS, "d1", OURS)
    assert "d1000000" in caught.value.on
    assert "d1000000" not in caught.value.next_step
    assert "a4000000" in caught.value.next_step


@pytest.mark.parametrize("wanted", ["latest", "a3"])
def test_an_empty_repository(wanted: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        resolve([], wanted, OURS)
    assert "make a backup first" in caught.value.next_step


def test_latest_is_never_what_a_restore_saved_before_it_began() -> None:
    safety = [installation("e1", 5, "r5-safety"), seal("e2", 6, "r5-safety", 1, safety=True)]
    backups = catalogue([*COMPLETE, *safety])

    assert [backup.safety for backup in backups] == [True, False]
    assert resolve(backups, "latest", OURS).id.startswith("a3")
    assert resolve(backups, "e2", OURS).id.startswith("e2")
    with pytest.raises(CatalogueError, match="but safety backups of restores") as caught:
        resolve(catalogue(safety), "latest", OURS)
    assert "e2" in caught.value.next_step


def test_latest_is_never_a_legacy_or_an_incomplete_one() -> None:
    with pytest.raises(CatalogueError, match="no complete backup"):
        resolve(catalogue([legacy("b1", 1), installation("d1", 2, "r2")]), "latest", OURS)


def of(host: str, start: str, minute: int, safety: bool = False) -> Snapshot:
    return seal(start, minute, f"r-{start}", 0, safety, host)


def never() -> bool:
    raise AssertionError("what is in the namespace is not asked for")


MOVED = Whose("eclipse-che", moved=True, is_bare=never)
BARE = Whose("eclipse-che", is_bare=lambda: True)
OWN, OWN_SAFETY = of("eclipse-che", "a1", 1), of("eclipse-che", "a2", 9, safety=True)
OTHER, OTHERS_OLDER, THIRD = of("che-b", "b1", 5), of("che-b", "b2", 4), of("che-c", "c1", 6)


@pytest.mark.parametrize(
    ("snapshots", "whose", "found"),
    [
        ([OWN, OTHER, THIRD], Whose("eclipse-che", is_bare=never), "a1"),
        ([OWN, OTHER, THIRD], BARE, "a1"),
        ([OWN], MOVED, "a1"),
        ([OTHERS_OLDER, OTHER], BARE, "b1"),
        ([OTHERS_OLDER, OTHER, OWN_SAFETY], MOVED, "b1"),
        ([OTHER, THIRD], Whose("che-b"), "b1"),
        ([OTHER, legacy("d1", 9)], BARE, "b1"),
    ],
)
def test_latest_is_that_of_the_namespace_or_clearly_meant(snapshots: list[Snapshot], whose: Whose, found: str) -> None:
    assert resolve(catalogue(snapshots), "latest", whose).id[:2] == found


@pytest.mark.parametrize(
    ("snapshots", "whose", "said"),
    [
        ([OTHERS_OLDER, OTHER], OURS, "no complete backup of the namespace 'eclipse-che', only of 'che-b'"),
        ([OTHER, OWN_SAFETY], OURS, "no complete backup of the namespace 'eclipse-che', only of 'che-b'"),
        ([OTHER, THIRD], BARE, "no complete backup of the namespace 'eclipse-che', only of 'che-c', 'che-b'"),
        ([OTHER, THIRD], MOVED, "backups of several namespaces: 'che-c', 'che-b'"),
        # Whether what the task says of a mapping still holds can't be told.
        ([OWN, OTHER], MOVED, "backups of several namespaces: 'che-b', 'eclipse-che'"),
    ],
)
def test_latest_is_asked_for_by_an_id_where_it_may_be_another_installation_s(
    snapshots: list[Snapshot], whose: Whose, said: str
) -> None:
    with pytest.raises(CatalogueError) as caught:
        resolve(catalogue(snapshots), "latest", whose)
    assert said in caught.value.what
    assert "b1000000 of 2026-01-01 12:05 (namespace 'che-b')" in caught.value.next_step
    assert "b2" not in caught.value.next_step


def test_an_id_leads_to_another_namespace_s_backup_all_the_same() -> None:
    assert resolve(catalogue([OWN, OTHER]), "b1", OURS).namespace == "che-b"


def test_a_legacy_one_is_of_no_namespace_that_is_known() -> None:
    (backup,) = catalogue([legacy("d1", 1)])
    assert backup.namespace == ""
    assert resolve([backup], "d1", OURS) is backup
