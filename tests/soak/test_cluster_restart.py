# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A test cluster that ends, as asked or not, goes on where it was. Soak: each case starts one more cluster."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from integration.own_cluster import OwnCluster

pytestmark = [pytest.mark.soak, pytest.mark.integration]


@pytest.fixture
def second() -> Iterator[OwnCluster]:
    # Not pytest's own folder: /tmp may be memory, and the images take half a gigabyte.
    folder = tempfile.mkdtemp(prefix="che-second-", dir="/var/tmp")
    cluster = OwnCluster(f"{folder}/cluster")
    yield cluster
    cluster.run("down", "--purge")
    shutil.rmtree(folder)


def started(cluster: OwnCluster) -> dict[str, int]:
    return cluster.processes(cluster.run("status").stdout)


def lives(process: int) -> bool:
    """A zombie doesn't: it waits for the machine's first process to take note."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def mounts_under(folder: str) -> list[str]:
    return [line for line in Path("/proc/mounts").read_text().splitlines() if f" {folder}/" in line]


def stop(cluster: OwnCluster) -> None:
    before = started(cluster)
    cluster.run("down")
    assert not [name for name, process in before.items() if lives(process)]
    assert not mounts_under(cluster.state)


def kill_everything(cluster: OwnCluster) -> None:
    """As when the machine runs out of memory; pods and their shims live on."""
    for process in started(cluster).values():
        os.kill(process, signal.SIGKILL)
    cluster.run("status", expected=3)


def stop_after_a_kill(cluster: OwnCluster) -> None:
    kill_everything(cluster)
    cluster.run("down")
    assert not mounts_under(cluster.state)


@pytest.mark.parametrize("end", [stop, kill_everything, stop_after_a_kill])
def test_objects_and_pods_come_back(second: OwnCluster, end: Callable[[OwnCluster], None]) -> None:
    second.run("up")
    second.kubectl("create", "configmap", "kept", "--from-literal=word=kept")
    end(second)
    began = time.monotonic()
    second.run("up")
    assert time.monotonic() - began < 120
    assert second.kubectl("get", "configmap", "kept", "-o", "jsonpath={.data.word}") == "kept"
    second.kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=60s")


def test_a_renewed_one_has_nothing_of_the_other(second: OwnCluster) -> None:
    second.run("up")
    second.kubectl("create", "namespace", "left-behind")
    second.run("renew")
    second.kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=60s")
    assert "left-behind" not in second.kubectl("get", "namespaces", "-o", "name")


def test_down_spares_a_process_that_has_the_number_of_one_of_ours(second: OwnCluster) -> None:
    second.run("up")
    second.run("down")
    with subprocess.Popen(["sleep", "600"]) as stranger:
        record = Path(second.state) / "run" / "etcd.pid"
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        record.write_text(f"{stranger.pid} 1 {boot}\n")
        second.run("down")
        assert stranger.poll() is None
        stranger.kill()
    assert not record.exists()


def test_purge_leaves_nothing_of_the_cluster(second: OwnCluster) -> None:
    second.run("up")
    address = second.node_address()
    second.run("down", "--purge")
    assert not Path(second.state).exists()
    network = ".".join(address.split(".")[:2])
    routes = subprocess.run(["ip", "-4", "route"], capture_output=True, text=True, check=True).stdout
    assert f"{network}." not in routes
    number = network.split(".")[1]
    assert not list(Path("/sys/fs/cgroup").glob(f"**/che-test-{number}"))
    assert not Path(f"/run/netns/che-test-{number}").exists()
