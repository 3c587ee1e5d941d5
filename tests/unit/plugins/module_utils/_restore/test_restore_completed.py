# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CheCluster that the cluster completes: by defaults of its schema, and by what its operator writes into it.

Neither keeps a restore from ending, nor makes a second one change anything. What a user has set is still a difference.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import WaitExpired
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    CHE_CLUSTER_V2,
    CONFIG_MAP,
    DEPLOYMENT,
    LEASE,
    SECRET,
    Kind,
)
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from unit.che_objects import NAME, PART_OF, READY, add_operator, deployment_spec, encoded, install
from unit.fake_api import FakeApi, FakeClock, Request
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic
from unit.plugins.module_utils._restore.restore_bed import REQUEST, become_ready, data_of, killed, resource_versions

pytestmark = pytest.mark.usefixtures("databases")

DEFAULT = {"devEnvironments": {"maxNumberOfWorkspacesPerUser": -1}}


def a_default(che_cluster: dict[str, Any]) -> None:
    che_cluster.setdefault("spec", {}).setdefault("devEnvironments", {}).setdefault("maxNumberOfWorkspacesPerUser", -1)


@pytest.fixture
def newer(api: FakeApi, restic: FakeRestic, clock: FakeClock) -> FakeApi:
    """A cluster without the installation, whose CRD has a default that was not there when the backup was made."""
    api.kinds = (CHE_CLUSTER_V2,)
    add_operator(api)
    api.complete(CHE_CLUSTER_V2, a_default)
    for method in ("post", "put"):
        api.follow(method, "checlusters", lambda request: None if request.dry else become_ready(api))
    return api


@pytest.fixture
def updated(newer: FakeApi) -> FakeApi:
    """The same with the installation as it was saved, and with the default."""
    install(newer, spec=DEFAULT)
    newer.requests.clear()
    return newer


def spec_of(api: FakeApi) -> Any:
    return (api.at(CHE_CLUSTER_V2, NAME, "che") or {})["spec"]


def set_spec(api: FakeApi, kind: Kind = CHE_CLUSTER_V2, namespace: str = "che", **spec: Any) -> None:
    found = api.at(kind, NAME, namespace)
    assert found is not None
    found["spec"] = {**found["spec"], **spec}


def actions(result: dict[str, Any]) -> dict[str, str]:
    return {obj["name"]: obj["action"] for obj in result["plan"]["objects"]}


def test_a_restore_ends_where_the_schema_has_new_defaults(newer: FakeApi) -> None:
    result = restore(newer.cluster, REQUEST)

    assert (result["committed"], result["verified"]["objects"]) == (True, 4)
    assert spec_of(newer) == DEFAULT


def test_a_second_one_changes_nothing(newer: FakeApi) -> None:
    restore(newer.cluster, REQUEST)
    before = resource_versions(newer)

    result = restore(newer.cluster, replace(REQUEST, run_id="r3"))

    assert result["changed"] is False
    assert {path for path, version in resource_versions(newer).items() if before.get(path) != version} <= {
        LEASE.path("che", "che-restore")
    }


def test_what_is_there_already_and_has_the_defaults_is_kept(updated: FakeApi) -> None:
    result = restore(updated.cluster, replace(REQUEST, check_mode=True))

    assert (result["changed"], updated.written) == (False, [])
    assert restore(updated.cluster, replace(REQUEST, existing="fail"))["changed"] is False


def test_what_a_user_has_added_is_taken_away_and_the_defaults_stay(updated: FakeApi) -> None:
    set_spec(updated, devEnvironments={"maxNumberOfWorkspacesPerUser": -1, "defaultEditor": "mine"})

    result = restore(updated.cluster, REQUEST)

    assert (actions(result)[NAME], spec_of(updated)) == ("change", DEFAULT)
    (diff,) = [entry for entry in result["diff"] if entry["before_header"] == f"CheCluster/{NAME}"]
    assert diff["after"]["spec"] == DEFAULT, "a default that stays is no change"
    assert restore(updated.cluster, replace(REQUEST, run_id="r3"))["changed"] is False


def roll_out(api: FakeApi, replicas: int) -> None:
    """What an operator makes of another CheCluster: Deployments of a new generation."""
    metadata = {"labels": PART_OF, "generation": 2}
    status = {"observedGeneration": 2, "updatedReplicas": 1, "availableReplicas": replicas}
    api.add(DEPLOYMENT, "dashboard", "che", metadata=metadata, spec=deployment_spec(), status=status)


