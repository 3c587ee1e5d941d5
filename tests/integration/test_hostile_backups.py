# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Trees that restic would never write, read by a real restic: nothing of them reaches this machine.

Manifests and objects that lie are in the unit tests of the same name.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup._repository import Repository
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._repository import _restic
from ansible_collections.community.che.plugins.module_utils._repository._restic import Restic
from ansible_collections.community.che.plugins.module_utils._restore._fetch import Fetched, fetch
from ansible_collections.community.che.plugins.module_utils._restore._fetch_legacy import fetch_legacy
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import Whose, resolve
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import object_digests
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import (
    FILE_NAME,
    Installation,
    Manifest,
    Part,
    timestamp,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import part_tags, seal_tags
from ansible_collections.community.che.plugins.module_utils._snapshot._yaml import to_yaml
from integration.forged_repository import Forgery, Node, node
from integration.legacy_bed import open_repository
from integration.repository_bed import PASSWORD, access_to
from integration.repository_keys import make_keys_cheap
from integration.rest_server import RestServerProcess
from unit.legacy_files import FILES

LEGACY_PATH = "/tmp/che-backup-data"
CLUSTER = {
    "apiVersion": "org.eclipse.che/v2",
    "kind": "CheCluster",
    "metadata": {"name": "eclipse-che", "namespace": "che"},
    "spec": {},
}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": "che"}, "data": {"a": "Yg=="}}
GOOD = to_yaml(SECRET)
INFO = "metadataFileVersion: v1\ncreationDate: now\ncheVersion: '7'\ninfrastructure: k\nappsDomain: d\nnamespace: che\n"


@dataclass
class Bed:
    """A repository on a server, with whoever forges backups in it."""

    repository: Repository
    forgery: Forgery
    numbers: Iterator[int]

    def backup(self, *more: Node, secrets: Sequence[Node] | None = None) -> str:
        """A complete backup whose manifest is right, and whose tree has something more in it; its id."""
        run = f"r{next(self.numbers)}"
        held = [self.forgery.file("x.yaml", GOOD)] if secrets is None else secrets
        nodes = [
            self.forgery.file("che-cr.yaml", to_yaml(CLUSTER)),
            self.forgery.file("backup-info.yaml", INFO),
            self.forgery.folder_of("secrets", held),
            *more,
        ]
        part = self.forgery.snapshot(nodes, part_tags(run, "installation"))
        digests = object_digests([CLUSTER, SECRET])
        manifest = Manifest(
            collection_version="1.0.0",
            run=run,
            created=timestamp(datetime.now(timezone.utc)),
            installation=Installation("che", "eclipse-che", "org.eclipse.che/v2", "7", "Kubernetes", "d"),
            restic_version="0.19.1",
            parts=(Part("installation", "eclipse-che", self.repository.id, part, 3, 300, objects=digests),),
        )
        return self.forgery.snapshot([self.forgery.file(FILE_NAME, manifest.to_json())], seal_tags(run, 1))

    def legacy(self, *more: Node, dumps: Sequence[Node] | None = None) -> str:
        """A snapshot of the old operator with something more in it; its id."""
        made = {path: self.forgery.file(path.partition("/")[2] or path, text) for path, text in FILES.items()}
        folders = {
            name: [made[path] for path in made if path.startswith(f"{name}/")] for name in ("configmaps", "secrets")
        }
        folders["db"] = [made["db/dbche.sql"]] if dumps is None else list(dumps)
        nodes = [made["che-cr.yaml"], made["backup-info.yaml"]]
        nodes += [self.forgery.folder_of(name, held) for name, held in folders.items()]
        return self.forgery.snapshot([*nodes, *more], (), [LEGACY_PATH])

    def get(self, backup: str) -> Fetched:
        found = resolve(self.repository.backups(), backup, Whose("che"))
        if found.state == "legacy":
            return fetch_legacy(self.repository, found)
        return fetch(self.repository, backup, Whose("che"))


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory, own_home: Path) -> Iterator[Bed]:
    server = RestServerProcess(tmp_path_factory.mktemp("server"), None)
    server.start()
    try:
        access = access_to(server, None, "che")
        Restic(access).init()
        make_keys_cheap(server.data / "che", PASSWORD)
        yield Bed(open_repository(access), Forgery(server.data / "che", PASSWORD), itertools.count())
    finally:
        server.stop()


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where everything temporary goes: deep enough that what climbs out of it can be seen."""
    deep = tmp_path / "a" / "b" / "tmp"
    deep.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(deep))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield deep
    left = [path for path in tmp_path.rglob("*") if path not in (deep, *deep.parents)]
    assert left == [], "something was left, or climbed out"


def test_a_forged_snapshot_is_one_to_restic(bed: Bed) -> None:
    names = {obj["kind"] for obj in bed.get(bed.backup()).objects}
    assert names == {"CheCluster", "Secret"}
    assert bed.get(bed.legacy()).databases[0].name == "dbche"


Forge = Callable[[Forgery], Node]
TREES: dict[str, Forge] = {
    "a name that climbs out": lambda f: f.file("../../climbed.yaml", GOOD),
    "a name that climbs out of its own folder alone": lambda f: f.file("../../namespace.yaml", GOOD),
    "a name that leads into a folder": lambda f: f.file("secrets/y.yaml", GOOD),
    "a parent": lambda f: f.folder_of("..", [f.file("climbed.yaml", GOOD)]),
    "an absolute name": lambda f: f.file("/etc/climbed.yaml", GOOD),
    "an empty name": lambda f: f.file("", GOOD),
    "a link to a file": lambda f: node("namespace.yaml", "symlink", linktarget="/etc/passwd"),
    "a link to a folder": lambda f: node("configmaps", "symlink", linktarget="/etc"),
    "a pipe": lambda f: node("namespace.yaml", "fifo"),
    "a disk": lambda f: node("namespace.yaml", "dev", device=2049),
    "a terminal": lambda f: node("namespace.yaml", "chardev", device=1280),
    "a socket": lambda f: node("namespace.yaml", "socket"),
    "a type that nobody knows": lambda f: node("namespace.yaml", "door"),
    "a folder in a file's place": lambda f: f.folder_of("namespace.yaml", []),
    "a file in a folder's place": lambda f: f.file("configmaps", GOOD),
    "a folder of its own": lambda f: f.folder_of("clusterrolebindings", [f.file("admin.yaml", GOOD)]),
    "a file twice": lambda f: f.file("che-cr.yaml", to_yaml(CLUSTER)),
    "a terminal's sequence": lambda f: f.file("\\x1b[2J\\n.yaml", GOOD),
    "a file that says it is large": lambda f: f.file("namespace.yaml", GOOD, size=2**40),
    "deep folders": lambda f: f.folder_of("configmaps", [f.folder_of("a", [f.file("b.yaml", GOOD)])]),
}


@pytest.mark.soak(keep=6)
@pytest.mark.parametrize("forge", TREES.values(), ids=TREES.keys())
def test_trees_that_nobody_saved_are_refused(bed: Bed, forge: Forge) -> None:
    backup = bed.backup(forge(bed.forgery))
    with pytest.raises(CheError) as caught:
        bed.get(backup)
    assert str(caught.value).isprintable()
    assert caught.value.on


@pytest.mark.parametrize("forge", [TREES["a link to a folder"], TREES["a pipe"]], ids=["link", "pipe"])
def test_so_are_those_of_the_old_operator(bed: Bed, forge: Forge) -> None:
    with pytest.raises(CheError):
        bed.get(bed.legacy(forge(bed.forgery)))


def test_a_dump_that_is_none(bed: Bed) -> None:
    for dump in (node("dbche.sql", "symlink", linktarget="/etc/passwd"), node("dbche.sql", "fifo")):
        with pytest.raises(CheError, match="no place"):
            bed.get(bed.legacy(dumps=[dump]))


def test_a_dump_of_another_length_than_its_node_says(bed: Bed) -> None:
    for size in (3, 10**9):
        lying = bed.forgery.file("dbche.sql", FILES["db/dbche.sql"], size=size)
        with pytest.raises(CheError, match=r"cut off|understood|damaged"):
            bed.get(bed.legacy(dumps=[lying]))


def test_a_file_that_is_larger_than_its_node_says(bed: Bed) -> None:
    """restic writes what is there: no more than one such file is read, and none of it is used."""
    large = bed.forgery.file("x.yaml", GOOD + "#" * (9 * 1024 * 1024), size=len(GOOD))
    with pytest.raises(CheError):
        bed.get(bed.backup(secrets=[large]))


def test_hard_links_are_files_like_others(bed: Bed) -> None:
    twins = [bed.forgery.file("x.yaml", GOOD, inode=7, device_id=1, links=2)]
    assert len(bed.get(bed.backup(secrets=twins)).objects) == 2
    twins.append(bed.forgery.file("y.yaml", GOOD, inode=7, device_id=1, links=2))
    with pytest.raises(CheError, match="another name"):
        bed.get(bed.backup(secrets=twins))


def test_a_list_that_nobody_could_hold(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_restic, "_LIST_LIMIT", 1000)
    with pytest.raises(CheError, match="list of the snapshot's files is too long"):
        bed.get(bed.backup())


def test_rights_and_owners_of_files_change_nothing(bed: Bed, scratch: Path) -> None:
    node_ = bed.forgery.file("x.yaml", GOOD, mode=0o40004755, uid=0, gid=0, user="root", extended_attributes=[])
    assert len(bed.get(bed.backup(secrets=[node_])).objects) == 2
    assert os.listdir(scratch) == []


def test_a_manifest_beyond_every_limit_and_one_that_is_none(bed: Bed) -> None:
    for content in ("x" * (65 * 1024 * 1024), json.dumps({"parts": [1] * 10}), "[" * 100_000):
        run = f"r{next(bed.numbers)}"
        bed.forgery.snapshot([bed.forgery.file("x", "y")], part_tags(run, "installation"))
        seal = bed.forgery.snapshot([bed.forgery.file(FILE_NAME, content)], seal_tags(run, 1))
        with pytest.raises(CheError):
            bed.get(seal)


def test_a_manifest_that_is_a_link(bed: Bed) -> None:
    run = f"r{next(bed.numbers)}"
    bed.forgery.snapshot([bed.forgery.file("x", "y")], part_tags(run, "installation"))
    link: Any = node(FILE_NAME, "symlink", linktarget="/etc/passwd")
    with pytest.raises(CheError):
        bed.get(bed.forgery.snapshot([link], seal_tags(run, 1)))
