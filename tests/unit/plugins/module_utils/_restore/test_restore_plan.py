# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a restore: told without a write, carried out as it was told, and refused when it is of the past."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._choice import Choice
from ansible_collections.community.che.plugins.module_utils._che._mapping import Mappings
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, DEPLOYMENT, SECRET
from ansible_collections.community.che.plugins.module_utils._restore._plan_store import store_plan
from ansible_collections.community.che.plugins.module_utils._restore._planning import make_plan
from ansible_collections.community.che.plugins.module_utils._restore._printed_plan import printed
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from ansible_collections.community.che.plugins.module_utils._restore._told_plan import Telling
from unit.che_objects import NAME, PART_OF, encoded
from unit.fake_api import FakeApi
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic, a_repository
from unit.plugins.module_utils._restore.restore_bed import REQUEST, Databases, change, is_record


def test_check_mode_tells_the_plan_and_writes_nothing(che: FakeApi, restic: FakeRestic, databases: Databases) -> None:
    change(che)
    databases.differ = True
    backups = len(restic.taken)

    result = restore(che.cluster, replace(REQUEST, check_mode=True))

    assert (result["changed"], result["verified"]) == (True, {})
    assert {entry["before_header"] for entry in result["diff"]} == {
        "Plan",
        "ConfigMap/custom",
        "Secret/oauth",
        "Database/openvsx",
    }
    assert result["plan"]["databases"][0]["action"] == "restore"
    assert (che.written, len(restic.taken), databases.done) == ([], backups, [])


def test_the_latest_of_another_namespace_is_restored_over_a_living_one_only_where_a_mapping_says_so(
    che: FakeApi, restic: FakeRestic
) -> None:
    newest = next(each for each in reversed(restic.taken) if "seal" in each.tags)
    restic.taken = [replace(each, hostname="che-b") for each in restic.taken]

    with pytest.raises(CheError, match="no complete backup of the namespace 'che', only of 'che-b'"):
        restore(che.cluster, replace(REQUEST, check_mode=True))
    assert restore(che.cluster, replace(REQUEST, id=newest.id, check_mode=True))["id"] == newest.id

    mapped = replace(REQUEST, mappings=Mappings(namespace="che"), check_mode=True)
    assert restore(che.cluster, mapped)["id"] == newest.id


def test_what_diff_prints_is_the_whole_plan(che: FakeApi, restic: FakeRestic, databases: Databases) -> None:
    change(che)
    che.add(SECRET, "later", "che", metadata={"labels": PART_OF}, data=encoded(a="hidden"), type="Opaque")
    che.cluster.delete(DEPLOYMENT, "che-operator", "openshift-operators")
    databases.differ = True

    result = restore(che.cluster, replace(REQUEST, check_mode=True))
    lines = result["diff"][0]["prepared"].splitlines()

    assert lines[0] == f"plan of the restore of backup {result['id'][:8]}"
    assert {"create (1): Secret/oauth", "change (1): ConfigMap/custom"} <= set(lines)
    assert any(line.startswith("keep (") and f"CheCluster/{NAME}" in line for line in lines)
    assert "left alone, as the backup has none (1): Secret/later" in lines
    (item,) = result["plan"]["databases"]
    (told,) = [line for line in lines if line.startswith("restore Database/openvsx: ")]
    assert f"{item['rows']} rows, PostgreSQL {item['saved_version']}, a dump of " in told
    assert f"; here 9 rows, PostgreSQL {item['live_version']}" in told
    assert any(line.startswith("blocked: operator: There is no operator of Che (") for line in lines)
    assert any(line.startswith("passed: validation: ") for line in lines)
    assert encoded(a="hidden")["a"] not in str(result)


def test_what_a_backup_calls_its_things_does_not_speak_to_the_terminal() -> None:
    nothing: dict[str, Any] = {name: [] for name in ("objects", "left_alone", "left_out", "databases", "adaptations")}
    nothing |= {"conversion": [], "preflight": [], "unproven": ["\x1b[2Jgone\r"], "backup": "f" * 64}
    assert printed(nothing)["prepared"].endswith("\nunproven: ?[2Jgone?\n\n")


def test_digests_of_a_plan_are_those_of_one_repository_and_its_password() -> None:
    key = Telling.of("sesame", "f" * 64).key
    assert key == Telling.of("sesame", "f" * 64).key
    assert len({key, Telling.of("sesame", "0" * 64).key, Telling.of("open", "f" * 64).key}) == 3
    assert hashlib.sha256(b"community.che plan sesame").digest() != key, "a guess must cost more than one hash"


