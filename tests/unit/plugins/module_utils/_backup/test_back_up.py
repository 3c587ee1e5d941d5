# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup as a whole: its stages in order, the seal last of all, and no seal when anything went wrong."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup import _back_up, _dump
from ansible_collections.community.che.plugins.module_utils._backup._back_up import back_up
from ansible_collections.community.che.plugins.module_utils._backup._request import BackupRequest
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Halt, Interrupted
from ansible_collections.community.che.plugins.module_utils._kube._errors import JobFailed
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CHE_CLUSTER_V1, CONFIG_MAP, SECRET
from ansible_collections.community.che.plugins.module_utils._repository._errors import ServerFault
from ansible_collections.community.che.plugins.module_utils._run._journal import CUT_OVER, Journal, OpenJournal
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import catalogue
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import DatabasePlace, Manifest
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import part_tags
from ansible_collections.community.che.plugins.module_utils._version import COLLECTION_VERSION
from unit.che_objects import FIGURES, dump_log, encoded, error_log, install
from unit.fake_api import FakeApi
from unit.fake_backup import a_request
from unit.fake_restic import REPOSITORY_ID, FakeRestic, a_repository


@pytest.fixture
def restic(monkeypatch: pytest.MonkeyPatch) -> FakeRestic:
    """The repository, with a Job beside it that dumps into it."""
    fake = FakeRestic()

    def open_repository(*_args: Any, **_options: Any) -> Any:
        return a_repository(fake)

    def run_job(_cluster: Any, job: Any, _secret: Any, _deadline: Any) -> str:
        fake.calls.append("job")
        environment = {item["name"]: item["value"] for item in job["spec"]["template"]["spec"]["containers"][0]["env"]}
        summary = fake.save({"db/openvsx.sql": b"x" * 100}, environment["CHE_TAGS"].split(","))
        return dump_log(summary.snapshot_id)

    monkeypatch.setattr(_back_up, "open_repository", open_repository)
    monkeypatch.setattr(_dump, "run_job", run_job)
    return fake


@pytest.fixture
def request_(api: FakeApi) -> BackupRequest:
    install(api)
    return a_request()


def the_record(api: FakeApi) -> dict[str, str]:
    config_map = api.at(CONFIG_MAP, "che-run-r1", "che")
    assert config_map is not None
    data: dict[str, str] = config_map["data"]
    return data


def test_a_backup_is_complete_and_told_in_full(api: FakeApi, restic: FakeRestic, request_: BackupRequest) -> None:
    result = back_up(api.cluster, request_)

    (backup,) = catalogue(restic.taken)
    assert (backup.id, backup.state, backup.run) == (result["id"], "complete", "r1")
    assert (result["changed"], result["run_id"]) == (True, "r1")
    assert [stage["name"] for stage in result["stages"]] == ["connect", "collect", "dump", "seal"]
    assert [(part["kind"], part["name"]) for part in result["parts"]] == [
        ("installation", "eclipse-che"),
        ("database", "openvsx"),
    ]
    assert result["counts"] == {
        "objects": 5,
        # Two that are not Che's, and the run's own record.
        "skipped": 3,
        "databases": 1,
        "tables": 1,
        "rows": 3,
        "large_objects": 1,
    }
    assert result["sizes"]["bytes"] > 100
    assert "Secret/oauth" in result["saved"]
    assert result["backup_server"]["repository"] == "rest:https://backup.example.org:8000/che/"
    assert (the_record(api)["state"], the_record(api)["snapshotId"]) == ("Succeeded", result["id"])


def test_the_seal_comes_after_everything_was_read_back(
    api: FakeApi, restic: FakeRestic, request_: BackupRequest
) -> None:
    back_up(api.cluster, request_)

    assert restic.calls[restic.calls.index("job") :] == [
        "job",
        "backup_folder",
        "restore_folder",
        "backup_folder",
        "dump",
    ]
    assert "seal" in restic.taken[-1].tags and "parts=2" in restic.taken[-1].tags


