# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The SFTP adapter and restic against a real OpenSSH server: what works, and one clear error for what does not."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._repository import _errors as errors
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._credentials import SshKey
from ansible_collections.community.che.plugins.module_utils._repository._host_keys import fingerprint, normal_host_keys
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._repository._sftp_probe import scan_host_keys
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer
from integration.rest_server import tool
from integration.sftp_server import SftpServerProcess, make_key
from runner.leaks import watched_command_lines

pytestmark = pytest.mark.soak_suite("repositories by SFTP")

HOST = "127.0.0.1"
PASSWORD = "repository/secret 1"
BOUND_SECONDS = 40


@dataclass(frozen=True)
class Bed:
    """A server, a second one that lets nobody write to the same folder, and the way to the first."""

    server: SftpServerProcess
    read_only: SftpServerProcess
    access: Access
    folder: Path

    def at(self, path: str, **changes: object) -> Access:
        """The way to a repository of this path."""
        return replace(self.access, server=replace(self.access.server, repository_path=path, **changes))


def way_to(process: SftpServerProcess, path: str = "che") -> Access:
    server = SftpServer(process.username, process.host, path, process.port, process.host_keys)
    return Access(server, PASSWORD, SshKey(process.private_key))


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    folder = tmp_path_factory.mktemp("sftp")
    server = SftpServerProcess(folder)
    read_only = SftpServerProcess(folder, name="read-only", read_only=True)
    for process in (server, read_only):
        process.start()
    try:
        yield Bed(server, read_only, way_to(server), folder)
    finally:
        for process in (server, read_only):
            process.stop()


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[SftpServerProcess]:
    """A server of the test's own, that it may stop and change."""
    process = SftpServerProcess(tmp_path)
    process.start()
    try:
        yield process
    finally:
        process.stop()


def probe(access: Access) -> bool:
    return adapter_for(access).probe(5)


@pytest.mark.soak(keep=2)
@pytest.mark.parametrize("path", ["che", "-x", "a b é+%*[?]{x}'\\\"$HOME", "{home}/absolute", "deep/er"])
def test_a_repository_is_made_found_and_used(bed: Bed, path: str, tmp_path: Path) -> None:
    access = bed.at(path.replace("{home}", str(bed.server.home)))
    (bed.server.home / "deep").mkdir(exist_ok=True)
    (tmp_path / "che-cr.yaml").write_text("kind: CheCluster\n", encoding="utf-8")
    restic = Restic(access, timeout=60)

    assert probe(access) is False
    made = restic.init()
    assert probe(access) is True
    summary = restic.backup_folder(tmp_path, ["a"], "che")
    restic.check()

    assert restic.repository_id() == made
    assert [snapshot.id for snapshot in Restic(access, timeout=60, read_only=True).snapshots()] == [summary.snapshot_id]
    restic.restore_folder(summary.snapshot_id, tmp_path / "restored")
    assert (tmp_path / "restored" / "che-cr.yaml").read_text(encoding="utf-8") == "kind: CheCluster\n"
    restic.forget_ids([summary.snapshot_id])
    assert restic.snapshots() == []
    assert (bed.server.home / path.replace("{home}/", "") / "config").is_file()


def test_no_process_has_a_secret_among_its_arguments(bed: Bed, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    access = bed.at("watched")
    with watched_command_lines([PASSWORD, bed.server.private_key.splitlines()[2]]) as command_lines:
        Restic(access, timeout=60).init()
        assert probe(access) is True
        Restic(access, timeout=60).backup_folder(tmp_path, ["a"], "che")
    assert command_lines == []


def test_a_folder_with_spaces_for_temporary_files_will_do(
    bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "it's 100% mine"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))

    assert Restic(bed.at("spaces"), timeout=60).init()
    assert list(folder.iterdir()) == []


def test_the_same_path_is_another_one_from_the_root_and_from_the_home(bed: Bed) -> None:
    Restic(bed.at("twice"), timeout=60).init()

    assert probe(bed.at("twice")) is True
    assert probe(bed.at(f"{bed.server.home}/twice")) is True
    assert probe(bed.at("/twice")) is False


