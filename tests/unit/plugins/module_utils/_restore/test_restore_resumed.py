# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore that stands half way is gone on with, by one process alone, until it is committed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup import _back_up
from ansible_collections.community.che.plugins.module_utils._database._job import job_name
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube import _lease
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V2,
    CONFIG_MAP,
    JOB,
    LEASE,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._kube._lease import LeaseLost
from ansible_collections.community.che.plugins.module_utils._restore import _phases
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from ansible_collections.community.che.plugins.module_utils._run._journal import JournalTaken
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import catalogue
from unit.che_objects import NAME, add_operator
from unit.fake_api import FakeApi, FakeClock, Request
from unit.fake_backup import a_request
from unit.fake_restic import FakeRestic
from unit.plugins.module_utils._restore.restore_bed import (
    REQUEST,
    WRITES,
    Databases,
    become_ready,
    change,
    data_of,
    killed,
    resource_versions,
    stage_names,
)


@pytest.mark.parametrize("writes", range(1, WRITES))
def test_a_restore_that_is_killed_is_resumed(
    che: FakeApi, restic: FakeRestic, databases: Databases, writes: int
) -> None:
    change(che)
    killed(che, writes)

    result = restore(che.cluster, replace(REQUEST, run_id="r3"))

    assert (result["resumed"], result["committed"], result["id"]) == (True, True, restic.taken[2].id)
    assert data_of(che, "custom") == {"key": "value"}
    assert che.at(SECRET, "oauth", "che") is not None
    assert databases.done[-1] == "commit"
    assert data_of(che, "che-restore-journal") is None
    assert len([backup for backup in catalogue(restic.taken) if backup.safety]) >= 1


@pytest.mark.parametrize("state", ["aborted", "restored"])
def test_the_job_of_a_safety_backup_that_was_killed_is_ended(che: FakeApi, databases: Databases, state: str) -> None:
    """One that lost its process before it had its Secret waits for that, for as long as a restore may take."""
    change(che)
    killed(che, 3)
    name = job_name("dump", "r2-safety", "openvsx")
    che.add(JOB, name, "che")

    restore(che.cluster, replace(REQUEST, run_id="r3", state=state))

    assert che.at(JOB, name, "che") is None


