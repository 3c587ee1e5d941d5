# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The room `_repository` against a real restic and a real rest-server."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._repository import _errors as errors
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._credentials import UserAndPassword
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from integration.repository_bed import (
    HOST,
    PASSWORD,
    TAGS,
    access_to,
    content,
    failure,
    outcome,
    restic_without_privilege,
    running,
    write_installation,
)
from integration.repository_keys import make_keys_cheap
from integration.rest_server import SERVER_PASSWORD, USERNAME, Authority, RestServerProcess, free_port, make_authority

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


# Connecting


def test_a_new_repository_is_there_once_it_is_initialised(access: Access) -> None:
    assert adapter_for(access).probe(5) is False
    repository = Restic(access).init()
    assert adapter_for(access).probe(5) is True
    assert re.fullmatch("[0-9a-f]{64}", repository)
    assert Restic(access).repository_id() == repository


def test_initialising_twice_changes_nothing(restic: Restic) -> None:
    before = restic.repository_id()
    assert type(failure(restic.init)) is errors.RepositoryExists
    assert restic.repository_id() == before


def test_initialising_twice_at_once_never_breaks_a_repository_unnoticed(access: Access) -> None:
    for attempt in range(3):
        here = replace(access, server=replace(access.server, repository_path=f"race-{attempt}"))
        with ThreadPoolExecutor(3) as threads:
            results = list(threads.map(lambda _number, here=here: outcome(Restic(here).init), range(3)))
        assert outcome(Restic(here).repository_id) in results or errors.RepositoryDamaged in results


def test_a_missing_repository(access: Access) -> None:
    assert type(failure(Restic(access).repository_id)) is errors.NoRepository


def test_a_wrong_password(access: Access, restic: Restic) -> None:
    wrong = Restic(replace(access, password="wrong"))
    for call in (wrong.repository_id, wrong.snapshots, wrong.check):
        assert type(failure(call)) is errors.WrongPassword
    assert type(failure(wrong.init)) is errors.RepositoryExists


@pytest.mark.soak
@pytest.mark.parametrize("wrong", [UserAndPassword(USERNAME, "wrong"), UserAndPassword("wrong", SERVER_PASSWORD), None])
def test_wrong_credentials(access: Access, restic: Restic, wrong: UserAndPassword | None) -> None:
    denied = replace(access, credentials=wrong)
    assert type(failure(lambda: adapter_for(denied).probe(5))) is errors.AccessDenied
    assert type(failure(Restic(denied).repository_id)) is errors.AccessDenied


def test_an_unknown_authority(access: Access, tmp_path: Path) -> None:
    for certificate in (None, make_authority(tmp_path).certificate):
        stranger = replace(access, ca_certificate=certificate)
        error = failure(lambda access=stranger: adapter_for(access).probe(5))  # type: ignore[misc]
        assert type(error) is errors.UntrustedCertificate
        assert "authority" in error.what


def test_restic_itself_does_not_trust_an_unknown_authority_either(access: Access) -> None:
    restic = Restic(replace(access, ca_certificate=None), timeout=3)
    assert type(failure(restic.repository_id)) is errors.UntrustedCertificate


@pytest.mark.parametrize(
    ("hostname", "days", "words"), [("elsewhere.example", 1, "another host"), ("localhost", -1, "not valid today")]
)
def test_a_certificate_that_does_not_fit(tmp_path: Path, hostname: str, days: int, words: str) -> None:
    authority = make_authority(tmp_path, hostname, days)
    with running(RestServerProcess(tmp_path, authority)) as server:
        error = failure(lambda: adapter_for(access_to(server, authority, "che")).probe(5))
    assert type(error) is errors.UntrustedCertificate
    assert words in error.what


def test_a_refused_port(access: Access) -> None:
    nobody = replace(access, server=replace(access.server, port=free_port()))
    assert type(failure(lambda: adapter_for(nobody).probe(5))) is errors.ConnectionRefused


