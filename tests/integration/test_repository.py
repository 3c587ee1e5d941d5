# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The room `_repository` against a real restic and a real rest-server."""

from __future__ import annotations

import base64
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._repository import _errors as errors
from ansible_collections.community.che.plugins.module_utils._repository import _restic_command
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._repository._restic_versions import MINIMUM_VERSION
from ansible_collections.community.che.plugins.module_utils._repository._server import RestServer
from ansible_collections.community.che.plugins.module_utils._server._configure import connect
from integration.rest_server import (
    SERVER_PASSWORD,
    USERNAME,
    Authority,
    RestServerProcess,
    free_port,
    make_authority,
    tool,
)

PASSWORD = "repository secret 2"
TAGS = ["community.che", "run=r1", "part=installation"]
HOST = "eclipse-che"


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """restic's cache and our private folders go where the tests can look at them, and no proxy is in the way."""
    tool("restic")
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.delenv("XDG_CACHE_HOME", raising=False)
        (folder / "tmp").mkdir()
        patch.setenv("TMPDIR", str(folder / "tmp"))
        patch.setattr("tempfile.tempdir", None)
        yield folder


@pytest.fixture(autouse=True)
def leaves_no_private_folder(home: Path) -> Iterator[None]:
    yield
    assert list((home / "tmp").glob("community.che-*")) == []


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
    return _access_to(server, authority, re.sub(r"\W+", "-", request.node.name))


@pytest.fixture
def restic(access: Access) -> Restic:
    """restic at a new repository."""
    restic = Restic(access, timeout=60)
    restic.init()
    return restic


def _access_to(server: RestServerProcess, authority: Authority | None, path: str) -> Access:
    protocol = "https" if authority else "http"
    return Access(
        RestServer("localhost", path, protocol, server.port),
        PASSWORD,
        UserAndPassword(USERNAME, SERVER_PASSWORD),
        authority.certificate if authority else None,
    )


def _write_installation(folder: Path) -> Path:
    """A folder as a backup of an installation writes it: 60 small files and a CA bundle, with fixed times."""
    chance = random.Random(7)

    def opaque(size: int) -> str:
        return base64.b64encode(chance.randbytes(size)).decode()

    files = {"che-cr.yaml": "apiVersion: org.eclipse.che/v2\nkind: CheCluster\n" + "spec: {}\n" * 60}
    files["configmaps/ca-certs.yaml"] = "\n".join(opaque(900) for _certificate in range(120))
    for number in range(30):
        files[f"secrets/secret-{number}.yaml"] = f"kind: Secret\ndata: {opaque(chance.choice([24, 40, 1200, 1700]))}\n"
        lines = [f"  CHE_KEY_{chance.randrange(1000)}: value-{chance.randrange(10**6)}\n" for _line in range(20)]
        files[f"configmaps/config-{number}.yaml"] = "kind: ConfigMap\ndata:\n" + "".join(lines)
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for entry in [*folder.rglob("*"), folder]:
        os.utime(entry, (0, 0))
    return folder


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _failure(call: Callable[[], object], within: float = 20) -> errors.RepositoryError:
    """The error of a call, which must come in time, with a next step, and without a secret."""
    started = time.monotonic()
    with pytest.raises(errors.RepositoryError) as failure:
        call()
    assert time.monotonic() - started < within
    error = failure.value
    assert not any(secret in f"{error!s} {error!r}" for secret in (PASSWORD, SERVER_PASSWORD))
    assert error.on
    return error


def _outcome(call: Callable[[], object]) -> object:
    """The result of a call, or the class of its error."""
    try:
        return call()
    except errors.RepositoryError as error:
        return type(error)


# Connecting


def test_a_new_repository_is_there_once_it_is_initialised(access: Access) -> None:
    assert adapter_for(access).probe(5) is False
    repository = Restic(access).init()
    assert adapter_for(access).probe(5) is True
    assert re.fullmatch("[0-9a-f]{64}", repository)
    assert Restic(access).repository_id() == repository


def test_initialising_twice_changes_nothing(restic: Restic) -> None:
    before = restic.repository_id()
    assert type(_failure(restic.init)) is errors.RepositoryExists
    assert restic.repository_id() == before


