# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is in the way of the room `_repository`: locks, faults, and another restic, with real ones of all."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._repository import _errors as errors
from ansible_collections.community.che.plugins.module_utils._repository import _restic_command
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._repository._restic_versions import MINIMUM_VERSION
from ansible_collections.community.che.plugins.module_utils._server._connect import connect
from integration.repository_bed import (
    HOST,
    PASSWORD,
    TAGS,
    access_to,
    command_lines,
    failure,
    folder_times,
    running,
    script,
    wait_for,
    watch_processes,
    write_installation,
    write_random,
)
from integration.repository_keys import make_keys_cheap
from integration.rest_server import SERVER_PASSWORD, USERNAME, Authority, RestServerProcess, make_authority, tool

pytestmark = pytest.mark.usefixtures("own_tmp", "leaves_no_private_folder")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RestServerProcess]:
    process = RestServerProcess(tmp_path_factory.mktemp("server"), authority)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def access(request: pytest.FixtureRequest, server: RestServerProcess, authority: Authority) -> Access:
    """The way to a repository of the test's own, which is not there yet."""
    return access_to(server, authority, re.sub(r"\W+", "-", request.node.name))


@pytest.fixture
def restic(access: Access, server: RestServerProcess) -> Restic:
    """restic at a new repository."""
    restic = Restic(access, timeout=60)
    restic.init()
    make_keys_cheap(server.data / access.server.repository_path, PASSWORD)
    return restic


# Locks, traces and secrets


