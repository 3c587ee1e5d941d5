# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configuring a backup server: checked before it is stored, stored once, read back, and taken away again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import pytest
import yaml
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CONFIG_MAP,
    LEASE,
    NAMESPACE,
    SECRET,
    SERVER_CONFIGURATION,
)
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._errors import WrongPassword
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._server import _configure, _connect
from ansible_collections.community.che.plugins.module_utils._server._configure import ServerRequest, apply
from ansible_collections.community.che.plugins.module_utils._server._options import DEFAULT_NAME, ServerOptions
from ansible_collections.community.che.plugins.module_utils._server._secrets import read_secret, to_secret
from unit.fake_api import FakeApi, FakeClock, Request

SERVER = RestServer("backup.example.org", "che", port=8000)
OWN_SECRETS = [f"{DEFAULT_NAME}-connection", f"{DEFAULT_NAME}-credentials", f"{DEFAULT_NAME}-repository-password"]


@dataclass
class Backups:
    """The backup server at the other end: what has been made on it, and with what it was asked."""

    password: str | None = "sesame"
    seen: list[Access] = field(default_factory=list)
    made: int = 0

    @property
    def last(self) -> Access:
        return self.seen[-1]

    def restic(self, access: Access, binary: str = "restic", read_only: bool = False) -> Any:
        outer = self

        class Restic:
            def check_version(self) -> None:
                pass

            def repository_id(self) -> str:
                if access.password != outer.password:
                    raise WrongPassword("The repository password is wrong")
                return "f" * 64

            def init(self) -> None:
                assert not read_only
                outer.password, outer.made = access.password, outer.made + 1

        return Restic()

    def adapter(self, access: Access) -> Any:
        outer = self

        class Adapter:
            location = f"rest:{access.server.protocol}://{access.server.address}/{access.server.repository_path}/"

            def probe(self, timeout: float) -> bool:
                assert timeout <= 60
                outer.seen.append(access)
                return outer.password is not None

        return Adapter()


@pytest.fixture
def backups(monkeypatch: pytest.MonkeyPatch) -> Backups:
    there = Backups()
    monkeypatch.setattr(_connect, "Restic", there.restic)
    for room in (_configure, _connect):
        monkeypatch.setattr(room, "adapter_for", there.adapter)
    return there


Task = Callable[..., dict[str, Any]]


@pytest.fixture(params=[CONFIG_MAP, SERVER_CONFIGURATION], ids=["ConfigMap", "CheBackupServerConfiguration"])
def task(api: FakeApi, backups: Backups, request: pytest.FixtureRequest) -> Task:
    """Runs the module's use case against a cluster that stores servers in the one way or the other."""
    api.add(NAMESPACE, "che")
    if request.param is SERVER_CONFIGURATION:
        api.kinds = (SERVER_CONFIGURATION,)

    def run(state: str = "present", initialize: bool = False, check_mode: bool = False, **options: Any) -> Any:
        asked = ServerOptions(**{"name": DEFAULT_NAME, **options})
        return apply(api.cluster, ServerRequest("che", asked, state, initialize, "restic", check_mode))

    return run


FULL = {
    "server": SERVER,
    "password": "sesame",
    "server_username": "che",
    "server_password": "open",
    "ca_certificate": "PEM",
}


def stored_kind(api: FakeApi) -> Any:
    return SERVER_CONFIGURATION if api.kinds else CONFIG_MAP


def stored_spec(api: FakeApi, name: str = DEFAULT_NAME) -> dict[str, Any]:
    obj = api.at(stored_kind(api), name, "che")
    assert obj is not None
    section: dict[str, Any] = (obj["spec"] if api.kinds else yaml.safe_load(obj["data"]["spec"]))["rest"]
    return section


