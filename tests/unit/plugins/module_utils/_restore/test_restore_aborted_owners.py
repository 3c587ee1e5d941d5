# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An abort where a namespace or a CheCluster was made or lost: what Kubernetes would take away with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
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


@pytest.mark.parametrize("made_before", [True, False])
def test_an_abort_removes_no_data_that_the_operator_has_made_its_own(
    api: FakeApi, restic: FakeRestic, databases: Databases, clock: FakeClock, made_before: bool
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

    restore(api.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert api.at(CHE_CLUSTER_V2, NAME, "che") is None
    assert (api.at(CLAIM, "data", "che") is not None) is made_before
    assert api.at(DEPLOYMENT, "made", "che") is None


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
