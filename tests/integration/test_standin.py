# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in installation and the backup server on a real cluster, in namespaces of their own.

Needs KUBECONFIG. While it runs, the cluster serves both versions of CheCluster; afterwards what it served before.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sampling import sampled

STANDIN = Path(__file__).resolve().parents[1] / "standin"
sys.path.insert(0, str(STANDIN))

from che_standin import database, expectations, installation, manifests, pods, proof, served, server  # noqa: E402
from che_standin.cluster import Cluster  # noqa: E402

pytestmark = [pytest.mark.integration, pytest.mark.soak]
SERVER_NAMESPACE = "standin-it-server"


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    if not os.environ.get("KUBECONFIG"):
        pytest.fail("KUBECONFIG is not set: start a cluster with tests/cluster/cluster up, and name its kubeconfig")
    return Cluster()


@pytest.fixture(scope="module")
def both_served(cluster: Cluster) -> Iterator[None]:
    before = served.now(cluster)
    served.serve(cluster, ("v1", "v2"))
    yield
    if before:
        served.serve(cluster, before)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(STANDIN / "standin"), *arguments]
    environment = {**os.environ, "PYTHON": sys.executable}
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=environment)


def up(namespace: str, variant: str, *more: str) -> None:
    done = run("up", "--variant", variant, "--namespace", namespace, *more)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", params=sampled(manifests.VARIANTS))
def home(request: pytest.FixtureRequest, cluster: Cluster, both_served: None) -> Iterator[str]:
    namespace = f"standin-it-{request.param}"
    installation.destroy_namespace(cluster, namespace)
    up(namespace, request.param, "--database-size-mb", "2", "--extra-objects", "4")
    yield namespace
    installation.destroy_namespace(cluster, namespace)


@pytest.fixture
def before(home: str, cluster: Cluster) -> dict[str, Any]:
    return proof.take(cluster, home)


