# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose backup is drilled: what is another installation's says nothing about the one that lives here."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.community.che.plugins.module_utils._drill import _origin
from ansible_collections.community.che.plugins.module_utils._drill._drill import DrillFailed, drill
from ansible_collections.community.che.plugins.module_utils._kube._kinds import NAMESPACE
from unit.che_objects import install
from unit.fake_api import FakeApi
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic
from unit.plugins.module_utils._drill.drill_bed import REQUEST, Server, left, record

# "che" is the namespace of every backup of this bed; what is drilled in another one is another installation.
OTHER = replace(REQUEST, namespace="che-b")


def newer_of_another_namespace(restic: FakeRestic) -> str:
    """A backup of another namespace, newer than the other one."""
    newest = make_backup(restic, run="r2")
    restic.taken = [replace(each, hostname="che-b") if "run=r2" in each.tags else each for each in restic.taken]
    return newest


@pytest.fixture
def other(api: FakeApi, server: Server) -> FakeApi:
    """A cluster in which another namespace is there, with a Che or without."""
    api.add(NAMESPACE, "che-b")
    return api


def living(api: FakeApi) -> FakeApi:
    """Have a Che live in that namespace."""
    made = FakeApi()
    install(made)
    api.kinds = made.kinds
    for obj in list(made.objects.values()):
        if obj["kind"] == "CheCluster":
            kind = next(kind for kind in made.kinds if kind.kind == "CheCluster")
            api.add(kind, obj["metadata"]["name"], "che-b", spec={})
    return api


def test_the_newest_is_that_of_the_namespace_whatever_else_is_in_the_repository(
    che: FakeApi, restic: FakeRestic
) -> None:
    own = restic.taken[2].id
    newer_of_another_namespace(restic)

    result = drill(che.cluster, REQUEST)

    assert (result["verdict"], result["backup"], result["backup_namespace"]) == ("passed", own, "che")
    assert result["warnings"] == []


def test_a_living_installation_without_a_backup_fails_its_drill(other: FakeApi, restic: FakeRestic) -> None:
    living(other)

    with pytest.raises(DrillFailed, match="no complete backup of the namespace 'che-b', only of 'che'"):
        drill(other.cluster, OTHER)

    assert left(other) == []


def test_a_backup_of_another_living_namespace_is_refused_by_its_id_too(
    other: FakeApi, restic: FakeRestic, server: Server
) -> None:
    living(other)

    with pytest.raises(DrillFailed, match="of the namespace che, and so of another installation") as failed:
        drill(other.cluster, replace(OTHER, id=restic.taken[2].id))

    assert failed.value.facts["backup_namespace"] == "che"
    assert server.done == []
    assert left(other) == []


def test_in_an_empty_namespace_the_only_other_one_is_drilled_and_that_is_said(
    other: FakeApi, restic: FakeRestic
) -> None:
    result = drill(other.cluster, replace(OTHER, check_mode=True))

    assert (result["backup"], result["backup_namespace"]) == (restic.taken[2].id, "che")
    (said,) = [item for item in result["not_verified"] if item["what"] == "namespace che-b"]
    assert "of the namespace che:" in said["why"]


def test_the_older_backup_of_an_installation_that_has_moved_is_drilled_and_that_is_said(
    che: FakeApi, restic: FakeRestic, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = che.add(NAMESPACE, "kube-system")["metadata"]["uid"]
    made = FakeApi()
    there = made.add(NAMESPACE, "kube-system")["metadata"]["uid"]
    install(made)
    assert here != there
    restic.taken.clear()
    make_backup(restic, made)

    result = drill(che.cluster, REQUEST)

    assert (result["verdict"], result["backup_cluster_id"]) == ("passed", there)
    assert record(che)["backup_cluster_id"] == there
    assert result["not_verified"][0]["what"] == f"cluster {here}"
    assert f"another cluster, {there}" in result["warnings"][0]
    # It may have been renamed on its way.
    monkeypatch.setattr(_origin, "is_bare", lambda *_arguments: False)
    che.add(NAMESPACE, "che-b")
    renamed = drill(che.cluster, replace(OTHER, id=restic.taken[2].id, run_id="d2", check_mode=True))
    assert {"namespace che-b", f"cluster {here}"} <= {item["what"] for item in renamed["not_verified"]}
