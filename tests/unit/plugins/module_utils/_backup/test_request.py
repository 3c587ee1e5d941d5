# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task asks for: the name of a run must fit into names of objects and labels."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup._request import BackupRequest, read_run_id
from ansible_collections.community.che.plugins.module_utils._errors import UsageError
from ansible_collections.community.che.plugins.module_utils._run._record import config_map_name
from hypothesis import given
from hypothesis import strategies as st

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
PARAMS: dict[str, Any] = {
    "namespace": "che",
    "che_cluster": None,
    "backup_server": "main",
    "run_id": "r1",
    "timeout": 60,
    "restic_path": "restic",
    "restic_image": "restic:1",
    "rclone_image": "rclone:1",
    "database_image": None,
    "image_pull_secrets": ["a", "b"],
    "run_as_user": None,
    "beside_legacy": False,
    "database": "external",
}


@pytest.mark.parametrize("run_id", ["a", "0", "run-1", "a" * 30, "nightly-2026-03-01", "a--b"])
def test_names_that_objects_can_carry(run_id: str) -> None:
    assert read_run_id({"run_id": run_id}) == run_id


@pytest.mark.parametrize(
    "run_id", ["-", "-a", "a-", "A", "a_b", "a.b", "a b", "ä", "a" * 31, "a\n", "a/b", "a,b", "run=1", " a"]
)
def test_names_that_they_cannot_are_refused_with_the_rule(run_id: str) -> None:
    with pytest.raises(UsageError, match="run_id") as caught:
        read_run_id({"run_id": run_id})
    assert "30" in caught.value.next_step


@given(st.text(max_size=40))
def test_whatever_is_accepted_is_a_label_and_part_of_a_name(text: str) -> None:
    try:
        run_id = read_run_id({"run_id": text})
    except UsageError:
        return
    assert LABEL.fullmatch(run_id)
    assert LABEL.fullmatch(config_map_name(run_id))


@pytest.mark.parametrize("given_id", [None, ""])
def test_without_a_name_a_new_one_is_made(given_id: str | None) -> None:
    assert read_run_id({"run_id": given_id}) != read_run_id({"run_id": given_id})


def test_a_request_is_read_whole() -> None:
    request = BackupRequest.read(PARAMS, check_mode=True)

    assert (request.namespace, request.server.name, request.run_id, request.check_mode) == ("che", "main", "r1", True)
    assert (request.jobs.restic_image, request.jobs.image_pull_secrets) == ("restic:1", ("a", "b"))
    assert request.jobs.rclone_image == "rclone:1"