def test_initialising_twice_at_once_never_breaks_a_repository_unnoticed(access: Access) -> None:
    for attempt in range(3):
        here = replace(access, server=replace(access.server, repository_path=f"race-{attempt}"))
        with ThreadPoolExecutor(3) as threads:
            results = list(threads.map(lambda _number, here=here: _outcome(Restic(here).init), range(3)))
        assert _outcome(Restic(here).repository_id) in results or errors.RepositoryDamaged in results


def test_a_missing_repository(access: Access) -> None:
    assert type(_failure(Restic(access).repository_id)) is errors.NoRepository


def test_a_wrong_password(access: Access, restic: Restic) -> None:
    wrong = Restic(replace(access, password="wrong"))
    for call in (wrong.repository_id, wrong.snapshots, wrong.check):
        assert type(_failure(call)) is errors.WrongPassword
    assert type(_failure(wrong.init)) is errors.RepositoryExists


@pytest.mark.soak
@pytest.mark.parametrize("wrong", [UserAndPassword(USERNAME, "wrong"), UserAndPassword("wrong", SERVER_PASSWORD), None])
def test_wrong_credentials(access: Access, restic: Restic, wrong: UserAndPassword | None) -> None:
    denied = replace(access, credentials=wrong)
    assert type(_failure(lambda: adapter_for(denied).probe(5))) is errors.AccessDenied
    assert type(_failure(Restic(denied).repository_id)) is errors.AccessDenied


def test_an_unknown_authority(access: Access, tmp_path: Path) -> None:
    for certificate in (None, make_authority(tmp_path).certificate):
        stranger = replace(access, ca_certificate=certificate)
        error = _failure(lambda access=stranger: adapter_for(access).probe(5))  # type: ignore[misc]
        assert type(error) is errors.UntrustedCertificate
        assert "authority" in error.what


def test_restic_itself_does_not_trust_an_unknown_authority_either(access: Access) -> None:
    restic = Restic(replace(access, ca_certificate=None), timeout=3)
    assert type(_failure(restic.repository_id)) is errors.UntrustedCertificate


@pytest.mark.parametrize(
    ("hostname", "days", "words"), [("elsewhere.example", 1, "another host"), ("localhost", -1, "not valid today")]
)
def test_a_certificate_that_does_not_fit(tmp_path: Path, hostname: str, days: int, words: str) -> None:
    authority = make_authority(tmp_path, hostname, days)
    with _running(RestServerProcess(tmp_path, authority)) as server:
        error = _failure(lambda: adapter_for(_access_to(server, authority, "che")).probe(5))
    assert type(error) is errors.UntrustedCertificate
    assert words in error.what


def test_a_refused_port(access: Access) -> None:
    nobody = replace(access, server=replace(access.server, port=free_port()))
    assert type(_failure(lambda: adapter_for(nobody).probe(5))) is errors.ConnectionRefused


def test_http_where_https_is_spoken(access: Access) -> None:
    plain = replace(access, server=replace(access.server, protocol="http"))
    assert type(_failure(lambda: adapter_for(plain).probe(5))) is errors.ProtocolMismatch


def test_https_where_http_is_spoken(tmp_path: Path) -> None:
    with _running(RestServerProcess(tmp_path, None)) as server:
        access = _access_to(server, None, "che")
        encrypted = replace(access, server=replace(access.server, protocol="https"))
        assert type(_failure(lambda: adapter_for(encrypted).probe(5))) is errors.ProtocolMismatch
        assert adapter_for(access).probe(5) is False


# Saving and reading


def test_what_was_saved_comes_back(restic: Restic, tmp_path: Path) -> None:
    folder = _write_installation(tmp_path / "saved")
    summary = restic.backup_folder(folder, TAGS, HOST)
    assert summary.files == len(_content(folder))
    assert summary.bytes == sum(map(len, _content(folder).values()))
    assert 0 < summary.data_added_packed <= summary.data_added

    restic.restore_folder(summary.snapshot_id, tmp_path / "restored")
    assert _content(tmp_path / "restored") == _content(folder)

    files = {node.path: node.size for node in restic.list_files(summary.snapshot_id) if node.type == "file"}
    assert files == {f"/{path}": len(content) for path, content in _content(folder).items()}

    for path in ("che-cr.yaml", "secrets/secret-0.yaml"):
        assert restic.dump(summary.snapshot_id, f"/{path}", 10_000) == (folder / path).read_bytes()


