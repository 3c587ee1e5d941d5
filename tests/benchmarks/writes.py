# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Creating, writing and finding an installation's objects, against the same by hand with 8 threads.

``create`` is the POSTs alone, ``write`` is a restore's whole phase of objects: a dry run of each, then its POST.

Each measurement is a process of its own: ``python -m benchmarks.writes ours|bare create|write|find NAMESPACE COUNT``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from integration.che_bed import Cluster, installation, manifests

from benchmarks.table import Row

ROUNDS = 3
THREADS = 8
PAGE = 500
PLURALS = {"ConfigMap": "configmaps", "Secret": "secrets"}
# 0.8 of the rate by hand.
MOST = 1.25

Object = dict[str, Any]


def measure(cluster: Cluster, namespace: str, count: int) -> list[Row]:
    """Create the same objects by turns in all ways, each time in a new namespace, and find them there."""
    seconds: dict[tuple[str, str], list[float]] = {}
    places = []
    for number in range(ROUNDS):
        for way in ("ours", "bare") if number % 2 else ("bare", "ours"):
            for whats in (("create", "find"), ("write",)):
                places.append(f"{namespace}-{way}-{whats[0]}{number}")
                cluster.apply_all([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": places[-1]}}])
                for what in whats:
                    seconds.setdefault((what, way), []).append(_in_a_process(way, what, places[-1], count))
    # Not in between: the API server would still be at it when the next ones are created.
    for wait in (False, True):
        for place in places:
            installation.destroy_namespace(cluster, place, wait=wait)
    best = {key: min(measured) for key, measured in seconds.items()}
    ours, bare = best["write", "ours"], best["write", "bare"]
    return [
        Row(f"creating {count} objects, 8 at a time", best["create", "ours"], best["create", "bare"], MOST),
        Row(f"a restore's writes of {count} objects: dry run, then POST", ours, bare, MOST),
        Row(f"a restore's writes of {count} objects, against POSTs alone", ours, best["create", "bare"]),
        Row(f"finding {count} objects by name", best["find", "ours"], best["find", "bare"]),
    ]


def _in_a_process(way: str, what: str, namespace: str, count: int) -> float:
    command = [sys.executable, "-m", "benchmarks.writes", way, what, namespace, str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)["seconds"])


def ours(what: str, namespace: str, objects: list[Object]) -> float:
    """As a restore creates, writes and finds objects."""
    from ansible_collections.community.che.plugins.module_utils._kube._bulk import run_all
    from ansible_collections.community.che.plugins.module_utils._kube._connect import connect_cluster
    from ansible_collections.community.che.plugins.module_utils._kube._find import find_many
    from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, SECRET
    from ansible_collections.community.che.plugins.module_utils._restore._objects import write
    from ansible_collections.community.che.plugins.module_utils._restore._plan import plan_objects

    cluster = connect_cluster({})
    steps = plan_objects(objects, {})
    began = time.monotonic()
    if what == "create":
        run_all([partial(cluster.create, obj) for obj in objects]).require()
        return time.monotonic() - began
    if what == "write":
        write(cluster, steps)
        return time.monotonic() - began
    found = 0
    for kind in (CONFIG_MAP, SECRET):
        names = {obj["metadata"]["name"] for obj in objects if obj["kind"] == kind.kind}
        found += len(find_many(cluster, kind, names, namespace))
    seconds = time.monotonic() - began
    assert found == len(objects)
    return seconds


def bare(what: str, namespace: str, objects: list[Object]) -> float:
    """Nothing but requests: a POST for each object, or two, or the pages of two lists."""
    http, host = pool()
    root = f"{host}/api/v1/namespaces/{namespace}"
    work: dict[str, Callable[[], None]] = {
        "create": lambda: create_all(http, root, objects),
        "write": lambda: [create_all(http, root, objects, dry_run) for dry_run in (True, False)][-1],
        "find": lambda: _find(http, root, len(objects)),
    }
    began = time.monotonic()
    work[what]()
    return time.monotonic() - began


def pool() -> tuple[Any, str]:
    """Connections to the API server, one for each thread, and its address."""
    import urllib3
    from kubernetes import client, config

    config.load_kube_config()
    settings = client.Configuration.get_default_copy()
    http = urllib3.PoolManager(
        maxsize=THREADS, ca_certs=settings.ssl_ca_cert, cert_file=settings.cert_file, key_file=settings.key_file
    )
    return http, settings.host


def create_all(http: Any, root: str, objects: list[Object], dry_run: bool = False) -> None:
    """POST objects by threads."""

    def create(obj: Object) -> Object:
        answer = http.request(
            "POST",
            f"{root}/{PLURALS[obj['kind']]}{'?dryRun=All' if dry_run else ''}",
            body=json.dumps(obj),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status == 201, answer.data
        made: Object = json.loads(answer.data)
        return made

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(create, objects))


def list_all(http: Any, root: str, plural: str) -> dict[str, Object]:
    """All objects of a kind, by name, page by page."""
    found: dict[str, Object] = {}
    token = ""
    while True:
        page = json.loads(http.request("GET", f"{root}/{plural}?limit={PAGE}&continue={token}").data)
        found.update({item["metadata"]["name"]: item for item in page["items"]})
        token = page["metadata"].get("continue", "")
        if not token:
            return found


def _find(http: Any, root: str, count: int) -> None:
    assert sum(len(list_all(http, root, plural)) for plural in PLURALS.values()) >= count


if __name__ == "__main__":
    way, what, namespace, count = sys.argv[1:]
    run = {"ours": ours, "bare": bare}[way]
    print(json.dumps({"seconds": run(what, namespace, manifests.extra(int(count), namespace))}))