def test_everything_is_stored_where_it_belongs(api: FakeApi, task: Task) -> None:
    result = task(**FULL)

    assert result["changed"] is True
    assert result["backup_server"] == {
        "name": DEFAULT_NAME,
        "repository": "rest:https://backup.example.org:8000/che/",
        "stored_as": stored_kind(api).kind,
        "initialized": False,
        "host_key_fingerprints": [],
        "host_key_learned": False,
    }
    assert stored_spec(api) == {
        "protocol": "https",
        "hostname": "backup.example.org",
        "port": 8000,
        "repositoryPath": "che",
        "repositoryPasswordSecretRef": f"{DEFAULT_NAME}-repository-password",
        "credentialsSecretRef": f"{DEFAULT_NAME}-credentials",
    }
    assert api.names(SECRET, "che") == OWN_SECRETS
    assert read_secret(api.cluster, "che", f"{DEFAULT_NAME}-credentials", "x") == {
        "username": "che",
        "password": "open",
    }
    assert read_secret(api.cluster, "che", f"{DEFAULT_NAME}-connection", "x") == {"ca.crt": "PEM"}


def test_no_secret_value_is_outside_of_a_secret(api: FakeApi, task: Task) -> None:
    result = task(**FULL)

    others = [obj for path, obj in api.objects.items() if "/secrets/" not in path]
    for value in ("sesame", "open", "c2VzYW1l"):
        assert value not in str(others)
        assert value not in str(result)


def test_the_same_task_again_changes_nothing(api: FakeApi, task: Task) -> None:
    task(**FULL)
    before = len(api.written)

    result = task(**FULL)

    assert result["changed"] is False
    assert result["diff"]["before"] == result["diff"]["after"]
    assert len(api.written) == before


@pytest.mark.parametrize(
    ("change", "written"),
    [
        ({"password": "other"}, "repository-password"),
        ({"server_password": "shut"}, "credentials"),
        ({"server_username": "eva"}, "credentials"),
        ({"ca_certificate": "OTHER"}, "connection"),
        ({"server": RestServer("backup.example.org", "elsewhere", port=8000)}, f"/{DEFAULT_NAME}"),
    ],
)
def test_each_thing_that_changes_is_written_alone(
    api: FakeApi, task: Task, backups: Backups, change: dict[str, Any], written: str
) -> None:
    task(**FULL)
    if "password" in change:
        backups.password = change["password"]
    before = len(api.written)

    assert task(**{**FULL, **change})["changed"] is True

    (request,) = api.written[before:]
    assert request.path.endswith(written)
    assert task(**{**FULL, **change})["changed"] is False


def test_another_host_does_not_get_to_see_the_credentials_of_the_one_that_is_stored(
    task: Task, backups: Backups
) -> None:
    task(**FULL)

    task(server=RestServer("elsewhere.example.org", "che", port=8000))
    assert backups.last.credentials is None

    task(**FULL)
    task(server=RestServer("backup.example.org", "other", port=8000))
    assert backups.last.credentials == UserAndPassword("che", "open")


def test_what_the_task_leaves_out_stays(api: FakeApi, task: Task, backups: Backups) -> None:
    task(**FULL)

    assert task()["changed"] is False
    assert task(server=SERVER)["changed"] is False

    assert (backups.last.password, backups.last.credentials) == ("sesame", UserAndPassword("che", "open"))
    assert backups.last.ca_certificate == "PEM"


def test_existing_secrets_are_referenced_and_never_copied(api: FakeApi, task: Task, backups: Backups) -> None:
    api.cluster.create(to_secret("mine", "che", {"anything": "sesame"}))
    api.cluster.create(to_secret("who", "che", {"username": "che", "password": "open"}))
    api.cluster.create(to_secret("ca", "che", {"ca.crt": "PEM"}))

    asked = {"server": SERVER, "password_secret": "mine", "credentials_secret": "who", "ca_secret": "ca"}
    assert task(**asked)["changed"] is True

    assert api.names(SECRET, "che") == ["ca", "mine", "who"]
    assert stored_spec(api)["repositoryPasswordSecretRef"] == "mine"
    assert (backups.last.password, backups.last.credentials) == ("sesame", UserAndPassword("che", "open"))
    assert task(**asked)["changed"] is False