def compare(tmp_path: Path, before: dict[str, Any], after: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    files = [tmp_path / "before.json", tmp_path / "after.json"]
    for file, content in zip(files, (before, after)):
        file.write_text(json.dumps(content))
    return run("compare", *map(str, files))


def test_everything_that_was_promised_is_there(home: str, cluster: Cluster) -> None:
    expected = expectations.expectations(home.removeprefix("standin-it-"), extra=4)
    present = {"CheCluster/eclipse-che"}
    for kind in expectations.KINDS:
        present |= {f"{kind}/{obj['metadata']['name']}" for obj in cluster.list_all("v1", kind, home)}
    assert set(expected["saved"]) | set(expected["not_saved"]) == present


def test_every_pod_is_admitted_as_restricted(home: str, cluster: Cluster) -> None:
    labels = (cluster.find("v1", "Namespace", home) or {})["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert len(cluster.list_all("v1", "Pod", home)) >= 3


def test_a_second_up_changes_nothing(home: str, cluster: Cluster, before: dict[str, Any], tmp_path: Path) -> None:
    running = {pod["metadata"]["uid"] for pod in cluster.list_all("v1", "Pod", home)}
    up(home, home.removeprefix("standin-it-"), "--database-size-mb", "2", "--extra-objects", "4")
    done = compare(tmp_path, before, proof.take(cluster, home))
    assert done.returncode == 0, done.stdout
    assert {pod["metadata"]["uid"] for pod in cluster.list_all("v1", "Pod", home)} == running


def test_the_databases_are_as_asked_for(home: str, before: dict[str, Any]) -> None:
    wanted = {
        "v1": ["postgres"],
        "v1-keycloak": ["postgres", "keycloak"],
        "v2-database": ["postgres"],
        "v2": [],
        "v2-openvsx": ["openvsx-database"],
    }
    assert [held["deployment"] for held in before["databases"]] == wanted[home.removeprefix("standin-it-")]
    for held in before["databases"]:
        assert held["login_works"]
        assert not held["properties"]["owner_is_superuser"]
        bulk = next(table for table in held["tables"] if table["name"] == "bulk")
        assert bulk["rows"] == 2 * database.ROWS_PER_MB


CHANGES = {
    "a row": (
        "UPDATE che.account SET name = name || '.' WHERE id = 1000",
        "UPDATE che.account SET name = 'account 1' WHERE id = 1000",
    ),
    "a large object": (
        "SELECT lo_put(object, 0, '\\x01') FROM che.attachment WHERE id = 3",
        "SELECT lo_put(object, 0, '\\x00') FROM che.attachment WHERE id = 3",
    ),
    "a sequence": ("SELECT setval('che.never_used', 6, false)", "SELECT setval('che.never_used', 5, false)"),
    "an owner": ("ALTER TABLE che.audit OWNER TO postgres", "ALTER TABLE che.audit OWNER TO pgche"),
    "a setting": ("ALTER DATABASE dbche SET work_mem = '9MB'", "ALTER DATABASE dbche SET work_mem = '8MB'"),
    "a database left behind": ("CREATE DATABASE leftover", "DROP DATABASE leftover"),
    "a role left behind": ("CREATE ROLE leftover", "DROP ROLE leftover"),
}


@pytest.mark.parametrize("home", ["v1"], indirect=True)
@pytest.mark.parametrize("change", CHANGES)
def test_the_judge_sees_a_change_in_the_database(
    home: str, cluster: Cluster, before: dict[str, Any], tmp_path: Path, change: str
) -> None:
    (holder,) = database.find(cluster, home)
    there, back = CHANGES[change]
    database.psql(cluster, holder, there + ";\n")
    try:
        done = compare(tmp_path, before, proof.take(cluster, home))
    finally:
        database.psql(cluster, holder, back + ";\n")
    assert done.returncode == 1, done.stdout
    assert done.stdout.count("DIFFERS") == 1, done.stdout
    assert compare(tmp_path, before, proof.take(cluster, home)).returncode == 0


def test_the_judge_sees_a_key_that_was_added(
    home: str, cluster: Cluster, before: dict[str, Any], tmp_path: Path
) -> None:
    target = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "che-logback", "namespace": home}}
    cluster.merge(target, {"data": {"added": "x"}})
    done = compare(tmp_path, before, proof.take(cluster, home))
    cluster.merge(target, {"data": {"added": None}})
    assert done.returncode == 1
    assert [line.split()[1] for line in done.stdout.splitlines() if "DIFFERS" in line] == ["che-logback"]


def test_status_follows_when_che_is_scaled_down(home: str, cluster: Cluster) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "che", "namespace": home}}
    cluster.merge(target, {"spec": {"replicas": 0}})
    installation.wait_until(lambda: not ready(cluster, home), 60, lambda: "still ready without che")
    cluster.merge(target, {"spec": {"replicas": 1}})
    installation.wait_ready(cluster, home, 120)


def ready(cluster: Cluster, namespace: str) -> bool:
    (che,) = [c for c in served.installations(cluster) if c["metadata"]["namespace"] == namespace]
    return installation.is_ready(che)


def test_a_destroyed_namespace_is_gone_and_the_operator_stays(home: str, cluster: Cluster, tmp_path: Path) -> None:
    variant = home.removeprefix("standin-it-")
    old = proof.take(cluster, home)
    operator = {pod["metadata"]["uid"] for pod in cluster.list_all("v1", "Pod", manifests.OPERATOR_NAMESPACE)}
    done = run("destroy-namespace", "--namespace", home)
    assert done.returncode == 0, done.stderr
    assert cluster.find("v1", "Namespace", home) is None
    assert {pod["metadata"]["uid"] for pod in cluster.list_all("v1", "Pod", manifests.OPERATOR_NAMESPACE)} == operator
    up(home, variant, "--database-size-mb", "2", "--extra-objects", "4")
    renewed = compare(tmp_path, old, proof.take(cluster, home))
    # New certificates, and new passwords where there is a database: only a restore brings the old ones back.
    assert renewed.returncode == 1
    different = {line.split()[1] for line in renewed.stdout.splitlines() if "DIFFERS" in line}
    assert {"che-tls", "ca-certs-corporate"} <= different


