# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups that lie: each is complete, and its objects are those of its manifest, as who forges one can arrange it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._restore._fetch import Fetched, fetch
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import Whose
from ansible_collections.community.che.plugins.module_utils._snapshot._digest import object_digests
from ansible_collections.community.che.plugins.module_utils._snapshot._layout import read_installation
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import FILE_NAME
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import part_tags, seal_tags
from ansible_collections.community.che.plugins.module_utils._snapshot._yaml import to_yaml
from unit.fake_backup import make_backup
from unit.fake_restic import REPOSITORY_ID, FakeRestic, a_repository

Manifest = dict[str, Any]


class Forger:
    """Forges one complete backup, and puts it beside an honest one of the same installation."""

    def __init__(self) -> None:
        self.restic = FakeRestic()
        make_backup(self.restic)
        seal = self.restic.taken[-1]
        self.manifest: Manifest = json.loads(self.restic.files[seal.id][FILE_NAME])
        self.honest = tuple(str(part["snapshot"]) for part in self.manifest["parts"])
        self.files = dict(self.restic.files[self.honest[0]])

    def put(self, path: str, obj: dict[str, Any] | str) -> None:
        """Add an object, or anything else, to the installation part."""
        self.files[path] = (obj if isinstance(obj, str) else to_yaml(obj)).encode()

    def forge(self, lie: Callable[[Manifest], None] = lambda _manifest: None, database: str = "openvsx") -> str:
        """Save it, with digests and counts that are right but for the lie, and return its id."""
        installation = self.restic.save(self.files, part_tags("r2", "installation"))
        dump = self.restic.save({"db/openvsx.sql": b"x" * 100}, part_tags("r2", "database", database))
        first, second = self.manifest["parts"]
        first.update(snapshot=installation.snapshot_id, files=installation.files, bytes=installation.bytes)
        second.update(snapshot=dump.snapshot_id)
        self.manifest["run"] = "r2"
        objects = self._objects()
        if objects is not None:
            first["objects"] = object_digests(objects)
        lie(self.manifest)
        content = json.dumps(self.manifest).encode()
        return self.restic.save({FILE_NAME: content}, seal_tags("r2", 2)).snapshot_id

    def get(self, backup: str) -> Fetched:
        return fetch(a_repository(self.restic), backup, Whose("che"))

    def _objects(self) -> list[dict[str, Any]] | None:
        with TemporaryDirectory() as folder:
            for path, content in self.files.items():
                target = Path(folder, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            try:
                return read_installation(Path(folder))
            except CheError:
                return None


@pytest.fixture
def forger() -> Forger:
    return Forger()


def thing(kind: str, name: str, **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "che", **more.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **more}


def refused(forger: Forger, backup: str, what: str) -> None:
    with pytest.raises(CheError, match=what) as caught:
        forger.get(backup)
    assert caught.value.on
    assert caught.value.next_step


def test_without_a_lie_it_is_as_good_as_an_honest_one(forger: Forger) -> None:
    forger.put("secrets/more.yaml", thing("Secret", "more", data={"a": "Yg=="}))
    assert "more" in {obj["metadata"]["name"] for obj in forger.get(forger.forge()).objects}


SECRET_OF = {"app.kubernetes.io/managed-by": "community.che"}
HOSTILE_OBJECTS: dict[str, tuple[str, dict[str, Any] | str, str]] = {
    "the object that deletes users' objects": (
        "configmaps/sync-workspaces-config.yaml",
        thing("ConfigMap", "sync-workspaces-config", data={"v1_ConfigMap.x.alice": ""}),
        "sync-workspaces-config is never in a backup",
    ),
    "a token of a service account": (
        "secrets/token.yaml",
        thing("Secret", "token", type="kubernetes.io/service-account-token"),
        "token of a service account",
    ),
    "a lease, journal or record of ours": (
        "configmaps/che-restore.yaml",
        thing("ConfigMap", "che-restore", metadata={"labels": SECRET_OF}),
        "belongs to the backup itself",
    ),
    "a password of a backup server": (
        "secrets/backup-rest-server-repo-password.yaml",
        thing("Secret", "backup-rest-server-repo-password", metadata={"labels": {**SECRET_OF, "x": "y"}}),
        "belongs to the backup itself",
    ),
    "an object of the internal backup server": (
        "secrets/internal.yaml",
        thing("Secret", "internal", metadata={"labels": {"app.kubernetes.io/part-of": "backup.che.eclipse.org"}}),
        "belongs to the backup itself",
    ),
    "merged certificates": (
        "configmaps/ca-certs-merged.yaml",
        thing("ConfigMap", "ca-certs-merged", data={"x": "y"}),
        "derived",
    ),
    "another namespace": (
        "secrets/x.yaml",
        thing("Secret", "x", metadata={"namespace": "kube-system"}),
        "not of the CheCluster's namespace",
    ),
    "rights in the whole cluster": (
        "configmaps/admin.yaml",
        {**thing("ClusterRoleBinding", "admin"), "apiVersion": "rbac.authorization.k8s.io/v1"},
        "does not hold a ConfigMap",
    ),
    "a kind that nobody saved": ("secrets/x.yaml", thing("Pod", "x"), "does not hold a Secret"),
    "a folder that nobody made": ("rolebindings/x.yaml", thing("RoleBinding", "x"), "no place"),
    "a name to be chosen": ("secrets/x.yaml", thing("Secret", "", metadata={"generateName": "x-"}), "a name that no"),
    "a secret beside its data": (
        "secrets/x.yaml",
        thing("Secret", "x", stringData={"a": "b"}),
        "fields that no Secret",
    ),
    "data that are a list": ("secrets/x.yaml", thing("Secret", "x", data=["a"]), "fields that no Secret"),
    "data that are no text": ("configmaps/x.yaml", thing("ConfigMap", "x", data={"a": 1}), "fields that no ConfigMap"),
    "a type that is no text": ("secrets/x.yaml", thing("Secret", "x", type={"a": "b"}), "fields that no Secret"),
    "a claim without fields": (
        "persistentvolumeclaims/x.yaml",
        thing("PersistentVolumeClaim", "x", spec=[]),
        "no Pers",
    ),
    "fields that are nobody's": ("configmaps/x.yaml", thing("ConfigMap", "x", rules=[]), "fields that no ConfigMap"),
    "a YAML bomb": (
        "configmaps/x.yaml",
        "a: &a [1, 1, 1]\nb: &b [*a, *a, *a]\nmetadata: {name: x, namespace: che}\n",
        "alias",
    ),
    "code in YAML": ("configmaps/x.yaml", "!!python/object/apply:os.system ['true']", "tag"),
    "a thing said twice": (
        "secrets/x.yaml",
        "metadata: {name: x, namespace: che}\ntype: Opaque\ntype: kubernetes.io/service-account-token\n",
        "stands twice, line 3",
    ),
    "two documents": ("secrets/x.yaml", "metadata: {name: x, namespace: che}\n---\nkind: Pod\n", "not YAML"),
    "deep nesting": ("configmaps/x.yaml", "a: " + "[" * 5000 + "]" * 5000, "nested deeper"),
    "a file beyond every limit": ("configmaps/x.yaml", "#" * (9 * 1024 * 1024), "larger than"),
}


@pytest.mark.parametrize(("path", "obj", "what"), HOSTILE_OBJECTS.values(), ids=HOSTILE_OBJECTS.keys())
def test_objects_that_no_backup_holds_are_refused(
    forger: Forger, path: str, obj: dict[str, Any] | str, what: str
) -> None:
    forger.put(path, obj)
    refused(forger, forger.forge(), what)


def test_what_a_cluster_adds_is_left_out(forger: Forger) -> None:
    added = {
        "uid": "u",
        "generateName": "x-",
        "resourceVersion": "1",
        "ownerReferences": [{"kind": "CheCluster", "uid": "gone"}],
        "finalizers": ["foregroundDeletion", "orphan", "x.finalizers.che.eclipse.org"],
        "managedFields": [],
        "deletionTimestamp": "2026-01-01T00:00:00Z",
        "selfLink": "/api",
    }
    forger.put("secrets/x.yaml", thing("Secret", "x", metadata=added))

    fetched = forger.get(forger.forge())

    (found,) = (obj for obj in fetched.objects if obj["metadata"]["name"] == "x")
    assert found["metadata"] == {"name": "x", "namespace": "che"}
    assert object_digests(fetched.objects) == fetched.installation.objects


def test_all_of_it_in_another_namespace_than_the_manifest_says(forger: Forger) -> None:
    """The objects go where they say themselves; what the manifest says is what the task is held against."""
    for path, content in forger.files.items():
        moved = content.decode().replace("namespace: che\n", "namespace: kube-system\n")
        if path == "namespace.yaml":
            moved = moved.replace("name: che\n", "name: kube-system\n")
        forger.put(path, moved)
    refused(forger, forger.forge(), "is of the namespace kube-system, the manifest of che")


def edit(*where: str | int, to: object) -> Callable[[Manifest], None]:
    """A lie in one place of the manifest."""

    def lie(manifest: Manifest) -> None:
        place: Any = manifest
        for step in where[:-1]:
            place = place[step]
        place[where[-1]] = to

    return lie


def add_part(**fields: Any) -> Callable[[Manifest], None]:
    return lambda manifest: manifest["parts"].append({**manifest["parts"][1], **fields})


LIES = {
    "another run": (edit("run", to="r1"), "manifest is of the run r1"),
    "a run to break out of words": (edit("run", to="r2\n\x1b[2J"), "text like"),
    "a CheCluster of another name": (
        edit("installation", "cheCluster", to="other"),
        "not the CheCluster of the manifest",
    ),
    "a CheCluster of another version": (
        edit("installation", "apiVersion", to="org.eclipse.che/v1"),
        "not the CheCluster",
    ),
    "a digest": (edit("parts", 0, "objects", "Secret/oauth", to="sha256:" + "0" * 64), "Secret/oauth"),
    "a digest that is none": (edit("parts", 0, "objects", "Secret/oauth", to="x"), "text like"),
    "an object that is not there": (edit("parts", 0, "objects", "Secret/x", to="sha256:" + "0" * 64), "Secret/x"),
    "the number of files": (edit("parts", 0, "files", to=1), "files, the manifest 1"),
    "the number of bytes": (edit("parts", 1, "bytes", to=7), "bytes, the manifest 7"),
    "the length of a dump": (edit("parts", 1, "database", "dumpBytes", to=7), "7 in another"),
    "another repository": (edit("parts", 1, "repository", to="e" * 64), "not in the repository"),
    "a snapshot that is none": (edit("parts", 1, "snapshot", to="../../etc"), "text like"),
    "a number beyond all numbers": (edit("parts", 1, "database", "tables", 0, "rows", to=2**63), "a whole number"),
    "a number that is a text": (edit("parts", 1, "bytes", to="1"), "a whole number"),
    "a use that Che has not": (edit("parts", 1, "database", "role", to="payroll"), "no use for a database as payroll"),
    "a name to break out of SQL": (
        edit("parts", 1, "name", to='x"; DROP DATABASE dbche; --'),
        "is not the database part",
    ),
    "a name to break out of the tree": (edit("parts", 1, "name", to="../../manifest"), "is not the database"),
    "a kind that nobody saved": (edit("parts", 1, "kind", to="volumes"), "text like"),
    "a part that is there twice": (add_part(), "more than one snapshot"),
    "a part less": (lambda manifest: manifest["parts"].pop(), "has 1 parts, the repository 2"),
    "a later version": (edit("manifestVersion", to=99), "version 99"),
    "a part for the other": (
        lambda manifest: manifest["parts"][1].update(snapshot=manifest["parts"][0]["snapshot"]),
        "is not the database part openvsx",
    ),
}


@pytest.mark.parametrize(("lie", "what"), LIES.values(), ids=LIES.keys())
def test_a_manifest_that_lies_is_found_out(forger: Forger, lie: Callable[[Manifest], None], what: str) -> None:
    refused(forger, forger.forge(lie), what)


def test_a_name_that_would_upset_a_terminal_in_a_diff(forger: Forger) -> None:
    name = "openvsx\x1b[2J\n+ all is well"
    backup = forger.forge(edit("parts", 1, "name", to=name), database=name)
    refused(forger, backup, "a name that can't be shown")


@pytest.mark.parametrize("part", [0, 1])
def test_a_part_of_another_run(forger: Forger, part: int) -> None:
    other = forger.honest[part]
    refused(forger, forger.forge(edit("parts", part, "snapshot", to=other)), "part .* of this run")


def test_a_manifest_of_another_installation_in_the_same_repository(forger: Forger) -> None:
    backup = forger.forge(edit("installation", "namespace", to="other"))
    refused(forger, backup, "is of the namespace che, the manifest of other")


def test_a_manifest_with_a_field_twice(forger: Forger) -> None:
    backup = forger.forge()
    content = forger.restic.files[backup][FILE_NAME].decode()
    forger.restic.files[backup][FILE_NAME] = content.replace('"run": "r2"', '"run": "r1", "run": "r2"').encode()
    refused(forger, backup, "not JSON")


def test_the_repository_of_all_this_is_the_forger_s_own(forger: Forger) -> None:
    assert forger.manifest["parts"][0]["repository"] == REPOSITORY_ID