@pytest.mark.parametrize("killed_before", [False, True])
def test_nothing_is_committed_before_the_operator_has_looked_at_it(
    updated: FakeApi, clock: FakeClock, killed_before: bool
) -> None:
    """A CheCluster may name an image that is gone; until its operator has looked at it all is as ready as before."""
    roll_out(updated, 1)
    set_spec(updated, devEnvironments={"defaultEditor": "mine"})
    if killed_before:
        killed(updated, 7)
        assert data_of(updated, "che-restore-journal")["phase"] == "verify"
    began = clock.now
    updated.react("get", "checlusters$", lambda _request: roll_out(updated, 0) if clock.now >= began + 5 else None)

    with pytest.raises(WaitExpired, match="Deployment dashboard is not available"):
        restore(updated.cluster, replace(REQUEST, run_id="r3"))

    assert data_of(updated, "che-restore-journal")["phase"] == "verify"
    updated.reactions.clear()
    roll_out(updated, 1)
    assert restore(updated.cluster, replace(REQUEST, state="aborted", run_id="r4"))["aborted"]
    assert spec_of(updated)["devEnvironments"]["defaultEditor"] == "mine"


def test_a_restore_that_changes_no_che_cluster_waits_for_no_operator(updated: FakeApi, clock: FakeClock) -> None:
    updated.cluster.delete(SECRET, "oauth", "che")
    restore(updated.cluster, REQUEST)
    assert not clock.waits


def test_a_default_that_a_user_has_changed_is_put_back(updated: FakeApi) -> None:
    set_spec(updated, devEnvironments={"maxNumberOfWorkspacesPerUser": 5})

    result = restore(updated.cluster, REQUEST)

    assert (actions(result)[NAME], spec_of(updated)) == ("change", DEFAULT)


def test_a_handed_plan_holds_where_the_cluster_completes_the_object(updated: FakeApi) -> None:
    set_spec(updated, devEnvironments={"maxNumberOfWorkspacesPerUser": 5})
    plan = restore(updated.cluster, replace(REQUEST, check_mode=True))["plan"]

    assert restore(updated.cluster, replace(REQUEST, plan=plan))["changed"] is True


def test_its_operator_may_write_the_status_between_a_look_and_the_dry_run(updated: FakeApi) -> None:
    left = [2]

    def write_status(request: Request) -> None:
        if request.dry and left[0]:
            left[0] -= 1
            updated.add(CHE_CLUSTER_V2, NAME, "che", spec=DEFAULT, status={**READY, "message": str(left)})

    updated.react("put", "checlusters", write_status)

    assert restore(updated.cluster, replace(REQUEST, check_mode=True))["changed"] is False
    assert left == [0]


def test_a_server_that_refuses_the_dry_run_is_told_of(updated: FakeApi) -> None:
    """Nothing is known of its defaults then, and nothing is taken for one."""
    updated.fail("put", "checlusters", 403, "no permission to update")

    result = restore(updated.cluster, replace(REQUEST, check_mode=True))

    assert actions(result)[NAME] == "change"
    assert any("no permission to update" in blocker["message"] for blocker in result["plan"]["blockers"])


def test_a_restore_that_was_killed_after_it_took_something_away_goes_on(updated: FakeApi) -> None:
    """The API server notes no writer who only takes away: what was done is told by the object alone."""
    set_spec(updated, devEnvironments={"maxNumberOfWorkspacesPerUser": -1, "defaultEditor": "mine"})

    left = [1]

    def die(request: Request) -> None:
        if not request.dry and left:
            left.pop()
            raise KeyboardInterrupt

    updated.follow("put", "checlusters", die)
    with pytest.raises(KeyboardInterrupt):
        restore(updated.cluster, REQUEST)
    updated.objects.pop(LEASE.path("che", "che-restore"), None)

    result = restore(updated.cluster, replace(REQUEST, run_id="r3"))

    assert (result["resumed"], result["committed"], spec_of(updated)) == (True, True, DEFAULT)


def test_what_somebody_else_changes_meanwhile_and_the_restore_keeps_is_a_warning(che: FakeApi) -> None:
    che.add(CONFIG_MAP, "custom", "che", metadata={"labels": PART_OF}, data={"key": "changed"})
    rotated = encoded(database_name="openvsx", database_user="vsx", database_password="rotated")

    def rotate(request: Request) -> None:
        if not request.dry:
            che.add(SECRET, "openvsx-credentials", "che", metadata={"labels": PART_OF}, data=rotated)

    che.follow("put", "configmaps/custom", rotate)

    result = restore(che.cluster, REQUEST)

    assert result["committed"] is True
    assert [warning for warning in result["warnings"] if "openvsx-credentials" in warning]
    assert (che.at(SECRET, "openvsx-credentials", "che") or {})["data"] == rotated
    assert restore(che.cluster, replace(REQUEST, run_id="r3", check_mode=True))["changed"] is True


TRUST = {"config.openshift.io/inject-trusted-cabundle": "true"}


@pytest.fixture
def injected(api: FakeApi, restic: FakeRestic, clock: FakeClock) -> FakeApi:
    """A cluster that puts its own bundle of authorities, another one than at the backup, into what is labelled so."""
    made = FakeApi()
    for cluster, bundle in ((made, "of then"), (api, "of now")):
        install(cluster)
        cluster.add(CONFIG_MAP, "trust", "che", metadata={"labels": PART_OF | TRUST}, data={"ca-bundle.crt": bundle})
    restic.taken.clear()
    make_backup(restic, made)

    def inject(request: Request) -> None:
        found = api.at(CONFIG_MAP, "trust", "che")
        if found is not None and not request.dry and found["metadata"].get("labels", {}).keys() >= TRUST.keys():
            found["data"] = {**(found.get("data") or {}), "ca-bundle.crt": "of now"}

    for method in ("post", "put"):
        api.follow(method, "configmaps", inject)
    return api


