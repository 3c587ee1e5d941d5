# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The oldest restic that is accepted: at each kind of server, in Jobs, and in turns with the current one.

The tests of the room itself run with it too: ``--restic restic-oldest``.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._database._compare import compare
from ansible_collections.community.che.plugins.module_utils._database._dump import parse_dump_log
from ansible_collections.community.che.plugins.module_utils._database._load import parse_load_log
from ansible_collections.community.che.plugins.module_utils._repository import _errors as errors
from ansible_collections.community.che.plugins.module_utils._repository import _restic_command
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._check import CheckReport
from ansible_collections.community.che.plugins.module_utils._repository._credentials import S3Keys, SshKey
from ansible_collections.community.che.plugins.module_utils._repository._keys import Keyring
from ansible_collections.community.che.plugins.module_utils._repository._restic_versions import MINIMUM_VERSION
from ansible_collections.community.che.plugins.module_utils._repository._s3_server import AwsS3Server
from ansible_collections.community.che.plugins.module_utils._repository._sftp_server import SftpServer
from ansible_collections.community.che.plugins.module_utils._server._connect import connect
from integration.database_bed import DatabaseBed, database_bed
from integration.rest_server import tool
from integration.s3_server import ACCESS_KEY_ID, BUCKET, SECRET_ACCESS_KEY, S3ServerProcess, make_certificates
from integration.sftp_server import SftpServerProcess

pytestmark = pytest.mark.soak_suite("the oldest restic")

OLDEST, CURRENT = "restic-oldest", "restic"
KINDS = ("rest", "awss3", "sftp")
TURNS = ((OLDEST, CURRENT), (CURRENT, OLDEST))
LOCALHOST = "127.0.0.1"
PASSWORD = "repository/secret 1"
NEW_PASSWORD = "repository/secret 2"
TAGS = ["community.che", "part=installation"]
HOST = "eclipse-che"


@dataclass(frozen=True)
class Bed:
    """A server of each kind, and a database."""

    databases: DatabaseBed
    s3: S3ServerProcess
    s3_authority: str
    sftp: SftpServerProcess

    def way(self, kind: str, path: str) -> Access:
        """The way to a repository that is not there yet."""
        if kind == "rest":
            return self.databases.access(path, initialise=False)
        if kind == "awss3":
            server = AwsS3Server(f"{BUCKET}/{path}", LOCALHOST, port=self.s3.port)
            return Access(server, PASSWORD, S3Keys(ACCESS_KEY_ID, SECRET_ACCESS_KEY), self.s3_authority)
        home = SftpServer(self.sftp.username, self.sftp.host, path, self.sftp.port, self.sftp.host_keys)
        return Access(home, PASSWORD, SshKey(self.sftp.private_key))


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory, own_home: Path) -> Iterator[Bed]:
    """Both versions of restic use one cache, in a home of the tests' own."""
    folder = tmp_path_factory.mktemp("servers")
    with ExitStack() as stack:
        databases = stack.enter_context(database_bed(tmp_path_factory.mktemp("databases")))
        certificates = make_certificates(folder, LOCALHOST)
        s3, sftp = S3ServerProcess(folder, certificates, LOCALHOST), SftpServerProcess(folder)
        for server in (s3, sftp):
            stack.callback(server.stop)
            server.start()
        yield Bed(databases, s3, certificates.authority, sftp)


@pytest.fixture
def access(request: pytest.FixtureRequest, bed: Bed) -> Access:
    """The way to a repository of the test's own, at the kind of server that the test is run for."""
    name = request.node.name.replace("[", "-").rstrip("]")
    return bed.way(request.getfixturevalue("kind") if "kind" in request.fixturenames else "rest", name)


def restic(access: Access, binary: str = OLDEST) -> Keyring:
    return Keyring(access, binary, timeout=120)


