# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a restore, made by the module in check mode, against the reads that it can't do without, by hand.

By hand is: the list of backups, the manifest and the objects from the repository; the namespace's objects; the figures
of the live database; and where objects are missing, a dry run of each. Nothing is compared, checked or told.

Both are processes, from their start to their end: ``python -m benchmarks.plans NAMESPACE`` is the one by hand.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.community.che.plugins.module_utils._database._figures_sql import ALL_FIGURES_SQL
from integration.che_bed import Cluster, Home, manifests

from benchmarks.table import Row
from benchmarks.writes import create_all, list_all, pool

ROUNDS = 4
KINDS = ("secrets", "configmaps", "persistentvolumeclaims")


def measure(home: Home, count: int) -> list[Row]:
    """Plan by turns in both ways: with everything as it was saved, then with the extra objects missing."""
    home.configure()
    home.run("cluster_backup")
    (backup,) = home.backups()
    (parts,) = (found["parts"] for found in home.backups(id=backup["id"]))
    snapshot = next(part["snapshot"] for part in parts if part["kind"] == "installation")
    all_there, none_there = names(count)
    rows = [_row(home, all_there, backup["id"], snapshot, 0)]
    remove_extra(home.cluster, home.namespace, count)
    rows.append(_row(home, none_there, backup["id"], snapshot, count))
    return rows


def names(count: int) -> tuple[str, str]:
    """What the two rows are called."""
    return f"plan of {count} extra objects, all there", f"plan of {count} extra objects, all to be created"


def _row(home: Home, what: str, seal: str, snapshot: str, missing: int) -> Row:
    ours, floor = [], []
    for number in range(ROUNDS):
        for by_hand in (True, False) if number % 2 else (False, True):
            if by_hand:
                floor.append(_by_hand(home, seal, snapshot, missing))
            else:
                ours.append(_ours(home, missing))
    return Row(what, min(ours), min(floor))


def _ours(home: Home, missing: int) -> float:
    outcome = home.start("cluster_restore", check=True).outcome()
    assert not outcome.failed, outcome.message
    creates = [step for step in outcome.result["plan"]["objects"] if step["action"] == "create"]
    assert len(creates) == missing, f"{len(creates)} objects are to be created"
    assert outcome.result["plan"]["blockers"] == []
    return outcome.seconds


def _by_hand(home: Home, seal: str, snapshot: str, missing: int) -> float:
    asked = {"repository": dict(home.repository), "seal": seal, "snapshot": snapshot, "missing": missing}
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "benchmarks.plans", home.namespace],
        input=json.dumps(asked),
        check=True,
        capture_output=True,
        text=True,
    )
    return time.monotonic() - began


def remove_extra(cluster: Cluster, namespace: str, count: int) -> None:
    """Remove the extra objects of an installation."""
    for obj in manifests.extra(count, namespace):
        cluster.delete(obj)


def by_hand(namespace: str, asked: dict[str, Any]) -> None:
    """The reads, one after the other."""
    restic = partial(_restic, asked["repository"])
    restic("snapshots", "--json")
    restic("dump", asked["seal"], "/manifest.json")
    with tempfile.TemporaryDirectory() as folder:
        restic("restore", asked["snapshot"], "--target", folder)
        files = sum(path.is_file() for path in Path(folder).rglob("*"))
    http, host = pool()
    root = f"{host}/api/v1/namespaces/{namespace}"
    for plural in KINDS:
        list_all(http, root, plural)
    assert files > asked["missing"]
    home = Home(Cluster(), namespace, "v1", asked["repository"])
    home.sql(ALL_FIGURES_SQL)
    if asked["missing"]:
        create_all(http, root, manifests.extra(asked["missing"], namespace), dry_run=True)


def _restic(repository: dict[str, str], *arguments: str) -> None:
    environment = {
        **os.environ,
        "RESTIC_REPOSITORY": repository["repository_url"],
        "RESTIC_PASSWORD": repository["repository_password"],
        "RESTIC_REST_USERNAME": repository["server_username"],
        "RESTIC_REST_PASSWORD": repository["server_password"],
        "RESTIC_CACERT": repository["server_ca_path"],
    }
    argv = ["restic", "--no-lock", "--no-cache", *arguments]
    subprocess.run(argv, env=environment, check=True, capture_output=True)


if __name__ == "__main__":
    by_hand(sys.argv[1], json.load(sys.stdin))
