# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An abort where a namespace or a CheCluster was made or lost: what Kubernetes would take away with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.community.che.plugins.module_utils._backup._installation import find_che_cluster
from ansible_collections.community.che.plugins.module_utils._che._choice import Choice
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    CHE_CLUSTER_V2,
    CLAIM,
    DEPLOYMENT,
    NAMESPACE,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from unit.che_objects import NAME, add_operator
from unit.fake_api import FakeApi, FakeClock, Request
from unit.fake_restic import FakeRestic
from unit.plugins.module_utils._restore.restore_bed import REQUEST, Databases, become_ready, change, data_of, killed


def test_an_abort_takes_away_the_namespace_that_a_restore_has_created(
    api: FakeApi, restic: FakeRestic, databases: Databases, clock: FakeClock
) -> None:
    with pytest.raises(CheError):
        restore(api.cluster, REQUEST)
    assert api.at(NAMESPACE, "che") is not None

    result = restore(api.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert result["aborted"] == "r2"
    assert api.at(NAMESPACE, "che") is None


@pytest.mark.parametrize("since", [False, True], ids=["empty", "in use"])
@pytest.mark.parametrize("check_mode", [False, True])
def test_a_namespace_from_before_a_journal_goes_only_while_it_is_empty(
    api: FakeApi, restic: FakeRestic, clock: FakeClock, since: bool, check_mode: bool
) -> None:
    """The restore was killed before its journal; somebody may have installed Che by hand then."""
    api.add(NAMESPACE, "che", metadata={"annotations": {"community.che/created-by-restore": "r1"}})
    api.add(SECRET, "default-token", "che", type="kubernetes.io/service-account-token")
    if since:
        api.add(DEPLOYMENT, "che", "che", spec={})

    result = restore(api.cluster, replace(REQUEST, state="aborted", check_mode=check_mode))

    assert (result["changed"], result["aborted"]) == ((False, "") if since else (True, "r1"))
    assert (api.at(NAMESPACE, "che") is not None) == (since or check_mode)
    assert any("the Deployment che" in words for words in result["warnings"]) == since
    # The role speaks of the outage of whatever was aborted.
    assert (result["outage_seconds"], result["committed"], result["safety_backup_id"]) == (0.0, False, "")


@pytest.mark.parametrize("since", [False, True], ids=["empty", "in use"])
def test_a_namespace_from_before_a_journal_goes_with_the_next_restore_too(
    api: FakeApi, restic: FakeRestic, databases: Databases, clock: FakeClock, since: bool
) -> None:
    """The restore was killed before its journal, run again, and aborted."""
    api.follow("post", "namespaces$", lambda request: None if request.dry else kill(request))
    with pytest.raises(KeyboardInterrupt):
        restore(api.cluster, REQUEST)
    api.followers.clear()
    if since:
        api.add(SECRET, "theirs", "che")
    with pytest.raises(CheError, match="CheCluster"):
        restore(api.cluster, replace(REQUEST, run_id="r3"))

    restore(api.cluster, replace(REQUEST, run_id="r4", state="aborted"))

    assert (api.at(NAMESPACE, "che") is not None) == (api.at(SECRET, "theirs", "che") is not None) == since


def test_an_abort_needs_no_database_of_a_namespace_that_goes_whole(
    api: FakeApi, restic: FakeRestic, databases: Databases, clock: FakeClock
) -> None:
    api.kinds = (CHE_CLUSTER_V2,)
    add_operator(api)
    api.follow("post", "checlusters", lambda request: None if request.dry else become_ready(api))
    restore(api.cluster, replace(REQUEST, commit=False))
    databases.removed = True

    assert restore(api.cluster, replace(REQUEST, run_id="r3", state="aborted"))["aborted"] == "r2"
    assert api.at(NAMESPACE, "che") is None


OWNER = {"apiVersion": CHE_CLUSTER_V2.api_version, "kind": "CheCluster", "name": NAME, "uid": "gone"}


def restored_after_the_loss_of_its_che_cluster(che: FakeApi) -> None:
    """The operator makes itself the owner of a Secret that was there before."""
    che.objects.pop(CHE_CLUSTER_V2.path("che", NAME))
    che.follow("post", "checlusters", lambda request: None if request.dry else become_ready(che))
    restore(che.cluster, replace(REQUEST, commit=False))
    che.objects[SECRET.path("che", "oauth")]["metadata"]["ownerReferences"] = [dict(OWNER)]


def test_an_abort_that_goes_on_frees_what_a_removed_che_cluster_owned(che: FakeApi, restic: FakeRestic) -> None:
    """Kubernetes would remove it a moment after the abort has told success."""
    restored_after_the_loss_of_its_che_cluster(che)
    che.objects.pop(CHE_CLUSTER_V2.path("che", NAME))

    restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    kept = che.at(SECRET, "oauth", "che")
    assert kept is not None and "ownerReferences" not in kept["metadata"]


def test_an_abort_ends_where_somebody_has_removed_the_che_cluster_that_it_would_find_databases_by(
    che: FakeApi, restic: FakeRestic, databases: Databases
) -> None:
    """With its kind, for example, while the operator was installed anew."""
    restored_after_the_loss_of_its_che_cluster(che)
    data_of(che, "che-restore-journal")["closed_at"] = "2026-03-01T00:00:00Z"
    che.objects.pop(CHE_CLUSTER_V2.path("che", NAME))
    databases.removed, databases.fails = True, "swap back"

    result = restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert data_of(che, "che-restore-journal") is None
    assert any("its databases can't be reached" in words for words in result["warnings"])


def test_an_abort_removes_what_was_only_loaded_where_the_che_cluster_had_been_lost(
    che: FakeApi, restic: FakeRestic, databases: Databases
) -> None:
    """The volume may be from before, and stays."""
    che.objects.pop(CHE_CLUSTER_V2.path("che", NAME))
    che.follow("post", "checlusters", lambda request: None if request.dry else become_ready(che))
    databases.fails = "cut over"
    with pytest.raises(CheError, match="cut over"):
        restore(che.cluster, REQUEST)

    restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert databases.done == ["stage", "cut over", "swap back", "clean up"]


def test_what_kubernetes_removes_while_it_is_freed_is_put_back(che: FakeApi, restic: FakeRestic) -> None:
    restored_after_the_loss_of_its_che_cluster(che)
    che.react("put", "secrets/oauth$", lambda request: che.objects.pop(request.path, None) and None)

    restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert che.at(SECRET, "oauth", "che") is not None
    assert che.at(CHE_CLUSTER_V2, NAME, "che") is None


def test_an_abort_is_refused_where_the_che_cluster_can_t_be_seen_any_more(che: FakeApi, restic: FakeRestic) -> None:
    """The operator was updated meanwhile: under the old version there is nothing, and everything would seem gone."""
    restored_after_the_loss_of_its_che_cluster(che)
    che.kinds = (CHE_CLUSTER_V1,)

    with pytest.raises(CheError, match="does not serve the kind CheCluster as org"):
        restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))
    assert data_of(che, "che-restore-journal")["phase"] == "restored"


