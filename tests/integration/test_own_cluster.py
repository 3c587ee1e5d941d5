# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests rely on in the project's own test cluster, tests/cluster. Skipped where KUBECONFIG names another one."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.own_cluster import OwnCluster

pytestmark = pytest.mark.integration

RESTRICTED_POD = {"runAsNonRoot": True, "runAsUser": 26, "runAsGroup": 1000650000, "fsGroup": 1000650000}
RESTRICTED_CONTAINER = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
# An address for documentation: nobody's, and not reachable for want of a route.
OUTSIDE = "198.51.100.1"


@pytest.fixture(scope="module")
def cluster() -> OwnCluster:
    cluster = OwnCluster()
    if not cluster.is_meant():
        pytest.skip("KUBECONFIG names another cluster, and these are promises of our own")
    cluster.run("up")
    return cluster


@pytest.fixture(scope="module")
def namespace(cluster: OwnCluster) -> Iterator[str]:
    name = f"cluster-it-{uuid.uuid4().hex[:6]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def pod(namespace: str, name: str, script: str, **more: Any) -> dict[str, Any]:
    """A pod of the restricted standard that runs a script of busybox's shell."""
    security = {**RESTRICTED_POD, "seccompProfile": {"type": "RuntimeDefault"}}
    container = {
        "name": "main",
        "image": "docker.io/library/busybox:1.36",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-ec", script],
        "securityContext": RESTRICTED_CONTAINER,
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"securityContext": security, "restartPolicy": "Never", "containers": [container], **more},
    }


def claim(namespace: str, name: str) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def node_port(namespace: str, name: str, port: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": "NodePort", "selector": {"app": name}, "ports": [{"port": port}]},
    }


@pytest.fixture(scope="module")
def web(cluster: OwnCluster, namespace: str) -> str:
    """A web server as a user other than root, whose pages lie on a claim; the address of its NodePort."""
    script = (
        "id >/data/id.txt; nslookup web.$NAMESPACE.svc.cluster.local >/data/dns.txt; exec httpd -f -p 8080 -h /data"
    )
    server = pod(
        namespace,
        "web",
        script.replace("$NAMESPACE", namespace),
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "pages"}}],
    )
    cluster.apply(node_port(namespace, "web", 8080), claim(namespace, "pages"), server)
    cluster.kubectl("wait", "--for=condition=Ready", "pod/web", "-n", namespace, "--timeout=60s")
    service = json.loads(cluster.kubectl("get", "service", "web", "-n", namespace, "-o", "json"))
    return f"http://{cluster.node_address()}:{service['spec']['ports'][0]['nodePort']}"


def fetch(url: str) -> str:
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def test_a_second_up_changes_nothing_and_is_quick(cluster: OwnCluster) -> None:
    before = cluster.run("status").stdout
    began = time.monotonic()
    again = cluster.run("up")
    assert "runs already" in again.stderr
    assert time.monotonic() - began < 30
    assert cluster.processes(cluster.run("status").stdout) == cluster.processes(before)


def test_status_names_every_process_and_the_kubeconfig(cluster: OwnCluster) -> None:
    status = cluster.run("status").stdout
    assert {"etcd", "kube-apiserver", "kubelet", "containerd"} <= set(cluster.processes(status))
    assert cluster.kubeconfig in status
    assert "ready: node1" in status


def test_nothing_listens_on_the_machine_itself(cluster: OwnCluster) -> None:
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    ours = set(cluster.processes(cluster.run("status").stdout).values())
    assert not [line for line in listening.splitlines() if any(f"pid={process}," in line for process in ours)]


def test_a_restricted_pod_writes_to_its_claim_and_is_reached_by_a_node_port(web: str) -> None:
    assert "uid=26 gid=1000650000" in fetch(f"{web}/id.txt")


def test_names_of_services_resolve_in_pods(web: str, cluster: OwnCluster, namespace: str) -> None:
    address = cluster.kubectl("get", "service", "web", "-n", namespace, "-o", "jsonpath={.spec.clusterIP}")
    assert f"Address: {address}" in fetch(f"{web}/dns.txt")


def test_pods_reach_the_node_port_too_and_nothing_outside(web: str, cluster: OwnCluster, namespace: str) -> None:
    script = (
        f"timeout 5 wget -q -O /dev/null {web}/id.txt && echo node port reached; "
        f"nslookup host.invalid >/data/out 2>&1 || grep -o NXDOMAIN /data/out | head -n 1; "
        f"timeout 5 wget -q -O /dev/null http://{OUTSIDE}/ 2>&1 || true"
    )
    cluster.apply(pod(namespace, "client", script, volumes=[{"name": "data", "emptyDir": {}}]))
    finished = "jsonpath={.status.phase}=Succeeded"
    cluster.kubectl("wait", f"--for={finished}", "pod/client", "-n", namespace, "--timeout=60s")
    said = cluster.kubectl("logs", "client", "-n", namespace)
    assert "node port reached" in said
    assert "NXDOMAIN" in said
    assert "unreachable" in said or "No route to host" in said, said


def test_pod_security_is_enforced(cluster: OwnCluster, namespace: str) -> None:
    wild = pod(namespace, "wild", "true", volumes=[{"name": "data", "emptyDir": {}}])
    wild["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    refused = cluster.try_kubectl("apply", "-f", "-", stdin=json.dumps(wild))
    assert refused.returncode != 0
    assert "violates PodSecurity" in refused.stderr


def test_a_claim_is_writable_without_a_group_and_takes_its_volume_along(cluster: OwnCluster, namespace: str) -> None:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "brief"}}]
    writer = pod(namespace, "brief", "echo kept >/data/file", volumes=volumes)
    del writer["spec"]["securityContext"]["fsGroup"]  # with it the kubelet itself would open the folder
    cluster.apply(claim(namespace, "brief"), writer)
    finished = "jsonpath={.status.phase}=Succeeded"
    cluster.kubectl("wait", f"--for={finished}", "pod/brief", "-n", namespace, "--timeout=60s")
    volume = cluster.kubectl("get", "pvc", "brief", "-n", namespace, "-o", "jsonpath={.spec.volumeName}")
    folder = Path(cluster.state) / "volumes" / volume
    assert (folder / "file").read_text() == "kept\n"
    cluster.kubectl("delete", "pod/brief", "pvc/brief", "-n", namespace)
    cluster.kubectl("wait", "--for=delete", f"pv/{volume}", "--timeout=30s")
    assert not folder.exists()
