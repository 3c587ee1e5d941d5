# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing an installation's objects as a restore does, against the same by hand with 8 threads, and finding them.

A restore looks for what is there, has the API server check every object in a dry run, then sends the POSTs. Its writing
is measured as a whole, and from the first of these POSTs to the end of the last.

Each measurement is a process of its own: ``python -m benchmarks.writes ours|bare NAMESPACE COUNT``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from integration.che_bed import Cluster, installation, manifests

from benchmarks.table import Row

ROUNDS = 3
THREADS = 8
PAGE = 500
PLURALS = {"ConfigMap": "configmaps", "Secret": "secrets"}
# 0.8 of the rate by hand.
MOST = 1.25

NOTE = """
A restore's POSTs are timed inside its own writing, from the first to the end of the last; the limit of 1.25 is 0.8
of the rate by hand. Before them it looks for what is there and has the API server check every object in a dry run:
so the whole is held to the same limit against dry runs and POSTs by hand, and only shown against POSTs alone. The
plans are only shown, too: they are whole runs of the module, held against no more than the reads and dry runs of
one.
"""

Object = dict[str, Any]


def measure(cluster: Cluster, namespace: str, count: int) -> list[Row]:
    """Write the same objects by turns both ways, each time in a new namespace, and find them there."""
    measured: dict[str, list[dict[str, float]]] = {"ours": [], "bare": []}
    places = []
    for number in range(ROUNDS):
        for way in ("ours", "bare") if number % 2 else ("bare", "ours"):
            places.append(f"{namespace}-{way}-{number}")
            cluster.apply_all([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": places[-1]}}])
            measured[way].append(_in_a_process(way, places[-1], count))
    # Not in between: the API server would still be at it when the next ones are created.
    for wait in (False, True):
        for place in places:
            installation.destroy_namespace(cluster, place, wait=wait)
    return _rows(measured, count)


def _rows(measured: dict[str, list[dict[str, float]]], count: int) -> list[Row]:
    def best(way: str, what: str) -> float:
        return min(one[what] for one in measured[way])

    create, write = f"a restore's POSTs of {count} objects", f"a restore's whole writing of {count} objects"
    whole = f"{write} (look, dry runs, POSTs)"
    return [
        Row(f"{create}, against plain POSTs by 8 threads", best("ours", "create"), best("bare", "create"), MOST),
        Row(f"{whole}, against plain dry runs and POSTs", best("ours", "write"), best("bare", "write"), MOST),
        Row(f"{whole}, against plain POSTs alone", best("ours", "write"), best("bare", "create")),
        Row(f"finding {count} objects by name", best("ours", "find"), best("bare", "find")),
    ]


def _in_a_process(way: str, namespace: str, count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.writes", way, namespace, str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds: dict[str, float] = json.loads(done.stdout)
    return seconds


def ours(namespace: str, objects: list[Object]) -> dict[str, float]:
    """As a restore writes and finds objects: under its Lease, and as one that may have been interrupted."""
    from ansible_collections.community.che.plugins.module_utils._kube._connect import connect_cluster
    from ansible_collections.community.che.plugins.module_utils._kube._find import find_many
    from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP, NAMESPACE, SECRET
    from ansible_collections.community.che.plugins.module_utils._kube._lease import held_lease
    from ansible_collections.community.che.plugins.module_utils._restore._objects import write
    from ansible_collections.community.che.plugins.module_utils._restore._plan import plan_objects

    cluster = connect_cluster({})
    steps = plan_objects(objects, {})
    began = str(cluster.get(NAMESPACE, namespace)["metadata"]["creationTimestamp"])
    seconds = {}
    with held_lease(cluster, namespace, "benchmark", "measuring", patience=10) as held, _posts() as posts:
        start = time.monotonic()
        write(held, steps, began)
        seconds["write"] = time.monotonic() - start
    assert len(posts) == len(objects)
    seconds["create"] = max(end for _start, end in posts) - min(start for start, _end in posts)
    start, found = time.monotonic(), 0
    for kind in (CONFIG_MAP, SECRET):
        names = {obj["metadata"]["name"] for obj in objects if obj["kind"] == kind.kind}
        found += len(find_many(cluster, kind, names, namespace))
    seconds["find"] = time.monotonic() - start
    assert found == len(objects)
    return seconds


@contextmanager
def _posts() -> Iterator[list[tuple[float, float]]]:
    """When each POST that is no dry run begins and ends."""
    from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster as Requests

    seen: list[tuple[float, float]] = []
    send: Any = Requests._send

    def timed(self: Any, method: str, path: str, query: Any, *rest: Any) -> Any:
        start = time.monotonic()
        try:
            return send(self, method, path, query, *rest)
        finally:
            if method == "post" and "dryRun" not in query:
                seen.append((start, time.monotonic()))

    with patch.object(Requests, "_send", timed):
        yield seen


def bare(namespace: str, objects: list[Object]) -> dict[str, float]:
    """Nothing but requests: two POSTs for each object, of which the first is a dry run, and the pages of two lists."""
    http, host = pool()
    root = f"{host}/api/v1/namespaces/{namespace}"
    began = time.monotonic()
    create_all(http, root, objects, dry_run=True)
    checked = time.monotonic()
    create_all(http, root, objects)
    created = time.monotonic()
    assert sum(len(list_all(http, root, plural)) for plural in PLURALS.values()) >= len(objects)
    return {"create": created - checked, "write": created - began, "find": time.monotonic() - created}


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


if __name__ == "__main__":
    way, namespace, count = sys.argv[1:]
    print(json.dumps({"ours": ours, "bare": bare}[way](namespace, manifests.extra(int(count), namespace))))
