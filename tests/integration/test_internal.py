# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backup server inside the cluster, its whole life long, with the playbook outside and Jobs inside.

What its process does with our arguments, certificate and password file is tried first, without a cluster. The tests of
the cluster build on each other and run in their order.
"""

from __future__ import annotations

import base64
import io
import json
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._repository import _errors as errors
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._server import _internal_objects as names
from ansible_collections.community.che.plugins.module_utils._server._connect import connect
from ansible_collections.community.che.plugins.module_utils._server._identity import make_certificate, password_line
from ansible_collections.community.che.plugins.module_utils._server._internal_keys import certificate_names
from integration.che_bed import BackupServer, Cluster, Home, installation, new_home, wait_until
from integration.cluster_watch import secrets_of
from integration.rbac_bed import account
from integration.rest_server import free_port, tool

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("internal")]

NAMESPACE = "it-internal"
OUTSIDE = "it-internal-outside"
POD_SELECTOR = ",".join(f"{key}={value}" for key, value in names.POD_LABELS.items())


# Without a cluster


@contextmanager
def serving(folder: Path, password: str, certificate: dict[str, str]) -> Iterator[int]:
    """A rest-server with the arguments and files of the Deployment; its port on loopback."""
    files = {**certificate, "htpasswd": password_line(names.USERNAME, password)}
    for name, content in files.items():
        (folder / name).write_text(content, encoding="ascii")
    port = free_port()
    container = names.deployment("d", "che", names.PodChoices("image"), files)["spec"]["template"]["spec"][
        "containers"
    ][0]
    places = {"=/data": f"={folder}/data", "=/identity": f"={folder}", "=:8000": f"=127.0.0.1:{port}"}
    arguments = list(container["args"])
    for inside, here in places.items():
        arguments = [argument.replace(inside, here) for argument in arguments]
    process = subprocess.Popen([tool("rest-server"), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    try:
        while b"start server on" not in (line := process.stdout.readline()):
            assert line, "rest-server has ended"
        yield port
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def test_what_is_mounted_serves_restic_and_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    certificate = make_certificate(certificate_names("che"))
    with serving(tmp_path, "open sesame", certificate) as port:
        server = RestServer("127.0.0.1", names.REPOSITORY_PATH, port=port)
        access = Access(
            server, "repository password", UserAndPassword(names.USERNAME, "open sesame"), certificate["ca.crt"]
        )
        assert connect(access, True, "restic", False) is True
        assert connect(access, True, "restic", False) is False
        (tmp_path / "saved").mkdir()
        (tmp_path / "saved" / "file").write_text("content", encoding="ascii")
        restic = Restic(access)
        saved = restic.backup_folder(tmp_path / "saved", ["tag"], "che").snapshot_id
        assert restic.dump(saved, "file", 100) == b"content"

        stranger = Access(
            server, "repository password", UserAndPassword(names.USERNAME, "guess"), certificate["ca.crt"]
        )
        with pytest.raises(errors.AccessDenied):
            connect(stranger, True, "restic", False)
        other = Access(server, "x", access.credentials, make_certificate(certificate_names("che"))["ca.crt"])
        with pytest.raises(errors.UntrustedCertificate):
            connect(other, True, "restic", False)


# In the cluster


@dataclass
class Story:
    """One installation, and what has happened to it so far."""

    home: Home
    first: dict[str, Any] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)

    def run(self, module: str, **options: Any) -> dict[str, Any]:
        result = self.home.run(module, **options)
        self.told.append(result)
        return result


@pytest.fixture(scope="module")
def story(che_test_cluster: Cluster) -> Iterator[Story]:
    """An installation without any backup server."""
    yield Story(new_home(che_test_cluster, NAMESPACE, "v1", {}))
    for namespace in (NAMESPACE, OUTSIDE):
        installation.destroy_namespace(che_test_cluster, namespace, wait=False)


def server_pods(home: Home) -> list[dict[str, Any]]:
    pods = home.cluster.list_all("v1", "Pod", home.namespace, POD_SELECTOR)
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def server_state(home: Home) -> dict[str, str]:
    """The uid and the generation or version of everything that makes the server up."""
    found = {}
    for api_version, kind in [
        ("v1", "Secret"),
        ("v1", "PersistentVolumeClaim"),
        ("v1", "Service"),
        ("apps/v1", "Deployment"),
        ("org.eclipse.che/v1", "CheBackupServerConfiguration"),
        ("v1", "Pod"),
    ]:
        for obj in home.cluster.list_all(api_version, kind, home.namespace, POD_SELECTOR):
            metadata = obj["metadata"]
            version = metadata.get("generation") or metadata["resourceVersion"]
            found[f"{kind}/{metadata['name']}"] = f"{metadata['uid']} {'' if kind == 'Pod' else version}"
    return found


def test_a_restore_without_any_server_names_the_choices(story: Story) -> None:
    outcome = story.home.fail("cluster_restore")
    for words in ("No backup server", "community.che.backup_server", "repository_url", "internal"):
        assert words in outcome.message


def test_check_mode_sets_nothing_up(story: Story) -> None:
    before = story.home.versions()
    checked = story.run("cluster_backup", check=True)
    assert checked["backup_server"]["name"] == names.CONFIGURATION
    assert story.home.versions() == before


def test_a_backup_without_any_server_sets_the_internal_one_up(story: Story) -> None:
    story.first = story.run("cluster_backup")

    assert [stage["name"] for stage in story.first["stages"]] == ["set up", "connect", "collect", "dump", "seal"]
    assert story.first["backup_server"]["repository"] == f"rest:https://{names.service_host(NAMESPACE)}:8000/che/"
    # The database's Job sent its dump to the Service; this process is outside, where that has no name.
    assert [part["name"] for part in story.first["parts"] if part["kind"] == "database"] == ["dbche"]
    assert any("same cluster" in str(warning) for warning in story.first["warnings"])
    assert not any("backup-rest-server" in name for name in story.first["saved"])
    (pod,) = server_pods(story.home)
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert story.home.left_behind() == []


PROGRAM = """
import sys
from ansible_collections.community.che.plugins.module_utils._repository._answers import Answer, answer_of
from ansible_collections.community.che.plugins.module_utils._server._internal_objects import internal_server
with open("/authority/ca.crt", encoding="ascii") as file:
    sys.exit(answer_of(internal_server(sys.argv[1]), file.read(), 20) is not Answer.TRUSTED)
