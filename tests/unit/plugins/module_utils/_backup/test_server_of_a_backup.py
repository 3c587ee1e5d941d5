# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a backup goes: what is set up when there is nothing, what it makes the default, and what Jobs are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup import _dump, _repository
from ansible_collections.community.che.plugins.module_utils._backup._back_up import back_up
from ansible_collections.community.che.plugins.module_utils._backup._repository import open_repository
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, DEPLOYMENT, NAMESPACE
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._server import _internal
from ansible_collections.community.che.plugins.module_utils._server._internal_objects import (
    CONFIGURATION,
    internal_server,
)
from ansible_collections.community.che.plugins.module_utils._server._options import DEFAULT_NAME, ServerOptions
from ansible_collections.community.che.plugins.module_utils._server._secrets import to_secret
from ansible_collections.community.che.plugins.module_utils._server._stored import (
    BEFORE_UPDATE_ANNOTATION,
    LAST_USED_ANNOTATION,
    StoredServer,
    to_object,
)
from unit.che_objects import dump_log, install
from unit.fake_api import FakeApi, Request
from unit.fake_backup import a_request
from unit.fake_restic import REPOSITORY_ID, FakeRestic

LOCAL = RestServer("127.0.0.1", "che", port=4711)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Access]:
    """Everything that this process opened; a backup server answers wherever it is looked for."""
    fake, seen = FakeRestic(), list[Access]()

    def restic(access: Access, **_options: Any) -> FakeRestic:
        seen.append(access)
        return fake

    def open_existing(access: Access, _restic_path: str) -> str:
        seen.append(access)
        return REPOSITORY_ID

    def from_here(_cluster: Any, access: Access, _namespace: str, connection: str) -> Access:
        return access if connection == "service" else replace(access, server=LOCAL)

    def run_job(_cluster: Any, job: Any, _secret: Any, _deadline: Any) -> str:
        environment = {item["name"]: item["value"] for item in job["spec"]["template"]["spec"]["containers"][0]["env"]}
        summary = fake.save({"db/openvsx.sql": b"x" * 100}, environment["CHE_TAGS"].split(","))
        return dump_log(summary.snapshot_id)

    monkeypatch.setattr(_repository, "Restic", restic)
    monkeypatch.setattr(_repository, "open_existing", open_existing)
    monkeypatch.setattr(_repository, "from_here", from_here)
    monkeypatch.setattr(_internal, "connect", lambda *_args: True)
    monkeypatch.setattr(_internal, "from_here", from_here)
    monkeypatch.setattr(_dump, "run_job", run_job)
    return seen


@pytest.fixture
def che(api: FakeApi) -> FakeApi:
    """An installation whose Deployments come up at once."""
    install(api)

    def come_up(request: Request) -> None:
        assert request.body
        found = api.objects[f"{request.path}/{request.body['metadata']['name']}"]
        found["status"] = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1}

    api.follow("post", "/deployments", come_up)
    return api


def store(api: FakeApi, name: str, **fields: Any) -> None:
    if api.at(CONFIG_MAP, name, "che") is None:
        api.cluster.create(to_object(StoredServer(name, RestServer(f"{name}.example"), "password", **fields), "che"))


@pytest.fixture
def password(che: FakeApi) -> None:
    che.cluster.create(to_secret("password", "che", {"repo-password": "sesame"}))


UNNAMED = ServerOptions()


def test_with_none_configured_the_internal_one_is_set_up_and_used(che: FakeApi, opened: list[Access]) -> None:
    result = back_up(che.cluster, a_request(server=UNNAMED))

    assert [stage["name"] for stage in result["stages"]] == ["set up", "connect", "collect", "dump", "seal"]
    assert result["stages"][0]["message"] == "Setting up internal backup server"
    assert result["backup_server"] == {
        "name": CONFIGURATION,
        "repository": "rest:https://backup-rest-server-service.che.svc:8000/che/",
        "chosen_because": "none was configured, so that the internal one is set up",
        "made_default": True,
    }
    assert any("same cluster" in warning for warning in result["warnings"])
    assert any("backup-rest-server-repo-password" in warning for warning in result["warnings"])

    again = back_up(che.cluster, a_request(server=UNNAMED, run_id="r2"))
    assert again["backup_server"]["chosen_because"] == "the only one configured"
    assert again["backup_server"]["made_default"] is False
    assert "set up" not in [stage["name"] for stage in again["stages"]]


@pytest.mark.usefixtures("password")
def test_before_an_update_the_annotated_server_is_used_and_the_default_stays(
    che: FakeApi, opened: list[Access]
) -> None:
    for name in ("one", "two", "three"):
        store(che, name)
    che.cluster.merge(CONFIG_MAP, "two", "che", {"metadata": {"annotations": {LAST_USED_ANNOTATION: "2026-01-01"}}})
    che.cluster.merge(CONFIG_MAP, "three", "che", {"metadata": {"annotations": {BEFORE_UPDATE_ANNOTATION: "true"}}})

    updating = back_up(che.cluster, a_request(server=replace(UNNAMED, before_update=True)))
    usual = back_up(che.cluster, a_request(server=UNNAMED, run_id="r2"))
    named = back_up(che.cluster, a_request(server=replace(UNNAMED, before_update=True, name="one"), run_id="r3"))

    assert (updating["backup_server"]["name"], updating["backup_server"]["made_default"]) == ("three", False)
    assert (usual["backup_server"]["name"], usual["backup_server"]["chosen_because"]) == ("two", "the last one used")
    assert (named["backup_server"]["name"], named["backup_server"]["made_default"]) == ("one", True)


