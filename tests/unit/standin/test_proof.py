# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judge's rules: normalising, classifying, comparing."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from che_standin import compare, database, manifests, proof
from che_standin.errors import StandinError

EXPECTED = {
    "saved": ["Secret/postgres-credentials"],
    "not_saved": {"ConfigMap/che": "derived: made by the operator", "Secret/other": "unrelated"},
}


def an_object(**metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", **metadata}, "data": {"k": "v"}}


def test_what_a_cluster_adds_does_not_count() -> None:
    busy = an_object(
        uid="1", resourceVersion="2", creationTimestamp="x", managedFields=[{}], finalizers=["f"], ownerReferences=[{}],
        namespace="elsewhere", labels={}, annotations={"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    )  # fmt: skip
    busy |= {"status": {"phase": "x"}, "binaryData": {}}
    assert proof.digest(busy) == proof.digest(an_object())


@pytest.mark.parametrize(
    "change",
    [
        {"data": {"k": "w"}},
        {"data": {"k": "v", "added": ""}},
        {"data": {}},
        {"immutable": True},
        {"kind": "Secret"},
        {"metadata": {"name": "a", "labels": {"x": "y"}}},
        {"metadata": {"name": "a", "annotations": {"x": ""}}},
        {"metadata": {"name": "b"}},
    ],
)
def test_what_an_author_writes_counts(change: dict[str, Any]) -> None:
    assert proof.digest({**an_object(), **change}) != proof.digest(an_object())


def test_a_claim_counts_without_its_volume() -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "c"},
        "spec": {"accessModes": ["x"]},
    }
    bound = copy.deepcopy(claim)
    bound["spec"]["volumeName"] = "pvc-1"  # type: ignore[index]
    bound["metadata"]["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}  # type: ignore[index]
    assert proof.digest(bound) == proof.digest(claim)


@pytest.mark.parametrize(
    ("kind", "name", "labels", "kind_of", "treatment"),
    [
        ("Secret", "postgres-credentials", {"app.kubernetes.io/managed-by": "che-operator"}, "", proof.SAVED),
        ("ConfigMap", "che", {}, "", proof.DERIVED),
        ("Secret", "other", {"app.kubernetes.io/part-of": "che.eclipse.org"}, "", proof.OTHER),
        ("ConfigMap", "new", {"app.kubernetes.io/part-of": "che.eclipse.org"}, "", proof.SAVED),
        ("ConfigMap", "new", {"app.kubernetes.io/managed-by": "che-operator"}, "", proof.DERIVED),
        ("ConfigMap", "new", {}, "", proof.OTHER),
        ("ConfigMap", "che-run-1", {"app.kubernetes.io/managed-by": "community.che"}, "", ""),
        ("Secret", "token", {}, "kubernetes.io/service-account-token", ""),
    ],
)
def test_classes(kind: str, name: str, labels: dict[str, str], kind_of: str, treatment: str) -> None:
    obj = {"kind": kind, "metadata": {"name": name, "labels": labels}, "type": kind_of}
    assert proof.classify(obj, EXPECTED) == treatment


def a_proof() -> dict[str, Any]:
    return {
        "objects": [
            {"kind": "CheCluster", "name": "che", "class": "saved", "digest": "a" * 64},
            {"kind": "ConfigMap", "name": "derived", "class": "derived", "digest": "b" * 64},
            {"kind": "Secret", "name": "theirs", "class": "other", "digest": "c" * 64},
        ],
        "databases": [
            {
                "deployment": "postgres",
                "properties": {"name": "dbche", "owner": "pgche"},
                "other_databases": [],
                "roles": ["pgche", "postgres (superuser)"],
                "tables": [{"schema": "che", "name": "usr", "rows": 3, "checksum": "d" * 32}],
                "sequences": [{"schema": "che", "name": "s", "last_value": 7, "is_called": True}],
                "large_objects": {"count": 1, "bytes": 5, "checksum": "e" * 32},
                "login_works": True,
                "schema": ["CREATE TABLE che.usr ();", "CREATE TABLE che.more ();"],
            }
        ],
    }


def verdicts(after: dict[str, Any]) -> set[str]:
    return {row.verdict for row in compare.compare(a_proof(), after)}


def test_the_same_is_the_same() -> None:
    assert verdicts(a_proof()) == {compare.SAME}
    assert compare.schema_difference(a_proof(), a_proof()) == []


def without(index: int) -> dict[str, Any]:
    after = a_proof()
    del after["objects"][index]
    return after


def with_digest(index: int) -> dict[str, Any]:
    after = a_proof()
    after["objects"][index]["digest"] = "f" * 64
    return after


def with_more(treatment: str) -> dict[str, Any]:
    after = a_proof()
    after["objects"].append({"kind": "Secret", "name": "new", "class": treatment, "digest": "f" * 64})
    return after


def in_database(**changes: Any) -> dict[str, Any]:
    after = a_proof()
    after["databases"][0] |= changes
    return after


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (without(0), compare.MISSING),
        (without(1), compare.MISSING),
        (without(2), compare.LEFT_OUT),
        (with_digest(0), compare.DIFFERS),
        (with_digest(1), compare.SAME),
        (with_digest(2), compare.DIFFERS),
        (with_more("saved"), compare.UNEXPECTED),
        (with_more("other"), compare.UNEXPECTED),
        (with_more("derived"), compare.SAME),
        (in_database(tables=[]), compare.MISSING),
        (in_database(tables=[{"schema": "che", "name": "usr", "rows": 2, "checksum": "d" * 32}]), compare.DIFFERS),
        (in_database(tables=[{"schema": "che", "name": "usr", "rows": 3, "checksum": "0" * 32}]), compare.DIFFERS),
        (in_database(sequences=[{"schema": "che", "name": "s", "last_value": 7, "is_called": False}]), compare.DIFFERS),
        (in_database(sequences=[{"schema": "che", "name": "s", "last_value": 8, "is_called": True}]), compare.DIFFERS),
        (in_database(large_objects={"count": 1, "bytes": 5, "checksum": "0" * 32}), compare.DIFFERS),
        (in_database(properties={"name": "dbche", "owner": "postgres"}), compare.DIFFERS),
        (in_database(properties={"name": "dbche", "owner": "pgche", "acl": "x"}), compare.DIFFERS),
        (in_database(other_databases=["dbche_old"]), compare.DIFFERS),
        (in_database(roles=["pgche (superuser)", "postgres (superuser)"]), compare.DIFFERS),
        (in_database(login_works=False), compare.DIFFERS),
        (in_database(schema=["CREATE TABLE che.usr ();"]), compare.DIFFERS),
        ({**a_proof(), "databases": []}, compare.MISSING),
    ],
)
def test_every_difference_is_seen(after: dict[str, Any], expected: str) -> None:
    found = verdicts(after)
    assert expected in found
    assert found - {compare.SAME} == {expected} - {compare.SAME}