def test_a_locked_repository(
    access: Access, restic: Restic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: RestServerProcess
) -> None:
    monkeypatch.setattr(_restic_command, "_WAIT_FOR_LOCK", "1s")
    restic.backup_folder(write_installation(tmp_path / "saved"), TAGS, HOST)
    (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
    (tmp_path / "ca.crt").write_text(access.ca_certificate or "", encoding="utf-8")
    environment = {
        **os.environ,
        **adapter_for(access).environment(),
        "RESTIC_REPOSITORY": adapter_for(access).location,
        "RESTIC_PASSWORD_FILE": str(tmp_path / "password"),
    }
    # At 1 KiB/s it holds its exclusive lock for as long as this test needs.
    slow = [tool("restic"), "check", "--read-data", "--limit-download", "1", "--cacert", str(tmp_path / "ca.crt")]
    with subprocess.Popen(slow, env=environment, stdout=subprocess.DEVNULL) as holder:
        try:
            wait_for(lambda: any((server.data / access.server.repository_path / "locks").iterdir()))
            assert type(failure(lambda: restic.backup_folder(tmp_path, TAGS, HOST))) is errors.RepositoryLocked
            assert len(Restic(access, read_only=True).snapshots()) == 1
        finally:
            holder.terminate()


def test_reading_only_leaves_neither_lock_nor_cache(
    access: Access, restic: Restic, server: RestServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_installation(tmp_path / "saved")
    snapshot_id = restic.backup_folder(folder, TAGS, HOST).snapshot_id
    repository = server.data / access.server.repository_path
    before = folder_times(repository)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    reader = Restic(access, read_only=True)
    assert reader.repository_id()
    assert [snapshot.id for snapshot in reader.snapshots()] == [snapshot_id]
    assert reader.list_files(snapshot_id)
    assert reader.dump(snapshot_id, "/che-cr.yaml", 10_000)
    reader.restore_folder(snapshot_id, tmp_path / "restored")
    reader.check()

    assert folder_times(repository) == before
    assert not (tmp_path / "home").exists()
    restic.snapshots()
    assert folder_times(repository) != before, "this test does not see a lock that comes and goes"


def test_reading_only_refuses_to_write(access: Access, tmp_path: Path) -> None:
    reader = Restic(access, read_only=True)
    for call in (
        reader.init,
        lambda: reader.backup_folder(tmp_path, TAGS, HOST),
        lambda: reader.forget_ids(["deadbeef"]),
    ):
        with pytest.raises(ValueError, match="reading only"):
            call()
    assert adapter_for(access).probe(5) is False


def test_no_secret_in_any_command_line_and_nothing_foreign_in_the_environment(
    access: Access, restic: Restic, tmp_path: Path, own_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHE_TEST_FOREIGN", "foreign")
    write_random(tmp_path / "saved", 48)
    done = threading.Event()
    seen: dict[str, str] = {}
    watcher = threading.Thread(target=watch_processes, args=(str(own_tmp), done, seen))
    watcher.start()
    restic.backup_folder(tmp_path / "saved", TAGS, HOST)
    done.set()
    watcher.join()
    assert seen, "restic was never seen running"
    for command_line, environment in seen.items():
        assert not any(secret in command_line for secret in (PASSWORD, SERVER_PASSWORD, USERNAME + ":"))
        assert PASSWORD not in environment
        assert "CHE_TEST_FOREIGN" not in environment


def test_works_without_a_home(access: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    restic = Restic(access)
    restic.init()
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert restic.dump(restic.backup_folder(tmp_path, TAGS, HOST).snapshot_id, "/file", 10) == b"x"


# Faults


def test_a_server_that_never_answers(access: Access, own_tmp: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = replace(access.server, port=silent.getsockname()[1])
        error = failure(Restic(replace(access, server=server), timeout=2).repository_id)
    assert type(error) is errors.ResticTimeout
    assert "2 s" in error.what
    assert command_lines(str(own_tmp)) == []


def test_a_server_killed_half_way(authority: Authority, tmp_path: Path, own_tmp: Path) -> None:
    server = RestServerProcess(tmp_path, authority)
    write_random(tmp_path / "saved", 256)
    with running(server):
        access = access_to(server, authority, "che")
        restic = Restic(access, timeout=60)
        restic.init()
        empty = server.stored_bytes()
        with ThreadPoolExecutor() as threads:
            brief = Restic(access, timeout=8)
            backup = threads.submit(lambda: failure(lambda: brief.backup_folder(tmp_path / "saved", TAGS, HOST)))
            wait_for(lambda: server.stored_bytes() - empty > 1024 * 1024)
            server.stop(signal.SIGKILL)
            error = backup.result()
        assert type(error) is errors.ResticTimeout
        assert "connection refused" in error.what
        assert command_lines(str(own_tmp)) == []

        server.start()
        assert restic.snapshots() == []
        restic.release_stale_locks()
        restic.check()
        summary = restic.backup_folder(tmp_path / "saved", TAGS, HOST)
        restic.check()
        assert [snapshot.id for snapshot in restic.snapshots()] == [summary.snapshot_id]


def test_a_full_server(authority: Authority, tmp_path: Path) -> None:
    write_random(tmp_path / "saved", 8)
    with running(RestServerProcess(tmp_path, authority, "--max-size", str(4 * 1024 * 1024))) as server:
        restic = Restic(access_to(server, authority, "che"), timeout=10)
        restic.init()
        error = failure(lambda: restic.backup_folder(tmp_path / "saved", TAGS, HOST))
        assert "413" in str(error) or "507" in str(error) or "full" in str(error)
        assert Restic(access_to(server, authority, "che"), read_only=True).snapshots() == []


def test_several_writers_at_once(access: Access, restic: Restic, tmp_path: Path) -> None:
    def write(number: int) -> str:
        write_random(tmp_path / f"saved-{number}", 2)
        return Restic(access).backup_folder(tmp_path / f"saved-{number}", [f"writer={number}"], HOST).snapshot_id

    with ThreadPoolExecutor(4) as threads:
        written = list(threads.map(write, range(4)))
    assert {snapshot.id for snapshot in restic.snapshots()} == set(written)
    restic.check()


# restic itself


def test_the_version(access: Access) -> None:
    restic = Restic(access)
    assert restic.version() >= MINIMUM_VERSION
    restic.check_version()


@pytest.mark.parametrize(
    ("version", "refused"),
    [
        ("0.9.6", errors.ResticTooOld),
        ("0.17.2", errors.ResticTooOld),
        ("0.17.3", None),
        ("0.100.0", None),
        ("1.0.0", errors.ResticTooNew),
    ],
)
def test_a_restic_of_another_version(
    access: Access, tmp_path: Path, version: str, refused: type[errors.RepositoryError] | None
) -> None:
    other = script(tmp_path / "restic", f"echo restic {version} compiled with go1.22.5 on linux/amd64")
    check = Restic(access, binary=str(other)).check_version
    if refused is None:
        check()
        return
    error = failure(check)
    assert type(error) is refused
    assert version in error.what
    assert "from 0.17.3 to below 1.0.0" in error.what


@pytest.mark.parametrize("version", ["0.17.2", "1.0.0"])
def test_no_task_works_with_a_restic_of_another_version(access: Access, tmp_path: Path, version: str) -> None:
    """It is run for its version and for nothing else, before the server is asked anything."""
    log = tmp_path / "log"
    other = script(tmp_path / "restic", f'echo "$@" >> {log}; echo restic {version} compiled with go on linux')
    for initialize in (False, True):
        error = failure(lambda made=initialize: connect(access, made, str(other), False))
        assert isinstance(error, (errors.ResticTooOld, errors.ResticTooNew))
    assert log.read_text(encoding="utf-8").splitlines() == ["version", "version"]


def test_a_restic_that_is_missing_or_none(access: Access, tmp_path: Path) -> None:
    not_executable = tmp_path / "restic"
    not_executable.touch(0o644)
    for binary in ("no-such-restic", str(not_executable), str(tmp_path)):
        assert type(failure(Restic(access, binary=binary).check_version)) is errors.ResticMissing
    assert type(failure(Restic(access, binary="true").check_version)) is errors.ResticFailed


@pytest.mark.soak
@pytest.mark.parametrize("answer", ["", "welcome", "[]", "{}", '[{"id": 5}]', "null"])
def test_an_answer_that_is_not_restics(access: Access, tmp_path: Path, answer: str) -> None:
    impostor = Restic(access, binary=str(script(tmp_path / "restic", f"echo '{answer}'")))
    calls: list[Callable[[], object]] = [
        impostor.init,
        impostor.repository_id,
        lambda: impostor.backup_folder(tmp_path, TAGS, HOST),
    ]
    if answer not in ("[]", "{}"):
        calls.append(impostor.snapshots)
    for call in calls:
        assert type(failure(call)) is errors.ResticFailed