@pytest.mark.usefixtures("password")
def test_before_an_update_with_none_annotated_the_internal_one_is_set_up(che: FakeApi, opened: list[Access]) -> None:
    for name in ("one", DEFAULT_NAME):
        store(che, name)
    server = replace(UNNAMED, before_update=True)

    first = back_up(che.cluster, a_request(server=server))["backup_server"]
    second = back_up(che.cluster, a_request(server=server, run_id="r2"))["backup_server"]
    usual = back_up(che.cluster, a_request(server=UNNAMED, run_id="r3"))["backup_server"]

    assert (first["name"], first["made_default"]) == (CONFIGURATION, False)
    assert first["chosen_because"] == "none is annotated, so that the internal one is set up"
    assert (second["name"], second["chosen_because"]) == (CONFIGURATION, "it is the internal one")
    assert usual["name"] == DEFAULT_NAME


def test_check_mode_sets_nothing_up(che: FakeApi, opened: list[Access]) -> None:
    result = back_up(che.cluster, a_request(server=UNNAMED, check_mode=True))

    assert result["backup_server"]["name"] == CONFIGURATION
    assert result["counts"]["objects"] > 0
    assert not che.written and not opened


@pytest.mark.usefixtures("clock")
def test_a_namespace_without_che_gets_no_server(api: FakeApi, opened: list[Access]) -> None:
    install(api)
    api.add(NAMESPACE, "mistyped")
    with pytest.raises(CheError, match="no CheCluster"):
        back_up(api.cluster, a_request(server=UNNAMED, namespace="mistyped"))
    assert api.names(DEPLOYMENT, "mistyped") == []


def test_jobs_use_the_service_and_this_process_the_forwarded_port(
    che: FakeApi, opened: list[Access], monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(che.cluster, a_request(server=UNNAMED))
    repository = open_repository(che.cluster, "che", UNNAMED, "restic", read_only=True)

    assert repository.access.server == opened[-1].server == LOCAL
    assert repository.job_access.server == internal_server("che")
    assert repository.location == "rest:https://backup-rest-server-service.che.svc:8000/che/"
    assert repository.id == REPOSITORY_ID and repository.only_copy

    secrets: list[Any] = []
    monkeypatch.setattr(
        _dump,
        "run_job",
        lambda _cluster, _job, secret, _deadline: secrets.append(secret) or dump_log("a" * 64),  # type: ignore[func-returns-value]
    )
    back_up(che.cluster, a_request(server=UNNAMED, run_id="r3"))
    (secret,) = secrets
    assert "backup-rest-server-service.che.svc:8000" in secret["stringData"]["repository"]

    direct = open_repository(che.cluster, "che", ServerOptions(internal_connection="service"), "restic", read_only=True)
    assert direct.access.server == internal_server("che")


@pytest.mark.usefixtures("password")
def test_another_server_beside_the_internal_one_ends_the_warning(che: FakeApi, opened: list[Access]) -> None:
    back_up(che.cluster, a_request(server=UNNAMED))
    store(che, "outside")
    result = back_up(che.cluster, a_request(server=UNNAMED, run_id="r2"))
    assert result["backup_server"]["name"] == CONFIGURATION  # the last one used
    assert result["backup_server"]["chosen_because"] == "the last one used"
    assert result["warnings"] == []


@pytest.mark.usefixtures("password")
def test_naming_a_server_makes_it_the_default(che: FakeApi, opened: list[Access]) -> None:
    store(che, "one")
    store(che, "two")
    before = len(che.written)
    checked = back_up(che.cluster, a_request(server=ServerOptions(name="two"), check_mode=True))
    assert checked["backup_server"]["made_default"] is True
    assert len(che.written) == before

    first = back_up(che.cluster, a_request(server=ServerOptions(name="two")))
    assert (first["backup_server"]["name"], first["backup_server"]["made_default"]) == ("two", True)

    second = back_up(che.cluster, a_request(server=UNNAMED, run_id="r2"))
    assert (second["backup_server"]["name"], second["backup_server"]["made_default"]) == ("two", False)


@pytest.mark.usefixtures("password")
def test_looking_at_backups_changes_no_default(che: FakeApi, opened: list[Access]) -> None:
    store(che, "one")
    store(che, "two")
    before = len(che.written)
    open_repository(che.cluster, "che", ServerOptions(name="two"), "restic", read_only=True)
    assert len(che.written) == before


def test_the_backup_module_set_up_by_hand_is_the_same(che: FakeApi, opened: list[Access]) -> None:
    """What a backup sets up, the module ``backup_server`` finds as it wants it."""
    back_up(che.cluster, a_request(server=UNNAMED))
    request = _internal.InternalRequest("che")
    outcome = _internal.set_up(che.cluster, replace(request, check_mode=True))
    assert outcome.after == {}
