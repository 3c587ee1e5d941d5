# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The harness itself: a job runs as in AWX, and a leak is found."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from runner.harness import Project
from runner.leaks import leaks_in, watched_command_lines

SECRET = 'pa"ss w0rd/ü'


def play(*tasks: dict[str, object]) -> list[dict[str, object]]:
    return [{"hosts": "all", "gather_facts": False, "tasks": list(tasks)}]


def test_variables_arrive_and_results_come_back(project: Project) -> None:
    job = project.run(play({"ansible.builtin.debug": {"msg": "hello {{ who }}"}}), extra_vars={"who": "che"})

    assert job.status == "successful"
    assert "hello che" in job.output
    assert [result["msg"] for result in job.results("ansible.builtin.debug")] == ["hello che"]


def test_a_failing_playbook_fails_the_job(project: Project) -> None:
    job = project.run(play({"ansible.builtin.fail": {"msg": "on purpose"}}))

    assert job.status == "failed"
    assert [event["event_data"]["res"]["msg"] for event in job.events("runner_on_failed")] == ["on purpose"]


def test_the_collection_is_the_installed_one(project: Project, collections: Path) -> None:
    where = {"ansible.builtin.debug": {"msg": "{{ lookup('ansible.builtin.config', 'COLLECTIONS_PATHS') }}"}}
    missing_namespace = {"community.che.backup_server_info": {}}

    job = project.run(play(where, missing_namespace))

    assert str(collections) in job.output
    assert "missing required arguments: namespace" in job.output


def test_a_secret_that_a_task_shows_is_found_in_the_artifacts(project: Project) -> None:
    job = project.run(play({"ansible.builtin.debug": {"msg": "{{ password }}"}}), extra_vars={"password": SECRET})

    assert leaks_in(job.artifacts, ["unrelated", SECRET])
    assert not leaks_in(job.artifacts, ["unrelated"])


def test_a_secret_that_no_task_shows_is_not(project: Project) -> None:
    silent = {"ansible.builtin.debug": {"msg": "{{ password | length }}"}}

    job = project.run(play(silent), extra_vars={"password": SECRET})

    assert job.status == "successful"
    assert not leaks_in(job.artifacts, [SECRET])


@pytest.mark.parametrize("prefix", ["", "a", "ab", "abc"])
def test_a_leak_is_found_in_every_spelling(tmp_path: Path, prefix: str) -> None:
    encoded = base64.b64encode(f"{prefix}{SECRET} and more".encode()).decode()
    for spelling in (SECRET, json.dumps({"x": SECRET}), f"https://u:{quote(SECRET, safe='')}@host/", encoded):
        (tmp_path / "file").write_text(f"before {prefix}{spelling} after", encoding="utf-8")
        assert leaks_in(tmp_path, [SECRET]) == ["file: secret 0"]


def test_a_secret_among_arguments_is_found() -> None:
    with watched_command_lines(["hunter2-argument"]) as found:
        subprocess.run(["sleep", "0.3", "--", "0"], check=False)
        assert not found
        subprocess.run(["sh", "-c", "sleep 0.3", "hunter2-argument"], check=True)
    assert len(found) == 1
    assert found[0].startswith("process ")
    assert found[0].endswith("(sh): secret 0")
