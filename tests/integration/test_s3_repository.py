# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The S3 adapter and restic against a real S3 server: what works, and one clear error for each thing that does not."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ansible_collections.community.che.plugins.module_utils._repository import _errors as errors
from ansible_collections.community.che.plugins.module_utils._repository._access import Access
from ansible_collections.community.che.plugins.module_utils._repository._adapters import adapter_for
from ansible_collections.community.che.plugins.module_utils._repository._credentials import S3Keys
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._repository._s3_server import AwsS3Server
from integration.rest_server import tool
from integration.s3_server import (
    ACCESS_KEY_ID,
    BUCKET,
    REGION,
    SECRET_ACCESS_KEY,
    STRANGER_ID,
    STRANGER_SECRET,
    S3ServerProcess,
    make_certificates,
)

pytestmark = pytest.mark.soak_suite("repositories in S3")

HOST = "127.0.0.1"
PASSWORD = "repository/secret 1"
KEYS = S3Keys(ACCESS_KEY_ID, SECRET_ACCESS_KEY)
BOUND_SECONDS = 20


@dataclass(frozen=True)
class Bed:
    """A server, a second one that lets nobody write to the same buckets, and the way to the first."""

    server: S3ServerProcess
    read_only: S3ServerProcess
    access: Access

    def at(self, path: str, **changes: object) -> Access:
        """The way to a repository, or a bucket, of this path."""
        return replace(self.access, server=replace(self.access.server, repository_path=path, **changes))


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    folder = tmp_path_factory.mktemp("s3")
    certificates = make_certificates(folder, HOST)
    server = S3ServerProcess(folder, certificates, HOST)
    read_only = S3ServerProcess(folder, certificates, HOST, "--readonly")
    access = Access(AwsS3Server(f"{BUCKET}/che", HOST, port=server.port), PASSWORD, KEYS, certificates.authority)
    for process in (server, read_only):
        process.start()
    try:
        yield Bed(server, read_only, access)
    finally:
        for process in (server, read_only):
            process.stop()


def probe(access: Access) -> bool:
    return adapter_for(access).probe(5)


@pytest.mark.parametrize("path", [BUCKET, f"{BUCKET}/deep/er", f"{BUCKET}/a b/é+%"])
def test_a_repository_is_made_found_and_used(bed: Bed, path: str, tmp_path: Path) -> None:
    access = bed.at(path)
    (tmp_path / "che-cr.yaml").write_text("kind: CheCluster\n", encoding="utf-8")
    restic = Restic(access, timeout=60)

    assert probe(access) is False
    made = restic.init()
    assert probe(access) is True
    summary = restic.backup_folder(tmp_path, ["a"], "che")
    restic.check()

    assert restic.repository_id() == made
    assert [snapshot.id for snapshot in Restic(access, timeout=60, read_only=True).snapshots()] == [summary.snapshot_id]
    restic.forget_ids([summary.snapshot_id])
    assert restic.snapshots() == []


def test_another_object_beside_the_config_is_no_repository(bed: Bed) -> None:
    folder = bed.server.data / BUCKET / "almost"
    folder.mkdir()
    (folder / "config-of-another-kind").write_text("x", encoding="utf-8")

    assert probe(bed.at(f"{BUCKET}/almost")) is False