def saved(folder: Path, name: str) -> Path:
    """A folder to save: a file that all of them have, and one of its own in a folder."""
    (folder / name / "secrets").mkdir(parents=True)
    (folder / name / "che-cr.yaml").write_text("kind: CheCluster\n" * 1000, encoding="utf-8")
    (folder / name / "secrets" / "own.bin").write_bytes(os.urandom(300_000))
    return folder / name


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_is_the_oldest_that_is_accepted(bed: Bed) -> None:
    oldest, current = (restic(bed.way("rest", "none"), binary) for binary in (OLDEST, CURRENT))
    assert oldest.version() == MINIMUM_VERSION < current.version()
    oldest.check_version()


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_it_does_all_that_is_asked_of_restic(access: Access, kind: str, tmp_path: Path) -> None:
    folders = [saved(tmp_path, name) for name in ("first", "second")]
    assert connect(access, True, OLDEST, check_mode=False) is True
    assert connect(access, True, OLDEST, check_mode=False) is False
    oldest = restic(access)

    first, second = (oldest.backup_folder(folder, [*TAGS, folder.name], HOST) for folder in folders)
    assert (first.files, first.bytes) == (2, sum(map(len, content(folders[0]).values())))
    assert 0 < second.data_added_packed <= second.data_added
    assert [snapshot.id for snapshot in oldest.snapshots(TAGS)] == [first.snapshot_id, second.snapshot_id]
    assert sorted(oldest.snapshot_ids()) == sorted([first.snapshot_id, second.snapshot_id])
    (snapshot,) = oldest.snapshots(["second"])
    assert (snapshot.tags, snapshot.hostname) == ((*TAGS, "second"), HOST)
    assert (snapshot.files, snapshot.bytes, snapshot.data_added) == (2, second.bytes, second.data_added_packed)

    nodes = {node.path: node.size for node in oldest.list_files(first.snapshot_id) if node.type == "file"}
    assert nodes == {f"/{path}": len(data) for path, data in content(folders[0]).items()}
    assert oldest.dump(first.snapshot_id, "/che-cr.yaml", 100_000) == (folders[0] / "che-cr.yaml").read_bytes()
    streamed = bytearray()
    oldest.stream(first.snapshot_id, "/secrets/own.bin", streamed.extend)
    assert streamed == (folders[0] / "secrets" / "own.bin").read_bytes()
    oldest.restore_folder(second.snapshot_id, tmp_path / "restored")
    assert content(tmp_path / "restored") == content(folders[1])

    answer = oldest.keep_policy(["--keep-last", "1"], HOST, [TAGS])
    assert (set(answer.kept), answer.removed) == ({second.snapshot_id}, {first.snapshot_id})
    assert answer.kept[second.snapshot_id]
    planned = oldest.plan_prune([first.snapshot_id])
    assert planned.changes
    assert planned.freed_bytes > 300_000
    oldest.forget_ids([first.snapshot_id])
    assert oldest.prune() == planned
    assert oldest.plan_prune().changes is False

    assert oldest.release_stale_locks() == 0
    oldest.check()
    assert oldest.inspect("100%") == CheckReport()


@pytest.mark.soak
@pytest.mark.parametrize(("first", "second"), TURNS)
def test_they_take_turns_in_a_repository(access: Access, first: str, second: str, tmp_path: Path) -> None:
    folder = saved(tmp_path, "installation")
    one, other = restic(access, first), restic(access, second)
    made = one.init()
    wrote = one.backup_folder(folder, TAGS, HOST)

    assert other.repository_id() == made
    (snapshot,) = other.snapshots(TAGS)
    assert (snapshot.id, snapshot.files, snapshot.bytes) == (wrote.snapshot_id, wrote.files, wrote.bytes)
    other.restore_folder(wrote.snapshot_id, tmp_path / "by-the-other")
    assert content(tmp_path / "by-the-other") == content(folder)
    again = other.backup_folder(folder, [*TAGS, "again"], HOST)
    assert again.data_added_packed < 0.05 * wrote.data_added_packed
    other.forget_ids([wrote.snapshot_id])
    other.prune()
    other.add_key(NEW_PASSWORD, "che", HOST)

    renewed = restic(replace(access, password=NEW_PASSWORD), first)
    renewed.remove_key(one.current_key())
    with pytest.raises(errors.WrongPassword):
        other.snapshots()
    assert [key.current for key in renewed.all_keys()] == [True]
    renewed.restore_folder(again.snapshot_id, tmp_path / "by-the-one")
    assert content(tmp_path / "by-the-one") == content(folder)
    assert renewed.inspect("100%") == CheckReport()


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_its_failures_have_the_same_classes(access: Access, kind: str, tmp_path: Path) -> None:
    oldest = restic(access)
    with pytest.raises(errors.NoRepository):
        oldest.repository_id()
    oldest.init()
    with pytest.raises(errors.RepositoryExists):
        oldest.init()
    wrong = restic(replace(access, password="wrong"))
    calls: tuple[Callable[[], object], ...] = (wrong.repository_id, wrong.snapshots, wrong.check, wrong.inspect)
    for call in calls:
        with pytest.raises(errors.WrongPassword):
            call()
    snapshot_id = oldest.backup_folder(saved(tmp_path, "saved"), TAGS, HOST).snapshot_id
    with pytest.raises(errors.NoSnapshot):
        oldest.list_files("0" * 64)
    with pytest.raises(errors.NoSuchFile):
        oldest.dump(snapshot_id, "/nope", 10)
    with pytest.raises(errors.FileTooLarge):
        oldest.dump(snapshot_id, "/secrets/own.bin", 1000)