"""


def code() -> str:
    """The collection's own code, as a ZIP that Python imports from and a ConfigMap holds."""
    root = Path(__file__).resolve().parents[2] / "plugins" / "module_utils"
    place = Path("ansible_collections/community/che/plugins/module_utils")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in [*list(place.parents)[:-1], place]:
            archive.writestr(f"{folder}/__init__.py", "")
        for file in root.rglob("*.py"):
            archive.write(file, place / file.relative_to(root))
    return base64.b64encode(packed.getvalue()).decode()


def pod_inside(name: str) -> dict[str, Any]:
    """A pod that looks from inside whether the Service answers, by the code that decides how the server is reached."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "look",
                    "image": "docker.io/library/python:3.11-slim",
                    "command": ["python3", "-c", PROGRAM, NAMESPACE],
                    "env": [{"name": "PYTHONPATH", "value": "/code/code.zip"}],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [
                        {"name": "code", "mountPath": "/code"},
                        {"name": "authority", "mountPath": "/authority"},
                    ],
                }
            ],
            "volumes": [
                {"name": "code", "configMap": {"name": name}},
                {"name": "authority", "secret": {"secretName": names.CONNECTION}},
            ],
        },
    }


def test_inside_the_cluster_the_service_answers(story: Story) -> None:
    cluster, pod = story.home.cluster, pod_inside("inside")
    metadata = pod["metadata"]
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": {"code.zip": code()}})
    cluster.apply(pod)

    def phase() -> str:
        found = cluster.find("v1", "Pod", "inside", NAMESPACE) or {}
        return str(found.get("status", {}).get("phase"))

    wait_until(lambda: phase() in ("Succeeded", "Failed"), 120, lambda: f"the pod is {phase()}")
    assert phase() == "Succeeded"


def test_the_module_finds_it_as_it_wants_it(story: Story) -> None:
    before = story.home.versions()
    for options in ({"internal": {}}, {"internal": {}, "check": True}, {"name": names.CONFIGURATION}):
        result = story.run("backup_server", **options)
        assert (result["changed"], result["backup_server"]["initialized"]) == (False, False)
    assert story.home.versions() == before


def test_its_backups_outlive_its_pod(story: Story) -> None:
    (pod,) = server_pods(story.home)
    story.home.cluster.delete({**pod, "apiVersion": "v1", "kind": "Pod"})

    def back() -> bool:
        found = server_pods(story.home)
        ready = [item for item in found for state in item["status"].get("containerStatuses", []) if state["ready"]]
        return len(ready) == 1 and ready[0]["metadata"]["uid"] != pod["metadata"]["uid"]

    wait_until(back, 120, lambda: "the server's pod did not come back")
    (backup,) = story.home.backups()
    assert (backup["id"], backup["state"]) == (story.first["id"], "complete")


def test_without_its_pod_the_error_says_so_in_time(story: Story) -> None:
    (deployment,) = story.home.cluster.list_all("apps/v1", "Deployment", NAMESPACE, POD_SELECTOR)
    story.home.cluster.merge(deployment, {"spec": {"replicas": 0}})
    wait_until(lambda: not server_pods(story.home), 60, lambda: "the pod is still there")

    began = time.monotonic()
    outcome = story.home.fail("cluster_backup_info")

    assert "no ready pod" in outcome.message and time.monotonic() - began < 60
    mended = story.run("backup_server", internal={})
    assert (mended["changed"], mended["backup_server"]["initialized"]) == (True, False)


def test_a_restore_brings_back_what_was_lost_and_leaves_the_server_alone(story: Story) -> None:
    home = story.home
    before, state = home.proof(), server_state(home)
    lost = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "github-oauth-config", "namespace": NAMESPACE}}
    home.cluster.delete(lost)
    home.sql("DELETE FROM che.audit;")

    restored = story.run("cluster_restore")

    assert restored["changed"] is True
    assert restored["backup_server"]["name"] == names.CONFIGURATION
    assert {step["name"]: step["action"] for step in restored["plan"]["objects"]}["github-oauth-config"] == "create"
    assert home.differences(before) == []
    assert server_state(home) == state
    again = story.run("cluster_restore", id=restored["id"])
    assert again["changed"] is False


def test_the_documented_roles_suffice(story: Story) -> None:
    home = story.home
    user = account(home.cluster, NAMESPACE, "uses-it", ("backup", "reach_internal_backup_server"))
    assert not home.start("cluster_backup", **user).outcome().failed
    owner = account(home.cluster, NAMESPACE, "runs-it", ("internal_backup_server", "reach_internal_backup_server"))
    result = home.start("backup_server", internal={"image_pull_secrets": ["none"]}, **owner).outcome()
    assert not result.failed and result.result["changed"] is True, result.message

    stranger = account(home.cluster, NAMESPACE, "stranger", ("backup",))
    refused = home.start("cluster_backup", **stranger).outcome()
    assert refused.failed and "pods/portforward" in refused.message


def test_naming_an_append_only_server_makes_it_the_default(story: Story) -> None:
    home = story.home
    outside = BackupServer.up(home.cluster, OUTSIDE, append_only=True)
    story.run("backup_server", name="outside", initialize=True, **outside.repository("che"))

    named = story.run("cluster_backup", backup_server="outside")
    assert named["backup_server"]["made_default"] is True
    assert not any("same cluster" in str(warning) for warning in named.get("warnings", []))
    unnamed = story.run("cluster_backup")
    assert (unnamed["backup_server"]["name"], unnamed["backup_server"]["chosen_because"]) == (
        "outside",
        "the last one used",
    )
    assert [backup["state"] for backup in home.backups()] == ["complete", "complete"]
    assert len(home.backups(backup_server=names.CONFIGURATION)) >= 2


def test_taken_down_it_keeps_its_backups(story: Story) -> None:
    home = story.home
    kept = {backup["id"] for backup in home.backups(backup_server=names.CONFIGURATION)}

    assert story.run("backup_server", internal={}, state="absent")["changed"] is True
    assert story.run("backup_server", internal={}, state="absent")["changed"] is False
    assert {name.partition("/")[0] for name in server_state(home)} <= {"PersistentVolumeClaim", "Secret", "Pod"}

    again = story.run("backup_server", internal={})
    assert (again["changed"], again["backup_server"]["initialized"]) == (True, False)
    assert {backup["id"] for backup in home.backups(backup_server=names.CONFIGURATION)} == kept


def test_no_result_shows_a_secret(story: Story) -> None:
    secrets = secrets_of(story.home.cluster, NAMESPACE)
    assert any(name.startswith(names.REPOSITORY_PASSWORD) for name in secrets)
    told = json.dumps(story.told)
    assert [name for name, value in secrets.items() if json.dumps(value)[1:-1] in told] == []


def test_the_data_go_when_that_is_asked_for(story: Story) -> None:
    story.run("backup_server", internal={"remove_data": True}, state="absent")
    # The stand-in has one that the old operator left; it was used, and is not ours to remove.
    left = [f"Secret/{names.REPOSITORY_PASSWORD}"]
    wait_until(
        lambda: [name for name in server_state(story.home) if not name.startswith("Pod/")] == left,
        120,
        lambda: f"still there: {sorted(server_state(story.home))}",
    )
