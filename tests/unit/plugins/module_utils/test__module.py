# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The error boundary: what a task returns, how it fails, how it stops, and what it must not echo."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils import _internal
from ansible.module_utils.testing import patch_module_args
from ansible_collections.community.che.plugins.module_utils import _module
from ansible_collections.community.che.plugins.module_utils._argspec import common_spec, server_spec
from ansible_collections.community.che.plugins.module_utils._errors import CheError, Interrupted
from ansible_collections.community.che.plugins.module_utils._kube._client import Cluster
from ansible_collections.community.che.plugins.module_utils._module import CheModule
from ansible_collections.community.che.plugins.module_utils._version import COLLECTION_VERSION

ROOT = Path(__file__).resolve().parents[4]
UseCase = Callable[[Cluster], Mapping[str, Any]]
Task = Callable[..., dict[str, Any]]


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Task:
    """Runs a module around a use case and returns what it prints, as Ansible reads it."""
    monkeypatch.setattr(_module, "connect_cluster", lambda auth: "the cluster")
    # The tests of action plugins make this process one of Ansible's own, which shows warnings and returns none.
    monkeypatch.setattr(_internal, "is_controller", False, raising=False)
    before = signal.getsignal(signal.SIGTERM)

    def run(use_case: UseCase, check_mode: bool = False, **args: Any) -> dict[str, Any]:
        given = {"namespace": "che", "_ansible_check_mode": check_mode, **args}
        with patch_module_args(given), pytest.raises(SystemExit) as ended:
            CheModule(common_spec() + server_spec()).run(use_case)
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert bool(ended.value.code) == bool(result.get("failed"))
        return result

    yield run
    signal.signal(signal.SIGTERM, before)


def failing(error: BaseException) -> UseCase:
    def use_case(_cluster: Cluster) -> Mapping[str, Any]:
        raise error

    return use_case


def test_what_the_use_case_returns_is_what_the_task_returns(task: Task) -> None:
    result = task(lambda cluster: {"changed": True, "id": f"made on {cluster}"})

    assert (result["changed"], result["id"]) == (True, "made on the cluster")


def test_warnings_are_shown_as_ansible_shows_them(task: Task) -> None:
    (warning,) = task(lambda cluster: {"changed": False, "warnings": ["mind this"]})["warnings"]
    assert "mind this" in str(warning)


def test_an_error_is_one_sentence_with_its_stage_and_facts_and_no_traceback(task: Task) -> None:
    error = CheError("It broke", "Job che/x", "Mend it.", stage="dump")
    error.facts.update(run_id="r1", stages=[{"name": "dump"}], warnings=["w"])

    result = task(failing(error))

    assert result["msg"] == "dump: It broke (Job che/x). Mend it."
    assert (result["stage"], result["run_id"], result["stages"]) == ("dump", "r1", [{"name": "dump"}])
    assert "Traceback" not in json.dumps(result)


