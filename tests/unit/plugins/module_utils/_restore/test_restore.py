# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore as a whole: what it changes and what not, and that its safety backup comes first."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ansible_collections.community.che.plugins.module_utils._che._choice import Choice
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    CHE_CLUSTER_V2,
    CONFIG_MAP,
    NAMESPACE,
    SECRET,
    Kind,
)
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._restore import _restore
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import Migration, OpenMigration
from ansible_collections.community.che.plugins.module_utils._server._stored import StoredServer, to_object
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import catalogue
from unit.che_objects import NAME, PART_OF, READY, add_operator, encoded, install
from unit.fake_api import FakeApi, FakeClock, Request
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic, a_repository
from unit.plugins.module_utils._restore.restore_bed import (
    REQUEST,
    Databases,
    become_ready,
    change,
    data_of,
    resource_versions,
    stage_names,
)

STAGES = ["plan", "check", "safety backup", "stage", "cut over", "verify", "commit"]
GOING = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["che.eclipse.org/container-run"]}


def delete_halfway(che: FakeApi, kind: Kind, name: str) -> None:
    """As the API server leaves an object whose finalizer nobody ends."""
    found = che.at(kind, name, "che" if kind.namespaced else "")
    assert found is not None
    found["metadata"].update(GOING)


def test_what_was_changed_is_back_and_what_was_added_is_left_alone(che: FakeApi, restic: FakeRestic) -> None:
    change(che)

    result = restore(che.cluster, REQUEST)

    assert (result["changed"], result["id"]) == (True, restic.taken[2].id)
    assert data_of(che, "custom") == {"key": "value"}
    assert che.at(SECRET, "oauth", "che") is not None
    assert data_of(che, "new") == {"mine": "x"}
    assert stage_names(result) == STAGES
    actions = {f"{step['kind']}/{step['name']}": step["action"] for step in result["plan"]["objects"]}
    assert actions["ConfigMap/custom"] == "change"
    assert actions["Secret/oauth"] == "create"
    assert actions[f"CheCluster/{NAME}"] == actions["Namespace/che"] == "keep"
    assert "ConfigMap/new" not in actions
    how = result["verified"].pop("how")
    assert result["verified"] == {"objects": 4, "tables": 1, "sequences": 1, "large_objects": 1}
    assert how[:2] == [
        "4 objects: by a digest of all that each holds, once Che was ready again.",
        "1 namespaces and claims: not compared, as clusters write to them.",
    ]
    assert how[2].startswith("Database openvsx: 1 tables by rows and checksum, ")
    assert how[2].endswith(" in the live one, when the plan was made.")