def test_the_manifest_says_what_was_saved(api: FakeApi, restic: FakeRestic, request_: BackupRequest) -> None:
    result = back_up(api.cluster, request_)

    manifest = Manifest.from_json(restic.files[result["id"]]["manifest.json"])
    installation, database = manifest.parts
    assert (manifest.run, manifest.collection_version, manifest.restic_version) == ("r1", COLLECTION_VERSION, "0.19.1")
    assert manifest.installation.namespace == "che"
    assert installation.repository == database.repository == REPOSITORY_ID
    assert set(installation.objects or {}) == set(result["saved"])
    assert database.database == FIGURES
    assert {part.snapshot for part in manifest.parts} == {part["snapshot"] for part in result["parts"]}


@pytest.mark.parametrize("choice", ["external", "skip"])
def test_the_manifest_says_where_a_database_of_somebody_else_s_is_and_whether_it_was_saved(
    api: FakeApi, restic: FakeRestic, choice: str
) -> None:
    place = {"externalDb": True, "chePostgresHostName": "db.example", "chePostgresPort": "6432"}
    install(api, CHE_CLUSTER_V1, database=False, spec={"database": place})
    api.add(SECRET, "postgres-credentials", "che", data=encoded(user="pgche", password="s3cret-external"))

    result = back_up(api.cluster, a_request(database=choice))

    held = Manifest.from_json(restic.files[result["id"]]["manifest.json"]).installation.databases
    assert held == (DatabasePlace("che", "dbche", "db.example", 6432, saved=choice == "external"),)
    assert result["databases"] == [asdict(found) for found in held]


def test_an_installation_without_a_database_is_a_complete_backup_too(api: FakeApi, restic: FakeRestic) -> None:
    install(api, database=False)

    result = back_up(api.cluster, a_request())

    assert [part["kind"] for part in result["parts"]] == ["installation"]
    assert [backup.state for backup in catalogue(restic.taken)] == ["complete"]
    assert result["counts"]["databases"] == 0
    assert "job" not in restic.calls
    assert result["stages"][2]["message"] == "No database to dump"


def test_an_installation_that_has_never_been_ready_can_be_backed_up_and_read(api: FakeApi, restic: FakeRestic) -> None:
    install(api, database=False, status={})

    result = back_up(api.cluster, a_request())

    assert Manifest.from_json(restic.files[result["id"]]["manifest.json"]).installation.che_version == ""


def test_check_mode_tells_what_would_be_saved_and_writes_nothing(
    api: FakeApi, restic: FakeRestic, request_: BackupRequest
) -> None:
    result = back_up(api.cluster, replace(request_, check_mode=True))

    assert (result["changed"], result["id"], result["parts"]) == (True, "", [])
    assert "Secret/oauth" in result["saved"]
    assert result["counts"]["databases"] == 1
    assert (api.written, restic.taken) == ([], [])


def test_a_missing_reference_is_a_warning(api: FakeApi, restic: FakeRestic) -> None:
    install(api, database=False, spec={"networking": {"tlsSecretName": "gone"}})
    (warning,) = back_up(api.cluster, a_request())["warnings"]
    assert "Secret gone" in warning


def test_what_a_dump_leaves_out_is_a_warning(
    api: FakeApi, restic: FakeRestic, request_: BackupRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_dump, "run_job", lambda *_args: dump_log("b" * 64, warnings=("no grants",)))
    assert back_up(api.cluster, request_)["warnings"] == ["openvsx: no grants"]


@pytest.mark.parametrize("beside", [False, True])
def test_the_old_operator_s_repository_is_used_only_when_asked_for(
    api: FakeApi, restic: FakeRestic, request_: BackupRequest, beside: bool
) -> None:
    restic.save({"che-cr.yaml": b""}, (), path="/tmp/che-backup-data")

    if beside:
        assert back_up(api.cluster, replace(request_, beside_legacy=True))["id"]
        return
    with pytest.raises(CheError, match="beside_legacy") as caught:
        back_up(api.cluster, request_)
    assert caught.value.stage == "connect"
    assert len(restic.taken) == 1


def assert_failed(api: FakeApi, restic: FakeRestic, error: CheError, stage: str) -> None:
    assert error.stage == stage
    assert error.facts["run_id"] == "r1"
    assert error.facts["stages"][-1]["name"] == stage
    assert [backup.state for backup in catalogue(restic.taken) if backup.state == "complete"] == []
    assert (the_record(api)["state"], the_record(api)["stage"]) == ("Failed", stage)
    assert str(error) == the_record(api)["message"]


