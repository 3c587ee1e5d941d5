# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore that is aborted: what it replaced is back, and what others have changed since is left."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import WaitExpired
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CHE_CLUSTER_V2, CONFIG_MAP, SECRET
from ansible_collections.community.che.plugins.module_utils._repository._errors import (
    NoSnapshot,
    RepositoryDamaged,
    ServerTimeout,
)
from ansible_collections.community.che.plugins.module_utils._restore._plan_store import (
    _VERSION,
    fetch_plan,
    store_plan,
)
from ansible_collections.community.che.plugins.module_utils._restore._planning import make_plan
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import catalogue
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import content_digest
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Dump
from unit.che_objects import NAME
from unit.fake_api import FakeApi
from unit.fake_restic import FakeRestic, a_repository
from unit.plugins.module_utils._restore.restore_bed import (
    REQUEST,
    WRITES,
    Databases,
    become_ready,
    change,
    data_of,
    killed,
    resource_versions,
)


@pytest.mark.parametrize("writes", range(1, WRITES))
def test_a_restore_that_is_killed_is_aborted(
    che: FakeApi, restic: FakeRestic, databases: Databases, writes: int
) -> None:
    change(che)
    before = {path: obj.get("data") for path, obj in che.objects.items()}
    killed(che, writes)

    result = restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert (result["changed"], result["aborted"]) == (True, "r2")
    assert data_of(che, "che-restore-journal") is None
    after = {path: obj.get("data") for path, obj in che.objects.items() if "che-run-" not in path}
    assert after == before
    assert "commit" not in databases.done


@pytest.mark.parametrize("whole", [True, False])
def test_an_abort_does_not_wait_for_che_where_it_lacks_a_database(
    che: FakeApi, restic: FakeRestic, databases: Databases, whole: bool
) -> None:
    """As before the restore, or as somebody has dropped it since: Che can't become ready, and the abort is to end."""
    change(che)
    killed(che, 3)
    found = che.at(CHE_CLUSTER_V2, NAME, "che")
    assert found is not None
    found["status"] = {"chePhase": "Pending"}
    databases.are_all_back = whole
    aborted = replace(REQUEST, run_id="r3", state="aborted")

    if whole:
        with pytest.raises(WaitExpired, match="Che to become ready"):
            restore(che.cluster, aborted)
    else:
        assert restore(che.cluster, aborted)["aborted"] == "r2"


