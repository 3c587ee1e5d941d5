# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore as a whole: nothing before its plan and its safety backup, and everything told, also when it fails.

Databases are stood in for: what happens to them is proven by the integration tests on real servers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup import _back_up, _dump
from ansible_collections.community.che.plugins.module_utils._backup._request import JobChoices
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    CHE_CLUSTER_V2,
    CONFIG_MAP,
    NAMESPACE,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._restore import _restore
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import DatabasePlan
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest
from ansible_collections.community.che.plugins.module_utils._restore._restore import restore
from ansible_collections.community.che.plugins.module_utils._server._last_used import make_default
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions
from ansible_collections.community.che.plugins.module_utils._server._stored import StoredServer, to_object
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import catalogue
from unit.che_objects import NAME, READY, dump_log, encoded, install
from unit.fake_api import FakeApi, FakeClock, Request
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic, a_repository

STAGES = ["plan", "check", "safety backup", "stage", "cut over", "verify", "commit"]
REQUEST = RestoreRequest(
    namespace="che",
    id="latest",
    server=ServerOptions(name="main"),
    jobs=JobChoices("restic:1", None, (), None),
    safety_backup=True,
    run_id="r2",
    timeout=600,
    restic_path="restic",
    check_mode=False,
)


@dataclass
class Databases:
    """The databases' side of a restore: whether they differ, what was done to them, and where it fails."""

    differ: bool = False
    done: list[str] = field(default_factory=list)
    fails: str = ""
    outage_seconds: float = 0.0

    def plan(self, _cluster: Any, manifest: Any, _objects: Any, exists: bool) -> list[DatabasePlan]:
        part = next(part for part in manifest.parts if part.database)
        figures = part.database
        changed = replace(figures, tables=(replace(figures.tables[0], rows=9),))
        return [DatabasePlan(part, figures, (changed if self.differ else figures) if exists else None)]

    def restorer(self, _cluster: Any, _request: Any, _repository: Any, _plans: Any, **options: Any) -> Databases:
        self.deadline = options["deadline"]
        return self

    def _do(self, what: str) -> None:
        self.done.append(what)
        if self.fails == what:
            raise CheError(f"It broke at {what}")

    def stage(self) -> None:
        self._do("stage")

    def cut_over(self) -> None:
        self._do("cut over")

    def commit(self) -> None:
        self._do("commit")

    @contextmanager
    def cleaning_up(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.done.append("clean up")
            raise

    @contextmanager
    def swapping_back(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.done.append("swap back")
            raise


@pytest.fixture
def restic(monkeypatch: pytest.MonkeyPatch) -> FakeRestic:
    fake = FakeRestic()
    make_backup(fake)
    monkeypatch.setattr(_back_up, "open_repository", lambda *_args, **_options: a_repository(fake))
    monkeypatch.setattr(_restore, "open_repository", lambda *_args, **_options: a_repository(fake))

    def run_job(_cluster: Any, job: Any, _secret: Any, _deadline: Any) -> str:
        environment = {item["name"]: item["value"] for item in job["spec"]["template"]["spec"]["containers"][0]["env"]}
        return dump_log(fake.save({"db/openvsx.sql": b"y" * 100}, environment["CHE_TAGS"].split(",")).snapshot_id)

    monkeypatch.setattr(_dump, "run_job", run_job)
    return fake


@pytest.fixture
def databases(monkeypatch: pytest.MonkeyPatch) -> Databases:
    there = Databases()
    monkeypatch.setattr(_restore, "plan_databases", there.plan)
    monkeypatch.setattr(_restore, "Restorer", there.restorer)
    return there


@pytest.fixture
def che(api: FakeApi, restic: FakeRestic, databases: Databases, clock: FakeClock) -> FakeApi:
    """The installation as it was backed up."""
    install(api)
    api.requests.clear()
    return api


def change(api: FakeApi) -> None:
    """What users do between a backup and a restore."""
    api.add(
        CONFIG_MAP,
        "custom",
        "che",
        metadata={"labels": {"app.kubernetes.io/part-of": "che.eclipse.org"}},
        data={"key": "value", "added": "x"},
    )
    api.cluster.delete(SECRET, "oauth", "che")
    api.add(CONFIG_MAP, "new", "che", data={"mine": "x"})
    api.requests.clear()


def data_of(api: FakeApi, name: str) -> Any:
    config_map = api.at(CONFIG_MAP, name, "che")
    return config_map and config_map.get("data")


def stage_names(result: dict[str, Any]) -> list[str]:
    return [stage["name"] for stage in result["stages"]]


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
    assert result["verified"] == {"objects": 4, "tables": 1, "sequences": 1, "large_objects": 1}


def test_the_second_time_nothing_is_changed_and_no_safety_backup_is_made(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    restore(che.cluster, REQUEST)
    backups, versions = len(restic.taken), resource_versions(che)

    result = restore(che.cluster, replace(REQUEST, run_id="r3", id=restic.taken[2].id))

    assert (result["changed"], result["safety_backup_id"], result["diff"]) == (False, "", [])
    assert stage_names(result) == ["plan", "check"]
    assert len(restic.taken) == backups
    assert resource_versions(che) == versions


def resource_versions(api: FakeApi) -> dict[str, str]:
    return {path: obj["metadata"]["resourceVersion"] for path, obj in api.objects.items() if "che-run-" not in path}


def test_check_mode_tells_the_plan_and_writes_nothing(che: FakeApi, restic: FakeRestic, databases: Databases) -> None:
    change(che)
    databases.differ = True
    backups = len(restic.taken)

    result = restore(che.cluster, replace(REQUEST, check_mode=True))

    assert (result["changed"], result["verified"]) == (True, {})
    assert {entry["before_header"] for entry in result["diff"]} == {
        "ConfigMap/custom",
        "Secret/oauth",
        "Database/openvsx",
    }
    assert result["plan"]["databases"][0]["action"] == "restore"
    assert (che.written, len(restic.taken), databases.done) == ([], backups, [])


def test_the_safety_backup_is_complete_before_anything_is_written(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    seen: list[str] = []

    def look(request: Request) -> None:
        if request.writes and "che-run-" not in request.path and not (request.body or {}).get("data", {}).get("state"):
            seen.append(catalogue(restic.taken)[0].state)
            assert len(catalogue(restic.taken)) == 2

    che.react("put", "", look)
    che.react("post", "", look)

    result = restore(che.cluster, REQUEST)

    assert seen and set(seen) == {"complete"}
    assert result["safety_backup_id"] == catalogue(restic.taken)[0].id


def test_a_safety_backup_that_fails_stops_the_restore(
    che: FakeApi, restic: FakeRestic, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(che)

    def run_job(*_args: Any) -> str:
        raise CheError("The database is down")

    monkeypatch.setattr(_dump, "run_job", run_job)

    with pytest.raises(CheError, match="The database is down") as caught:
        restore(che.cluster, REQUEST)

    assert data_of(che, "custom") == {"key": "value", "added": "x"}
    assert caught.value.facts["run_id"] == "r2"
    assert caught.value.facts["stages"][-1]["name"] == "safety backup"


def test_without_a_safety_backup_the_stage_says_so(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    backups = len(restic.taken)

    result = restore(che.cluster, replace(REQUEST, safety_backup=False))

    assert (result["safety_backup_id"], len(restic.taken)) == ("", backups)
    assert "safety_backup is false" in result["stages"][2]["message"]


def test_a_lost_namespace_comes_back_before_its_databases(
    api: FakeApi, restic: FakeRestic, databases: Databases, clock: FakeClock
) -> None:
    api.kinds = (CHE_CLUSTER_V2,)

    def operator(_request: Request) -> None:
        che = api.at(CHE_CLUSTER_V2, NAME, "che")
        assert che is not None
        che["status"] = READY

    api.follow("post", "checlusters", lambda request: None if request.dry else operator(request))

    result = restore(api.cluster, REQUEST)

    assert (result["changed"], result["safety_backup_id"]) == (True, "")
    assert "Nothing is there" in result["stages"][2]["message"]
    assert api.names(SECRET, "che") == ["oauth", "openvsx-credentials"]
    assert databases.done == ["stage", "cut over", "commit"]
    namespace = api.at(NAMESPACE, "che")
    assert namespace is not None and namespace["metadata"]["labels"] == {"team": "che"}
    assert {step["validated"] for step in result["plan"]["objects"] if step["kind"] == "CheCluster"} == {False}
    record = api.at(CONFIG_MAP, "che-run-r2", "che")
    assert record is not None and record["data"]["state"] == "Succeeded"


@pytest.mark.parametrize(
    ("fails", "done", "written"),
    [
        ("stage", ["stage", "clean up"], False),
        ("cut over", ["stage", "cut over", "swap back", "clean up"], True),
    ],
)
def test_databases_that_fail_are_taken_back(
    che: FakeApi, restic: FakeRestic, databases: Databases, fails: str, done: list[str], written: bool
) -> None:
    change(che)
    databases.differ, databases.fails = True, fails

    with pytest.raises(CheError, match=f"It broke at {fails}") as caught:
        restore(che.cluster, REQUEST)

    assert databases.done == done
    assert caught.value.stage == fails
    assert (data_of(che, "custom") == {"key": "value"}) is written


def test_a_failed_restore_names_its_safety_backup(che: FakeApi, restic: FakeRestic, databases: Databases) -> None:
    change(che)
    databases.differ, databases.fails = True, "cut over"

    with pytest.raises(CheError) as caught:
        restore(che.cluster, REQUEST)

    safety = catalogue(restic.taken)[0]
    assert caught.value.facts["safety_backup_id"] == safety.id
    assert safety.id[:8] in str(caught.value)


def test_a_restore_that_fails_before_it_changed_anything_names_no_safety_backup(
    che: FakeApi, restic: FakeRestic
) -> None:
    with pytest.raises(CheError) as caught:
        restore(che.cluster, replace(REQUEST, id="00000000"))

    assert caught.value.stage == "plan"
    assert "safety" not in str(caught.value)
    assert resource_versions(che) == resource_versions(che)
    assert [request.path for request in che.written if "configmaps" not in request.path] == []


def test_an_object_that_something_changes_back_fails_the_verification(che: FakeApi, restic: FakeRestic) -> None:
    change(che)

    def meddle(request: Request) -> None:
        if not request.dry:
            che.add(CONFIG_MAP, "custom", "che", data={"key": "meddled"})

    che.follow("put", "custom$", meddle)

    with pytest.raises(CheError, match="ConfigMap/custom") as caught:
        restore(che.cluster, REQUEST)
    assert caught.value.stage == "verify"


def test_a_backup_of_another_generation_is_refused(che: FakeApi, restic: FakeRestic) -> None:
    che.kinds = (CHE_CLUSTER_V1,)

    with pytest.raises(CheError, match="does not convert") as caught:
        restore(che.cluster, REQUEST)
    assert (caught.value.stage, "7.122.0" in caught.value.next_step) == ("plan", True)


def test_no_secret_is_in_what_the_task_returns(che: FakeApi, restic: FakeRestic) -> None:
    change(che)
    text = json.dumps(restore(che.cluster, REQUEST))
    for secret in ("s3cret", "sesame", "czNjcmV0"):
        assert secret not in text


@pytest.fixture
def two_servers(api: FakeApi) -> FakeApi:
    """``main``, which the restore names, and another one that was used last."""
    install(api)
    api.cluster.create(to_object(StoredServer("main", RestServer("main.example"), "password"), "che"))
    api.cluster.create(to_object(StoredServer("other", RestServer("other.example"), "password"), "che"))
    make_default(api.cluster, "che", "other", RestServer("other.example"))
    return api


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
    assert any("Secret mine belongs to a configured backup server" in words for words in result["warnings"])
    assert data_of(api, "custom") == {"key": "value"}

    api.cluster.delete(SECRET, "mine", "che")
    restore(api.cluster, replace(REQUEST, id=backup, safety_backup=False, run_id="r3"))
    assert api.at(SECRET, "mine", "che") is not None
