# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can happen to the backup server inside the cluster: an error in bounded time, and the next backup is sound.

That it is gone before a backup, and comes back after one, is told in test_internal.py.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._server import _internal_objects as names
from ansible_collections.community.che.plugins.module_utils._server._identity import make_certificate
from ansible_collections.community.che.plugins.module_utils._server._internal_keys import certificate_names
from integration.che_bed import Cluster, Home, Outcome, installation, new_home, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.soak_suite("faults of internal")]

NAMESPACE = "it-internal-faults"
DATABASE_MB = 48
BOUND_SECONDS = 60
LOST_SECONDS = 240
POD_SELECTOR = ",".join(f"{key}={value}" for key, value in names.POD_LABELS.items())


@pytest.fixture(scope="module")
def home(che_test_cluster: Cluster) -> Iterator[Home]:
    """An installation with one backup on the internal server."""
    home = new_home(che_test_cluster, NAMESPACE, "v1", {}, size_mb=DATABASE_MB)
    home.run("cluster_backup")
    yield home
    installation.destroy_namespace(che_test_cluster, NAMESPACE, wait=False)


def deployment(home: Home) -> dict[str, Any]:
    (found,) = home.cluster.list_all("apps/v1", "Deployment", NAMESPACE, POD_SELECTOR)
    return found


def await_rollout(home: Home) -> None:
    """Until the pod that the Deployment asks for now serves, and no other one is there."""

    def done() -> bool:
        found = deployment(home)
        status = found["status"]
        current = status.get("observedGeneration") == found["metadata"]["generation"]
        pods = home.cluster.list_all("v1", "Pod", NAMESPACE, POD_SELECTOR)
        return current and status.get("readyReplicas") == 1 == status.get("updatedReplicas") == len(pods)

    wait_until(done, 120, lambda: f"the server is not there: {deployment(home)['status']}")


def complete(home: Home) -> list[str]:
    return [backup["id"] for backup in home.backups() if backup["state"] == "complete"]


def assert_the_next_is_fine(home: Home) -> None:
    made = home.run("cluster_backup")["id"]
    # The lock of a restic whose server was lost stays until it has not been renewed for 30 minutes.
    verified = home.run("backup_verify", id=made, lock=False)
    assert [backup["verdict"] for backup in verified["backups"]] == ["sound"]
    assert home.left_behind() == []


def put_secret(home: Home, name: str, key: str, value: str) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}}
    home.cluster.merge(secret, {"data": {key: base64.b64encode(value.encode()).decode()}})


def told_soon(outcome: Outcome, words: str) -> None:
    assert outcome.message.startswith("connect: "), outcome.message
    assert words in outcome.message
    assert outcome.seconds < BOUND_SECONDS


def test_another_password_than_the_server_s_is_told_and_mended_by_its_configuration(home: Home) -> None:
    before = complete(home)
    put_secret(home, names.CREDENTIALS, "password", "s3cr3t-standin-another")

    outcome = home.fail("cluster_backup")

    told_soon(outcome, "does not accept the user name and password")
    assert "s3cr3t-standin-another" not in str(outcome.result)
    assert home.run("backup_server", internal={})["changed"] is True
    assert complete(home) == before
    assert_the_next_is_fine(home)


def test_another_authority_than_the_certificate_s_is_told_and_mended_by_its_configuration(home: Home) -> None:
    before = complete(home)
    put_secret(home, names.CONNECTION, "ca.crt", make_certificate(certificate_names(NAMESPACE))["ca.crt"])

    told_soon(home.fail("cluster_backup"), "another certificate than the one that was made for it")

    assert home.run("backup_server", internal={})["changed"] is True
    assert complete(home) == before
    assert_the_next_is_fine(home)


def test_a_full_volume_is_told_and_the_next_backup_is_sound(home: Home) -> None:
    """The test cluster's volumes have no limit, so that the server is given one."""
    before, live = complete(home), deployment(home)
    limited = copy.deepcopy(live["spec"]["template"]["spec"]["containers"])
    limited[0]["args"].append(f"--max-size={1 << 20}")
    home.cluster.merge(live, {"spec": {"template": {"spec": {"containers": limited}}}})
    await_rollout(home)

    outcome = home.fail("cluster_backup")

    assert "full" in outcome.message or "Make room" in outcome.message, outcome.message
    assert outcome.seconds < LOST_SECONDS
    assert home.run("backup_server", internal={})["changed"] is True
    assert complete(home) == before
    assert_the_next_is_fine(home)


def test_a_pod_that_is_lost_half_way_leads_to_a_sound_backup_or_to_none(home: Home) -> None:
    before = complete(home)
    home.sql("UPDATE che.bulk SET payload = encode(sha512((payload || random())::bytea), 'base64') || payload;")
    running = home.start("cluster_backup", run_id="lost-pod")
    home.await_pod("lost-pod")
    (pod,) = home.cluster.list_all("v1", "Pod", NAMESPACE, POD_SELECTOR)
    home.cluster.delete({**pod, "apiVersion": "v1", "kind": "Pod"})

    outcome = running.outcome()

    assert outcome.seconds < LOST_SECONDS
    await_rollout(home)
    if outcome.failed:
        assert complete(home) == before
    else:
        assert complete(home) == [outcome.result["id"], *before]
    assert_the_next_is_fine(home)