def test_a_job_s_restic_reads_the_keys_from_a_file(bed: Bed, tmp_path: Path) -> None:
    """With a secret of characters that such a file has to quote, and with nothing secret in the environment."""
    access = bed.at(f"{BUCKET}/job", region=REGION)
    made = Restic(access, timeout=60).init()
    adapter = adapter_for(access)
    for name, content in {**adapter.files(), "password": PASSWORD, "ca.crt": access.ca_certificate or ""}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    environment = {
        "HOME": str(tmp_path),
        "RESTIC_PASSWORD_FILE": str(tmp_path / "password"),
        "RESTIC_CACERT": str(tmp_path / "ca.crt"),
        **adapter.file_environment(str(tmp_path)),
    }

    ran = subprocess.run(
        [tool("restic"), *adapter.options(), "cat", "config", "--no-lock"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert made in ran.stdout, ran.stderr
    assert not [value for value in environment.values() if SECRET_ACCESS_KEY in value]


def test_the_region_of_the_server_is_found_when_none_is_given(bed: Bed) -> None:
    assert bed.access.server.region is None  # type: ignore[union-attr]
    assert probe(bed.access) is False
    assert probe(bed.at(f"{BUCKET}/che", region=REGION)) is False


def broken(bed: Bed, fault: str) -> Access:
    access = bed.access
    server = access.server
    return {
        "missing bucket": lambda: bed.at("no-such-bucket/che"),
        "unknown key": lambda: replace(access, credentials=S3Keys("NOBODY", SECRET_ACCESS_KEY)),
        "wrong secret": lambda: replace(access, credentials=S3Keys(ACCESS_KEY_ID, "wrong")),
        "token that is none": lambda: replace(access, credentials=S3Keys("NOBODY", "secret", "token")),
        "no permission": lambda: replace(access, credentials=S3Keys(STRANGER_ID, STRANGER_SECRET)),
        "no keys": lambda: replace(access, credentials=None),
        "wrong region": lambda: replace(access, server=replace(server, region="us-west-2")),
        "unknown authority": lambda: replace(access, ca_certificate=None),
        "another host": lambda: replace(access, server=replace(server, hostname="localhost")),
        "plain http": lambda: replace(access, server=replace(server, protocol="http")),
        "refused": lambda: replace(access, server=replace(server, hostname="127.99.99.99")),
    }[fault]()


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("missing bucket", errors.NoBucket, "Make it at the S3 server"),
        ("unknown key", errors.AccessDenied, "does not know the access key id"),
        ("wrong secret", errors.AccessDenied, "does not fit"),
        ("token that is none", errors.AccessDenied, ""),
        ("no permission", errors.AccessDenied, "s3:ListBucket"),
        ("no keys", errors.AccessDenied, "s3_access_key_id"),
        ("wrong region", errors.WrongRegion, f"s3_region: {REGION}"),
        ("unknown authority", errors.UntrustedCertificate, "Give its CA certificate"),
        ("another host", errors.UntrustedCertificate, "made out to another host"),
        ("plain http", errors.RepositoryError, "protocol"),
        ("refused", errors.ConnectionRefused, "port"),
    ],
)
def test_each_fault_has_its_error_soon(bed: Bed, fault: str, error: type[Exception], words: str) -> None:
    began = time.monotonic()

    with pytest.raises(error) as caught:
        probe(broken(bed, fault))

    assert time.monotonic() - began < BOUND_SECONDS
    assert words in str(caught.value)
    assert getattr(caught.value, "next_step", "")
    assert SECRET_ACCESS_KEY not in str(caught.value) and STRANGER_SECRET not in str(caught.value)


def test_a_missing_bucket_stays_missing(bed: Bed) -> None:
    with pytest.raises(errors.NoBucket):
        probe(bed.at("no-such-bucket/che"))
    assert bed.server.buckets() == [BUCKET]


def test_a_server_that_lets_nobody_write_says_so_soon(bed: Bed) -> None:
    made = Restic(bed.at(f"{BUCKET}/kept"), timeout=60).init()
    denied = bed.at(f"{BUCKET}/kept", port=bed.read_only.port)
    fresh = bed.at(f"{BUCKET}/fresh", port=bed.read_only.port)
    began = time.monotonic()

    assert Restic(denied, timeout=60, read_only=True).repository_id() == made
    with pytest.raises(errors.AccessDenied):
        Restic(fresh, timeout=60).init()
    with pytest.raises(errors.AccessDenied):
        Restic(denied, timeout=60).backup_folder(Path(__file__).parent / "targets", ["a"], "che")
    assert time.monotonic() - began < 3 * BOUND_SECONDS


def test_a_full_disk_is_named_and_the_next_backup_is_fine(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path, HOST)
    small = S3ServerProcess(tmp_path, certificates, HOST, megabytes=8)
    small.start()
    try:
        server = AwsS3Server(f"{BUCKET}/che", HOST, port=small.port)
        restic = Restic(Access(server, PASSWORD, KEYS, certificates.authority), timeout=15)
        restic.init()
        data = tmp_path / "saved"
        data.mkdir()
        (data / "large").write_bytes(os.urandom(24 << 20))

        with pytest.raises(errors.ServerFault, match="full"):
            restic.backup_folder(data, ["a"], "che")

        restic.release_stale_locks()
        assert restic.snapshots() == []
        (data / "large").write_bytes(b"small")
        assert restic.backup_folder(data, ["a"], "che").snapshot_id
        restic.check()
    finally:
        small.stop()


def test_restic_gets_nothing_but_its_own_keys(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of the process around it are not those of the task."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    assert Restic(bed.at(f"{BUCKET}/own"), timeout=60).init()
    assert os.environ["AWS_ACCESS_KEY_ID"] == "another"
