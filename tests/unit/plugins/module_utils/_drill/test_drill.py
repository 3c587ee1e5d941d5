# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A drill as a whole: what it stores, what it only validates, and the record that it leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._drill._drill import DrillFailed, drill
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP
from ansible_collections.community.che.plugins.module_utils._kube._lease import LeaseHeld
from ansible_collections.community.che.plugins.module_utils._run._journal import Journal, OpenJournal
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import Migration, OpenMigration
from unit.che_objects import NAME
from unit.fake_api import FakeApi, Request, failure
from unit.fake_restic import FakeRestic
from unit.plugins.module_utils._drill.drill_bed import MOUNTED, PLACE, REQUEST, Server, left, live, record

STAGES = ["prepare", "fetch", "check", "objects", "databases", "clean up"]


def test_a_drill_that_passes_says_what_it_proved_and_leaves_only_its_records(
    che: FakeApi, restic: FakeRestic, server: Server
) -> None:
    before = live(che)

    result = drill(che.cluster, REQUEST)

    assert (result["verdict"], result["changed"]) == ("passed", True)
    assert result["backup"] == restic.taken[2].id
    assert [stage["name"] for stage in result["stages"]] == STAGES
    # Three Secrets and a ConfigMap; the namespace, the claim and the CheCluster are only validated.
    assert result["verified"] == {
        "objects": 4,
        "objects_validated": 7,
        "databases": 1,
        "tables": 1,
        "rows": 3,
        "sequences": 1,
        "large_objects": 1,
    }
    assert {item["what"] for item in result["not_verified"]} == {f"CheCluster/{NAME}", "PersistentVolumeClaim/shared"}
    assert server.done == ["space", "facts openvsx", "prepare", "load", "hand over", "facts che-drill", "drop"]
    assert result["recovery_point"] == "2026-03-01T12:00:02Z"
    assert result["recovery_time_seconds"] == pytest.approx(
        sum(map(result["phase_seconds"].get, ("fetch", "objects", "databases")))
    )
    assert live(che) == before
    assert left(che) == []


def test_the_record_holds_the_result_and_no_secret(che: FakeApi) -> None:
    result = drill(che.cluster, REQUEST)

    held = record(che)
    assert held == json.loads(json.dumps({key: result[key] for key in held}))
    assert {"verdict", "backup", "recovery_time_seconds", "recovery_point_age_seconds", "verified"} <= set(held)
    assert "s3cret" not in json.dumps(held)
    assert result["record"] == "che-drill-d1"


def test_objects_are_stored_without_what_a_controller_goes_by(che: FakeApi) -> None:
    stored: dict[str, Any] = {}

    def look(request: Request) -> None:
        if request.writes and request.body and f"/{PLACE}/" in request.path:
            stored[f"{request.body['kind']}/{request.body['metadata']['name']}"] = request.body

    che.react("post", "", look)

    drill(che.cluster, REQUEST)

    assert set(stored) == {"Secret/oauth", "Secret/openvsx-credentials", "Secret/mounted", "ConfigMap/custom"}
    for obj in stored.values():
        assert set(obj["metadata"]) == {"name", "namespace", "labels"}
        assert obj["metadata"]["labels"]["app.kubernetes.io/part-of"] == "backup.che.eclipse.org"
        assert "controller.devfile.io/mount-to-devworkspace" not in obj["metadata"]["labels"]
    dry = {request.body["metadata"]["name"]: request.body for request in che.requests if request.dry and request.body}
    assert dry["mounted"]["metadata"]["labels"] == MOUNTED
    assert {"shared", NAME, PLACE} <= set(dry)


def test_nobody_gets_a_right_in_the_scratch_namespace(che: FakeApi) -> None:
    drill(che.cluster, REQUEST)

    written = {request.path.rsplit("/", 1)[-1] for request in che.written if request.method == "post"}
    assert written == {"namespaces", "secrets", "configmaps", "leases"}


