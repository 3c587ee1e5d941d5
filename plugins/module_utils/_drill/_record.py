# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a drill leaves in the cluster: one ConfigMap with its result as JSON, for monitoring and for auditors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._kube._insist import surely_create
from ansible_collections.community.che.plugins.module_utils._kube._kinds import CONFIG_MAP
from ansible_collections.community.che.plugins.module_utils._run._record import OUR_LABELS, RUN_LABEL

RECORD_KEY = "drill.json"
_KEPT = 10
_LABEL = "community.che/drill-record"


def record_name(run: str) -> str:
    """The name of the ConfigMap that a drill leaves."""
    return f"che-drill-{run}"


def keep_record(cluster: Cluster, namespace: str, run: str, result: Mapping[str, Any]) -> None:
    """Write a drill's record, and remove all but the newest ten.

    Args:
        cluster: Where.
        namespace: The namespace of Che.
        run: The drill's run.
        result: What is recorded; nothing secret.

    Raises:
        ClusterError: It can't be written.
    """
    labels = {**OUR_LABELS, _LABEL: str(result["verdict"]).replace(" ", "-"), RUN_LABEL: run}
    metadata = {"name": record_name(run), "namespace": namespace, "labels": labels}
    document = json.dumps(result, indent=2, sort_keys=True) + "\n"
    surely_create(
        cluster, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {RECORD_KEY: document}}
    )
    records = list(cluster.list(CONFIG_MAP, namespace, labels=_LABEL))
    records.sort(key=lambda item: str(item["metadata"]["creationTimestamp"]), reverse=True)
    for old in records[_KEPT:]:
        cluster.delete(CONFIG_MAP, str(old["metadata"]["name"]), namespace)