def test_http_where_https_is_spoken(access: Access) -> None:
    plain = replace(access, server=replace(access.server, protocol="http"))
    assert type(failure(lambda: adapter_for(plain).probe(5))) is errors.ProtocolMismatch


def test_https_where_http_is_spoken(tmp_path: Path) -> None:
    with running(RestServerProcess(tmp_path, None)) as server:
        access = access_to(server, None, "che")
        encrypted = replace(access, server=replace(access.server, protocol="https"))
        assert type(failure(lambda: adapter_for(encrypted).probe(5))) is errors.ProtocolMismatch
        assert adapter_for(access).probe(5) is False


# Saving and reading


def test_what_was_saved_comes_back(restic: Restic, tmp_path: Path) -> None:
    folder = write_installation(tmp_path / "saved")
    summary = restic.backup_folder(folder, TAGS, HOST)
    assert summary.files == len(content(folder))
    assert summary.bytes == sum(map(len, content(folder).values()))
    assert 0 < summary.data_added_packed <= summary.data_added

    restic.restore_folder(summary.snapshot_id, tmp_path / "restored")
    assert content(tmp_path / "restored") == content(folder)

    files = {node.path: node.size for node in restic.list_files(summary.snapshot_id) if node.type == "file"}
    assert files == {f"/{path}": len(content) for path, content in content(folder).items()}

    for path in ("che-cr.yaml", "secrets/secret-0.yaml"):
        assert restic.dump(summary.snapshot_id, f"/{path}", 10_000) == (folder / path).read_bytes()


def test_a_snapshot_tells_what_it_is(restic: Restic, tmp_path: Path) -> None:
    folder = write_installation(tmp_path / "saved")
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
    first = restic.backup_folder(write_installation(tmp_path / "first"), TAGS, HOST)
    after_first = server.stored_bytes()
    second = restic.backup_folder(write_installation(tmp_path / "second"), [*TAGS[:1], "run=r2"], HOST)
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
        assert type(failure(call)) is errors.NoSnapshot


def test_a_file_that_is_not_there_or_too_large(restic: Restic, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1000)
    snapshot_id = restic.backup_folder(tmp_path, TAGS, HOST).snapshot_id
    assert type(failure(lambda: restic.dump(snapshot_id, "/nope", 10))) is errors.NoSuchFile
    assert len(restic.dump(snapshot_id, "/file", 1000)) == 1000
    assert type(failure(lambda: restic.dump(snapshot_id, "/file", 999))) is errors.FileTooLarge


@pytest.mark.parametrize("others", ["che-cr.yaml", ""])
def test_an_unreadable_file_is_a_failure(access: Access, restic: Restic, tmp_path: Path, others: str) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    for name in others.split():
        (folder / name).touch()
    (folder / "secret.yaml").touch(0o000)
    humble = Restic(access, binary=str(restic_without_privilege(tmp_path)))
    error = failure(lambda: humble.backup_folder(folder, TAGS, HOST))
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
    with running(RestServerProcess(tmp_path, authority, "--append-only")) as server:
        restic = Restic(access_to(server, authority, "che"))
        restic.init()
        snapshot_id = restic.backup_folder(write_installation(tmp_path / "saved"), TAGS, HOST).snapshot_id
        assert type(failure(lambda: restic.forget_ids([snapshot_id]), within=90)) is errors.NotRemoved
        assert [snapshot.id for snapshot in restic.snapshots()] == [snapshot_id]


def test_a_lost_pack_is_found(access: Access, restic: Restic, server: RestServerProcess, tmp_path: Path) -> None:
    restic.backup_folder(write_installation(tmp_path / "saved"), TAGS, HOST)
    restic.check()
    packs = server.data / access.server.repository_path / "data"
    max((path for path in packs.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size).unlink()
    assert type(failure(restic.check)) is errors.RepositoryDamaged