def test_without_a_namespace_to_keep_the_record_in_it_does_not_begin(api: FakeApi) -> None:
    with pytest.raises(CheError, match="There is no such namespace"):
        drill(api.cluster, REQUEST)


def test_a_failure_before_the_backup_is_found_is_recorded_too(che: FakeApi, restic: FakeRestic) -> None:
    restic.errors["snapshots"] = CheError("The server is away")

    with pytest.raises(DrillFailed, match="fetch: The server is away"):
        drill(che.cluster, REQUEST)

    held = record(che)
    assert (held["verdict"], held["backup"], held["recovery_point"]) == ("failed", "", "")
    assert held["error"]["stage"] == "fetch"


def test_a_drill_is_refused_while_a_restore_is_unfinished(che: FakeApi) -> None:
    OpenJournal.begin(che.cluster, "che", Journal("r9", "b", "r", "p", "d", "{}", "cut over", "r9"))
    che.requests.clear()

    with pytest.raises(CheError, match=r"unfinished.*r9, at: cut over"):
        drill(che.cluster, REQUEST)

    assert che.written == []


@pytest.mark.parametrize("phase", ["copy", "switch", "migrated"])
def test_a_drill_is_refused_while_a_migration_is_unfinished(che: FakeApi, phase: str) -> None:
    OpenMigration.begin(che.cluster, "che", Migration("m9", "r", "{}", phase, "m9"))
    che.requests.clear()

    with pytest.raises(CheError, match=rf"unfinished.*m9, at: {phase}.*then drill"):
        drill(che.cluster, REQUEST)

    assert che.written == []


def test_of_two_drills_one_is_refused_and_leaves_no_record(che: FakeApi) -> None:
    second: list[CheError] = []

    def at_once(request: Request) -> None:
        if not second and request.writes:
            second.append(CheError(""))
            with pytest.raises(LeaseHeld, match="run d1") as caught:
                drill(che.cluster, replace(REQUEST, run_id="d2"))
            second[0] = caught.value

    che.react("post", f"/namespaces/{PLACE}/secrets", at_once)

    assert drill(che.cluster, REQUEST)["verdict"] == "passed"
    assert len(second) == 1
    assert che.at(CONFIG_MAP, "che-drill-d2", "che") is None


def test_the_newest_ten_records_are_kept(che: FakeApi) -> None:
    for number in range(12):
        drill(che.cluster, replace(REQUEST, run_id=f"n{number:02}"))

    records = [name for name in che.names(CONFIG_MAP, "che") if name.startswith("che-drill-")]
    assert records == [f"che-drill-n{number:02}" for number in range(2, 12)]


def test_a_record_that_cannot_be_written_is_a_warning(che: FakeApi) -> None:
    def refuse(request: Request) -> None:
        if request.body and request.body["metadata"]["name"] == "che-drill-d1":
            raise failure(403, "configmaps is forbidden")

    che.react("post", "/configmaps$", refuse)

    result = drill(che.cluster, REQUEST)

    assert (result["verdict"], result["record"]) == ("passed", "")
    assert "could not be written" in result["warnings"][-1]


def test_check_mode_says_what_it_would_do_and_writes_nothing(che: FakeApi, server: Server) -> None:
    result = drill(che.cluster, replace(REQUEST, check_mode=True))

    assert result["plan"] == {
        "scratch_namespace": PLACE,
        "objects_stored": 4,
        "objects_validated": 7,
        "databases": [{"name": "openvsx", "action": "load", "why": ""}],
    }
    assert (result["verdict"], result["changed"]) == ("", True)
    assert che.written == []
    assert server.done == ["space"]


def test_a_backup_of_another_checluster_is_refused(che: FakeApi) -> None:
    with pytest.raises(DrillFailed, match=f"The backup is of the CheCluster {NAME}"):
        drill(che.cluster, replace(REQUEST, che_cluster="other"))