def test_a_bundle_that_the_cluster_injects_is_no_difference(injected: FakeApi) -> None:
    result = restore(injected.cluster, REQUEST)

    assert (result["changed"], actions(result)["trust"]) == (False, "keep")


@pytest.mark.parametrize("lost", [True, False])
def test_a_restore_ends_where_the_cluster_injects_a_bundle(injected: FakeApi, lost: bool) -> None:
    injected.cluster.delete(CONFIG_MAP, "trust", "che")
    if not lost:
        injected.add(CONFIG_MAP, "trust", "che", metadata={"labels": PART_OF}, data={"ca-bundle.crt": "x", "y": "z"})

    result = restore(injected.cluster, REQUEST)

    assert (result["committed"], data_of(injected, "trust")) == (True, {"ca-bundle.crt": "of now"})


def test_an_abort_ends_where_the_injected_bundle_is_another_one_since(injected: FakeApi) -> None:
    found = injected.at(CONFIG_MAP, "trust", "che")
    assert found is not None
    found["data"] = {"ca-bundle.crt": "of yesterday", "added": "x"}
    restore(injected.cluster, replace(REQUEST, commit=False))

    assert restore(injected.cluster, replace(REQUEST, run_id="r3", state="aborted"))["aborted"] == "r2"
    assert data_of(injected, "trust") == {"ca-bundle.crt": "of now", "added": "x"}


def test_a_host_that_the_operator_of_v1_makes_up_anew_is_no_difference(
    api: FakeApi, restic: FakeRestic, clock: FakeClock
) -> None:
    source = FakeApi()
    spec = {"server": {"cheHost": "che-che.apps.example"}, "k8s": {"ingressDomain": "apps.example"}}
    # No version: one that has been reported tells that there is a server of Che's own database, too.
    install(source, CHE_CLUSTER_V1, spec=spec, status={"cheClusterRunning": "Available"})
    make_backup(restic, source, run="r0")
    api.kinds = (CHE_CLUSTER_V1,)
    add_operator(api)
    api.follow("post", "checlusters", lambda request: None if request.dry else operate(api))
    request = replace(REQUEST, namespace="moved", mappings=Mappings(namespace="moved"))

    result = restore(api.cluster, request)

    assert result["committed"] is True
    assert restore(api.cluster, replace(request, run_id="r3"))["changed"] is False

    set_spec(api, CHE_CLUSTER_V1, "moved", server={"cheHost": "che.mine.example"})
    assert actions(restore(api.cluster, replace(request, check_mode=True)))[NAME] == "change"


def operate(api: FakeApi) -> None:
    set_spec(api, CHE_CLUSTER_V1, "moved", server={"cheHost": "che-moved.apps.example"})
    made = api.at(CHE_CLUSTER_V1, NAME, "moved")
    assert made is not None
    made["status"] = {"cheClusterRunning": "Available", "cheVersion": "7.42.0"}


def test_what_the_operator_changes_of_what_was_saved_is_one(newer: FakeApi) -> None:
    def spoil(request: Request) -> None:
        if not request.dry:
            set_spec(newer, networking={"hostname": "elsewhere.example"})

    newer.follow("post", "checlusters", spoil)

    with pytest.raises(CheError, match=f"differ from the backup: CheCluster/{NAME}"):
        restore(newer.cluster, REQUEST)


@pytest.fixture
def waiting(api: FakeApi, restic: FakeRestic, clock: FakeClock) -> FakeApi:
    """A restore that has changed the CheCluster and waits for its commit."""
    install(api, spec={"devEnvironments": {"secondsOfRunBeforeIdling": 60}})
    api.follow("put", "checlusters", lambda request: None if request.dry else become_ready(api))
    restore(api.cluster, replace(REQUEST, commit=False))
    return api


def test_an_abort_ends_where_the_cluster_has_learned_to_add_something_since(waiting: FakeApi) -> None:
    """Its operator, or its CRD, was updated meanwhile."""
    waiting.complete(CHE_CLUSTER_V2, a_default)

    restore(waiting.cluster, replace(REQUEST, run_id="r3", state="aborted"))

    assert spec_of(waiting) == {"devEnvironments": {"secondsOfRunBeforeIdling": 60, "maxNumberOfWorkspacesPerUser": -1}}
    assert waiting.at(CONFIG_MAP, "che-restore-journal", "che") is None


def test_an_abort_does_not_end_while_somebody_sets_something_else(waiting: FakeApi) -> None:
    def set_it(request: Request) -> None:
        if not request.dry:
            set_spec(waiting, networking={"domain": "x"})

    waiting.follow("put", "checlusters", set_it)

    with pytest.raises(CheError, match="not as they were before: CheCluster"):
        restore(waiting.cluster, replace(REQUEST, run_id="r3", state="aborted"))
