# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exec: what is sent, what comes back, and that it ends. The protocol itself is proven on a real cluster."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._kube import _exec
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._kube._exec import ExecFailed, exec_script
from kubernetes.client.exceptions import ApiException
from unit.fake_api import FakeClock

SUCCESS = json.dumps({"status": "Success"})
FAILURE = json.dumps({"status": "Failure", "message": "command terminated with exit code 3"})


@dataclass
class Channel:
    """One exec as the websocket client shows it: chunks that arrive one at each look."""

    clock: FakeClock
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    status: str = SUCCESS
    hangs: bool = False
    written: list[str] = field(default_factory=list)
    closed: bool = False

    def is_open(self) -> bool:
        return self.hangs or bool(self.out or self.err)

    def write_stdin(self, text: str) -> None:
        self.written.append(text)

    def update(self, timeout: float) -> None:
        self.clock.now += timeout

    def peek_stdout(self) -> bool:
        return bool(self.out)

    def peek_stderr(self) -> bool:
        return bool(self.err)

    def read_stdout(self) -> str:
        return self.out.pop(0)

    def read_stderr(self) -> str:
        return self.err.pop(0)

    def read_channel(self, number: int) -> str:
        assert number == 3
        return self.status

    def close(self) -> None:
        self.closed = True


def run(monkeypatch: pytest.MonkeyPatch, channel: Any, seconds: float = 30) -> tuple[str, dict[str, Any]]:
    seen: dict[str, Any] = {}

    def stream(_call: Any, pod: str, namespace: str, **options: Any) -> Any:
        seen.update(options, pod=pod, namespace=namespace)
        if isinstance(channel, Exception):
            raise channel
        return channel

    monkeypatch.setattr(_exec, "stream", stream)
    monkeypatch.setattr(_exec, "_request_of", lambda client: None)
    cluster: Any = SimpleNamespace(api_client=object())
    script = "SELECT 1;\\q\n"
    out = exec_script(cluster, "p", "che", container="c", command=["psql", "-X"], script=script, seconds=seconds)
    return out, seen


def test_the_script_goes_in_by_standard_input_and_never_by_the_command(
    monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    channel = Channel(clock, out=["a", "b\n"])

    answer, seen = run(monkeypatch, channel)

    assert answer == "ab\n"
    assert channel.written == ["SELECT 1;\\q\n"]
    assert seen["command"] == ["psql", "-X"]
    assert (seen["stdin"], seen["tty"], seen["_preload_content"]) == (True, False, False)
    assert channel.closed


def test_a_program_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> None:
    channel = Channel(clock, err=["ERROR: ", "no such table\n"], status=FAILURE)

    with pytest.raises(ExecFailed, match=r"psql failed in the pod: ERROR: no such table \(Pod che/p\)"):
        run(monkeypatch, channel)
    assert channel.closed


def test_output_is_bounded_in_the_error(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> None:
    with pytest.raises(ExecFailed) as caught:
        run(monkeypatch, Channel(clock, err=["x" * 100_000 + "the end"], status=FAILURE))
    assert len(str(caught.value)) < 1200
    assert "the end" in str(caught.value)


def test_a_connection_that_breaks_is_a_failure_and_not_an_empty_answer(
    monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    with pytest.raises(ExecFailed):
        run(monkeypatch, Channel(clock, out=["half"], status=""))


def test_a_program_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> None:
    channel = Channel(clock, hangs=True)

    with pytest.raises(ExecFailed, match="psql did not end within 9 s"):
        run(monkeypatch, channel, seconds=9)
    assert channel.closed


@pytest.mark.parametrize(
    "error",
    [
        ApiException(status=403, reason="Forbidden"),
        # The websocket client reports every refused handshake as status 0.
        ApiException(status=0, reason="Handshake status 403 Forbidden -+-+- pods is forbidden"),
    ],
)
def test_a_missing_permission_names_the_rule(
    monkeypatch: pytest.MonkeyPatch, clock: FakeClock, error: ApiException
) -> None:
    with pytest.raises(Forbidden, match="pods/exec"):
        run(monkeypatch, error)


def test_a_pod_that_is_gone_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> None:
    with pytest.raises(ExecFailed, match="404 Not Found"):
        run(monkeypatch, ApiException(status=0, reason="Handshake status 404 Not Found"))
