# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server inside the cluster: set up once, adjusted, taken down without its backups, and never by surprise."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._argspec import internal_server_spec, server_spec
from ansible_collections.community.che.plugins.module_utils._che._cluster import CheCluster
from ansible_collections.community.che.plugins.module_utils._che._selection import select
from ansible_collections.community.che.plugins.module_utils._errors import CheError, UsageError
from ansible_collections.community.che.plugins.module_utils._kube._errors import Conflict, WaitExpired
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V2,
    CLAIM,
    CONFIG_MAP,
    DEPLOYMENT,
    LEASE,
    NAMESPACE,
    POD,
    SECRET,
    SERVER_CONFIGURATION,
    SERVICE,
    Kind,
)
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._errors import WrongPassword
from ansible_collections.community.che.plugins.module_utils._server import _internal
from ansible_collections.community.che.plugins.module_utils._server import _internal_objects as names
from ansible_collections.community.che.plugins.module_utils._server._choose import choose_server
from ansible_collections.community.che.plugins.module_utils._server._desired import pending_secret_name
from ansible_collections.community.che.plugins.module_utils._server._internal_keys import Keys
from ansible_collections.community.che.plugins.module_utils._server._internal_request import OF_OTHER_SERVERS
from ansible_collections.community.che.plugins.module_utils._server._manage import manage
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions
from ansible_collections.community.che.plugins.module_utils._server._secrets import read_secret, to_secret
from unit.fake_api import FakeApi, FakeClock, Request

HOME = "che"
DEFAULTS: Mapping[str, Any] = {
    **{
        name: option.get("default")
        for name, option in {**server_spec().options, **internal_server_spec().options}.items()
    },
    "namespace": HOME,
    "name": None,
    "state": "present",
    "initialize": False,
}