def test_a_job_s_restic_gets_there_with_rclone(bed: Bed, tmp_path: Path) -> None:
    """With all that is secret in files, and the server known by one of its keys alone."""
    for number, key in enumerate(bed.server.host_keys):
        access = bed.at(f"job {number}*é", host_keys=(key,))
        made = Restic(access, timeout=60).init()
        adapter = adapter_for(access)
        helper = adapter.helper()
        assert helper is not None
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, content in {**adapter.files(), "password": PASSWORD}.items():
            (folder / name).write_text(content, encoding="utf-8")
            (folder / name).chmod(0o444)
        environment = {
            "HOME": str(folder),
            "RESTIC_PASSWORD_FILE": str(folder / "password"),
            **adapter.file_environment(str(folder)),
        }
        program = ["-o", f"{helper.option}={tool(helper.name)}"]
        for arguments in (["backup", str(Path(__file__).parent / "targets")], ["check"], ["cat", "config"]):
            ran = subprocess.run(
                [tool("restic"), *adapter.options(), *program, *arguments],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert ran.returncode == 0, ran.stderr

        assert made in ran.stdout
        assert len(Restic(access, timeout=60).snapshots()) == 1
        Restic(access, timeout=60).check()
        assert not [value for value in environment.values() if "PRIVATE" in value or PASSWORD in value]


def broken(bed: Bed, fault: str) -> Access:
    access = bed.access
    make = bed.folder / "made"
    make.mkdir(exist_ok=True)
    for name in ("stranger", "other-host"):
        if not (make / name).exists():
            make_key(make / name)
    (stranger,) = normal_host_keys([(make / "other-host.pub").read_text(encoding="ascii")])
    return {
        "unknown host": lambda: bed.at("che", hostname="no-such-host.invalid"),
        "refused": lambda: bed.at("che", hostname="127.99.99.99"),
        "wrong key": lambda: replace(access, credentials=SshKey((make / "stranger").read_text(encoding="ascii"))),
        "wrong user": lambda: bed.at("che", username="no-such-user"),
        "damaged key": lambda: replace(access, credentials=SshKey(_hollow(bed.server.private_key))),
        "changed host key": lambda: bed.at("che", host_keys=(stranger,)),
        "host key of another type": lambda: bed.at("che", host_keys=(RSA_KEY,)),
        "host key not known": lambda: bed.at("che", host_keys=()),
        "no folder": lambda: bed.at("no/such/folder"),
        "a file in its place": lambda: bed.at("file/che"),
        "no keys": lambda: replace(access, credentials=None),
    }[fault]()


RSA_KEY = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7vbqajDw4o6gJy8UtmIbkcpnkO3Kwc4qsEnSZp/TR+fQi62F79RHWmwKOtFmwteURgLbj7D/WG"
    "NLLOfTm5bHIrbdzSJNBs9eIBy0ELkhUHpjfCFV0RFIQYIBSs+0Lmf6ZClGfUFrwpGaRpPbDnW0TqpWlAnRqqS3TZjLLyC1Gqw=="
)


def _hollow(text: str) -> str:
    """A key that has the form of one and holds nothing, as the magic and the cipher are all that is left."""
    return text.splitlines()[0] + "\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n" + text.splitlines()[-1] + "\n"


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("unknown host", errors.UnknownHost, "DNS"),
        ("refused", errors.ConnectionRefused, "22"),
        ("wrong key", errors.AccessDenied, "authorized_keys"),
        ("wrong user", errors.AccessDenied, "user name"),
        ("damaged key", errors.InvalidCredentials, "ssh-keygen -y"),
        ("changed host key", errors.ChangedHostKey, "Nothing was sent"),
        ("host key of another type", errors.ChangedHostKey, "Nothing was sent"),
        ("host key not known", errors.UnknownHostKey, "ssh_learn_host_key: true"),
        ("no folder", errors.NoFolder, "no/such"),
        ("a file in its place", errors.NoFolder, "file"),
        ("no keys", errors.AccessDenied, "ssh_key_path"),
    ],
)
def test_each_fault_has_its_error_soon(bed: Bed, fault: str, error: type[Exception], words: str) -> None:
    (bed.server.home / "file").touch()
    began = time.monotonic()

    with pytest.raises(error) as caught:
        probe(broken(bed, fault))

    assert time.monotonic() - began < BOUND_SECONDS
    assert words in str(caught.value)
    assert getattr(caught.value, "next_step", "")
    assert not [line for line in bed.server.private_key.splitlines() if line in str(caught.value)]


def test_an_unknown_host_key_is_shown_with_what_to_give(bed: Bed) -> None:
    with pytest.raises(errors.UnknownHostKey) as caught:
        probe(bed.at("che", host_keys=()))
    for key in bed.server.host_keys:
        assert fingerprint(key) in str(caught.value)
    assert f"ssh_host_key: '{bed.access.server.host_keys[0]}'" in str(caught.value)  # type: ignore[union-attr]


def test_restic_is_not_started_for_a_server_that_is_not_known(bed: Bed) -> None:
    with pytest.raises(errors.UnknownHostKey):
        Restic(bed.at("unknown", host_keys=()), timeout=60).init()
    assert not (bed.server.home / "unknown").exists()


def test_the_scan_finds_what_ssh_keygen_has_made(bed: Bed) -> None:
    server = bed.access.server
    assert isinstance(server, SftpServer)
    assert scan_host_keys(server, 5) == normal_host_keys(bed.server.host_keys) == server.host_keys


