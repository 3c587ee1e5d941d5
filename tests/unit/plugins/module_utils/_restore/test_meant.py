# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which CheCluster a restore is about where the one that is there has another name, and whose backup is meant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._choice import Choice
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V2,
    CONFIG_MAP,
    NAMESPACE,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from unit.che_objects import NAME, PART_OF, READY, install
from unit.fake_api import FakeApi
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic
from unit.plugins.module_utils._restore.restore_bed import REQUEST, Databases, change, data_of, killed, stage_names

OTHER = "devspaces"


@pytest.fixture
def renamed(che: FakeApi) -> FakeApi:
    """The installation as it was backed up, but for the name of its CheCluster."""
    che.cluster.delete(CHE_CLUSTER_V2, NAME, "che")
    che.add(CHE_CLUSTER_V2, OTHER, "che", spec={}, status=READY)
    change(che)
    return che


def ask(api: FakeApi, *names: str, **changes: Any) -> dict[str, Any]:
    return restore(api.cluster, replace(REQUEST, choice=Choice(names=names), **changes))


def test_a_che_cluster_of_another_name_blocks_the_plan_with_both_names(renamed: FakeApi) -> None:
    told = restore(renamed.cluster, replace(REQUEST, check_mode=True))["plan"]["blockers"]
    assert [check["name"] for check in told] == ["CheCluster"]
    assert NAME in told[0]["message"] and OTHER in told[0]["message"]

    with pytest.raises(CheError, match=f"{NAME}.*{OTHER}.*Leave it out") as caught:
        restore(renamed.cluster, REQUEST)
    assert caught.value.facts["plan"]["blockers"] == told
    assert renamed.names(CHE_CLUSTER_V2, "che") == [OTHER] and renamed.names(SECRET, "che") == ["openvsx-credentials"]


def test_its_webhook_refuses_and_is_not_waited_for(renamed: FakeApi) -> None:
    renamed.fail("post", "checlusters", 403, "admission webhook denied the request: only one CheCluster is allowed")
    told = restore(renamed.cluster, replace(REQUEST, check_mode=True))["plan"]
    assert {check["name"] for check in told["blockers"]} == {"CheCluster", "validation"}


def test_without_the_che_cluster_the_rest_is_restored_beside_the_other_one(
    renamed: FakeApi, databases: Databases
) -> None:
    done = ask(renamed, "Secret/oauth")
    assert (done["committed"], bool(done["safety_backup_id"])) == (True, True)
    assert next(each["message"] for each in done["stages"] if each["name"] == "safety backup") == (
        "Backing up what is there now"
    )
    assert "oauth" in renamed.names(SECRET, "che") and "commit" in stage_names(done)


def test_the_che_cluster_that_a_task_names_is_that_of_the_backup(che: FakeApi) -> None:
    change(che)
    with pytest.raises(CheError, match=f"The backup is of the CheCluster {NAME} .*che_cluster {OTHER}"):
        restore(che.cluster, replace(REQUEST, che_cluster=OTHER, run_id="refused"))
    assert restore(che.cluster, replace(REQUEST, che_cluster=NAME))["committed"]


def test_the_one_that_stays_is_the_one_that_a_task_names(renamed: FakeApi) -> None:
    with pytest.raises(CheError, match=f"There is no CheCluster named {NAME}"):
        ask(renamed, "Secret/oauth", che_cluster=NAME, run_id="r3")
    renamed.add(CHE_CLUSTER_V2, "another", "che", spec={}, status=READY)
    with pytest.raises(CheError, match=f"several CheClusters: another, {OTHER}"):
        ask(renamed, "Secret/oauth", run_id="r4")
    assert ask(renamed, "Secret/oauth", che_cluster=OTHER)["committed"]


@pytest.mark.parametrize("state", ["restored", "aborted"])
def test_what_is_unfinished_is_ended_with_its_own_che_cluster_alone(che: FakeApi, state: str) -> None:
    change(che)
    killed(che, 3)
    with pytest.raises(CheError, match=f"about the CheCluster {NAME} .*che_cluster {OTHER}"):
        restore(che.cluster, replace(REQUEST, che_cluster=OTHER, state=state, run_id="r3"))
    assert restore(che.cluster, replace(REQUEST, che_cluster=NAME, state=state, run_id="r4"))["resumed"]


def test_one_elsewhere_is_told_where_no_dry_run_can_ask(che: FakeApi) -> None:
    for kind, name in ((CHE_CLUSTER_V2, NAME), (NAMESPACE, "che")):
        che.cluster.delete(kind, name, "che" if kind is CHE_CLUSTER_V2 else "")
    che.add(CHE_CLUSTER_V2, OTHER, "elsewhere", spec={}, status=READY)

    told = restore(che.cluster, replace(REQUEST, check_mode=True))["plan"]["preflight"]

    found = [check for check in told if check["name"] == "CheCluster"]
    assert [(check["result"], check["object"]) for check in found] == [("warned", f"CheCluster elsewhere/{OTHER}")]


@pytest.fixture
def of_another_cluster(che: FakeApi, restic: FakeRestic) -> FakeApi:
    """The installation, and the newest backup of its namespace: one of another cluster in the same repository."""
    here = che.add(NAMESPACE, "kube-system")["metadata"]["uid"]
    made = FakeApi()
    assert made.add(NAMESPACE, "kube-system")["metadata"]["uid"] != here
    install(made)
    made.add(CONFIG_MAP, "custom", "che", metadata={"labels": PART_OF}, data={"key": "of the other one"})
    restic.taken.clear()
    make_backup(restic, made)
    return che


def test_the_newest_backup_of_another_cluster_does_not_replace_what_lives_here_unasked(
    of_another_cluster: FakeApi,
) -> None:
    che = of_another_cluster
    told = restore(che.cluster, replace(REQUEST, check_mode=True))["plan"]
    (blocker,) = told["blockers"]
    assert (blocker["name"], told["backup"] in blocker["lift"]) == ("backup", True)

    for plan in (None, told):
        with pytest.raises(CheError, match="made on another cluster"):
            restore(che.cluster, replace(REQUEST, plan=plan, run_id=f"r{3 + bool(plan)}"))
    assert data_of(che, "custom") == {"key": "value"}


@pytest.mark.parametrize("by", ["id", "mappings", "loss"])
def test_one_that_is_meant_is_restored_here_too(of_another_cluster: FakeApi, by: str) -> None:
    che = of_another_cluster
    plan = restore(che.cluster, replace(REQUEST, check_mode=True))["plan"]
    asked = {
        "id": replace(REQUEST, id=plan["backup"][:8]),
        "mappings": replace(REQUEST, mappings=Mappings(storage_classes={"a": "b"})),
        "loss": REQUEST,
    }[by]
    if by == "loss":
        che.cluster.delete(CHE_CLUSTER_V2, NAME, "che")
    told = restore(che.cluster, replace(asked, check_mode=True))["plan"]["blockers"]
    assert "made on another cluster" not in str(told)


def test_whose_backup_it_is_is_not_asked_again_when_a_restore_is_gone_on_with(
    of_another_cluster: FakeApi, databases: Databases
) -> None:
    che = of_another_cluster
    che.cluster.delete(CHE_CLUSTER_V2, NAME, "che")
    che.cluster.delete(CONFIG_MAP, "custom", "che")
    killed(che, 5)
    che.cluster.delete(CONFIG_MAP, "custom", "che")
    assert che.at(CHE_CLUSTER_V2, NAME, "che") is not None
    told = restore(che.cluster, replace(REQUEST, check_mode=True, run_id="r2"))
    assert "made on another cluster" not in str(told["plan"]["blockers"])
