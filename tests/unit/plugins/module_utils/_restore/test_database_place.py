# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of a saved database that has no server now: left only where Che has no use for it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._che._choice import Choice
from ansible_collections.community.che.plugins.module_utils._che._place import Place
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    CLAIM,
    DEPLOYMENT,
    SECRET,
)
from ansible_collections.community.che.plugins.module_utils._restore._database_place import DatabaseQuestion
from ansible_collections.community.che.plugins.module_utils._restore._database_plan import (
    DatabasePlan,
    plan_databases,
)
from ansible_collections.community.che.plugins.module_utils._snapshot._manifest import Manifest
from unit.che_objects import NAME, available, deployment_spec, encoded, install
from unit.fake_api import FakeApi
from unit.fake_backup import make_backup
from unit.fake_restic import FakeRestic

OFF = {"components": {"openVSXRegistry": {"enable": False}}}


def che_cluster(api_version: str = "org.eclipse.che/v2", **spec: Any) -> dict[str, Any]:
    metadata = {"name": NAME, "namespace": "che"}
    return {"apiVersion": api_version, "kind": "CheCluster", "metadata": metadata, "spec": spec}


def planned(
    api: FakeApi, role: str = "openvsx", version: str = "7.122.0", exists: bool = True, objects: Any = (), **asked: Any
) -> DatabasePlan:
    restic = FakeRestic()
    manifest = Manifest.from_json(restic.files[make_backup(restic)]["manifest.json"])
    saved = next(part for part in manifest.parts if part.database)
    assert saved.database is not None
    part = replace(saved, name=role, database=replace(saved.database, role=role))
    request: Any = SimpleNamespace(namespace="che", choice=Choice(), existing="replace", safety_backup=True)
    request.__dict__.update(asked)
    target = Place("che", "", "Kubernetes", "org.eclipse.che/v2", version)
    (found,) = plan_databases(DatabaseQuestion(api.cluster, request, target, [part], objects, exists))
    return found


def blocked_by(found: DatabasePlan) -> str:
    assert found.action == "restore"
    return " ".join(f"{obstacle.what}. {obstacle.lift}" for obstacle in found.obstacles)


def test_one_whose_server_is_missing_at_the_moment_is_not_left(api: FakeApi) -> None:
    """Its Deployment was deleted, and the operator is about to make it anew: a safety backup would lack it."""
    install(api, database=False)
    told = blocked_by(planned(api))
    assert "there is no Deployment che/openvsx-database" in told
    assert "Wait until the operator of Che has made it" in told


@pytest.mark.parametrize("present", [[], ["postgres"]])
def test_one_of_an_identity_provider_that_is_missing_is_not_left(api: FakeApi, present: list[str]) -> None:
    install(api, CHE_CLUSTER_V1, database=False)
    api.add(SECRET, "postgres-credentials", "che", data=encoded(user="pgche", password="s3cret"))
    for name in present:
        api.add(DEPLOYMENT, name, "che", spec=deployment_spec(), status=available())
    told = blocked_by(planned(api, "keycloak", "7.42.0"))
    assert ("Deployment che/postgres" in told, "Deployment che/keycloak" in told) == (not present, True)


@pytest.mark.parametrize(
    ("role", "version", "kind", "spec"),
    [
        ("openvsx", "7.122.0", "v2", OFF),
        ("openvsx", "7.120.0", "v2", {}),
        ("keycloak", "7.42.0", "v1", {"auth": {"externalIdentityProvider": True}}),
        ("keycloak", "7.42.0", "v1", {"auth": {"nativeUserMode": True}}),
        ("keycloak", "7.58.0", "v2", {}),
        ("che", "7.62.0", "v2", {}),
        ("che", "7.42.0", "v1", {"database": {"externalDb": True}}),
    ],
)
@pytest.mark.parametrize("exists", [True, False])
def test_one_that_che_has_no_use_for_is_left_and_its_place_told(
    api: FakeApi, role: str, version: str, kind: str, spec: dict[str, Any], exists: bool
) -> None:
    restored = che_cluster(f"org.eclipse.che/{kind}", **spec)
    if exists:
        install(api, database=False)
    found = planned(api, role, version, exists, [restored])
    assert (found.action, found.part.snapshot[:8] in found.note) == ("leave", True)


def test_one_that_only_the_restored_checluster_asks_for_takes_two_restores(api: FakeApi) -> None:
    install(api, database=False, spec=OFF)
    wanted = che_cluster(components={"openVSXRegistry": {"enable": True}})
    assert "Restore the objects first, with parts: installation." in blocked_by(planned(api, objects=[wanted]))
    # Whoever keeps what is there keeps a Che that has no use for it.
    assert planned(api, objects=[wanted], existing="keep").action == "leave"


def test_one_from_before_che_went_to_another_server_takes_two_restores(api: FakeApi) -> None:
    install(api, CHE_CLUSTER_V1, database=False, spec={"database": {"externalDb": True}})
    restored = che_cluster("org.eclipse.che/v1", database={"externalDb": False})
    assert "Restore the objects first" in blocked_by(planned(api, "che", "7.42.0", objects=[restored]))


def test_without_a_checluster_there_is_nobody_to_make_its_server(api: FakeApi) -> None:
    assert "There is no CheCluster, and none is restored" in blocked_by(planned(api, exists=False))


@pytest.mark.parametrize(("kind", "name"), [(CLAIM, "openvsx-database"), (DEPLOYMENT, "openvsx-database")])
def test_what_a_lost_checluster_left_is_not_replaced_unasked(api: FakeApi, kind: Any, name: str) -> None:
    """Its operator would take the claim up, and nobody has saved what is on it."""
    api.add(kind, name, "che", spec={})
    objects = [che_cluster()]

    told = blocked_by(planned(api, exists=False, objects=objects))
    assert f"what is on {kind.kind} che/{name}, of which no backup can be made without a CheCluster" in told
    assert f"names: CheCluster/{NAME}" in told and "safety_backup to false" in told

    given_up = planned(api, exists=False, objects=objects, safety_backup=False)
    assert (given_up.action, given_up.obstacles) == ("restore", ())
    assert "nothing is saved" in given_up.note
    assert planned(api, exists=False, objects=objects, existing="keep").action == "leave"
    assert "existing is fail" in blocked_by(planned(api, exists=False, objects=objects, existing="fail"))


def test_what_is_about_to_go_is_not_counted_as_left(api: FakeApi) -> None:
    gone = {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["kubernetes.io/pvc-protection"]}
    api.add(CLAIM, "openvsx-database", "che", metadata=gone, spec={})
    found = planned(api, exists=False, objects=[che_cluster()])
    assert (found.action, found.obstacles, found.note) == ("restore", (), "")
