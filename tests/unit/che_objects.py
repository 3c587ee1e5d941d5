# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small Che installation for unit tests, put into a cluster in memory."""

from __future__ import annotations

import base64
import json
from typing import Any

from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    CHE_CLUSTER_V2,
    CLAIM,
    CONFIG_MAP,
    DEPLOYMENT,
    NAMESPACE,
    SECRET,
    Kind,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._figures import (
    DatabaseFigures,
    LargeObjectFigures,
    SequenceFigures,
    TableFigures,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._properties import DatabaseProperties
from unit.fake_api import FakeApi

NAME = "eclipse-che"
PART_OF = {"app.kubernetes.io/part-of": "che.eclipse.org"}
READY = {"chePhase": "Active", "cheVersion": "7.122.0"}
FIGURES = DatabaseFigures(
    role="openvsx",
    server_version="15.14",
    dump_sha256="a" * 64,
    dump_bytes=100,
    encoding="UTF8",
    collate="C",
    ctype="C",
    tables=(TableFigures("public", "extension", 3, "c1"),),
    sequences=(SequenceFigures("public", "extension_seq", 4, True, 1),),
    large_objects=LargeObjectFigures(1, "c2"),
    properties=DatabaseProperties(-1, "", (), (), ()),
)


def encoded(**data: str) -> dict[str, str]:
    return {key.replace("_", "-"): base64.b64encode(value.encode()).decode() for key, value in data.items()}


def install(api: FakeApi, kind: Kind = CHE_CLUSTER_V2, database: bool = True, **che: Any) -> None:
    """Bring a ready installation up: CheCluster, what belongs to it and what does not, and OpenVSX's database."""
    api.kinds = (*api.kinds, kind)
    api.add(NAMESPACE, "che", metadata={"labels": {"team": "che"}})
    status = {"cheClusterRunning": "Available", "cheVersion": "7.42.0"} if kind is CHE_CLUSTER_V1 else READY
    api.add(kind, NAME, "che", **{"spec": {}, "status": status, **che})
    api.add(SECRET, "oauth", "che", metadata={"labels": PART_OF}, data=encoded(id="s3cret-id"), type="Opaque")
    api.add(CONFIG_MAP, "custom", "che", metadata={"labels": PART_OF}, data={"key": "value"})
    api.add(CONFIG_MAP, "unrelated", "che", data={"key": "value"})
    api.add(CLAIM, "unrelated", "che", spec={})
    add_operator(api)
    if database:
        credentials = encoded(database_name="openvsx", database_user="vsx", database_password="s3cret-db")
        api.add(SECRET, "openvsx-credentials", "che", metadata={"labels": PART_OF}, data=credentials)
        api.add(DEPLOYMENT, "openvsx-database", "che", spec=deployment_spec(), status=available())


def add_operator(api: FakeApi) -> None:
    """The operator of Che, which a restore can't do without."""
    api.add(DEPLOYMENT, "che-operator", "openshift-operators", spec=deployment_spec(), status=available())


def deployment_spec(**pod: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "db", "image": "quay.io/sclorg/postgresql-15-c9s"}], **pod}
    return {"replicas": 1, "selector": {"matchLabels": {"app": "db"}}, "template": {"spec": spec}}


def available(replicas: int = 1) -> dict[str, int]:
    return {"observedGeneration": 1, "updatedReplicas": replicas, "availableReplicas": replicas}


def dump_log(snapshot_id: str, size: int = 100, warnings: tuple[str, ...] = ()) -> str:
    """What a dump's Job prints when all went well, for a database with ``FIGURES``."""
    summary = {"snapshot_id": snapshot_id, "total_bytes_processed": size, "data_added_packed": 40}
    result = {"role": "openvsx", "summary": summary, "bytes": size, "sha256": "a" * 64, "centiseconds": {"dump": 12}}
    lines = [("stage", {"stage": "dump"}), *figure_lines(), *(("warning", {"message": words}) for words in warnings)]
    return "".join(json.dumps({"che_backup": kind, **line}) + "\n" for kind, line in [*lines, ("result", result)])


def figure_lines() -> list[tuple[str, dict[str, Any]]]:
    settings = {"serverVersion": "15.14", "encoding": "UTF8", "collate": "C", "ctype": "C"}
    properties = {"connectionLimit": -1, "comment": None, "grants": None, "settings": None, "defaultPrivileges": None}
    database = {**settings, "user": "che", **properties, "extensions": None, "tables": 1, "sequences": 1}
    sequence = {"schema": "public", "name": "extension_seq", "lastValue": 4, "isCalled": True, "increment": 1}
    return [
        ("database", database),
        ("table", {"schema": "public", "name": "extension", "rows": 3, "checksum": "c1"}),
        ("sequence", sequence),
        ("large_objects", {"count": 1, "checksum": "c2"}),
    ]


def error_log(stage: str, message: str) -> str:
    """What a Job prints when it fails."""
    return json.dumps({"che_backup": "error", "stage": stage, "status": 1, "message": message}) + "\n"