def test_the_second_time_nothing_is_changed_and_no_safety_backup_is_made(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    restore(che.cluster, REQUEST)
    backups, versions = len(restic.taken), resource_versions(che)

    result = restore(che.cluster, replace(REQUEST, run_id="r3", id=restic.taken[2].id))

    assert (result["changed"], result["safety_backup_id"], result["diff"]) == (False, "", [])
    assert stage_names(result) == ["plan", "check"]
    assert len(restic.taken) == backups
    assert resource_versions(che) == versions


@pytest.mark.parametrize("differs", [False, True])
@pytest.mark.parametrize(
    ("kind", "name"), [(CHE_CLUSTER_V2, NAME), (SECRET, "openvsx-credentials"), (NAMESPACE, "che")]
)
def test_what_is_being_deleted_counts_neither_as_restored_nor_is_it_written_to(
    che: FakeApi, restic: FakeRestic, databases: Databases, differs: bool, kind: Kind, name: str
) -> None:
    if differs:
        change(che)
    delete_halfway(che, kind, name)
    backups, versions = len(restic.taken), resource_versions(che)

    with pytest.raises(
        CheError, match=r"deleted and waits for the finalizer che\.eclipse\.org/container-run"
    ) as caught:
        restore(che.cluster, REQUEST)

    assert f"{kind.kind} {name}" in str(caught.value)
    assert "run the task again" in str(caught.value)
    assert (databases.done, len(restic.taken), resource_versions(che)) == ([], backups, versions)
    rehearsed = restore(che.cluster, replace(REQUEST, check_mode=True, run_id="r3"))
    assert rehearsed["changed"] is True
    assert "deletion" in [blocker["name"] for blocker in rehearsed["plan"]["blockers"]]


def test_a_database_is_not_restored_into_an_installation_that_is_being_deleted(
    che: FakeApi, restic: FakeRestic, databases: Databases
) -> None:
    delete_halfway(che, CHE_CLUSTER_V2, NAME)
    databases.differ = True

    with pytest.raises(CheError, match=f"It is being deleted.*CheCluster {NAME}"):
        restore(che.cluster, replace(REQUEST, choice=Choice(parts=("database",))))

    assert databases.done == []


def test_the_safety_backup_is_complete_before_anything_is_written(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    seen: list[str] = []

    def look(request: Request) -> None:
        if request.writes and request.body and request.body["metadata"]["name"] in ("custom", "oauth"):
            seen.append(catalogue(restic.taken)[0].state)
            assert len(catalogue(restic.taken)) == 2

    che.react("put", "", look)
    che.react("post", "", look)

    result = restore(che.cluster, REQUEST)

    assert seen and set(seen) == {"complete"}
    assert result["safety_backup_id"] == catalogue(restic.taken)[0].id


def test_without_a_safety_backup_the_stage_says_so(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    backups = len(restic.taken)

    result = restore(che.cluster, replace(REQUEST, safety_backup=False))

    assert (result["safety_backup_id"], len(catalogue(restic.taken))) == ("", 1)
    assert len(restic.taken) == backups + 1, "the plan, and nothing else"
    assert "safety_backup is false" in result["stages"][2]["message"]


def test_a_lost_namespace_comes_back_before_its_databases(
    api: FakeApi, restic: FakeRestic, databases: Databases, clock: FakeClock
) -> None:
    api.kinds = (CHE_CLUSTER_V2,)
    add_operator(api)

    def operator(_request: Request) -> None:
        che = api.at(CHE_CLUSTER_V2, NAME, "che")
        assert che is not None
        che["status"] = READY

    api.follow("post", "checlusters", lambda request: None if request.dry else operator(request))

    result = restore(api.cluster, REQUEST)

    assert (result["changed"], result["safety_backup_id"]) == (True, "")
    assert "There is no CheCluster" in result["stages"][2]["message"]
    assert api.names(SECRET, "che") == ["oauth", "openvsx-credentials"]
    assert databases.done == ["stage", "cut over", "commit"]
    namespace = api.at(NAMESPACE, "che")
    assert namespace is not None and namespace["metadata"]["labels"] == {"team": "che"}
    assert {step["validated"] for step in result["plan"]["objects"] if step["kind"] == "CheCluster"} == {False}
    record = api.at(CONFIG_MAP, "che-run-r2", "che")
    assert record is not None and record["data"]["state"] == "Succeeded"


def test_what_is_there_without_a_checluster_is_not_replaced_unasked(
    che: FakeApi, restic: FakeRestic, databases: Databases
) -> None:
    """No safety backup can be made of it, and only whoever says so goes without one."""
    che.cluster.delete(CHE_CLUSTER_V2, NAME, "che")
    che.add(SECRET, "oauth", "che", metadata={"labels": PART_OF}, data=encoded(id="rotated"), type="Opaque")
    che.follow("post", "checlusters", lambda request: None if request.dry else become_ready(che))

    with pytest.raises(CheError, match="without a CheCluster no backup of it can be made") as caught:
        restore(che.cluster, REQUEST)
    assert "Secret oauth" in str(caught.value)
    assert f"names: CheCluster/{NAME}" in str(caught.value)
    assert "safety_backup" in str(caught.value)
    assert databases.done == []

    result = restore(che.cluster, replace(REQUEST, safety_backup=False, run_id="r3"))
    assert any("nothing of it is saved (Secret oauth)" in words for words in result["warnings"])
    assert (result["committed"], databases.done) == (True, ["stage", "cut over", "commit"])


def test_what_is_there_without_a_checluster_is_backed_up_once_there_is_one(che: FakeApi, restic: FakeRestic) -> None:
    che.cluster.delete(CHE_CLUSTER_V2, NAME, "che")
    che.add(SECRET, "oauth", "che", metadata={"labels": PART_OF}, data=encoded(id="rotated"), type="Opaque")
    che.follow("post", "checlusters", lambda request: None if request.dry else become_ready(che))
    backup = catalogue(restic.taken)[0].id

    restore(che.cluster, replace(REQUEST, choice=Choice(names=(f"CheCluster/{NAME}",))))
    result = restore(che.cluster, replace(REQUEST, id=backup, run_id="r3"))

    assert (result["committed"], bool(result["safety_backup_id"])) == (True, True)


def test_a_backup_of_a_later_generation_is_refused(che: FakeApi, restic: FakeRestic) -> None:
    che.kinds = (CHE_CLUSTER_V1,)

    with pytest.raises(CheError, match="there is no way back") as caught:
        restore(che.cluster, REQUEST)
    assert (caught.value.stage, "7.122.0" in str(caught.value)) == ("check", True)
    blocker = next(found for found in caught.value.facts["plan"]["blockers"] if found["name"] == "conversion")
    assert blocker["lift"] == "Install the operator of Che 7.122.0 first."


def test_no_secret_is_in_what_the_task_returns(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    text = json.dumps(restore(che.cluster, REQUEST))
    for secret in ("s3cret", "sesame", "czNjcmV0"):
        assert secret not in text


def test_naming_another_server_makes_it_the_default_and_is_a_change(
    two_servers: FakeApi, restic: FakeRestic, databases: Databases
) -> None:
    checked = restore(two_servers.cluster, replace(REQUEST, check_mode=True))
    assert (checked["changed"], checked["backup_server"]["made_default"]) == (True, True)

    first = restore(two_servers.cluster, REQUEST)
    assert (first["changed"], first["backup_server"]["made_default"]) == (True, True)

    second = restore(two_servers.cluster, replace(REQUEST, run_id="r3"))
    assert (second["changed"], second["backup_server"]["made_default"]) == (False, False)


def test_what_opens_a_backup_server_now_is_never_put_back_to_what_it_was(
    api: FakeApi, databases: Databases, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older repository password in its place would leave none that works."""
    labels = {"app.kubernetes.io/part-of": "che.eclipse.org"}
    install(api)
    api.cluster.create(to_object(StoredServer("main", RestServer("main.example"), "mine"), "che"))
    api.add(SECRET, "mine", "che", metadata={"labels": labels}, data=encoded(password="old"), type="Opaque")
    held = FakeRestic()
    make_backup(held, api)
    monkeypatch.setattr(_restore, "open_repository", lambda *_args, **_options: a_repository(held))
    backup = catalogue(held.taken)[0].id
    api.add(SECRET, "mine", "che", metadata={"labels": labels}, data=encoded(password="new"), type="Opaque")
    change(api)

    result = restore(api.cluster, replace(REQUEST, id=backup, safety_backup=False))

    secret = api.at(SECRET, "mine", "che")
    assert secret is not None and secret["data"] == encoded(password="new")
    assert any("opens a backup server" in words and "Secret mine" in words for words in result["warnings"])
    assert data_of(api, "custom") == {"key": "value"}

    api.cluster.delete(SECRET, "mine", "che")
    restore(api.cluster, replace(REQUEST, id=backup, safety_backup=False, run_id="r3"))
    assert api.at(SECRET, "mine", "che") is not None


def test_one_object_alone_is_restored(che: FakeApi, restic: FakeRestic, databases: Databases) -> None:
    change(che)
    databases.differ = True

    result = restore(che.cluster, replace(REQUEST, choice=Choice(names=("oauth",))))

    assert che.at(SECRET, "oauth", "che") is not None
    assert data_of(che, "custom") == {"key": "value", "added": "x"}
    assert "ConfigMap/custom" in result["plan"]["left_out"]
    assert [step["name"] for step in result["plan"]["objects"]] == ["che", "oauth"]


def test_what_is_there_is_kept_when_that_is_asked_for(che: FakeApi, restic: FakeRestic) -> None:
    change(che)

    result = restore(che.cluster, replace(REQUEST, existing="keep"))

    assert data_of(che, "custom") == {"key": "value", "added": "x"}
    assert che.at(SECRET, "oauth", "che") is not None
    actions = {step["name"]: step["action"] for step in result["plan"]["objects"]}
    assert (actions["custom"], actions["oauth"]) == ("leave", "create")


def test_what_is_there_and_differs_blocks_when_that_is_asked_for(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    with pytest.raises(CheError, match=r"is there and is not what was saved \(ConfigMap custom\)"):
        restore(che.cluster, replace(REQUEST, existing="fail"))
    assert data_of(che, "custom") == {"key": "value", "added": "x"}


def test_another_namespace_needs_its_mapping(che: FakeApi, restic: FakeRestic) -> None:
    che.add(NAMESPACE, "other")
    with pytest.raises(CheError, match=r"mappings\.namespace"):
        restore(che.cluster, replace(REQUEST, namespace="other"))


def test_che_that_was_not_ready_before_is_not_waited_for_when_one_secret_is_restored(
    che: FakeApi, restic: FakeRestic
) -> None:
    change(che)
    live = che.at(CHE_CLUSTER_V2, NAME, "che")
    assert live is not None
    live["status"] = {"chePhase": "Pending"}

    result = restore(che.cluster, replace(REQUEST, safety_backup=False, choice=Choice(names=("oauth",))))

    assert result["committed"] is True


@pytest.mark.parametrize("phase", ["copy", "switch", "migrated"])
@pytest.mark.parametrize("state", ["restored", "aborted"])
def test_beside_a_migration_nothing_is_restored(che: FakeApi, databases: Databases, phase: str, state: str) -> None:
    change(che)
    OpenMigration.begin(che.cluster, "che", Migration("m9", "r", "{}", phase, "m9"))
    before = resource_versions(che)
    with pytest.raises(CheError, match=rf"migration m9, at: {phase}.*then restore"):
        restore(che.cluster, replace(REQUEST, state=state))
    assert (resource_versions(che), databases.done) == (before, [])