def test_check_mode_says_it_and_writes_nothing(api: FakeApi, task: Task, backups: Backups) -> None:
    backups.password = None

    result = task(check_mode=True, initialize=True, **FULL)

    assert result["changed"] is True
    assert result["backup_server"]["initialized"] is True
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["spec"]["rest"]["hostname"] == "backup.example.org"
    assert (api.written, backups.made) == ([], 0)


def test_check_mode_of_a_removal_removes_nothing(api: FakeApi, task: Task) -> None:
    task(**FULL)
    before = len(api.written)

    assert task(state="absent", check_mode=True)["changed"] is True
    assert len(api.written) == before


def test_a_new_repository_is_made_only_when_asked_for(api: FakeApi, task: Task, backups: Backups) -> None:
    backups.password = None

    with pytest.raises(CheError, match="initialize: true"):
        task(**FULL)
    assert (api.written, backups.made) == ([], 0)

    assert task(initialize=True, **FULL)["backup_server"]["initialized"] is True
    assert backups.made == 1
    assert task(initialize=True, **FULL)["changed"] is False
    assert backups.made == 1


def test_a_server_that_cannot_be_opened_is_not_stored(api: FakeApi, task: Task) -> None:
    with pytest.raises(WrongPassword):
        task(**{**FULL, "password": "wrong"})
    assert api.written == []


def test_a_missing_namespace_is_named_before_anything_is_contacted(api: FakeApi, task: Task, backups: Backups) -> None:
    del api.objects[NAMESPACE.path("", "che")]

    with pytest.raises(CheError, match="Namespace che"):
        task(**FULL)
    assert backups.seen == []


def test_a_secret_of_somebody_else_is_not_overwritten(api: FakeApi, task: Task) -> None:
    api.add(SECRET, f"{DEFAULT_NAME}-repository-password", "che", data={"theirs": "eA=="})

    with pytest.raises(CheError, match="not ours"):
        task(**FULL)

    theirs = api.at(SECRET, f"{DEFAULT_NAME}-repository-password", "che")
    assert theirs is not None and theirs["data"] == {"theirs": "eA=="}


def test_a_cluster_that_drops_fields_is_noticed(api: FakeApi, task: Task) -> None:
    def drop(request: Request) -> None:
        obj = api.objects.get(f"{request.path}/{DEFAULT_NAME}") or {}
        if "spec" in obj:
            obj["spec"]["rest"].pop("credentialsSecretRef")
        elif "spec" in obj.get("data", {}):
            obj["data"]["spec"] = obj["data"]["spec"].replace("credentialsSecretRef", "dropped")

    api.follow("post", "chebackupserverconfigurations|configmaps", drop)

    with pytest.raises(CheError, match="did not keep the configuration"):
        task(**FULL)


def test_absent_takes_away_what_was_made_and_says_so_once(api: FakeApi, task: Task, backups: Backups) -> None:
    task(**FULL)
    asked = len(backups.seen)

    result = task(state="absent")

    assert result["changed"] is True
    assert result["diff"]["after"] == {}
    assert (api.names(stored_kind(api), "che"), api.names(SECRET, "che")) == ([], [])
    assert task(state="absent")["changed"] is False
    assert len(backups.seen) == asked, "removing a server must work when it is down"


def test_absent_takes_away_secrets_that_are_no_longer_named(api: FakeApi, task: Task) -> None:
    task(**FULL)
    api.cluster.create(to_secret("mine", "che", {"repo-password": "sesame"}))
    task(password_secret="mine")

    task(state="absent")

    assert OWN_SECRETS[2] not in api.names(SECRET, "che")


def test_absent_leaves_the_secrets_of_others(api: FakeApi, task: Task) -> None:
    api.cluster.create(to_secret("mine", "che", {"repo-password": "sesame"}))
    task(server=SERVER, password_secret="mine")
    foreign = f"{DEFAULT_NAME}-credentials"
    api.add(SECRET, foreign, "che", data={})

    task(state="absent")

    assert api.names(SECRET, "che") == [foreign, "mine"]


