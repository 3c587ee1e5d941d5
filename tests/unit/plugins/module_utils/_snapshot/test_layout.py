# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder of an installation part: ours, the old operator's, and hostile ones."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._strip import strip
from ansible_collections.community.che.plugins.module_utils._snapshot import _layout
from ansible_collections.community.che.plugins.module_utils._snapshot._errors import LayoutError
from ansible_collections.community.che.plugins.module_utils._snapshot._info import BackupInfo
from ansible_collections.community.che.plugins.module_utils._snapshot._layout import (
    read_info,
    read_installation,
    write_installation,
)

INFO = BackupInfo("2026-01-01T12:00:00Z", "7.122.0", "Kubernetes", "apps.example.org", "eclipse-che")


def thing(kind: str, name: str, **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "eclipse-che", "labels": {"app.kubernetes.io/part-of": "che.eclipse.org"}}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}


CLUSTER = {**thing("CheCluster", "eclipse-che", spec={"networking": {}}), "apiVersion": "org.eclipse.che/v2"}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "eclipse-che", "annotations": {"a": "b"}}}
SECRET = thing("Secret", "github-oauth-config", type="Opaque", data={"id": "aWQ="})
CONFIG_MAP = thing("ConfigMap", "corporate.ca", data={"ca.crt": "-----BEGIN-----\nx\n-----END-----\n", "time": "12:30"})
CLAIM = thing("PersistentVolumeClaim", "shared-cache", spec={"accessModes": ["ReadWriteMany"]})
OBJECTS = [CLUSTER, NAMESPACE, SECRET, CONFIG_MAP, CLAIM]
PATHS = {
    "backup-info.yaml",
    "che-cr.yaml",
    "namespace.yaml",
    "secrets/github-oauth-config.yaml",
    "configmaps/corporate.ca.yaml",
    "persistentvolumeclaims/shared-cache.yaml",
}


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "part"
    folder.mkdir()
    return folder


@pytest.fixture(name="part")
def fixture_part(folder: Path) -> Path:
    write_installation(folder, OBJECTS, INFO)
    return folder


def state_of(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Tell of each file and folder its mode, its time and its content."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.stat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (stat.S_IMODE(status.st_mode), status.st_mtime_ns, content)
    return found


def test_what_is_written_is_read_again(part: Path) -> None:
    def by_name(obj: dict[str, Any]) -> tuple[str, str]:
        return obj["kind"], obj["metadata"]["name"]

    assert sorted(read_installation(part), key=by_name) == sorted(OBJECTS, key=by_name)
    assert read_info(part) == INFO


def test_digests_are_those_of_the_files(folder: Path) -> None:
    digests = write_installation(folder, OBJECTS, INFO)
    assert digests.keys() == PATHS
    for path, digest in digests.items():
        assert digest == f"sha256:{hashlib.sha256((folder / path).read_bytes()).hexdigest()}"


def test_nobody_else_can_read_it(part: Path) -> None:
    modes = {mode for path, (mode, _time, _content) in state_of(part).items() if path != "."}
    assert modes == {0o600, 0o700}


def test_an_unchanged_installation_gives_an_unchanged_folder(part: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=part.stat().st_mode)
    previous = os.umask(0o077)
    try:
        write_installation(other, list(reversed(OBJECTS)), INFO)
    finally:
        os.umask(previous)
    assert state_of(other) == state_of(part)


def test_a_change_of_equal_length_changes_the_time(part: Path, tmp_path: Path) -> None:
    # restic would otherwise keep what it has of a file of the same length and time.
    other = tmp_path / "other"
    other.mkdir()
    write_installation(other, [*OBJECTS[:2], {**SECRET, "data": {"id": "aWE="}}], INFO)
    old, new = ((folder / "secrets/github-oauth-config.yaml").stat() for folder in (part, other))
    assert old.st_size == new.st_size
    assert old.st_mtime_ns != new.st_mtime_ns


@pytest.mark.parametrize(
    ("obj", "on"),
    [
        (thing("ClusterRoleBinding", "admin"), "ClusterRoleBinding admin"),
        (thing("Secret", "../../etc/passwd"), "Secret '../../etc/passwd'"),
        (thing("Secret", ""), "Secret ''"),
        (thing("Secret", "a" * 251), "Secret '"),
        (thing("Secret", "x\n"), "Secret 'x"),
        (SECRET, "secrets/github-oauth-config.yaml"),
    ],
)
def test_objects_without_a_place(folder: Path, obj: dict[str, Any], on: str) -> None:
    with pytest.raises(LayoutError) as caught:
        write_installation(folder, [*OBJECTS, obj], INFO)
    assert caught.value.on.startswith(on)
    assert caught.value.next_step
    assert list(folder.iterdir()) == []


def test_the_longest_name_that_fits(folder: Path) -> None:
    write_installation(folder, [CLUSTER, thing("Secret", "a" * 250)], INFO)
    assert len(read_installation(folder)) == 2


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="No such file or directory"):
        write_installation(tmp_path / "missing", OBJECTS, INFO)