def test_an_abort_leaves_what_others_have_changed_meanwhile(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    killed(che, 3)
    che.add(CONFIG_MAP, "custom", "che", data={"key": "theirs", "added": "x"})

    result = restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert data_of(che, "custom") == {"key": "theirs", "added": "x"}
    assert any("ConfigMap custom was changed by somebody else" in words for words in result["warnings"])


def test_an_abort_brings_a_checluster_back_that_somebody_deletes_meanwhile(che: FakeApi, restic: FakeRestic) -> None:
    """While its operator is down it equals what was there before."""
    change(che)
    killed(che, 3)
    found = che.at(CHE_CLUSTER_V2, NAME, "che")
    assert found is not None
    found["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    with pytest.raises(CheError, match=f"It is being deleted.*CheCluster {NAME}"):
        restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert data_of(che, "che-restore-journal") is not None
    del che.objects[CHE_CLUSTER_V2.path("che", NAME)]
    che.follow("post", "checlusters", lambda request: None if request.dry else become_ready(che))
    assert restore(che.cluster, replace(REQUEST, run_id="r4", state="aborted"))["aborted"] == "r2"
    assert che.at(CHE_CLUSTER_V2, NAME, "che") is not None


@pytest.mark.parametrize("commit", [True, False])
def test_an_abort_is_refused_when_a_replaced_database_is_gone(
    che: FakeApi, restic: FakeRestic, databases: Databases, commit: bool
) -> None:
    """Committed, or removed by hand: the installation would be told to be what it was."""
    change(che)
    databases.fails = "commit" if commit else ""
    if commit:
        with pytest.raises(CheError, match="commit"):
            restore(che.cluster, REQUEST)
    else:
        restore(che.cluster, replace(REQUEST, commit=False))
    databases.removed = True

    with pytest.raises(CheError, match="database that it replaced is removed already") as caught:
        restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert ("is committed" in caught.value.what) is commit
    assert data_of(che, "custom") == {"key": "value"}
    assert "swap back" not in databases.done


def test_without_an_unfinished_restore_an_abort_changes_nothing(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    restore(che.cluster, REQUEST)
    safety = catalogue(restic.taken)[0].id
    versions = resource_versions(che)

    result = restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert (result["changed"], result["aborted"]) == (False, "")
    assert any(safety[:8] in words for words in result["warnings"])
    assert resource_versions(che) == versions


def test_check_mode_of_an_abort_writes_nothing(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    killed(che, 6)
    che.requests.clear()

    result = restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted", check_mode=True))

    assert (result["changed"], result["aborted"], che.written) == (True, "r2", [])


def test_an_abort_that_has_begun_is_ended_first(che: FakeApi, restic: FakeRestic, databases: Databases) -> None:
    change(che)
    killed(che, 4)
    databases.fails = "swap back"
    with pytest.raises(CheError, match="swap back"):
        restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    with pytest.raises(CheError, match="being aborted"):
        restore(che.cluster, replace(REQUEST, run_id="r4"))
    databases.fails = ""
    assert restore(che.cluster, replace(REQUEST, run_id="r5", state="aborted"))["aborted"] == "r2"


def test_a_restore_is_taken_back_when_it_was_not_committed(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    restore(che.cluster, replace(REQUEST, commit=False))

    restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert data_of(che, "custom") == {"key": "value", "added": "x"}
    assert che.at(SECRET, "oauth", "che") is None


def lose_backup(restic: FakeRestic) -> None:
    """Retention, or a disk: neither its seal nor any part of the backup that is restored can be read any more."""
    for snapshot in restic.taken[:3]:
        del restic.files[snapshot.id]
    del restic.taken[:3]
    restic.errors["restore_folder"] = RepositoryDamaged("A pack is damaged")


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("writes", range(1, WRITES))
def test_an_abort_needs_nothing_of_the_backup_that_was_restored(
    che: FakeApi, restic: FakeRestic, databases: Databases, writes: int, check_mode: bool
) -> None:
    databases.differ = True
    change(che)
    before = {path: obj.get("data") for path, obj in che.objects.items()}
    killed(che, writes)
    seal = restic.taken[2].id
    aborted = replace(REQUEST, run_id="r3", state="aborted", check_mode=True)
    expected = restore(che.cluster, aborted)
    lose_backup(restic)

    result = restore(che.cluster, replace(aborted, check_mode=check_mode))

    assert (result["changed"], result["aborted"], result["id"]) == (True, "r2", seal)
    assert (result["plan"], result["diff"]) == (expected["plan"], expected["diff"])
    assert any(entry["before_header"] == "Database/openvsx" for entry in result["diff"])
    if not check_mode:
        assert data_of(che, "che-restore-journal") is None
        assert {path: obj.get("data") for path, obj in che.objects.items() if "che-run-" not in path} == before


@pytest.mark.parametrize("fails", ["stage", "cut over"])
def test_a_resumed_restore_that_fails_for_want_of_its_backup_puts_everything_back(
    che: FakeApi, restic: FakeRestic, databases: Databases, fails: str
) -> None:
    change(che)
    killed(che, 3)
    named = restic.taken[2].id[:8]
    lose_backup(restic)
    databases.fails = fails

    with pytest.raises(CheError, match=f"It broke at {fails}") as caught:
        restore(che.cluster, replace(REQUEST, run_id="r3", id=named))

    assert "Everything is as it was before the restore." in caught.value.next_step
    assert data_of(che, "custom") == {"key": "value", "added": "x"}
    assert data_of(che, "che-restore-journal") is None


@pytest.mark.parametrize("state", ["aborted", "restored"])
@pytest.mark.parametrize("lost", ["gone", "damaged", "other", "other version"])
def test_without_its_plan_an_unfinished_restore_says_how_it_is_given_up(
    che: FakeApi, restic: FakeRestic, lost: str, state: str
) -> None:
    change(che)
    killed(che, 4)
    journal = data_of(che, "che-restore-journal")
    content = restic.files[journal["plan"]]["plan.json"]
    if lost == "gone":
        restic.errors["dump"] = NoSnapshot("There is no such snapshot", "4129c7a3")
    elif lost == "damaged":
        restic.errors["dump"] = RepositoryDamaged("A pack is damaged", "4129c7a3", "Repair it.")
    elif lost == "other":
        restic.damaged["plan.json"] = content + b" "
    else:
        restic.damaged["plan.json"] = content.replace(f'"version":{_VERSION}'.encode(), b'"version":99')
        journal["plan_digest"] = content_digest(restic.damaged["plan.json"])

    with pytest.raises(CheError, match="plan") as caught:
        restore(che.cluster, replace(REQUEST, run_id="r3", state=state))

    advice = caught.value.next_step
    if lost == "other version":
        assert "version of the collection that began the restore (0." in advice
    else:
        assert "kubectl delete configmap che-restore-journal -n che" in advice
        assert f"the safety backup {journal['safety_backup'][:8]}" in advice
    assert "Repair it." in advice or lost != "damaged"
    assert data_of(che, "che-restore-journal")["run"] == "r2"


def test_a_server_that_does_not_answer_is_no_reason_to_give_a_restore_up(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    killed(che, 4)
    restic.errors["dump"] = ServerTimeout("It does not answer", "server main", "Try again.")

    with pytest.raises(ServerTimeout) as caught:
        restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert caught.value.next_step == "Try again."


def test_a_dump_of_which_nothing_was_counted_comes_back_from_the_plan(che: FakeApi, restic: FakeRestic) -> None:
    """As of the old operator's backups."""
    plan = make_plan(che.cluster, REQUEST, a_repository(restic))
    (database,) = plan.databases
    dump = Dump("che", "che.sql", "9.6.24", "0" * 64)
    legacy = replace(database, part=replace(database.part, database=None, dump=dump))
    told = replace(plan, databases=[database, legacy], unproven=("Nothing was counted.",))

    held = fetch_plan(a_repository(restic), store_plan(a_repository(restic), "r1", "che", told))

    assert [item.part for item in held.databases] == [database.part, legacy.part]
    assert (held.backup, held.installation, held.unproven) == (plan.backup, plan.installation, told.unproven)