def test_the_digest_in_the_journal_says_nothing_about_a_secret(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    plan = make_plan(che.cluster, REQUEST, a_repository(restic))
    first, second = (store_plan(a_repository(restic), "r1", "che", plan).digest for _time in range(2))
    assert first != second


def test_a_plan_is_carried_out_as_long_as_nothing_has_moved(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    plan = restore(che.cluster, replace(REQUEST, check_mode=True))["plan"]

    result = restore(che.cluster, replace(REQUEST, plan=plan))

    assert result["changed"] is True


def test_a_plan_is_carried_out_though_the_night_has_brought_a_newer_backup(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    plan = restore(che.cluster, replace(REQUEST, check_mode=True))["plan"]
    newer = make_backup(restic, run="r9")
    assert newer != plan["backup"]

    result = restore(che.cluster, replace(REQUEST, plan=plan))

    assert (result["changed"], result["id"]) == (True, plan["backup"])


@pytest.mark.parametrize("refused", ["by a handed plan", "by a blocker"])
def test_a_task_that_is_refused_makes_no_server_the_default(
    two_servers: FakeApi, restic: FakeRestic, databases: Databases, refused: str
) -> None:
    change(two_servers)
    plan = restore(two_servers.cluster, replace(REQUEST, check_mode=True))["plan"]
    two_servers.add(CONFIG_MAP, "custom", "che", metadata={"labels": PART_OF}, data={"key": "moved"})
    if refused == "by a blocker":
        two_servers.fail("put", "custom", 422, "data: Invalid value")
    two_servers.requests.clear()

    with pytest.raises(CheError):
        restore(two_servers.cluster, replace(REQUEST, plan=plan if refused == "by a handed plan" else None))

    assert [request.path for request in two_servers.written if not is_record(request.path)] == []
    assert restore(two_servers.cluster, replace(REQUEST, check_mode=True))["backup_server"]["made_default"] is True


def test_a_plan_is_refused_when_something_has_moved(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    plan = restore(che.cluster, replace(REQUEST, check_mode=True))["plan"]
    che.add(CONFIG_MAP, "custom", "che", metadata={"labels": PART_OF}, data={"key": "moved"})
    che.requests.clear()

    with pytest.raises(CheError, match="ConfigMap/custom") as caught:
        restore(che.cluster, replace(REQUEST, plan=plan, run_id="r3"))

    assert caught.value.stage == "plan"
    assert [request for request in che.written if not is_record(request.path)] == []


@pytest.mark.parametrize(
    "plan", [{}, {"objects": [], "databases": []}, {"objects": [], "databases": [], "backup": "x"}]
)
def test_what_is_no_plan_of_this_backup_is_refused(che: FakeApi, restic: FakeRestic, plan: dict[str, Any]) -> None:
    with pytest.raises(CheError, match="plan"):
        restore(che.cluster, replace(REQUEST, plan=plan))


def test_what_blocks_is_told_all_at_once_with_the_plan(che: FakeApi, restic: FakeRestic, databases: Databases) -> None:
    change(che)
    databases.differ = True
    che.cluster.delete(DEPLOYMENT, "che-operator", "openshift-operators")
    che.fail("put", "custom", 422, "data: Invalid value")
    che.requests.clear()

    told = restore(che.cluster, replace(REQUEST, check_mode=True))
    assert {blocker["name"] for blocker in told["plan"]["blockers"]} == {"operator", "validation"}
    assert che.written == []

    with pytest.raises(CheError, match="2 things keep it from beginning") as caught:
        restore(che.cluster, REQUEST)
    assert caught.value.stage == "check"
    assert "Install its operator" in str(caught.value)
    assert "data: Invalid value" in str(caught.value)
    assert caught.value.facts["plan"]["blockers"]
    assert [request for request in che.written if not is_record(request.path)] == []


@pytest.mark.parametrize("choice", [Choice(names=("oauth",)), Choice(parts=("database",))])
def test_what_was_not_chosen_is_not_told_to_be_missing_in_the_backup(
    che: FakeApi, restic: FakeRestic, choice: Choice
) -> None:
    change(che)
    che.add(SECRET, "later", "che", metadata={"labels": PART_OF}, data=encoded(a="b"), type="Opaque")

    told = restore(che.cluster, replace(REQUEST, choice=choice, check_mode=True))["plan"]

    assert told["left_alone"] == ["Secret/later"]
    assert {"ConfigMap/custom", "Secret/openvsx-credentials"} <= set(told["left_out"])


def test_objects_of_che_that_are_not_in_the_backup_are_named(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    che.add(SECRET, "later", "che", metadata={"labels": PART_OF}, data=encoded(a="b"), type="Opaque")

    result = restore(che.cluster, REQUEST)

    assert result["plan"]["left_alone"] == ["Secret/later"]
    assert che.at(SECRET, "later", "che") is not None