LEGACY_FILES = {
    "backup-info.yaml": (
        "metadataFileVersion: v1\n"
        "creationDate: 2021-11-03 10:11:12.13 +0000 UTC m=+81.2\n"
        "cheVersion: 7.42.0\ninfrastructure: Openshift 4\nappsDomain: apps.example.org\nnamespace: eclipse-che\n"
    ),
    "che-cr.yaml": (
        "apiVersion: org.eclipse.che/v1\nkind: CheCluster\n"
        "metadata:\n  name: eclipse-che\n  namespace: eclipse-che\n  uid: 8d5c\n"
        "spec:\n  database:\n    chePostgresDb: dbche\nstatus:\n  cheClusterRunning: Available\n"
    ),
    "configmaps/ca-certs.yaml": (
        "data:\n  ca.crt: x\nmetadata:\n  creationTimestamp: 2021-11-01T00:00:00Z\n  name: ca-certs\n"
        "  namespace: eclipse-che\n  ownerReferences:\n  - kind: CheCluster\n    uid: 8d5c\n  uid: 9e6d\n"
    ),
    "secrets/postgres-credentials.yaml": (
        "data:\n  user: cGdjaGU=\nmetadata:\n  name: postgres-credentials\n  namespace: eclipse-che\n"
        "  creationTimestamp: null\n  labels: null\ntype: Opaque\n"
    ),
    "db/dbche.sql": "DROP DATABASE che;",
}


def legacy_part(folder: Path, **changes: str) -> Path:
    for path, content in {**LEGACY_FILES, **changes}.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    return folder


def test_the_old_operator_s_layout(folder: Path) -> None:
    cluster, config_map, secret = read_installation(legacy_part(folder))
    assert (cluster["kind"], cluster["status"]) == ("CheCluster", {"cheClusterRunning": "Available"})
    assert strip(config_map) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "ca-certs", "namespace": "eclipse-che"},
        "data": {"ca.crt": "x"},
    }
    assert (secret["apiVersion"], secret["kind"], secret["type"]) == ("v1", "Secret", "Opaque")
    assert read_info(folder) == BackupInfo(
        "2021-11-03 10:11:12.13 +0000 UTC m=+81.2", "7.42.0", "Openshift 4", "apps.example.org", "eclipse-che"
    )


def test_the_old_operator_s_dumps_may_be_missing_or_anything(folder: Path) -> None:
    legacy_part(folder)
    (folder / "db/dbche.sql").unlink()
    (folder / "db").rmdir()
    (folder / "db").symlink_to("/etc")
    assert len(read_installation(folder)) == 3


SECRET_HEAD = "metadata:\n  name: x\n  namespace: eclipse-che\n"

HOSTILE = {
    "another kind": ("secrets/x.yaml", "apiVersion: v1\nkind: ConfigMap\n" + SECRET_HEAD, "does not hold a Secret"),
    "a cluster-wide kind": (
        "secrets/x.yaml",
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\n" + SECRET_HEAD,
        "does not hold a Secret",
    ),
    "another group": ("secrets/x.yaml", "apiVersion: evil.org/v1\nkind: Secret\n" + SECRET_HEAD, "hold a Secret"),
    "a list of objects": ("secrets/x.yaml", "kind: List\nitems: []\n" + SECRET_HEAD, "does not hold a Secret"),
    "another name": ("secrets/y.yaml", SECRET_HEAD, "another name"),
    "a name that climbs out": (
        "secrets/x.yaml",
        "metadata: {name: ../../x, namespace: eclipse-che}",
        "a name that no object has",
    ),
    "a name that no object has": (
        "secrets/X_Y.yaml",
        "metadata: {name: X_Y, namespace: eclipse-che}",
        "a name that no object has",
    ),
    "no name": ("secrets/x.yaml", "metadata: {namespace: eclipse-che}", "a name that no object has"),
    "no metadata": ("secrets/x.yaml", "data: {}", "a name that no object has"),
    "another namespace": ("secrets/x.yaml", "metadata: {name: x, namespace: kube-system}", "namespace"),
    "no namespace": ("secrets/x.yaml", "metadata: {name: x}", "namespace"),
    "labels that are none": (
        "secrets/x.yaml",
        "metadata: {name: x, namespace: eclipse-che, labels: [1]}",
        "metadata that no object has",
    ),
    "annotations that are no text": (
        "secrets/x.yaml",
        "metadata: {name: x, namespace: eclipse-che, annotations: {a: 1}}",
        "metadata that no object has",
    ),
    "finalizers that are none": (
        "secrets/x.yaml",
        "metadata: {name: x, namespace: eclipse-che, finalizers: [1]}",
        "metadata that no object has",
    ),
    "finalizers that are no list": (
        "secrets/x.yaml",
        "metadata: {name: x, namespace: eclipse-che, finalizers: abc}",
        "metadata that no object has",
    ),
    "no object": ("secrets/x.yaml", "- 1", "does not hold an object"),
    "nothing": ("secrets/x.yaml", "", "does not hold an object"),
    "no YAML": ("secrets/x.yaml", "a: b: c", "not YAML, line 1"),
    "an alias": ("secrets/x.yaml", "a: &a [1]\nb: *a", "YAML with an alias"),
    "another namespace's description": (
        "namespace.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system}",
        "namespace",
    ),
    "a CheCluster of another group": (
        "che-cr.yaml",
        LEGACY_FILES["che-cr.yaml"].replace("org.eclipse.che/", "org.eclipse.che.evil.org/"),
        "does not hold a CheCluster",
    ),
    "a CheCluster without its kind": (
        "che-cr.yaml",
        LEGACY_FILES["che-cr.yaml"].replace("kind: CheCluster\n", ""),
        "does not hold a CheCluster",
    ),
    "a file at the top": ("run.sh", "true", "no place"),
    "a folder at the top": ("roles/x.yaml", SECRET_HEAD, "no place"),
    "a file that is no YAML": ("secrets/x.sh", SECRET_HEAD, "no place"),
    "a folder in a folder": ("secrets/x.yaml/y.yaml", SECRET_HEAD, "not a regular file"),
}


