# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listing and saving an installation's objects, against a bare loop that writes the same files.

Each measurement is a process of its own, so that its peak memory is its own too:
``python -m benchmarks.objects ours|bare NAMESPACE FOLDER``.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.table import Row

ROUNDS = 7
MOST = 1.2
# Once per backup, however many objects there are, the API server is asked what it serves and for objects of other
# kinds, which nobody does by hand. Work that is done twice for each object would take more than that.
SLACK = 0.06
PAGE = 500
KINDS = {"secrets": "Secret", "configmaps": "ConfigMap", "persistentvolumeclaims": "PersistentVolumeClaim"}
NOISE = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "ownerReferences", "generation")


def measure(namespace: str, extra: int) -> list[Row]:
    """Save the same objects by turns in both ways."""
    with tempfile.TemporaryDirectory() as scratch:
        names = Path(scratch, "names.json")
        results: dict[str, list[dict[str, float]]] = {"ours": [], "bare": []}
        for number in range(ROUNDS):
            for way, measured in results.items():
                folder = Path(scratch, f"{way}{number}")
                folder.mkdir()
                measured.append(_in_a_process(way, namespace, folder, names))
    ours = min(results["ours"], key=lambda result: result["seconds"])
    bare = min(results["bare"], key=lambda result: result["seconds"])
    return _rows(ours, bare, extra)


def _rows(ours: dict[str, float], bare: dict[str, float], extra: int) -> list[Row]:
    memory = f"{ours['memory']:.0f}, by hand {bare['memory']:.0f}"
    return [Row(f"listing and saving {extra} extra objects", ours["seconds"], bare["seconds"], MOST, memory, SLACK)]


def _in_a_process(way: str, namespace: str, folder: Path, names: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.objects", way, namespace, str(folder), str(names)]
    result: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return result


def save_ours(namespace: str, folder: Path, names: Path) -> float:
    """Collect and write as a backup does; note the names for the bare loop."""
    from ansible_collections.community.che.plugins.module_utils._backup._installation import collect
    from ansible_collections.community.che.plugins.module_utils._kube._connect import connect_cluster
    from ansible_collections.community.che.plugins.module_utils._snapshot._info import BackupInfo
    from ansible_collections.community.che.plugins.module_utils._snapshot._layout import write_installation

    cluster = connect_cluster({})
    began = time.monotonic()
    installation = collect(cluster, namespace, None)
    write_installation(folder, installation.objects, BackupInfo("", "", "Kubernetes", "", namespace))
    seconds = time.monotonic() - began
    names.write_text(json.dumps([f"{obj['kind']}/{obj['metadata']['name']}" for obj in installation.objects]))
    return seconds


def save_bare(namespace: str, folder: Path, names: Path) -> float:
    """Raw pages of JSON, filtered by names that are known already, written as YAML."""
    import urllib3
    from kubernetes import client, config

    config.load_kube_config()
    settings = client.Configuration.get_default_copy()
    http = urllib3.PoolManager(ca_certs=settings.ssl_ca_cert, cert_file=settings.cert_file, key_file=settings.key_file)
    wanted = set(json.loads(names.read_text()))
    began = time.monotonic()
    for plural, kind in KINDS.items():
        place = folder / plural
        place.mkdir()
        token = ""
        while True:
            url = f"{settings.host}/api/v1/namespaces/{namespace}/{plural}?limit={PAGE}&continue={token}"
            page = json.loads(http.request("GET", url).data)
            for item in page["items"]:
                if f"{kind}/{item['metadata']['name']}" in wanted:
                    _write(place, kind, item)
            token = page["metadata"].get("continue", "")
            if not token:
                break
    return time.monotonic() - began


def _write(place: Path, kind: str, item: dict[str, Any]) -> None:
    metadata = {key: value for key, value in item["metadata"].items() if key not in NOISE}
    obj = {**item, "apiVersion": "v1", "kind": kind, "metadata": metadata}
    obj.pop("status", None)
    text = yaml.dump(obj, Dumper=yaml.CSafeDumper, sort_keys=True, allow_unicode=True)
    (place / f"{metadata['name']}.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    way, namespace, folder, names = sys.argv[1:]
    save = save_ours if way == "ours" else save_bare
    seconds = save(namespace, Path(folder), Path(names))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "memory": peak}))
