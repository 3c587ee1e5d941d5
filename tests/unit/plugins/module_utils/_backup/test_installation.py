# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading an installation: the right CheCluster in the right version, and what stands in the way said at once."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.community.che.plugins.module_utils._backup._installation import (
    EMBEDDED,
    EXTERNAL,
    SKIP,
    che_cluster_kind,
    collect,
    find_che_cluster,
    infrastructure,
    pod_user,
)
from ansible_collections.community.che.plugins.module_utils._errors import CheError
from ansible_collections.community.che.plugins.module_utils._kube._errors import Forbidden
from ansible_collections.community.che.plugins.module_utils._kube._kinds import (
    CHE_CLUSTER_V1,
    CHE_CLUSTER_V2,
    CONFIG_MAP,
    SECRET,
)
from unit.che_objects import NAME, PART_OF, deployment_spec, encoded, install
from unit.fake_api import FakeApi

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"


def names(objects: Any) -> list[str]:
    return sorted(f"{obj['kind']}/{obj['metadata']['name']}" for obj in objects)


def test_what_belongs_to_che_is_collected_stripped_and_the_rest_is_counted(api: FakeApi) -> None:
    install(api)

    found = collect(api.cluster, "che", None)

    assert names(found.objects) == [
        f"CheCluster/{NAME}",
        "ConfigMap/custom",
        "Namespace/che",
        "Secret/oauth",
        "Secret/openvsx-credentials",
    ]
    assert all("resourceVersion" not in obj["metadata"] and "status" not in obj for obj in found.objects)
    assert {item.name for item in found.skipped} == {"unrelated"}
    assert [(db.role, db.name, db.user) for db in found.databases] == [("openvsx", "openvsx", "vsx")]
    assert (found.che_cluster.version, found.infrastructure) == ("7.122.0", "Kubernetes")
    deployment = found.deployment("openvsx-database")
    assert deployment is not None and deployment["metadata"]["name"] == "openvsx-database"


def test_collecting_writes_nothing(api: FakeApi) -> None:
    install(api)
    collect(api.cluster, "che", None)
    assert api.written == []


def test_an_installation_without_a_database_has_none(api: FakeApi) -> None:
    install(api, database=False)
    assert collect(api.cluster, "che", None).databases == ()


def test_what_the_checluster_names_and_is_not_there_is_told(api: FakeApi) -> None:
    install(api, spec={"networking": {"tlsSecretName": "gone"}})
    assert collect(api.cluster, "che", None).missing_references == ("Secret gone",)


def install_external(api: FakeApi) -> None:
    install(api, CHE_CLUSTER_V1, spec={"database": {"externalDb": True, "chePostgresHostName": "db.example"}})
    data = encoded(user="pgche", password="s3cret-external")
    api.add(SECRET, "postgres-credentials", "che", metadata={"labels": PART_OF}, data=data)
    bundle = {"app.kubernetes.io/component": "ca-bundle"}
    api.add(CONFIG_MAP, "corporate", "che", metadata={"labels": bundle}, data={"ca.crt": f"# ours\n{CERTIFICATE}"})


@pytest.mark.parametrize("choice", [EMBEDDED, EXTERNAL])
def test_a_database_whose_server_is_not_there_is_not_left_out(api: FakeApi, choice: str) -> None:
    install(api, CHE_CLUSTER_V1, database=False)
    with pytest.raises(CheError, match=r"The server of Che's database is not there.*Or set database to skip"):
        collect(api.cluster, "che", None, choice)
    assert collect(api.cluster, "che", None, SKIP).databases == ()


def test_an_external_database_is_neither_left_out_nor_dumped_unasked(api: FakeApi) -> None:
    install_external(api)
    with pytest.raises(CheError, match="external") as caught:
        collect(api.cluster, "che", None)
    assert "Set database to external" in caught.value.next_step


@pytest.mark.parametrize(
    ("choice", "dumped", "left"),
    [
        ("external", ["dbche", "openvsx"], []),
        ("only embedded", ["openvsx"], ["dbche"]),
        ("skip", [], ["dbche", "openvsx"]),
    ],
)
def test_what_is_dumped_of_an_installation_with_an_external_database(
    api: FakeApi, choice: str, dumped: list[str], left: list[str]
) -> None:
    install_external(api)
    found = collect(api.cluster, "che", None, choice)
    assert [database.name for database in found.databases] == dumped
    assert [database.name for database in found.left_databases] == left
    assert found.authorities == f"{CERTIFICATE}\n"


