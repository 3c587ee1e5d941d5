# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Secret with both ways: there before anything is changed, and only for the migration that has made it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._kinds import NAMESPACE, SECRET
from ansible_collections.community.che.plugins.module_utils._migration._way_back import NAME, Way, find_way, keep_way
from ansible_collections.community.che.plugins.module_utils._run._migration_journal import OpenMigration
from unit.fake_api import FakeApi
from unit.plugins.module_utils._migration.moving import HELD, Databases, move

WAY = Way({"database": {"externalDb": True}}, {"database": {"chePostgresPassword": "s3cret"}}, "PEM")


@pytest.fixture
def journal(api: FakeApi) -> OpenMigration:
    api.add(NAMESPACE, "che")
    return OpenMigration.begin(api.cluster, "che", HELD)


def test_what_is_kept_is_found(api: FakeApi, journal: OpenMigration) -> None:
    keep_way(api.cluster, "che", journal, WAY)
    assert find_way(api.cluster, "che", journal) == WAY
    secret = api.at(SECRET, NAME, "che")
    assert secret is not None
    (owner,) = secret["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("ConfigMap", journal.NAME, journal.uid)


def test_it_goes_with_its_journal(api: FakeApi, journal: OpenMigration) -> None:
    keep_way(api.cluster, "che", journal, WAY)
    journal.close()
    assert api.at(SECRET, NAME, "che") is None


def test_it_shows_no_secret(journal: OpenMigration) -> None:
    assert "s3cret" not in repr(WAY)


def test_that_of_another_migration_is_none(api: FakeApi, journal: OpenMigration) -> None:
    """Its journal is gone, and Kubernetes has not come round to it yet."""
    keep_way(api.cluster, "che", journal, WAY)
    left = api.at(SECRET, NAME, "che")
    journal.close()
    again = OpenMigration.begin(api.cluster, "che", HELD)
    assert left is not None
    api.objects[SECRET.path("che", NAME)] = left

    assert find_way(api.cluster, "che", again) is None
    keep_way(api.cluster, "che", again, Way({}, {}))
    assert find_way(api.cluster, "che", again) == Way({}, {})


def test_one_without_an_owner_is_none(api: FakeApi, journal: OpenMigration) -> None:
    api.add(SECRET, NAME, "che", data={})
    assert find_way(api.cluster, "che", journal) is None


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"way-back.json": base64.b64encode(b"{").decode()},
        {"way-back.json": base64.b64encode(b'{"there": {}}').decode()},
        {"way-back.json": base64.b64encode(b'{"there": {}, "back": {}, "more": 1}').decode()},
        {"way-back.json": "not base64!"},
        None,
    ],
)
def test_one_that_somebody_has_broken_is_named(api: FakeApi, journal: OpenMigration, data: Any) -> None:
    keep_way(api.cluster, "che", journal, WAY)
    secret = api.at(SECRET, NAME, "che")
    assert secret is not None
    secret["data"] = data
    with pytest.raises(CheError, match="can't be read") as caught:
        find_way(api.cluster, "che", journal)
    assert NAME in caught.value.on


def test_nothing_is_done_before_it_is_kept(che: FakeApi, databases: Databases) -> None:
    che.fail("post", "/secrets", 403, "no")
    with pytest.raises(CheError, match="no"):
        move(che)
    assert databases.done == []