def test_a_server_whose_secret_was_lost_is_mended_by_the_same_task(api: FakeApi, task: Task) -> None:
    task(**FULL)
    for name in OWN_SECRETS:
        api.cluster.delete(SECRET, name, "che")

    assert task(**FULL)["changed"] is True
    assert api.names(SECRET, "che") == OWN_SECRETS


def test_a_stored_server_that_cannot_be_read_can_be_replaced_and_removed(api: FakeApi, task: Task) -> None:
    def break_it() -> None:
        obj = api.at(stored_kind(api), DEFAULT_NAME, "che")
        assert obj is not None
        obj.update({"spec": {}} if api.kinds else {"data": {"spec": "{"}})

    task(**FULL)
    break_it()
    assert task(**FULL)["changed"] is True
    assert stored_spec(api)["hostname"] == "backup.example.org"

    break_it()
    assert task(state="absent")["changed"] is True
    assert api.names(stored_kind(api), "che") == []


def test_a_change_of_a_secret_alone_shows_in_the_diff_without_its_value(
    api: FakeApi, task: Task, backups: Backups
) -> None:
    task(**FULL)

    result = task(**{**FULL, "server_password": "shut"})

    assert result["diff"]["before"] != result["diff"]["after"]
    assert "shut" not in str(result) and "open" not in str(result["diff"])


def test_a_server_configured_by_hand_is_taken_over(api: FakeApi, task: Task) -> None:
    task(**FULL)
    obj = api.at(stored_kind(api), DEFAULT_NAME, "che")
    assert obj is not None
    del obj["metadata"]["labels"]["app.kubernetes.io/managed-by"]

    assert task(**FULL)["changed"] is True
    assert task(**FULL)["changed"] is False


# Making a repository


def test_a_repository_is_made_under_a_lease_that_is_gone_afterwards(task: Task, api: FakeApi, backups: Backups) -> None:
    backups.password = None
    held: list[list[str]] = []
    real = backups.restic

    def watched(*arguments: Any, **options: Any) -> Any:
        restic = real(*arguments, **options)
        make = restic.init
        restic.init = lambda: (held.append(api.names(LEASE, "che")), make())
        return restic

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_connect, "Restic", watched)
        assert task(initialize=True, **FULL)["backup_server"]["initialized"] is True

    assert [len(names) for names in held] == [1]
    assert api.names(LEASE, "che") == []
    written = len([request for request in api.written if "/leases" in request.path])
    assert task(initialize=True, **FULL)["changed"] is False
    assert len([request for request in api.written if "/leases" in request.path]) == written, "nothing was to be made"


def test_of_two_tasks_at_once_one_makes_the_repository_and_the_other_takes_it(
    task: Task, api: FakeApi, backups: Backups
) -> None:
    """The other task ends between our look at the server and our turn."""
    backups.password = None
    api.react("post", "leases", lambda _request: setattr(backups, "password", "sesame"))

    result = task(initialize=True, **FULL)

    assert (backups.made, result["backup_server"]["initialized"]) == (0, False)


def test_a_task_that_makes_the_repository_elsewhere_is_named(
    task: Task, api: FakeApi, backups: Backups, clock: FakeClock
) -> None:
    backups.password = None
    moment = datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
    spec = {"holderIdentity": "other-host", "leaseDurationSeconds": 60, "renewTime": moment}

    def held_by_another(request: Request) -> None:
        if request.path not in api.objects:
            api.add(LEASE, request.path.rpartition("/")[2], "che", spec=spec)

    api.react("get", "leases/", held_by_another)

    with pytest.raises(CheError, match="other-host is at work on this: making the repository"):
        task(initialize=True, **FULL)

    assert backups.made == 0
    assert 100 <= sum(clock.waits) <= 200
