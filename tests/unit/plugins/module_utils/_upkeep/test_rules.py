# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which backups go: whole ones, ours, and never the one that is needed most."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.community.che.plugins.module_utils._repository._snapshots import Snapshot
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import COMPLETE, catalogue
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import part_tags, plan_tags, seal_tags
from ansible_collections.community.che.plugins.module_utils._upkeep._rules import NEWEST, Decision, decide, survey
from ansible_collections.community.che.plugins.module_utils._upkeep._running import Running
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
NOW = NOON + timedelta(days=30)
DAY = timedelta(days=1)


def snapshot(name: str, hour: int, tags: Sequence[str], host: str = "che", path: str = "/data") -> Snapshot:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Snapshot(digest, NOON + timedelta(hours=hour), tuple(tags), host, (path,), 100, 1, 10)


def id_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def whole(run: str, hour: int, host: str = "che", safety: bool = False) -> list[Snapshot]:
    """A complete backup; its seal's name is the run's."""
    return [
        snapshot(f"{run} db", hour, part_tags(run, "database", "dbche"), host),
        snapshot(f"{run} objects", hour, part_tags(run, "installation"), host),
        snapshot(run, hour, seal_tags(run, 2, safety), host),
    ]


def decided(
    snapshots: Sequence[Snapshot],
    kept: Mapping[str, Sequence[str]] | None = None,
    running: Running | None = None,
    age: timedelta = DAY,
) -> Decision:
    return decide(survey(snapshots, "che"), kept or {}, running or Running(), NOW, age)


def names(decision: Decision) -> tuple[list[str], list[str], list[str]]:
    return (
        [each.backup.run for each in decision.kept],
        [each.run for each in decision.removed],
        [each.run for each in decision.leftovers],
    )


def test_what_nothing_keeps_goes_whole_and_the_seals_go_first() -> None:
    snapshots = [*whole("r1", 1), *whole("r2", 2), *whole("r3", 3)]

    decision = decided(snapshots, {id_of("r2"): ("daily snapshot",)})

    assert names(decision) == (["r3", "r2"], ["r1"], [])
    assert [each.reasons for each in decision.kept] == [(NEWEST,), ("daily snapshot",)]
    assert decision.seals == (id_of("r1"),)
    assert set(decision.parts(decision.seals)) == {id_of("r1 db"), id_of("r1 objects")}


def test_what_a_restore_saved_takes_no_place_of_a_regular_backup() -> None:
    found = survey([*whole("r1", 1), *whole("r2", 2, safety=True), *whole("r3", 3, safety=True)], "che")

    regular, safety = found.seal_groups()
    assert regular == [seal_tags("r1", 2)]
    assert sorted(safety) == [seal_tags("r2", 2, safety=True), seal_tags("r3", 2, safety=True)]
    decision = decided([*whole("r1", 1), *whole("r2", 2, safety=True)], {id_of("r2"): ("last snapshot",)})
    assert [(each.backup.run, each.reasons) for each in decision.kept] == [
        ("r2", ("last snapshot",)),
        ("r1", (NEWEST,)),
    ]


def test_the_only_complete_backup_stays_though_a_restore_saved_it() -> None:
    assert names(decided(whole("r1", 1, safety=True))) == (["r1"], [], [])


def test_parts_stay_as_long_as_the_server_keeps_their_seal() -> None:
    decision = decided([*whole("r1", 1), *whole("r2", 2), *whole("r3", 3)])

    assert set(decision.parts([id_of("r1")])) == {id_of("r1 db"), id_of("r1 objects")}
    assert decision.parts([]) == ()


def test_the_policy_is_for_the_seals_of_complete_backups_of_this_installation() -> None:
    torn = whole("torn", 4)[1:]
    found = survey([*whole("r1", 1), *torn, *whole("far", 2, host="other")], "che")

    assert found.seal_groups() == [[("community.che", "run=r1", "seal", "parts=2")]]
    assert {each.backup.run: each.reasons for each in found.foreign} == {
        "torn": ("its seal and its parts do not match: find out why first",),
        "far": ("of the namespace 'other'",),
    }


def test_what_a_restore_uses_stays_and_so_does_its_safety_backup() -> None:
    snapshots = [*whole("r1", 1), *whole("r2", 2), *whole("x-safety", 5), *whole("r4", 6)]
    running = Running(frozenset({"x"}), {id_of("r1"): "x"}, NOON + timedelta(hours=4))

    decision = decided(snapshots, running=running)

    assert names(decision) == (["r4", "x-safety", "r1"], ["r2"], [])
    assert decision.kept[-1].reasons == ("run x restores it",)


def test_a_backup_whose_run_has_not_ended_stays() -> None:
    decision = decided([*whole("r1", 1), *whole("r2", 2)], running=Running(frozenset({"r1"})))

    assert names(decision) == (["r2", "r1"], [], [])


@pytest.mark.parametrize(
    ("running", "age", "goes"),
    [
        (Running(), DAY, True),
        (Running(), timedelta(days=40), False),
        (Running(frozenset({"r1"})), DAY, False),
    ],
)
def test_leftovers(running: Running, age: timedelta, goes: bool) -> None:
    decision = decided(whole("r1", 1)[:2], running=running, age=age)

    assert (len(decision.leftovers), len(decision.left_alone)) == ((1, 0) if goes else (0, 1))
    assert set(decision.parts(())) == ({id_of("r1 db"), id_of("r1 objects")} if goes else set())