def test_a_dump_that_fails_leaves_no_seal(
    api: FakeApi, restic: FakeRestic, request_: BackupRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_job(*_args: Any) -> str:
        raise JobFailed("The Job failed", log=error_log("dump", "error: connection reset"))

    monkeypatch.setattr(_dump, "run_job", run_job)

    with pytest.raises(JobFailed, match="connection reset") as caught:
        back_up(api.cluster, request_)
    assert_failed(api, restic, caught.value, "dump")
    assert restic.taken == []


@pytest.mark.parametrize("call", ["backup_folder", "restore_folder"])
def test_a_server_that_fails_before_the_seal_leaves_no_seal(
    api: FakeApi, restic: FakeRestic, request_: BackupRequest, call: str
) -> None:
    restic.errors[call] = ServerFault("The server is down")

    with pytest.raises(ServerFault) as caught:
        back_up(api.cluster, request_)
    assert_failed(api, restic, caught.value, "seal")


def test_objects_that_come_back_changed_leave_no_seal(
    api: FakeApi, restic: FakeRestic, request_: BackupRequest
) -> None:
    damaged = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: custom, namespace: che}\ndata: {key: other}\n"
    restic.damaged["configmaps/custom.yaml"] = damaged

    with pytest.raises(CheError, match="not those that were sent") as caught:
        back_up(api.cluster, request_)
    assert_failed(api, restic, caught.value, "seal")


@pytest.mark.parametrize("error", [ServerFault("The server is down"), Interrupted("The task was stopped")])
def test_a_seal_that_cannot_be_read_back_is_taken_away(
    api: FakeApi, restic: FakeRestic, request_: BackupRequest, error: Halt
) -> None:
    restic.errors["dump"] = error

    with pytest.raises(type(error)) as caught:
        back_up(api.cluster, request_)
    assert_failed(api, restic, caught.value, "seal")
    assert len(restic.forgotten) == 1


def test_a_seal_that_comes_back_changed_is_taken_away(
    api: FakeApi, restic: FakeRestic, request_: BackupRequest
) -> None:
    restic.damaged["manifest.json"] = b"{}"

    with pytest.raises(CheError, match="seal read back differs") as caught:
        back_up(api.cluster, request_)
    assert_failed(api, restic, caught.value, "seal")


def test_a_seal_that_can_neither_be_read_nor_taken_away_is_told_with_the_first_reason(
    api: FakeApi, restic: FakeRestic, request_: BackupRequest
) -> None:
    restic.errors["dump"] = ServerFault("The server went down")
    restic.errors["forget_ids"] = ServerFault("Still down")

    with pytest.raises(ServerFault, match="The server went down") as caught:
        back_up(api.cluster, request_)
    assert restic.taken[-1].id[:8] in str(caught.value), "whoever reads it must know which one to remove"


def test_no_secret_is_in_what_the_task_returns(api: FakeApi, restic: FakeRestic, request_: BackupRequest) -> None:
    text = json.dumps(back_up(api.cluster, request_))
    for secret in ("s3cret", "sesame", "czNjcmV0"):
        assert secret not in text


def test_the_parts_of_an_earlier_failed_run_do_not_count(
    api: FakeApi, restic: FakeRestic, request_: BackupRequest
) -> None:
    restic.save({"x": b"x"}, part_tags("r0", "installation"))

    back_up(api.cluster, request_)

    assert [backup.state for backup in catalogue(restic.taken)] == ["complete", "incomplete"]


def test_a_backup_during_which_a_restore_has_begun_to_change_something_is_not_sealed(
    api: FakeApi, restic: FakeRestic, request_: BackupRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its objects may be those of before and its databases those of after."""
    begun = Journal("r9", "b", "r", "p", "d", "{}", CUT_OVER, "r9")
    dump = _back_up.dump_databases

    def meanwhile(work: Any) -> Any:
        OpenJournal.begin(api.cluster, "che", begun)
        return dump(work)

    monkeypatch.setattr(_back_up, "dump_databases", meanwhile)
    with pytest.raises(CheError, match="neither what was nor what is to be") as caught:
        back_up(api.cluster, request_)

    assert caught.value.stage == "seal"
    assert [backup.state for backup in catalogue(restic.taken)] == ["incomplete"]