@pytest.mark.parametrize("fault", ["lost", "damaged"])
def test_it_finds_damage(access: Access, bed: Bed, fault: str, tmp_path: Path) -> None:
    oldest = restic(access)
    oldest.init()
    oldest.backup_folder(saved(tmp_path, "saved"), TAGS, HOST)
    packs = bed.databases.rest.data / access.server.repository_path / "data"
    pack = max((path for path in packs.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    if fault == "lost":
        pack.unlink()
    else:
        pack.write_bytes(bytes(1000) + pack.read_bytes()[1000:])

    found = oldest.inspect("100%")
    assert found.errors
    assert any(pack.name[:8] in error for error in found.errors)
    assert found.packs == (() if fault == "lost" else (pack.name,))
    if fault == "lost":
        with pytest.raises(errors.RepositoryDamaged):
            oldest.check()


@pytest.mark.soak
@pytest.mark.parametrize(("holder", "other"), TURNS)
def test_each_minds_the_other_s_lock_and_finds_it_stale(
    access: Access, bed: Bed, holder: str, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_restic_command, "_WAIT_FOR_LOCK", "1s")
    restic(access, holder).init()
    folder = saved(tmp_path, "saved")
    restic(access, holder).backup_folder(folder, TAGS, HOST)
    locks = bed.databases.rest.data / access.server.repository_path / "locks"
    with _held(access, holder, tmp_path):
        # While rest-server receives it, it has a longer name.
        _await(lambda: any(len(lock.name) == 64 for lock in locks.iterdir()))
        with pytest.raises(errors.RepositoryLocked, match=r"PID \d+ on "):
            restic(access, other).backup_folder(folder, TAGS, HOST)
        assert restic(access, other).release_stale_locks() == 0
    assert restic(access, other).release_stale_locks() == 1
    assert restic(access, other).backup_folder(folder, TAGS, HOST).files == 2


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def _held(access: Access, binary: str, folder: Path) -> Iterator[None]:
    """The repository locked by a check that takes longer than any test at 1 KiB/s; killed, it leaves its lock."""
    (folder / "password").write_text(access.password, encoding="utf-8")
    (folder / "ca.crt").write_text(access.ca_certificate or "", encoding="utf-8")
    environment = {
        **os.environ,
        **adapter_for(access).environment(),
        "RESTIC_REPOSITORY": adapter_for(access).location,
        "RESTIC_PASSWORD_FILE": str(folder / "password"),
    }
    slow = [tool(binary), "check", "--read-data", "--limit-download", "1", "--cacert", str(folder / "ca.crt")]
    with subprocess.Popen(slow, env=environment, stdout=subprocess.DEVNULL) as holder:
        try:
            yield
        finally:
            holder.kill()


def _in_a_job(access: Access, binary: str) -> dict[str, str]:
    """What leads a Job's script to the programs of this machine instead of those of its images."""
    adapter = adapter_for(access)
    helper = adapter.helper()
    options = ["-o", f"{helper.option}={tool(helper.name)}"] if helper else []
    return {"CHE_RESTIC": tool(binary), "CHE_RESTIC_OPTIONS": " ".join([*adapter.options(), *options])}


@pytest.mark.soak
@pytest.mark.parametrize(
    ("kind", "sender", "loader"),
    [*(("rest", *turn) for turn in TURNS), ("awss3", OLDEST, OLDEST), ("sftp", OLDEST, OLDEST)],
)
def test_a_database_is_sent_and_loaded_by_jobs(bed: Bed, access: Access, kind: str, sender: str, loader: str) -> None:
    name = f"{kind}_{sender}_{loader}".replace("-", "_")
    rows = "CREATE TABLE notes AS SELECT n, md5(n::text) AS note FROM generate_series(1, 20000) AS n"
    databases = bed.databases
    databases.create(name, rows)
    restic(access, sender).init()
    with databases.dumping(name, access, environment=_in_a_job(access, sender)) as job:
        dumped = parse_dump_log(job.succeed())
    with (
        databases.staged(name, "turns") as (_names, endpoint),
        databases.loading(endpoint, dumped.snapshot_id, name, access, environment=_in_a_job(access, loader)) as job,
    ):
        loaded = parse_load_log(job.succeed())
    assert compare(dumped.figures, loaded.figures) == []
    assert dumped.figures.tables[0].rows == 20_000
    restic(access, loader).check()