def test_a_run_is_as_old_as_its_newest_part() -> None:
    old, late = whole("r1", 1)[0], snapshot("late", 24 * 30 - 1, part_tags("r1", "installation"))

    assert decided([old, late]).leftovers == ()


def test_a_name_used_twice_goes_only_when_nothing_keeps_either() -> None:
    """The catalogue knows parts by their run: it can't tell whose are whose."""
    again = [
        Snapshot(id_of(f"again {each.id}"), each.time + DAY, each.tags, "che", each.paths) for each in whole("r1", 1)
    ]
    snapshots = [*whole("r1", 1), *again, *whole("r9", 200)]

    stays = decided(snapshots, {again[2].id: ("daily snapshot",)})
    goes = decided(snapshots)

    assert stays.seals == ()
    assert {*goes.seals, *goes.parts(goes.seals)} == {each.id for each in snapshots[:6]}


def test_snapshots_of_others_are_no_backups_of_ours() -> None:
    snapshots = [
        snapshot("legacy", 1, (), path="/tmp/che-backup-data"),
        snapshot("nightly", 1, ("nightly",)),
        snapshot("half", 1, ("community.che",)),
        snapshot("odd", 1, part_tags("--help", "installation")),
    ]

    decision = decided(snapshots)

    assert (decision.seals, decision.parts(())) == ((), ())
    assert {each.reasons[0].split()[0] for each in decision.left_alone} == {"its", "made"}


@st.composite
def repositories(draw: st.DrawFn) -> list[Snapshot]:
    """Any mix of whole, torn, repeated, foreign and unrelated snapshots."""
    numbers = itertools.count()
    runs = st.sampled_from(["r1", "r2", "r3", "r4", "R!"])
    tags = st.one_of(
        st.builds(part_tags, runs, st.sampled_from(["installation", "database"]), st.sampled_from(["", "dbche"])),
        st.builds(seal_tags, runs, st.integers(0, 3)),
        st.sampled_from([(), ("nightly",), ("community.che",), ("community.che", "run=r1")]),
    )
    loose = st.builds(
        lambda hour, tagged, host, path: snapshot(f"{next(numbers)}", hour, tagged, host, path),
        st.integers(0, 700),
        tags,
        st.sampled_from(["che", "che", "che", "other"]),
        st.sampled_from(["/data", "/tmp/che-backup-data"]),
    )
    made = [whole(f"w{number}", hour) for number, hour in enumerate(draw(st.lists(st.integers(0, 700), max_size=5)))]
    return [*itertools.chain(*made), *draw(st.lists(loose, max_size=12))]


@given(repositories(), st.data())
def test_whatever_the_policy_no_promise_is_broken(snapshots: list[Snapshot], data: st.DataObject) -> None:
    found = survey(snapshots, "che")
    eligible = [backup for each in found.complete for backup in each.backups]
    ids = [backup.id for backup in eligible] or [""]
    kept = dict.fromkeys(data.draw(st.sets(st.sampled_from(ids))), ("kept",))
    restored = dict.fromkeys(data.draw(st.sets(st.sampled_from(ids), max_size=1)), "x")
    live = frozenset(data.draw(st.sets(st.sampled_from(["r1", "r2", "w0"]), max_size=2)))
    decision = decide(found, kept, Running(live, restored), NOW, data.draw(st.sampled_from([timedelta(0), DAY])))
    order = [*decision.seals, *decision.parts(decision.seals)]
    by_id = {each.id: each for each in snapshots}

    assert len(order) == len(set(order))
    assert all("community.che" in by_id[gone].tags and by_id[gone].hostname == "che" for gone in order)
    assert not {f"run={run}" for run in live} & {tag for gone in order for tag in by_id[gone].tags}
    spared = {*kept, *restored} & {backup.id for backup in eligible}
    if eligible:
        spared.add(max(eligible, key=lambda backup: (backup.created, backup.id)).id)
    before = {backup.id: backup for backup in catalogue(snapshots) if backup.state == COMPLETE}
    for cut in range(len(order) + 1):
        gone = set(order[:cut])
        left = catalogue([each for each in snapshots if each.id not in gone])
        after = {backup.id: backup for backup in left if backup.state == COMPLETE}
        # Whatever still looks complete has every part that it had, and what is to stay looks it.
        assert all(before[each.id].parts == each.parts for each in after.values())
        assert spared <= set(after)
    foreign = {each.id for each in snapshots} - {
        one for each in (*found.complete, *found.leftovers) for one in each.seals + each.parts
    }
    assert foreign.isdisjoint(order)


def test_the_plan_of_a_restore_goes_when_it_is_old_and_the_restore_has_ended() -> None:
    old = snapshot("old", 0, plan_tags("r7"))
    of_unfinished = snapshot("unfinished", 0, plan_tags("r8"))
    young = snapshot("young", 24 * 30 - 1, plan_tags("r9"))
    elsewhere = snapshot("elsewhere", 0, plan_tags("r7"), host="other")

    decision = decided([old, of_unfinished, young, elsewhere], running=Running(runs=frozenset({"r8"})))

    assert decision.parts(()) == (old.id,)
    assert decision.left_alone == ()