@pytest.mark.parametrize(
    ("hostname", "error"), [("no-such-host.invalid", errors.UnknownHost), ("127.99.99.99", errors.ConnectionRefused)]
)
def test_the_scan_says_why_it_found_nothing(bed: Bed, hostname: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        probe(bed.at("che", hostname=hostname, host_keys=()))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_what_is_no_ssh_server_is_named_soon(bed: Bed, answer: bytes) -> None:
    """One speaks HTTP, the other says nothing at all until the client gives up."""
    with socket.create_server((HOST, 0)) as listener:
        kept: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                kept.append(connection)
                if answer:
                    connection.sendall(answer)
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        began = time.monotonic()
        with pytest.raises((errors.NotSftpServer, errors.ServerTimeout)) as caught:
            adapter_for(bed.at("che", port=listener.getsockname()[1])).probe(2)
        assert time.monotonic() - began < BOUND_SECONDS
        assert caught.value.next_step
        for connection in kept:
            connection.close()


def test_a_changed_host_key_stops_restic_too(lost: SftpServerProcess) -> None:
    """Were it changed between the probe and restic: both refuse by themselves."""
    access = way_to(lost)
    Restic(access, timeout=60).init()
    lost.stop()
    lost.change_host_keys()
    lost.start()

    with pytest.raises(errors.ChangedHostKey) as caught:
        probe(access)
    # restic may end before it has passed on what ssh says; the class that both errors have is sure.
    with pytest.raises(errors.ServerUnreachable):
        Restic(access, timeout=60).snapshots()

    assert all(fingerprint(key) in str(caught.value) for key in access.server.host_keys)  # type: ignore[union-attr]
    assert "Accepted publickey" not in lost.log().rpartition("Server listening")[2]


def test_a_server_that_lets_nobody_write_says_so_soon(bed: Bed) -> None:
    made = Restic(bed.at("kept"), timeout=60).init()
    way = {"port": bed.read_only.port, "host_keys": bed.read_only.host_keys}
    began = time.monotonic()

    assert Restic(bed.at("kept", **way), timeout=60, read_only=True).repository_id() == made
    with pytest.raises(errors.AccessDenied):
        Restic(bed.at("fresh", **way), timeout=60).init()
    with pytest.raises(errors.AccessDenied):
        Restic(bed.at("kept", **way), timeout=60).backup_folder(Path(__file__).parent / "targets", ["a"], "che")
    assert time.monotonic() - began < 2 * BOUND_SECONDS


def test_a_full_disk_is_named_and_the_next_backup_is_fine(tmp_path: Path) -> None:
    process = SftpServerProcess(tmp_path, megabytes=4)
    process.start()
    try:
        access = way_to(process)
        restic = Restic(access, timeout=90)
        restic.init()
        data = tmp_path / "data"
        data.mkdir()
        with Path("/dev/urandom").open("rb") as random:
            (data / "large").write_bytes(random.read(16 << 20))

        with pytest.raises(errors.ServerFault, match="full"):
            restic.backup_folder(data, ["a"], "che")

        restic.release_stale_locks()
        assert restic.snapshots() == []
        (data / "large").write_bytes(b"small")
        assert restic.backup_folder(data, ["a"], "che").snapshot_id
        restic.check()
    finally:
        process.stop()


def test_a_server_that_is_lost_during_a_backup_is_named_soon(lost: SftpServerProcess, tmp_path: Path) -> None:
    """And the next backup is fine."""
    access = way_to(lost)
    restic = Restic(access, timeout=120)
    restic.init()
    data = tmp_path / "data"
    data.mkdir()
    with Path("/dev/urandom").open("rb") as random:
        (data / "large").write_bytes(random.read(64 << 20))
    sent = lost.home / "che" / "data"

    def lose() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not any(path.is_file() for path in sent.rglob("*")):
            time.sleep(0.02)
        lost.stop()

    thread = threading.Thread(target=lose)
    began = time.monotonic()
    thread.start()
    with pytest.raises(errors.ServerUnreachable):
        restic.backup_folder(data, ["a"], "che")
    thread.join()

    assert time.monotonic() - began < 100
    lost.start()
    restic.release_stale_locks()
    assert restic.snapshots() == []
    assert restic.backup_folder(data, ["a"], "che").snapshot_id
    restic.check()


def test_without_ssh_the_error_says_what_to_install(bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.SshMissing, match="openssh-client"):
        probe(bed.access)


def test_nothing_of_this_user_s_settings_is_used(bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a configuration of ssh's that trusts everybody, nor a key that would open the server."""
    home = tmp_path / ".ssh"
    home.mkdir(mode=0o700)
    (home / "config").write_text("Host *\n  StrictHostKeyChecking no\n", encoding="utf-8")
    (home / "id_ed25519").write_text(bed.server.private_key, encoding="ascii")
    (home / "id_ed25519").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(errors.AccessDenied):
        probe(broken(bed, "wrong key"))
    with pytest.raises(errors.ChangedHostKey):
        probe(broken(bed, "changed host key"))