@pytest.mark.parametrize(("path", "content", "what"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_refused_and_named(folder: Path, path: str, content: str, what: str) -> None:
    legacy_part(folder)
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(content, encoding="utf-8")
    with pytest.raises(LayoutError, match=what) as caught:
        read_installation(folder)
    assert path.startswith(caught.value.on)
    assert caught.value.next_step


@pytest.mark.parametrize("path", ["secrets/x.yaml", "che-cr.yaml", "secrets", "namespace.yaml"])
def test_links_are_not_followed(folder: Path, tmp_path: Path, path: str) -> None:
    # The link leads to what would be fine in its place.
    good = legacy_part(tmp_path / "part")
    target = tmp_path / "outside"
    if path == "secrets" or (good / path).exists():
        (good / path).rename(target)
    else:
        target.write_text(SECRET_HEAD, encoding="utf-8")
    (folder / path).symlink_to(target)
    with pytest.raises(LayoutError, match=r"not a (regular file|folder)") as caught:
        read_installation(folder)
    assert caught.value.on == path


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(legacy_part(folder) / "secrets/x.yaml")
    with pytest.raises(LayoutError, match="not a regular file"):
        read_installation(folder)


def test_a_name_that_would_upset_a_terminal(folder: Path) -> None:
    (legacy_part(folder) / os.fsdecode(b"\x1b[2J\xff\n")).write_text("x", encoding="utf-8")
    with pytest.raises(LayoutError) as caught:
        read_installation(folder)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


def test_a_file_that_is_not_text(folder: Path) -> None:
    (legacy_part(folder) / "secrets/x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LayoutError, match="not UTF-8"):
        read_installation(folder)


def test_a_file_that_is_too_large(folder: Path) -> None:
    with (legacy_part(folder) / "secrets/x.yaml").open("wb") as file:
        file.truncate(9 * 1024 * 1024)
    with pytest.raises(LayoutError, match="larger than 8388608 bytes"):
        read_installation(folder)


def test_too_many_files(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_layout, "MAX_FILES", len(PATHS))
    read_installation(part)
    monkeypatch.setattr(_layout, "MAX_FILES", len(PATHS) - 1)
    with pytest.raises(LayoutError, match="more than 5 files"):
        read_installation(part)


def test_more_than_a_restore_would_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_layout, "MAX_BYTES", 500)
    with pytest.raises(LayoutError, match="larger than 500 bytes together"):
        write_installation(folder, OBJECTS, INFO)
    assert list(folder.iterdir()) == []


def test_a_backup_without_a_che_cluster(part: Path) -> None:
    (part / "che-cr.yaml").unlink()
    with pytest.raises(LayoutError, match="no CheCluster"):
        read_installation(part)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("- 1", "metadataFileVersion"),
        ("metadataFileVersion: v2", "metadataFileVersion v1"),
        ("metadataFileVersion: v1", "creationDate"),
        (LEGACY_FILES["backup-info.yaml"].replace("7.42.0", "[7]"), "cheVersion"),
        (LEGACY_FILES["backup-info.yaml"].replace("namespace: eclipse-che", ""), "namespace"),
    ],
)
def test_a_description_that_cannot_be_read(folder: Path, content: str, what: str) -> None:
    legacy_part(folder, **{"backup-info.yaml": content})
    with pytest.raises(LayoutError, match=what) as caught:
        read_info(folder)
    assert caught.value.on == "backup-info.yaml"


def test_a_missing_description(folder: Path) -> None:
    with pytest.raises(LayoutError, match="No such file"):
        read_info(folder)


def test_an_error_never_shows_what_a_secret_holds(folder: Path) -> None:
    legacy_part(folder)
    (folder / "secrets/x.yaml").write_text("data: {password: hunter2: x}", encoding="utf-8")
    with pytest.raises(LayoutError) as caught:
        read_installation(folder)
    assert "hunter2" not in str(caught.value)