def test_the_table_says_how_many_and_names_the_culprit() -> None:
    rows = compare.compare(a_proof(), in_database(login_works=False))
    text = compare.render(rows, only_differences=True)
    assert "postgres: login" in text
    assert "che.usr" not in text
    assert text.endswith("1 different")


def test_a_changed_schema_is_shown() -> None:
    lines = compare.schema_difference(a_proof(), in_database(schema=["CREATE TABLE che.usr ();"]))
    assert "-CREATE TABLE che.more ();" in lines


def test_login_that_fails_twice_is_no_proof() -> None:
    broken = in_database(login_works=False)
    rows = compare.compare(broken, broken)
    assert any(row.verdict == compare.DIFFERS for row in rows)


def test_what_else_is_on_somebody_elses_server_is_theirs() -> None:
    after = in_database(external=True, other_databases=["payroll"], roles=["pgche", "dba (superuser)"])
    assert verdicts(after) == {compare.SAME}
    moved_and_changed = in_database(external=True, tables=[])
    assert compare.MISSING in verdicts(moved_and_changed)


class KnownCluster:
    """A cluster of which only CheClusters and Deployments are known."""

    def __init__(self, che: dict[str, Any], *deployments: str) -> None:
        self.che = {**che, "metadata": {**che["metadata"], "namespace": "ns"}}
        self.deployments = deployments

    def find(self, _api_version: str, kind: str, name: str, _namespace: str = "") -> dict[str, Any] | None:
        if kind == "CustomResourceDefinition":
            return {"spec": {"versions": [{"name": "v1", "served": True}]}}
        return {"metadata": {"name": name}} if name in self.deployments else None

    def list_all(self, *_of: str) -> list[dict[str, Any]]:
        return [self.che]


@pytest.mark.parametrize(
    ("variant", "elsewhere", "deployments", "expected"),
    [
        ("v1", False, ["postgres", "che"], [("postgres", "", False)]),
        ("v1", True, ["postgres", "che"], [("postgres", "che", True)]),
        ("v1", True, ["che"], [("postgres", "che", True)]),
        ("v1-keycloak", False, ["postgres", "keycloak"], [("postgres", "", False), ("keycloak", "keycloak", False)]),
        ("v1-keycloak", True, ["che", "keycloak"], [("postgres", "che", True), ("keycloak", "keycloak", True)]),
        ("v2", False, ["che"], []),
    ],
)  # fmt: skip
def test_the_judge_finds_the_database_that_che_uses(
    variant: str, elsewhere: bool, deployments: list[str], expected: list[tuple[str, str, bool]]
) -> None:
    che = manifests.saved(variant, "ns")[-1]
    if elsewhere:
        che["spec"]["database"]["externalDb"] = True
    found = database.find(KnownCluster(che, *deployments), "ns")  # type: ignore[arg-type]
    assert [(server.deployment, server.client, server.external) for server in found] == expected


@pytest.mark.parametrize(
    ("variant", "elsewhere", "deployments", "culprit"),
    [
        ("v1", False, ["che"], "postgres"),
        ("v1", True, ["postgres"], "che"),
        ("v1-keycloak", False, ["postgres", "che"], "keycloak"),
        ("v1-keycloak", True, ["che"], "keycloak"),
    ],
)
def test_no_proof_without_a_database_that_belongs_to_it(
    variant: str, elsewhere: bool, deployments: list[str], culprit: str
) -> None:
    che = manifests.saved(variant, "ns")[-1]
    che["spec"]["database"]["externalDb"] = elsewhere
    with pytest.raises(StandinError, match=f"no Deployment {culprit} in"):
        proof.take(KnownCluster(che, *deployments), "ns")  # type: ignore[arg-type]