@pytest.mark.parametrize("is_killed", [False, True], ids=["in one go", "killed once the CheCluster is gone"])
@pytest.mark.parametrize("made_before", [True, False])
def test_an_abort_removes_no_data_that_the_operator_has_made_its_own(
    api: FakeApi, restic: FakeRestic, databases: Databases, clock: FakeClock, made_before: bool, is_killed: bool
) -> None:
    api.add(NAMESPACE, "che")
    api.kinds = (CHE_CLUSTER_V2,)
    add_operator(api)

    def adopt(request: Request) -> None:
        if request.dry:
            return
        become_ready(api)
        made = api.at(CHE_CLUSTER_V2, NAME, "che")
        assert made is not None
        owner = {"kind": "CheCluster", "name": NAME, "uid": made["metadata"]["uid"]}
        created = "2020-01-01T00:00:00Z" if made_before else "2030-01-01T00:00:00Z"
        api.add(CLAIM, "data", "che", metadata={"ownerReferences": [owner], "creationTimestamp": created}, spec={})
        late = {"ownerReferences": [owner], "creationTimestamp": "2030-01-01T00:00:00Z"}
        api.add(DEPLOYMENT, "made", "che", metadata=late, spec={})

    api.follow("post", "checlusters", adopt)
    restore(api.cluster, replace(REQUEST, commit=False))
    abort = replace(REQUEST, run_id="r3", state="aborted")
    if is_killed:
        api.follow("delete", "checlusters", kill)
        with pytest.raises(KeyboardInterrupt):
            restore(api.cluster, replace(abort, run_id="killed"))
        api.followers.clear()
        api.objects.pop("/apis/coordination.k8s.io/v1/namespaces/che/leases/che-restore", None)

    restore(api.cluster, abort)

    assert api.at(CHE_CLUSTER_V2, NAME, "che") is None
    assert (api.at(CLAIM, "data", "che") is not None) is made_before
    assert api.at(DEPLOYMENT, "made", "che") is None