def test_a_variant_that_is_not_served_is_refused(home: str, cluster: Cluster) -> None:
    variant = home.removeprefix("standin-it-")
    version = manifests.generation(variant)
    other = {"v1": "v2", "v2": "v1"}
    served.serve(cluster, (version,))
    try:
        done = run("up", "--variant", other[version], "--namespace", "standin-it-refused")
    finally:
        served.serve(cluster, ("v1", "v2"))
    assert done.returncode == 2
    assert "--serve" in done.stderr
    assert cluster.find("v1", "Namespace", "standin-it-refused") is None


@pytest.fixture(scope="module")
def backup_server(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, both_served: None
) -> Iterator[dict[str, Any]]:
    for obj in manifests.operator():  # a pod with Python, to look at the server from inside
        cluster.apply(obj)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield server.up(cluster, server.Options(SERVER_NAMESPACE))
        server.down(cluster, SERVER_NAMESPACE)


def ask(
    description: dict[str, Any], path: str, method: str = "GET", data: bytes | None = None, auth: bool = True
) -> int:
    request = urllib.request.Request(description["url"] + path, method=method, data=data)
    if auth:
        password = Path(description["password_file"]).read_text()
        token = base64.b64encode(f"{description['username']}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    context = ssl.create_default_context(cafile=description["ca_file"])
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_server_wants_its_password(backup_server: dict[str, Any]) -> None:
    assert ask(backup_server, "?create=true", "POST", auth=False) == 401
    assert ask(backup_server, "one/?create=true", "POST") == 200
    assert ask(backup_server, "one/config", "POST", b"x") == 200
    assert ask(backup_server, "one/config") == 200


def test_the_same_url_works_from_a_pod(backup_server: dict[str, Any], cluster: Cluster) -> None:
    pod = pods.await_ready(cluster, manifests.OPERATOR_NAMESPACE, "app=che-operator")
    script = (
        "import ssl, sys, urllib.error, urllib.request\n"
        f"context = ssl.create_default_context(cadata={Path(backup_server['ca_file']).read_text()!r})\n"
        f"for url in ({backup_server['url']!r}, {backup_server['service_url']!r}):\n"
        "    try:\n        urllib.request.urlopen(url, context=context, timeout=10)\n"
        "    except urllib.error.HTTPError as error:\n        print(error.code)\n"
    )
    assert pods.run(cluster, pod, 'head -c "$1" | python3 -', script).split() == ["401", "401"]


def test_a_stopped_server_refuses_and_keeps_its_data(backup_server: dict[str, Any], cluster: Cluster) -> None:
    assert ask(backup_server, "kept/?create=true", "POST") == 200
    assert ask(backup_server, "kept/config", "POST", b"kept") == 200
    server.stop(cluster, SERVER_NAMESPACE)
    with pytest.raises(OSError, match=r"refused|timed out|unreachable|No route"):
        ask(backup_server, "kept/config")
    server.start(cluster, SERVER_NAMESPACE)
    assert ask(backup_server, "kept/config") == 200


def test_a_full_and_append_only_server(backup_server: dict[str, Any], cluster: Cluster) -> None:
    names = copy.copy(backup_server)
    full = server.up(cluster, server.Options(SERVER_NAMESPACE, append_only=True, max_size=1000))
    assert {k: full[k] for k in ("url", "username")} == {k: names[k] for k in ("url", "username")}
    assert ask(full, "full/?create=true", "POST") == 200
    # Small enough for one write: the server answers and hangs up before it has read a large body.
    blob = os.urandom(4000)
    assert ask(full, "full/data/" + hashlib.sha256(blob).hexdigest(), "POST", blob) >= 400
    assert ask(full, "one/config", "DELETE") in (403, 405)
    server.up(cluster, server.Options(SERVER_NAMESPACE))
    assert ask(full, "full/data/" + hashlib.sha256(blob).hexdigest(), "POST", blob) == 200
