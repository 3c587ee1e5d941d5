# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups made by the collection's own use case into a repository in memory."""

from __future__ import annotations

from typing import Any
from unittest import mock

from ansible_collections.community.che.plugins.module_utils._backup import _back_up, _dump
from ansible_collections.community.che.plugins.module_utils._backup._request import BackupRequest, JobChoices
from ansible_collections.community.che.plugins.module_utils._server._options import ServerOptions
from unit.che_objects import dump_log, install
from unit.fake_api import FakeApi
from unit.fake_restic import FakeRestic, a_repository


def a_request(**fields: Any) -> BackupRequest:
    asked: dict[str, Any] = {
        "namespace": "che",
        "che_cluster": None,
        "server": ServerOptions(name="main"),
        "jobs": JobChoices("restic:1", None, (), None),
        "run_id": "r1",
        "timeout": 600,
        "restic_path": "restic",
        "beside_legacy": False,
        "check_mode": False,
    }
    return BackupRequest(**{**asked, **fields})


def make_backup(restic: FakeRestic, api: FakeApi | None = None, run: str = "r1", **fields: Any) -> str:
    """Back an installation up (by default a fresh one of its own), as asked, and return the backup's id."""
    if api is None:
        api = FakeApi()
        install(api)

    def run_job(_cluster: Any, job: Any, _secret: Any, _deadline: Any) -> str:
        environment = {item["name"]: item["value"] for item in job["spec"]["template"]["spec"]["containers"][0]["env"]}
        summary = restic.save({"db/openvsx.sql": b"x" * 100}, environment["CHE_TAGS"].split(","))
        return dump_log(summary.snapshot_id)

    with (
        mock.patch.object(_back_up, "open_repository", lambda *_args, **_options: a_repository(restic)),
        mock.patch.object(_dump, "run_job", run_job),
    ):
        return str(_back_up.back_up(api.cluster, a_request(run_id=run, **fields))["id"])
