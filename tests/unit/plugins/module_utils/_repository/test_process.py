# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes under a limit: real ones, as that is what it is about."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._repository import _process
from ansible_collections.community.che.plugins.module_utils._repository._private_files import (
    private_folder,
    write_private,
)
from ansible_collections.community.che.plugins.module_utils._repository._process import (
    Finished,
    OutputLimitExceeded,
    TimeLimitExceeded,
    run_process,
)

PATH = {"PATH": os.environ["PATH"]}


def _shell(script: str, timeout: float = 20, output_limit: int = 1000, folder: Path | None = None) -> Finished:
    return run_process(["sh", "-c", script], PATH, timeout, output_limit, folder)


def _is_alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in ("Z", "X")


def _wait_until_dead(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while _is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not _is_alive(pid)


def test_code_output_and_messages() -> None:
    assert _shell("echo out; echo err >&2; exit 3") == Finished(3, b"out\n", "err\n")


def test_inherits_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHE_TEST_SECRET", "hunter2")
    assert b"hunter2" not in run_process(["env"], PATH, 20, 10000).stdout


def test_works_in_the_folder(tmp_path: Path) -> None:
    assert _shell("pwd", folder=tmp_path).stdout.decode().strip() == str(tmp_path.resolve())


def test_the_limit_of_time_stops_the_children_too(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(TimeLimitExceeded) as stopped:
        _shell("echo last words >&2; sleep 60 & echo $! >child; wait", timeout=0.5, folder=tmp_path)
    assert stopped.value.stderr == "last words\n"
    assert time.monotonic() - started < 5
    assert _wait_until_dead(int((tmp_path / "child").read_text(encoding="utf-8")))


def test_the_limit_holds_for_a_process_that_never_stops_talking() -> None:
    with pytest.raises(TimeLimitExceeded):
        _shell("while :; do echo again >&2; done", timeout=0.5)


def test_a_process_that_closes_its_output_is_stopped_as_well() -> None:
    with pytest.raises(TimeLimitExceeded):
        _shell("exec >&- 2>&-; sleep 60", timeout=0.5)


def test_who_ignores_the_polite_signal_gets_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_process, "_GRACE_SECONDS", 0.2)
    with pytest.raises(TimeLimitExceeded):
        _shell("trap '' TERM; echo $$ >pid; while :; do sleep 1; done", timeout=0.5, folder=tmp_path)
    assert _wait_until_dead(int((tmp_path / "pid").read_text(encoding="utf-8")))


def test_an_interrupted_caller_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object) -> None:
        while not (tmp_path / "pid").exists():
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(_process, "_collect", interrupt)
    with pytest.raises(KeyboardInterrupt):
        _shell("echo $$ >new && mv new pid; sleep 60", folder=tmp_path)
    assert _wait_until_dead(int((tmp_path / "pid").read_text(encoding="utf-8")))


def test_output_up_to_the_limit_is_fine() -> None:
    assert len(_shell("printf %1000s x").stdout) == 1000


def test_output_over_the_limit_stops_the_process() -> None:
    started = time.monotonic()
    with pytest.raises(OutputLimitExceeded):
        _shell("printf %1001s x; sleep 60")
    assert time.monotonic() - started < 5


def test_of_many_messages_the_end_is_kept() -> None:
    stderr = _shell("i=0; while [ $i -lt 20000 ]; do echo message $i >&2; i=$((i+1)); done").stderr
    assert len(stderr) <= 64 * 1024
    assert stderr.endswith("message 19999\n")


def test_a_missing_program_is_an_oserror() -> None:
    with pytest.raises(OSError):
        run_process(["/nonexistent/restic"], PATH, 5, 10)


def test_private_files_are_private_and_gone_afterwards_even_after_an_error() -> None:
    seen: list[Path] = []
    with pytest.raises(RuntimeError), private_folder() as folder:
        seen.append(folder)
        file = write_private(folder / "password", "hunter2")
        assert folder.stat().st_mode & 0o777 == 0o700
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.read_text(encoding="utf-8") == "hunter2"
        raise RuntimeError
    assert [folder.exists() for folder in seen] == [False]


def test_a_private_file_never_takes_over_another(tmp_path: Path) -> None:
    (tmp_path / "trap").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "trap", "hunter2")


def test_output_can_be_taken_piece_by_piece_without_a_limit() -> None:
    pieces: list[int] = []
    finished = run_process(
        ["head", "-c", "3000000", "/dev/zero"], PATH, 20, 1000, sink=lambda piece: pieces.append(len(piece))
    )
    assert (finished.code, finished.stdout, sum(pieces)) == (0, b"", 3_000_000)
    assert max(pieces) <= 64 * 1024