@pytest.mark.parametrize("choice", ["embedded", "external"])
def test_what_the_operator_runs_is_dumped_in_any_case(api: FakeApi, choice: str) -> None:
    install(api)
    found = collect(api.cluster, "che", None, choice)
    assert ([database.name for database in found.databases], found.left_databases) == (["openvsx"], ())


def test_a_permission_that_is_missing_is_named(api: FakeApi) -> None:
    install(api)
    api.fail("get", "/secrets$", 403, "secrets is forbidden")
    with pytest.raises(Forbidden, match="secrets is forbidden") as caught:
        collect(api.cluster, "che", None)
    assert "rbac" in caught.value.next_step


def test_secrets_do_not_show_in_the_repr(api: FakeApi) -> None:
    install(api)
    assert "s3cret" not in repr(collect(api.cluster, "che", None))
    oauth = api.at(SECRET, "oauth", "che")
    assert oauth is not None
    assert oauth["data"]["id"] not in repr(collect(api.cluster, "che", None))


@pytest.mark.parametrize(
    ("served", "used"),
    [((CHE_CLUSTER_V1,), CHE_CLUSTER_V1), ((CHE_CLUSTER_V1, CHE_CLUSTER_V2), CHE_CLUSTER_V2)],
)
def test_the_newest_version_that_is_served_is_used(api: FakeApi, served: Any, used: Any) -> None:
    api.kinds = served
    assert che_cluster_kind(api.cluster) is used


def test_a_cluster_without_the_kind_says_what_to_install(api: FakeApi) -> None:
    with pytest.raises(CheError, match="Install the operator"):
        che_cluster_kind(api.cluster)


def test_no_checluster_several_and_one_of_a_name(api: FakeApi) -> None:
    api.kinds = (CHE_CLUSTER_V2,)
    with pytest.raises(CheError, match="no CheCluster"):
        find_che_cluster(api.cluster, "che", None)

    api.add(CHE_CLUSTER_V2, "one", "che")
    assert find_che_cluster(api.cluster, "che", None)["metadata"]["name"] == "one"
    with pytest.raises(CheError, match="named two"):
        find_che_cluster(api.cluster, "che", "two")

    api.add(CHE_CLUSTER_V2, "two", "che")
    with pytest.raises(CheError, match="one, two"):
        find_che_cluster(api.cluster, "che", None)
    assert find_che_cluster(api.cluster, "che", "two")["metadata"]["name"] == "two"


@pytest.mark.parametrize(
    ("groups", "name"),
    [
        ((), "Kubernetes"),
        (("route.openshift.io",), "Openshift 3"),
        (("route.openshift.io", "config.openshift.io"), "Openshift 4"),
    ],
)
def test_what_runs_the_cluster(api: FakeApi, groups: tuple[str, ...], name: str) -> None:
    api.groups = groups
    assert infrastructure(api.cluster) == name


@pytest.mark.parametrize(
    ("pod", "wanted", "groups", "user"),
    [
        ({}, None, (), 65532),
        ({}, 7, (), 7),
        ({}, 0, (), 0),
        ({"securityContext": {"runAsUser": 26}}, None, (), 26),
        (
            {"containers": [{"image": "i", "securityContext": {"runAsUser": 5}}], "securityContext": {"runAsUser": 26}},
            None,
            (),
            5,
        ),
        ({"securityContext": {"runAsUser": 0}}, None, (), 65532),
        ({"securityContext": {"runAsUser": 26}}, None, ("security.openshift.io",), None),
        ({}, 7, ("security.openshift.io",), 7),
    ],
)
def test_the_user_of_a_job(
    api: FakeApi, pod: dict[str, Any], wanted: int | None, groups: tuple[str, ...], user: int | None
) -> None:
    api.groups = groups
    deployment = {"spec": deployment_spec(**pod)}
    assert pod_user(api.cluster, deployment, wanted) == user