def kill(_request: Request) -> None:
    raise KeyboardInterrupt


def test_an_abort_brings_back_a_checluster_that_somebody_has_removed_before_it_asks_for_its_databases(
    che: FakeApi, restic: FakeRestic, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(che)
    killed(che, 4)
    che.cluster.delete(CHE_CLUSTER_V2, NAME, "che")
    there: list[bool] = []
    monkeypatch.setattr(
        Databases, "swap_back", lambda _self: there.append(che.at(CHE_CLUSTER_V2, NAME, "che") is not None) or []
    )
    che.follow("post", "checlusters", lambda request: None if request.dry else become_ready(che))

    restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert there == [True]


def test_an_abort_does_not_look_for_databases_before_it_has_brought_the_checluster_back(
    che: FakeApi, restic: FakeRestic, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether they can come back is seen by the CheCluster too, which was there before the restore."""
    change(che)
    databases.differ = True
    restore(che.cluster, replace(REQUEST, commit=False))
    data_of(che, "che-restore-journal")["closed_at"] = "2026-03-01T00:00:00Z"
    che.objects.pop(CHE_CLUSTER_V2.path("che", NAME))
    che.follow("post", "checlusters", lambda request: None if request.dry else become_ready(che))

    def look() -> bool:
        find_che_cluster(che.cluster, "che", NAME)
        return True

    monkeypatch.setattr(databases, "can_swap_back", look)
    result = restore(che.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert (result["aborted"], data_of(che, "che-restore-journal")) == ("r2", None)
    assert che.at(CHE_CLUSTER_V2, NAME, "che") is not None and "swap back" in databases.done


@pytest.mark.parametrize("choice", [Choice(parts=("database",)), Choice(names=("oauth",))], ids=["database", "object"])
def test_an_abort_that_cannot_bring_a_checluster_back_says_what_is_left_to_do(
    che: FakeApi, restic: FakeRestic, databases: Databases, monkeypatch: pytest.MonkeyPatch, choice: Choice
) -> None:
    """A restore is refused for as long as there is a journal, and so is a backup."""
    change(che)
    databases.differ = True
    asked = replace(REQUEST, commit=False, choice=choice)
    restore(che.cluster, asked)
    gone = che.objects.pop(CHE_CLUSTER_V2.path("che", NAME))

    with pytest.raises(CheError, match="There is no CheCluster any more") as caught:
        restore(che.cluster, replace(asked, run_id="r3", state="aborted"))

    left = "kubectl delete configmap che-restore-journal -n che, then restore the safety backup"
    assert left in caught.value.next_step
    assert "swap back" not in databases.done
    che.objects[CHE_CLUSTER_V2.path("che", NAME)] = gone
    assert restore(che.cluster, replace(asked, run_id="r4", state="aborted"))["aborted"] == "r2"
