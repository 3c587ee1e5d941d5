# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore asks for, and the backup that it makes first."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup._request import read_run_id
from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._restore._request import RestoreRequest

PARAMS: dict[str, Any] = {
    "namespace": "che",
    "id": "latest",
    "che_cluster": None,
    "backup_server": None,
    "repository_url": "rest:https://h/p",
    "repository_password": "sesame",
    "run_id": "r1",
    "timeout": 60,
    "restic_path": "restic",
    "restic_image": "restic:1",
    "rclone_image": "rclone:1",
    "database_image": None,
    "image_pull_secrets": [],
    "run_as_user": None,
    "safety_backup": True,
    "state": "restored",
    "commit": True,
    "plan": None,
    "parts": [],
    "kinds": [],
    "names": [],
    "label_selectors": [],
    "existing": "replace",
    "mappings": None,
}


def test_the_safety_backup_goes_to_the_same_server_under_a_name_of_its_own() -> None:
    request = RestoreRequest.read(PARAMS, check_mode=False)

    safety = request.safety("eclipse-che")

    assert (safety.server, safety.jobs, safety.namespace) == (request.server, request.jobs, "che")
    assert (safety.che_cluster, safety.beside_legacy, safety.check_mode) == ("eclipse-che", True, False)
    assert safety.run_id != request.run_id


@pytest.mark.parametrize("run_id", ["r", "a" * 30, "a" * 22 + "-" + "b" * 7, "nightly-2026-03-01-eclipse-x1"])
def test_the_safety_backup_s_name_is_valid_too(run_id: str) -> None:
    safety = RestoreRequest.read({**PARAMS, "run_id": run_id}, check_mode=False).safety("x")
    assert read_run_id({"run_id": safety.run_id}) == safety.run_id


def test_long_names_that_begin_alike_do_not_share_a_safety_backup() -> None:
    names = [f"restore-of-eclipse-che-prod-{number}" for number in (1, 2)]
    first, second = (RestoreRequest.read({**PARAMS, "run_id": name}, check_mode=False).safety("x") for name in names)
    assert first.run_id != second.run_id


def test_a_name_that_objects_cannot_carry_is_refused() -> None:
    with pytest.raises(UsageError):
        RestoreRequest.read({**PARAMS, "run_id": "Not A Name"}, check_mode=False)


def test_the_request_shows_no_secret() -> None:
    assert "sesame" not in repr(RestoreRequest.read(PARAMS, check_mode=False))