@pytest.mark.parametrize("state", ["aborted", "restored"])
def test_a_process_that_wakes_after_another_has_ended_its_restore_undoes_nothing_of_it(
    che: FakeApi, restic: FakeRestic, databases: Databases, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """A laptop is suspended between the dry run and the write; somebody else ends the restore, and users go on."""
    change(che)
    after: dict[str, Any] = {}

    def sleep(request: Request) -> None:
        if after or not request.dry or data_of(che, "che-restore-journal") is None:
            return
        after["pending"] = True
        now = _lease._now()
        monkeypatch.setattr(_lease, "_now", lambda: now + 3600)
        del che.objects[LEASE.path("che", "che-restore")]
        restore(che.cluster, replace(REQUEST, run_id="r3", state=state))
        after.update({path: obj["metadata"]["resourceVersion"] for path, obj in che.objects.items()})

    che.react("put", "custom$", sleep)
    with pytest.raises(LeaseLost):
        restore(che.cluster, REQUEST)

    now = {path: obj["metadata"]["resourceVersion"] for path, obj in che.objects.items()}
    own_record = CONFIG_MAP.path("che", "che-run-r2")
    assert {path for path in now if now[path] != after.get(path)} <= {own_record}


def test_a_process_whose_restore_was_taken_over_says_so(che: FakeApi, restic: FakeRestic, databases: Databases) -> None:
    change(che)
    databases.differ, databases.fails = True, "cut over"

    def take_over(request: Request) -> None:
        if databases.done[-1:] == ["cut over"]:
            che.objects.pop(request.path, None)

    che.react("put", "che-restore-journal", take_over)
    with pytest.raises(JournalTaken):
        restore(che.cluster, REQUEST)
    assert "swap back" not in databases.done


def test_the_outage_ended_when_che_was_ready_the_first_time(
    che: FakeApi, restic: FakeRestic, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(che)
    databases.outage_seconds = 7.0
    with monkeypatch.context() as patch:
        patch.setattr(_phases, "verify_objects", refuse)
        with pytest.raises(CheError, match="differ"):
            restore(che.cluster, REQUEST)
    databases.outage_seconds = 7000.0

    assert restore(che.cluster, replace(REQUEST, run_id="r3"))["outage_seconds"] == 7.0


def refuse(*_args: Any) -> int:
    raise CheError("They differ")


def test_another_restore_does_not_take_the_place_of_an_unfinished_one(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    killed(che, 4)
    safety = catalogue(restic.taken)[0].id
    with pytest.raises(CheError, match="another backup is unfinished"):
        restore(che.cluster, replace(REQUEST, run_id="r3", id=safety[:8]))
    with pytest.raises(CheError, match="another backup is unfinished"):
        restore(che.cluster, replace(REQUEST, run_id="r4", plan={"backup": safety}))
    with pytest.raises(CheError, match="No backup has this id"):
        restore(che.cluster, replace(REQUEST, run_id="r5", id="0000000000"))
    assert data_of(che, "che-restore-journal")["run"] == "r2"


@pytest.mark.parametrize("named", ["latest", "seal", "part", "plan"])
def test_an_unfinished_restore_is_gone_on_with_however_its_backup_is_named(
    che: FakeApi, restic: FakeRestic, named: str
) -> None:
    change(che)
    seal, part = restic.taken[2].id, restic.taken[0].id
    killed(che, 4)
    request = replace(REQUEST, run_id="r3", id={"seal": seal[:8], "part": part[:8]}.get(named, "latest"))

    result = restore(che.cluster, replace(request, plan={"backup": seal} if named == "plan" else None))

    assert (result["resumed"], result["id"]) == (True, seal)


def test_an_unfinished_restore_is_gone_on_with_by_its_own_options_alone(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    killed(che, 4)
    with pytest.raises(CheError, match="begun with other options"):
        restore(che.cluster, replace(REQUEST, run_id="r3", existing="keep"))


def test_it_waits_to_be_committed_when_that_is_asked_for(
    che: FakeApi, restic: FakeRestic, databases: Databases
) -> None:
    change(che)
    first = restore(che.cluster, replace(REQUEST, commit=False))
    assert (first["committed"], "commit" in databases.done, stage_names(first)[-1]) == (False, False, "verify")
    assert data_of(che, "che-restore-journal")["phase"] == "restored"

    change_again = {"key": "changed since"}
    che.objects[CONFIG_MAP.path("che", "custom")]["data"] = dict(change_again)
    second = restore(che.cluster, replace(REQUEST, run_id="r3"))
    assert (second["committed"], databases.done[-1], stage_names(second)) == (True, "commit", ["plan", "commit"])
    assert data_of(che, "custom") == change_again
    assert data_of(che, "che-restore-journal") is None


def test_to_wait_for_the_commit_a_second_time_is_no_change(
    che: FakeApi, restic: FakeRestic, databases: Databases
) -> None:
    change(che)
    restore(che.cluster, replace(REQUEST, commit=False))
    done, versions = list(databases.done), resource_versions(che)

    result = restore(che.cluster, replace(REQUEST, run_id="r3", commit=False))

    assert (result["changed"], result["resumed"], result["committed"], result["diff"]) == (False, True, False, [])
    assert databases.done == done
    changed = {path for path, version in resource_versions(che).items() if version != versions[path]}
    assert changed == {CONFIG_MAP.path("che", "che-restore-journal")}


def test_check_mode_says_what_becomes_of_an_unfinished_restore(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    safety = restore(che.cluster, replace(REQUEST, commit=False))["safety_backup_id"]
    rehearsed = replace(REQUEST, run_id="r3", check_mode=True)

    commits, waits = (restore(che.cluster, replace(rehearsed, commit=commit)) for commit in (True, False))
    assert (commits["changed"], waits["changed"]) == (True, False)
    assert all("goes on with it" in result["warnings"][0] for result in (commits, waits))

    for run, refused in (("r4", replace(rehearsed, existing="keep")), ("r5", replace(rehearsed, id=safety[:8]))):
        result = restore(che.cluster, refused)
        (blocker,) = [each for each in result["plan"]["blockers"] if each["name"] == "unfinished restore"]
        with pytest.raises(CheError) as caught:
            restore(che.cluster, replace(refused, check_mode=False, run_id=run))
        assert (blocker["message"], blocker["lift"]) == (caught.value.what, caught.value.next_step)
        assert "goes on with it" not in str(result["warnings"])


def test_no_backup_is_made_of_a_restore_that_stands_half_way(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    killed(che, 5)
    with pytest.raises(CheError, match="neither what was nor what is to be") as caught:
        _back_up.back_up(che.cluster, a_request(run_id="nightly"))
    assert "state: aborted" in caught.value.next_step


@pytest.mark.parametrize("lacking", ["kind", "operator"])
def test_without_an_operator_it_restores_what_it_can_says_what_to_install_and_goes_on_then(
    api: FakeApi, restic: FakeRestic, databases: Databases, clock: FakeClock, lacking: str
) -> None:
    if lacking == "operator":
        api.kinds = (CHE_CLUSTER_V2,)
    api.follow("post", "checlusters", lambda request: None if request.dry else become_ready(api))

    with pytest.raises(CheError, match=r"CheCluster|no operator of Che") as caught:
        restore(api.cluster, REQUEST)
    assert "backup was made of Che 7.122.0. Install its operator" in caught.value.next_step
    assert "Run the task again to go on from there" in caught.value.next_step
    assert api.names(SECRET, "che") == ["oauth", "openvsx-credentials"]
    assert databases.done == []

    api.kinds = (CHE_CLUSTER_V2,)
    add_operator(api)
    api.objects.pop("/apis/coordination.k8s.io/v1/namespaces/che/leases/che-restore", None)
    result = restore(api.cluster, replace(REQUEST, run_id="r3"))

    assert (result["resumed"], databases.done) == (True, ["stage", "cut over", "commit"])


def test_a_che_cluster_that_somebody_has_removed_since_is_made_again(
    che: FakeApi, restic: FakeRestic, databases: Databases
) -> None:
    """With its kind, for example, while the operator was installed anew."""
    che.objects.pop(CHE_CLUSTER_V2.path("che", NAME))
    che.follow("post", "checlusters", lambda request: None if request.dry else become_ready(che))
    databases.fails = "stage"
    with pytest.raises(CheError, match="stage"):
        restore(che.cluster, REQUEST)
    che.objects.pop(CHE_CLUSTER_V2.path("che", NAME))
    databases.fails = ""

    result = restore(che.cluster, replace(REQUEST, run_id="r3"))

    assert (result["committed"], che.at(CHE_CLUSTER_V2, NAME, "che") is not None) == (True, True)
