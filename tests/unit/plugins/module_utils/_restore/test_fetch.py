# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup is held against its manifest before anything of it is used."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._restore._fetch import Fetched, fetch
from ansible_collections.community.che.plugins.module_utils._snapshot._catalogue import Whose
from ansible_collections.community.che.plugins.module_utils._snapshot._errors import LayoutError, ManifestError
from ansible_collections.community.che.plugins.module_utils._snapshot._tags import part_tags
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic, a_repository


@pytest.fixture
def restic() -> FakeRestic:
    fake = FakeRestic()
    make_backup(fake)
    return fake


def get(restic: FakeRestic, wanted: str = "latest") -> Fetched:
    return fetch(a_repository(restic), wanted, Whose("che"))


def edit_manifest(restic: FakeRestic, **fields: Any) -> None:
    files = restic.files[restic.taken[-1].id]
    files["manifest.json"] = json.dumps({**json.loads(files["manifest.json"]), **fields}).encode()


def test_a_backup_comes_with_its_objects_and_its_databases_stay(restic: FakeRestic) -> None:
    fetched = get(restic)

    names = {f"{obj['kind']}/{obj['metadata']['name']}" for obj in fetched.objects}
    assert names == set(fetched.installation.objects or {})
    assert "Secret/oauth" in names
    assert [part.name for part in fetched.databases] == ["openvsx"]
    assert "s3cret" not in repr(fetched) and "czNjcmV0" not in repr(fetched)


def test_a_part_leads_to_its_backup(restic: FakeRestic) -> None:
    for snapshot in restic.taken:
        assert get(restic, snapshot.id[:8]).backup.id == restic.taken[-1].id


def test_fetching_leaves_the_repository_alone(restic: FakeRestic) -> None:
    before = len(restic.taken)
    get(restic)
    assert (len(restic.taken), restic.forgotten) == (before, [])


def test_an_unknown_and_an_incomplete_one_are_refused(restic: FakeRestic) -> None:
    incomplete = restic.save({"x": b"x"}, part_tags("r9", "installation")).snapshot_id

    for wanted in ("00000000", incomplete):
        with pytest.raises(CheError) as caught:
            get(restic, wanted)
        assert caught.value.next_step
    assert get(restic).backup.run == "r1", "latest is the newest complete one"


@pytest.mark.parametrize("lost", [0, 1])
def test_a_part_that_was_removed_is_named(restic: FakeRestic, lost: int) -> None:
    restic.taken.pop(lost)
    with pytest.raises(CheError):
        get(restic)


def test_a_part_of_another_repository_is_refused(restic: FakeRestic) -> None:
    manifest = json.loads(restic.files[restic.taken[-1].id]["manifest.json"])
    manifest["parts"][1]["repository"] = "e" * 64
    edit_manifest(restic, parts=manifest["parts"])

    with pytest.raises(CheError, match="not in the repository any more"):
        get(restic)


def test_a_manifest_of_two_installations_or_none_is_refused(restic: FakeRestic) -> None:
    installation, database = json.loads(restic.files[restic.taken[-1].id]["manifest.json"])["parts"]
    for parts in ([database, database], [installation, installation]):
        edit_manifest(restic, parts=parts)
        with pytest.raises(CheError, match="exactly one installation"):
            get(restic)


def test_a_manifest_of_a_later_version_is_refused(restic: FakeRestic) -> None:
    edit_manifest(restic, manifestVersion=2)
    with pytest.raises(ManifestError):
        get(restic)


def test_objects_that_are_not_those_of_the_manifest_are_named(restic: FakeRestic) -> None:
    other = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: custom, namespace: che}\ndata: {key: other}\n"
    restic.damaged["configmaps/custom.yaml"] = other

    with pytest.raises(CheError, match="ConfigMap/custom"):
        get(restic)


def test_an_object_that_the_manifest_does_not_know_is_refused(restic: FakeRestic) -> None:
    part = next(snapshot for snapshot in restic.taken if "part=installation" in snapshot.tags)
    added = b"apiVersion: v1\nkind: Secret\nmetadata: {name: added, namespace: che}\n"
    restic.files[part.id]["secrets/added.yaml"] = added

    with pytest.raises(CheError, match="Secret/added"):
        get(restic)


def test_a_file_that_has_no_place_in_a_backup_is_refused(restic: FakeRestic) -> None:
    part = next(snapshot for snapshot in restic.taken if "part=installation" in snapshot.tags)
    restic.files[part.id]["pods/evil.yaml"] = b"kind: Pod"

    with pytest.raises(LayoutError):
        get(restic)