@pytest.mark.parametrize("use_case", [lambda _cluster: {"changed": False}, failing(CheError("It broke"))])
def test_forwarded_ports_end_with_the_task(task: Task, use_case: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    monkeypatch.setattr(_module, "close_forwards", lambda: closed.append(True))
    task(use_case)
    assert closed == [True]


def test_a_failure_to_connect_is_an_error_of_the_task(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(_auth: Any) -> Any:
        raise CheError("No answer", stage="connect")

    monkeypatch.setattr(_module, "connect_cluster", connect)

    assert task(lambda cluster: {})["msg"] == "connect: No answer."


def test_the_connection_gets_the_authentication_options_and_nothing_else(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(_module, "connect_cluster", seen.update)

    task(lambda cluster: {}, kubeconfig="/k", context="c", repository_password="sesame")

    assert (seen["kubeconfig"], seen["context"], seen["host"]) == ("/k", "c", None)
    assert "repository_password" not in seen and "namespace" not in seen


def test_a_signal_to_stop_unwinds_what_was_begun(task: Task) -> None:
    undone: list[bool] = []

    def use_case(_cluster: Cluster) -> Mapping[str, Any]:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            raise AssertionError("not stopped")
        finally:
            undone.append(True)

    result = task(use_case)

    assert undone == [True]
    assert result["failed"] is True
    assert "signal 15" in result["msg"]


def test_a_signal_to_stop_is_no_failure_of_what_was_under_way(task: Task) -> None:
    """Whoever can do without that, here or in a library, must not go on."""

    def use_case(_cluster: Cluster) -> Mapping[str, Any]:
        with suppress(Exception):
            os.kill(os.getpid(), signal.SIGTERM)
        return {"changed": True}

    assert "signal 15" in task(use_case)["msg"]
    assert not issubclass(Interrupted, CheError)


@pytest.mark.parametrize("library", ["CONNECT_IMPORT_ERROR", "STREAM_IMPORT_ERROR", "YAML_IMPORT_ERROR"])
def test_a_missing_library_is_named(task: Task, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setattr(_module, library, "Traceback: ...")

    result = task(failing(AssertionError("must not start")))

    assert "Failed to import the required Python library" in result["msg"]
    assert ("PyYAML" if library.startswith("YAML") else "kubernetes") in result["msg"]


@pytest.mark.parametrize(
    "url",
    [
        "rest:https://che:hunter2-secret@h/p",
        "rest:https://che:hunter2%2Dsecret@h/p",
        "rest:https://che:hunter2-secret%40x@h/p",
        # These can't be understood, which is no reason to show them.
        "rest:https://che:hunter2-secret%zz@h/p",
        "rest:https://che:hunter2-secret#@h/p",
        "rest:https://che:hunter2-secret@h:notaport/p",
        "rest:https://che:hunter2-secret@a@h/p",
        "https://che:hunter2-secret@h/p",
        "rest:https://che:hunter2-secret@h /p",
        "rest:che:hunter2-secret@h/p",
        "rest:che:hunter2://secret@h/p",
        "rest:https://che:hunter2/secret@h/p",
        "rest:https://che:hunter2-secret%2F@h/p@q",
    ],
)
@pytest.mark.parametrize("fails", [False, True])
def test_a_password_in_a_url_is_not_echoed(task: Task, url: str, fails: bool) -> None:
    error = failing(CheError(f"The server at {url} is down"))

    result = task(error if fails else lambda cluster: {"changed": False, "said": url}, repository_url=url)

    assert result["invocation"]["module_args"]["namespace"] == "che"
    text = json.dumps(result)
    assert "hunter2" not in text


def test_a_password_in_a_url_is_not_echoed_in_its_plain_form_either(task: Task) -> None:
    error = failing(CheError("The server refused hunter2@secret"))

    assert "hunter2" not in task(error, repository_url="rest:https://che:hunter2%40secret@h/p")["msg"]


def test_a_url_without_a_password_is_shown(task: Task) -> None:
    result = task(lambda cluster: {}, repository_url="rest:https://che@backup.example.org/p")

    assert result["invocation"]["module_args"]["repository_url"] == "rest:https://che@backup.example.org/p"


def test_passwords_are_not_echoed(task: Task) -> None:
    secrets = {"repository_password": "sesame-r", "server_password": "sesame-s", "server_username": "u"}

    result = task(failing(CheError("sesame-r and sesame-s are wrong")), **secrets)

    assert "sesame" not in json.dumps(result)


def test_check_mode_and_params_are_handed_on() -> None:
    with patch_module_args({"namespace": "che", "_ansible_check_mode": True}):
        module = CheModule(common_spec() + server_spec())
    assert module.check_mode is True
    assert (module.params["namespace"], module.params["restic_path"]) == ("che", "restic")


@pytest.mark.parametrize(
    "args",
    [
        {"repository_url": "rest:https://h/p", "rest": {"hostname": "h"}},
        {"repository_password": "sesame", "repository_password_secret": "b"},
        {"server_username": "a", "server_credentials_secret": "b"},
        {"server_ca_content": "a", "server_ca_secret": "b"},
    ],
)
def test_options_that_exclude_each_other_are_refused(task: Task, args: dict[str, Any]) -> None:
    assert "mutually exclusive" in task(failing(AssertionError("must not start")), **args)["msg"]


def test_the_version_that_backups_note_is_galaxy_s() -> None:
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"] == COLLECTION_VERSION


def test_an_error_s_words() -> None:
    assert str(CheError("It broke")) == "It broke."
    assert str(CheError("It broke", on="it", next_step="Mend it.", stage="s")) == "s: It broke (it). Mend it."
    assert CheError("x").facts is not CheError("x").facts


def test_what_comes_out_of_a_backup_does_nothing_to_a_terminal(task: Task) -> None:
    error = CheError(
        "table \x1b[2J\x1b]0;x\x07 of \u202enoitallatsni\u202c, Bücher\nnext line", "part \x9b5n", "\rGone."
    )
    error.facts["warnings"] = ["Secret \x1b[31m"]

    result = task(failing(error))

    assert result["msg"] == (
        "table \\x1b[2J\\x1b]0;x\\x07 of \\u202enoitallatsni\\u202c, Bücher\nnext line (part \\x9b5n). \\rGone."
    )
    assert "\\x1b[31m" in str(result["warnings"][-1]).replace("\\\\", "\\")