@dataclass
class Volume:
    """The repository on the server's volume, and how it was opened."""

    password: str | None = None
    opened: list[Access] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    leases: Callable[[], list[str]] = list

    def connect(
        self,
        access: Access,
        initialize: bool,
        _restic_path: str,
        check_mode: bool,
        alone: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> bool:
        assert initialize
        self.opened.append(access)
        if self.password is None and not check_mode:
            with alone():
                self.held = self.leases()
        if self.password is None:
            self.password = None if check_mode else access.password
            return True
        if self.password != access.password:
            raise WrongPassword("The repository password is wrong")
        return False


Task = Callable[..., dict[str, Any]]


@pytest.fixture
def volume(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Volume:
    there = Volume(leases=lambda: api.names(LEASE, HOME))
    monkeypatch.setattr(_internal, "connect", there.connect)
    monkeypatch.setattr(_internal, "from_here", lambda _cluster, access, _namespace, _connection: access)
    return there


@pytest.fixture
def task(api: FakeApi, volume: Volume, clock: FakeClock) -> Task:
    """Runs the module's use case against a cluster whose Deployments come up at once."""
    api.kinds = (CHE_CLUSTER_V2,)
    api.add(NAMESPACE, HOME)
    api.add(NAMESPACE, "backups")

    def come_up(request: Request) -> None:
        name = request.body["metadata"].get("name") if request.method == "post" and request.body else None
        found = api.objects[f"{request.path}/{name}" if name else request.path]
        found["status"] = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1}

    for method in ("post", "patch"):
        api.follow(method, "/deployments", come_up)

    def run(check_mode: bool = False, internal: Mapping[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        return manage(api.cluster, {**DEFAULTS, "internal": dict(internal or {}), **options}, check_mode)

    return run


def all_names(api: FakeApi, namespace: str = HOME) -> dict[str, list[str]]:
    kinds = (SECRET, CONFIG_MAP, CLAIM, SERVICE, DEPLOYMENT)
    return {kind.kind: api.names(kind, namespace) for kind in kinds if api.names(kind, namespace)}


def at(api: FakeApi, kind: Kind, name: str, namespace: str = HOME) -> dict[str, Any]:
    found = api.at(kind, name, namespace)
    assert found is not None
    return found


def test_everything_is_there_under_the_names_of_the_old_operator(api: FakeApi, task: Task, volume: Volume) -> None:
    result = task()

    assert (result["changed"], result["backup_server"]["initialized"]) == (True, True)
    assert result["backup_server"]["repository"] == "rest:https://backup-rest-server-service.che.svc:8000/che/"
    assert all_names(api) == {
        "Secret": [
            "backup-rest-server-connection",
            "backup-rest-server-credentials",
            "backup-rest-server-identity",
            "backup-rest-server-repo-password",
        ],
        "ConfigMap": ["backup-rest-server-configuration"],
        "PersistentVolumeClaim": ["backup-rest-server-data"],
        "Service": ["backup-rest-server-service"],
        "Deployment": ["backup-rest-server"],
    }
    (access,) = volume.opened
    assert isinstance(access.credentials, UserAndPassword)
    assert len(access.password) >= 40 and len(access.credentials.password) >= 40


def test_two_tasks_that_wait_for_the_same_pod_do_not_make_its_repository_at_once(
    api: FakeApi, task: Task, volume: Volume
) -> None:
    task()

    assert len(volume.held) == 1 and volume.held[0].startswith("che-backup-init-")
    assert api.names(LEASE, HOME) == []


def test_the_password_that_another_task_has_just_made_is_never_replaced(
    api: FakeApi, task: Task, volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = _internal.keys_for

    def looked_too_early(*arguments: Any) -> Keys:
        keys = look(*arguments)
        if not volume.opened:
            monkeypatch.setattr(_internal, "keys_for", look)
            task()
        return keys

    monkeypatch.setattr(_internal, "keys_for", looked_too_early)

    with pytest.raises(Conflict, match="Another task sets the server up"):
        task()
    assert read_secret(api.cluster, HOME, names.REPOSITORY_PASSWORD, "")["repo-password"] == volume.password


def test_the_deployment_has_its_old_name_only_where_no_operator_deletes_it(api: FakeApi, task: Task) -> None:
    api.kinds = ()
    task(internal={"image": "mirror/rest-server:1"})
    assert api.names(DEPLOYMENT, HOME) == ["backup-rest-server-deployment"]

    api.kinds = (CHE_CLUSTER_V2,)  # Che was updated
    assert task()["changed"] is True
    assert api.names(DEPLOYMENT, HOME) == ["backup-rest-server"]
    container = at(api, DEPLOYMENT, names.DEPLOYMENT_NAME)["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "mirror/rest-server:1"


def test_the_second_time_nothing_changes(api: FakeApi, task: Task) -> None:
    task()
    before = json.dumps(api.objects, sort_keys=True)

    result = task()

    assert (result["changed"], result["diff"]) == (False, {"before": {}, "after": {}})
    assert json.dumps(api.objects, sort_keys=True) == before


def test_what_a_task_leaves_out_stays(api: FakeApi, task: Task) -> None:
    task(internal={"image": "mirror/rest-server:1", "image_pull_secrets": ["pull"], "run_as_user": 7, "size": "1Gi"})
    assert task()["changed"] is False
    # It is enough to name it.
    assert manage(api.cluster, {**DEFAULTS, "name": names.CONFIGURATION}, False)["changed"] is False

    pod = at(api, DEPLOYMENT, names.DEPLOYMENT_NAME)["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "mirror/rest-server:1"
    assert (pod["imagePullSecrets"], pod["securityContext"]["runAsUser"]) == ([{"name": "pull"}], 7)

    assert task(internal={"image_pull_secrets": []})["changed"] is True
    pod = at(api, DEPLOYMENT, names.DEPLOYMENT_NAME)["spec"]["template"]["spec"]
    del pod["imagePullSecrets"]  # as the API server stores an empty list
    assert task()["changed"] is False


def test_what_a_task_says_is_adjusted(api: FakeApi, task: Task) -> None:
    task()
    result = task(internal={"image": "mirror/rest-server:2", "size": "20Gi"})

    assert result["changed"] is True
    assert sorted(result["diff"]["after"]) == [
        "Deployment che/backup-rest-server",
        "PersistentVolumeClaim che/backup-rest-server-data",
    ]
    container = at(api, DEPLOYMENT, names.DEPLOYMENT_NAME)["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "mirror/rest-server:2"
    assert at(api, CLAIM, names.DATA)["spec"]["resources"]["requests"]["storage"] == "20Gi"


@pytest.mark.parametrize("asked", [{"size": "1Gi"}, {"storage_class": "other"}, {"namespace": "backups"}])
def test_what_a_volume_can_not_do_is_said(api: FakeApi, task: Task, asked: dict[str, str]) -> None:
    task()
    before = len(api.written)
    with pytest.raises(UsageError, match="can't"):
        task(internal=asked)
    assert len(api.written) == before


def test_drift_is_mended(api: FakeApi, task: Task) -> None:
    task()
    del api.objects[SERVICE.path(HOME, names.SERVICE_NAME)]
    at(api, DEPLOYMENT, names.DEPLOYMENT_NAME)["spec"]["replicas"] = 0

    assert task()["changed"] is True

    assert at(api, DEPLOYMENT, names.DEPLOYMENT_NAME)["spec"]["replicas"] == 1
    assert api.names(SERVICE, HOME) == [names.SERVICE_NAME]


def test_a_lost_certificate_is_made_anew_and_the_pod_with_it(api: FakeApi, task: Task) -> None:
    task()
    template = at(api, DEPLOYMENT, names.DEPLOYMENT_NAME)["spec"]["template"]
    digest = template["metadata"]["annotations"][names.IDENTITY_DIGEST]
    authority = read_secret(api.cluster, HOME, names.CONNECTION, "")["ca.crt"]
    password = read_secret(api.cluster, HOME, names.REPOSITORY_PASSWORD, "")
    del api.objects[SECRET.path(HOME, names.IDENTITY)]

    task()

    template = at(api, DEPLOYMENT, names.DEPLOYMENT_NAME)["spec"]["template"]
    assert template["metadata"]["annotations"][names.IDENTITY_DIGEST] != digest
    identity = read_secret(api.cluster, HOME, names.IDENTITY, "")
    assert read_secret(api.cluster, HOME, names.CONNECTION, "")["ca.crt"] == identity["ca.crt"] != authority
    assert read_secret(api.cluster, HOME, names.REPOSITORY_PASSWORD, "") == password


def test_the_pod_meets_the_restricted_standard_and_two_never_share_the_volume(api: FakeApi, task: Task) -> None:
    task()
    spec = at(api, DEPLOYMENT, names.DEPLOYMENT_NAME)["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]

    assert spec["strategy"] == {"type": "Recreate"}
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsUser"] == 65532
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["automountServiceAccountToken"] is False
    assert container["readinessProbe"]


def test_openshift_chooses_the_user_itself(api: FakeApi, task: Task) -> None:
    api.groups = ("security.openshift.io",)
    task()
    security = at(api, DEPLOYMENT, names.DEPLOYMENT_NAME)["spec"]["template"]["spec"]["securityContext"]
    assert {"runAsUser", "fsGroup"}.isdisjoint(security)


def test_no_secret_is_in_a_result_or_in_an_object_that_is_no_secret(api: FakeApi, task: Task, volume: Volume) -> None:
    told = json.dumps([task(), task(internal={"image": "x"}), task(state="absent")])
    task()
    (access, *_rest) = volume.opened
    assert isinstance(access.credentials, UserAndPassword)
    shown = told + json.dumps([obj for path, obj in api.objects.items() if "/secrets/" not in path])
    for secret in (access.password, access.credentials.password):
        assert secret not in shown and base64.b64encode(secret.encode()).decode() not in shown
    assert "PRIVATE KEY" not in shown


def test_check_mode_writes_nothing_and_tells_the_same(api: FakeApi, task: Task, volume: Volume) -> None:
    checked = task(check_mode=True)
    assert (api.written, volume.opened) == ([], [])

    done = task()
    assert checked["backup_server"] == done["backup_server"]
    assert sorted(checked["diff"]["after"]) == sorted(done["diff"]["after"])
    assert task(check_mode=True)["changed"] is False
    assert len(volume.opened) == 2


def test_the_volume_and_its_password_outlive_the_server(api: FakeApi, task: Task, volume: Volume) -> None:
    task()
    result = task(state="absent")

    assert result["changed"] is True and "stay" in result["msg"]
    assert all_names(api) == {
        "Secret": ["backup-rest-server-repo-password"],
        "PersistentVolumeClaim": ["backup-rest-server-data"],
    }
    assert task(state="absent")["changed"] is False
    again = task()
    assert (again["changed"], again["backup_server"]["initialized"]) == (True, False)


def test_the_data_go_only_when_that_is_asked_for(api: FakeApi, task: Task) -> None:
    task()
    api.cluster.create(to_secret(pending_secret_name(names.CONFIGURATION), HOME, {"repo-password": "next"}))
    assert task(check_mode=True, state="absent", internal={"remove_data": True})["changed"] is True
    task(state="absent", internal={"remove_data": True})
    assert all_names(api) == {}


def test_it_can_live_in_another_namespace(api: FakeApi, task: Task, volume: Volume) -> None:
    api.kinds = (CHE_CLUSTER_V2, SERVER_CONFIGURATION)
    result = task(internal={"namespace": "backups"})

    assert result["backup_server"]["repository"] == "rest:https://backup-rest-server-service.backups.svc:8000/che/"
    assert all_names(api, "backups") == {
        "Secret": ["backup-rest-server-identity"],
        "PersistentVolumeClaim": ["backup-rest-server-data"],
        "Service": ["backup-rest-server-service"],
        "Deployment": ["backup-rest-server-deployment"],
    }
    assert task()["changed"] is False
    chosen = choose_server(api.cluster, HOME, ServerOptions())
    assert chosen.internal_namespace == "backups"
    assert chosen.access == volume.opened[0]

    task(state="absent")
    assert sorted(all_names(api, "backups")) == ["PersistentVolumeClaim"]

    with pytest.raises(UsageError, match="its volume is not"):
        task(state="absent", internal={"remove_data": True})
    assert all_names(api)["Secret"] == [names.REPOSITORY_PASSWORD]
    task(state="absent", internal={"remove_data": True, "namespace": "backups"})
    assert all_names(api, "backups") == all_names(api) == {}


def test_a_given_password_seals_a_new_repository_and_no_other(api: FakeApi, task: Task, volume: Volume) -> None:
    task(repository_password="from the kit")
    assert volume.password == "from the kit"
    assert task(repository_password="from the kit")["changed"] is False
    for _again in range(2):
        with pytest.raises(WrongPassword, match="give that one as repository_password"):
            task(repository_password="wrong")
    assert read_secret(api.cluster, HOME, names.REPOSITORY_PASSWORD, "")["repo-password"] == "from the kit"


def test_a_volume_can_outlive_the_namespace_of_che_and_its_secrets(api: FakeApi, task: Task, volume: Volume) -> None:
    task(internal={"namespace": "backups"})
    password = volume.password
    for path in [path for path in api.objects if "/namespaces/che/" in path]:
        del api.objects[path]

    for _again in range(2):
        with pytest.raises(WrongPassword, match="give that one as repository_password"):
            task(internal={"namespace": "backups"})
        assert names.REPOSITORY_PASSWORD not in api.names(SECRET, HOME)
    mended = task(internal={"namespace": "backups"}, repository_password=password)

    assert (mended["changed"], mended["backup_server"]["initialized"]) == (True, False)
    assert task()["changed"] is False


def test_a_password_that_was_made_up_gives_way_to_the_right_one(api: FakeApi, task: Task, volume: Volume) -> None:
    """A run that was killed could leave one that opens nothing."""
    task()
    wrong = names.labelled_secret(names.REPOSITORY_PASSWORD, HOME, {"repo-password": "made up"})
    api.cluster.replace(wrong)
    with pytest.raises(WrongPassword):
        task()

    assert task(repository_password=volume.password)["changed"] is True

    assert read_secret(api.cluster, HOME, names.REPOSITORY_PASSWORD, "")["repo-password"] == volume.password
    assert task()["changed"] is False


def test_the_environment_s_password_seals_a_new_repository_and_opens_no_other(
    api: FakeApi, task: Task, volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKUP_REPOSITORY_PASSWORD", "of the environment")
    task()
    assert volume.password == "of the environment"
    monkeypatch.setenv("BACKUP_REPOSITORY_PASSWORD", "of another server")
    assert task()["changed"] is False


@pytest.mark.parametrize(
    ("kind", "name"),
    [(DEPLOYMENT, names.DEPLOYMENT_NAME), (SERVICE, names.SERVICE_NAME), (CONFIG_MAP, names.CONFIGURATION)],
)
def test_what_is_not_ours_is_never_touched(api: FakeApi, task: Task, kind: Kind, name: str) -> None:
    api.add(kind, name, HOME, spec={}, metadata={"labels": {"app.kubernetes.io/managed-by": "che-operator"}})
    with pytest.raises(CheError, match="old operator"):
        task()
    assert not api.written
    if kind is not CONFIG_MAP:
        task(state="absent")
    assert api.at(kind, name, HOME) is not None


def test_a_pod_that_does_not_start_is_told_with_its_reason(api: FakeApi, task: Task) -> None:
    api.followers.clear()
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    api.add(
        POD,
        "p",
        HOME,
        metadata={"labels": dict(names.POD_LABELS)},
        status={"containerStatuses": [{"state": waiting, "image": "x"}]},
    )
    with pytest.raises(WaitExpired, match="ImagePullBackOff: no such image"):
        task()
    assert api.at(CONFIG_MAP, names.CONFIGURATION, HOME) is None


@pytest.mark.parametrize(
    "strangers",
    [
        {"repository_url": "rest:host/path"},
        {"server_password": "x"},
        {"repository_password_secret": "x"},
        {"server_ca_content": "x"},
        {"name": "other"},
        {"internal": {"size": "many"}},
    ],
)
def test_options_of_other_servers_are_refused(api: FakeApi, task: Task, strangers: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        task(**strangers)
    assert next(iter(strangers)) in str(caught.value)
    assert not api.written


def test_no_option_of_other_servers_is_forgotten() -> None:
    ours = {"repository_password", "internal_connection", "restic_path"}
    assert set(server_spec().options) - ours <= set(OF_OTHER_SERVERS)


def test_a_namespace_that_is_not_there_is_named(task: Task) -> None:
    with pytest.raises(CheError, match="Namespace nowhere"):
        task(internal={"namespace": "nowhere"})


def test_nothing_of_it_is_part_of_a_backup(api: FakeApi, task: Task) -> None:
    task()
    found = [{**obj} for kind in (SECRET, CONFIG_MAP, CLAIM) for obj in api.cluster.list(kind, HOME)]
    cluster = CheCluster({"apiVersion": "org.eclipse.che/v2", "kind": "CheCluster", "metadata": {"name": "che"}})

    selection = select(found, cluster)

    assert selection.saved == ()
    assert {skipped.reason for skipped in selection.skipped} == {"belongs to the backup itself"}
    assert len(found) == 6