def test_a_snapshot_tells_what_it_is(restic: Restic, tmp_path: Path) -> None:
    folder = _write_installation(tmp_path / "saved")
    summary = restic.backup_folder(folder, TAGS, HOST)
    (snapshot,) = restic.snapshots()
    assert snapshot.id == summary.snapshot_id
    assert snapshot.tags == tuple(TAGS)
    assert snapshot.hostname == HOST
    assert snapshot.paths == (str(folder),)
    assert abs(snapshot.time.timestamp() - time.time()) < 60
    assert (snapshot.bytes, snapshot.files) == (summary.bytes, summary.files)
    assert snapshot.data_added == summary.data_added_packed


def test_tags_select_the_snapshots_that_have_all_of_them(restic: Restic, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    both = restic.backup_folder(tmp_path, ["a", "b=c"], HOST).snapshot_id
    one = restic.backup_folder(tmp_path, ["a"], HOST).snapshot_id
    assert [snapshot.id for snapshot in restic.snapshots(["a"])] == [both, one]
    assert [snapshot.id for snapshot in restic.snapshots(["a", "b=c"])] == [both]
    assert restic.snapshots(["c"]) == []


@pytest.mark.parametrize("tag", ["", "a,b"])
def test_a_tag_that_restic_would_split_is_a_mistake_of_ours(restic: Restic, tmp_path: Path, tag: str) -> None:
    with pytest.raises(ValueError, match="tag"):
        restic.backup_folder(tmp_path, [tag], HOST)


def test_unchanged_files_in_another_folder_add_less_than_5_percent(
    restic: Restic, server: RestServerProcess, tmp_path: Path
) -> None:
    """restic stores every file's inode and change time anew, 65 bytes each, whatever we do: that is what is added."""
    empty = server.stored_bytes()
    first = restic.backup_folder(_write_installation(tmp_path / "first"), TAGS, HOST)
    after_first = server.stored_bytes()
    second = restic.backup_folder(_write_installation(tmp_path / "second"), [*TAGS[:1], "run=r2"], HOST)
    assert second.bytes == first.bytes
    assert second.data_added_packed < 0.05 * first.data_added_packed
    assert server.stored_bytes() - after_first < 0.05 * (after_first - empty)


@pytest.mark.soak
@pytest.mark.parametrize("snapshot_id", ["deadbeef", "0" * 64, "latest", "", "--help", "DEADBEEF", "dead"])
def test_an_unknown_snapshot(restic: Restic, tmp_path: Path, snapshot_id: str) -> None:
    for call in (
        lambda: restic.list_files(snapshot_id),
        lambda: restic.dump(snapshot_id, "/file", 10),
        lambda: restic.restore_folder(snapshot_id, tmp_path / "target"),
    ):
        assert type(_failure(call)) is errors.NoSnapshot


def test_a_file_that_is_not_there_or_too_large(restic: Restic, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1000)
    snapshot_id = restic.backup_folder(tmp_path, TAGS, HOST).snapshot_id
    assert type(_failure(lambda: restic.dump(snapshot_id, "/nope", 10))) is errors.NoSuchFile
    assert len(restic.dump(snapshot_id, "/file", 1000)) == 1000
    assert type(_failure(lambda: restic.dump(snapshot_id, "/file", 999))) is errors.FileTooLarge


@pytest.mark.parametrize("others", ["che-cr.yaml", ""])
def test_an_unreadable_file_is_a_failure(access: Access, restic: Restic, tmp_path: Path, others: str) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    for name in others.split():
        (folder / name).touch()
    (folder / "secret.yaml").touch(0o000)
    humble = Restic(access, binary=str(_restic_without_privilege(tmp_path)))
    error = _failure(lambda: humble.backup_folder(folder, TAGS, HOST))
    assert type(error) is errors.SnapshotIncomplete
    assert "secret.yaml" in error.what


# Removing and checking


def test_only_the_named_snapshots_are_removed(restic: Restic, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    kept, removed = (restic.backup_folder(tmp_path, TAGS, HOST).snapshot_id for _run in range(2))
    restic.forget_ids([removed])
    assert [snapshot.id for snapshot in restic.snapshots()] == [kept]
    restic.forget_ids([removed])
    restic.forget_ids([])
    assert [snapshot.id for snapshot in restic.snapshots()] == [kept]
    restic.check()


def test_an_append_only_server_keeps_what_it_has(authority: Authority, tmp_path: Path) -> None:
    with _running(RestServerProcess(tmp_path, authority, "--append-only")) as server:
        restic = Restic(_access_to(server, authority, "che"))
        restic.init()
        snapshot_id = restic.backup_folder(_write_installation(tmp_path / "saved"), TAGS, HOST).snapshot_id
        assert type(_failure(lambda: restic.forget_ids([snapshot_id]), within=90)) is errors.NotRemoved
        assert [snapshot.id for snapshot in restic.snapshots()] == [snapshot_id]


def test_a_lost_pack_is_found(access: Access, restic: Restic, server: RestServerProcess, tmp_path: Path) -> None:
    restic.backup_folder(_write_installation(tmp_path / "saved"), TAGS, HOST)
    restic.check()
    packs = server.data / access.server.repository_path / "data"
    max((path for path in packs.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size).unlink()
    assert type(_failure(restic.check)) is errors.RepositoryDamaged


# Locks, traces and secrets


def test_a_locked_repository(
    access: Access, restic: Restic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: RestServerProcess
) -> None:
    monkeypatch.setattr(_restic_command, "_WAIT_FOR_LOCK", "1s")
    restic.backup_folder(_write_installation(tmp_path / "saved"), TAGS, HOST)
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
            _wait_for(lambda: any((server.data / access.server.repository_path / "locks").iterdir()))
            assert type(_failure(lambda: restic.backup_folder(tmp_path, TAGS, HOST))) is errors.RepositoryLocked
            assert len(Restic(access, read_only=True).snapshots()) == 1
        finally:
            holder.terminate()


def test_reading_only_leaves_neither_lock_nor_cache(
    access: Access, restic: Restic, server: RestServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _write_installation(tmp_path / "saved")
    snapshot_id = restic.backup_folder(folder, TAGS, HOST).snapshot_id
    repository = server.data / access.server.repository_path
    before = _folder_times(repository)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    reader = Restic(access, read_only=True)
    assert reader.repository_id()
    assert [snapshot.id for snapshot in reader.snapshots()] == [snapshot_id]
    assert reader.list_files(snapshot_id)
    assert reader.dump(snapshot_id, "/che-cr.yaml", 10_000)
    reader.restore_folder(snapshot_id, tmp_path / "restored")
    reader.check()

    assert _folder_times(repository) == before
    assert not (tmp_path / "home").exists()
    restic.snapshots()
    assert _folder_times(repository) != before, "this test does not see a lock that comes and goes"


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
    access: Access, restic: Restic, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHE_TEST_FOREIGN", "foreign")
    _write_random(tmp_path / "saved", 48)
    done = threading.Event()
    seen: dict[str, str] = {}
    watcher = threading.Thread(target=_watch_processes, args=(str(home / "tmp"), done, seen))
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


def test_a_server_that_never_answers(access: Access, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = replace(access.server, port=silent.getsockname()[1])
        error = _failure(Restic(replace(access, server=server), timeout=2).repository_id)
    assert type(error) is errors.ResticTimeout
    assert "2 s" in error.what
    assert _command_lines(str(home / "tmp")) == []


def test_a_server_killed_half_way(authority: Authority, tmp_path: Path, home: Path) -> None:
    server = RestServerProcess(tmp_path, authority)
    _write_random(tmp_path / "saved", 256)
    with _running(server):
        access = _access_to(server, authority, "che")
        restic = Restic(access, timeout=60)
        restic.init()
        empty = server.stored_bytes()
        with ThreadPoolExecutor() as threads:
            brief = Restic(access, timeout=8)
            backup = threads.submit(lambda: _failure(lambda: brief.backup_folder(tmp_path / "saved", TAGS, HOST)))
            _wait_for(lambda: server.stored_bytes() - empty > 1024 * 1024)
            server.stop(signal.SIGKILL)
            error = backup.result()
        assert type(error) is errors.ResticTimeout
        assert "connection refused" in error.what
        assert _command_lines(str(home / "tmp")) == []

        server.start()
        assert restic.snapshots() == []
        restic.release_stale_locks()
        restic.check()
        summary = restic.backup_folder(tmp_path / "saved", TAGS, HOST)
        restic.check()
        assert [snapshot.id for snapshot in restic.snapshots()] == [summary.snapshot_id]


def test_a_full_server(authority: Authority, tmp_path: Path) -> None:
    _write_random(tmp_path / "saved", 8)
    with _running(RestServerProcess(tmp_path, authority, "--max-size", str(4 * 1024 * 1024))) as server:
        restic = Restic(_access_to(server, authority, "che"), timeout=10)
        restic.init()
        error = _failure(lambda: restic.backup_folder(tmp_path / "saved", TAGS, HOST))
        assert "413" in str(error) or "507" in str(error) or "full" in str(error)
        assert Restic(_access_to(server, authority, "che"), read_only=True).snapshots() == []


def test_several_writers_at_once(access: Access, restic: Restic, tmp_path: Path) -> None:
    def write(number: int) -> str:
        _write_random(tmp_path / f"saved-{number}", 2)
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
    other = _script(tmp_path / "restic", f"echo restic {version} compiled with go1.22.5 on linux/amd64")
    check = Restic(access, binary=str(other)).check_version
    if refused is None:
        check()
        return
    error = _failure(check)
    assert type(error) is refused
    assert version in error.what
    assert "from 0.17.3 to below 1.0.0" in error.what


@pytest.mark.parametrize("version", ["0.17.2", "1.0.0"])
def test_no_task_works_with_a_restic_of_another_version(access: Access, tmp_path: Path, version: str) -> None:
    """It is run for its version and for nothing else, before the server is asked anything."""
    log = tmp_path / "log"
    other = _script(tmp_path / "restic", f'echo "$@" >> {log}; echo restic {version} compiled with go on linux')
    for initialize in (False, True):
        error = _failure(lambda made=initialize: connect(access, made, str(other), False))
        assert isinstance(error, (errors.ResticTooOld, errors.ResticTooNew))
    assert log.read_text(encoding="utf-8").splitlines() == ["version", "version"]


def test_a_restic_that_is_missing_or_none(access: Access, tmp_path: Path) -> None:
    not_executable = tmp_path / "restic"
    not_executable.touch(0o644)
    for binary in ("no-such-restic", str(not_executable), str(tmp_path)):
        assert type(_failure(Restic(access, binary=binary).check_version)) is errors.ResticMissing
    assert type(_failure(Restic(access, binary="true").check_version)) is errors.ResticFailed


@pytest.mark.soak
@pytest.mark.parametrize("answer", ["", "welcome", "[]", "{}", '[{"id": 5}]', "null"])
def test_an_answer_that_is_not_restics(access: Access, tmp_path: Path, answer: str) -> None:
    impostor = Restic(access, binary=str(_script(tmp_path / "restic", f"echo '{answer}'")))
    calls: list[Callable[[], object]] = [
        impostor.init,
        impostor.repository_id,
        lambda: impostor.backup_folder(tmp_path, TAGS, HOST),
    ]
    if answer not in ("[]", "{}"):
        calls.append(impostor.snapshots)
    for call in calls:
        assert type(_failure(call)) is errors.ResticFailed


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def _running(server: RestServerProcess) -> Iterator[RestServerProcess]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _script(path: Path, command: str) -> Path:
    path.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def _restic_without_privilege(folder: Path) -> Path:
    """A restic that root's right to read every file does not help."""
    if os.geteuid() != 0:
        return Path(tool("restic"))
    bounds = "--bounding-set=-dac_override,-dac_read_search"
    return _script(folder / "restic", f'exec {tool("setpriv")} {bounds} {tool("restic")} "$@"')


def _write_random(folder: Path, mebibytes: int) -> None:
    folder.mkdir()
    for number in range(mebibytes):
        (folder / f"file-{number}").write_bytes(os.urandom(1024 * 1024))


def _folder_times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")] if path.is_dir()}


def _watch_processes(word: str, done: threading.Event, seen: dict[str, str]) -> None:
    """Note the command line and the environment of every process that has this word in either, until done."""
    while not done.is_set():
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command_line = (process / "cmdline").read_text(encoding="utf-8", errors="replace")
                if word in command_line:
                    seen[command_line] = (process / "environ").read_text(encoding="utf-8", errors="replace")
        done.wait(0.02)


def _command_lines(word: str) -> list[str]:
    """The command lines of running processes that have this word in them."""
    seen: dict[str, str] = {}
    done = threading.Event()
    done.set()
    _watch_processes(word, done, seen)
    return list(seen)
